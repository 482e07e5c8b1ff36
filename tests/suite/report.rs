//! Reports: names of the JSON contract, direction of printed numbers, width of the table.

use clarke::report::quality::{Facts, Word};
use clarke::report::*;

fn facts() -> Facts<'static> {
    Facts {
        upper: 12.85,
        lower: 0.1,
        method: "jacobian-linear",
        everywhere: Some(505.0),
        global: false,
        point: false,
        ball: true,
        open: Some(31),
        neurons: 96,
        outputs: 10,
        status: Status::Time,
        decided: false,
        brief: false,
        named: false,
    }
}

fn report() -> BoundReport {
    BoundReport {
        tool: Tool::current(),
        net: NetInfo {
            path: "nets/digits.onnx".into(),
            sha256: "ab".into(),
            inputs: 64,
            outputs: 10,
            parameters: 8_620,
            free_neurons: Some(31),
            layers: 3,
            neurons: 96,
        },
        centre: Some(CentreInfo { input: Some("x.npy".into()), row: Some(7), sha256: Some("cd".into()) }),
        output: Some(OutputInfo::of(
            vec![-3.1, 0.4, 1e-9, 123456.0, 7.0],
            vec![-3.1, 0.5, 1e-9, 123456.5, 7.0],
        )),
        region: RegionInfo {
            kind: "ball".into(),
            norm: Some("inf".into()),
            radius: Some(0.02),
            clip: Some([0.0, 1.0]),
            ..Default::default()
        },
        units: Units { scale: "unit".into(), ..Default::default() },
        quotient: QuestionInfo {
            in_norm: "inf".into(),
            out_norm: "inf".into(),
            output: "all".into(),
            quantity: "lipschitz".into(),
        },
        upper: UpperInfo { value: 12.85, method: "jacobian-linear".into(), proved: true },
        lower: LowerInfo {
            value: 0.1,
            method: "ascent".into(),
            proved: true,
            witness: Some(WitnessInfo { kind: "piece".into(), x: vec![0.1, 0.2], y: None, exact: None }),
        },
        quality: facts().quality(),
        estimate: Some(EstimateInfo { value: 12.7, method: "power".into() }),
        exact: false,
        status: Status::Time,
        require: Some(Requirement { text: "L<=3".into(), answer: Answer::Undecided }),
        seed: 5,
        splits: 2184,
        nodes: 4369,
        rounding_share: Some(0.003),
        seconds: Seconds { import: 0.01, bound: 0.2, search: 59.7, check: 0.1 },
        peak_bytes: PeakBytes { host: 1, device: 0 },
        device: DeviceInfo {
            name: "cpu".into(),
            backend: "cpu".into(),
            driver: String::new(),
            precision: "f64".into(),
            threads: 2,
            self_test: None,
        },
        assumptions: vec!["hardware follows IEEE 754".into()],
        warnings: vec![WarningInfo {
            code: "softmax".into(),
            text: "the final softmax is dropped ".repeat(5),
        }],
        certificate: None,
    }
}

#[test]
fn json_has_the_names_of_the_contract() {
    let text = json::pretty(&report());
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let paths = "schema tool.version tool.commit net.path net.sha256 net.inputs net.outputs net.parameters \
        net.free_neurons centre.input centre.row centre.sha256 output.lower output.upper output.class output.margin \
        region.kind region.norm region.radius region.clip region.global region.fixed_inputs \
        units.scale units.mean units.std quotient.in_norm quotient.out_norm quotient.output quotient.quantity \
        upper.value upper.hex upper.method upper.proved lower.value lower.hex lower.method lower.proved \
        lower.witness.kind lower.witness.x quality.word quality.text estimate.value estimate.method exact status require.text require.answer \
        seed splits nodes rounding_share seconds.import seconds.bound seconds.search seconds.check peak_bytes.host \
        peak_bytes.device device.name device.backend device.driver device.precision assumptions warnings certificate";
    for path in paths.split_whitespace() {
        let pointer = format!("/{}", path.replace('.', "/"));
        assert!(json.pointer(&pointer).is_some(), "{path} is missing");
    }
    assert_eq!(json["schema"], "clarke.bound/1");
    assert_eq!(json["status"], "time");
    assert_eq!(json["require"]["answer"], "undecided");
    assert_eq!(json["warnings"][0]["code"], "softmax");
    assert_eq!((&json["centre"]["row"], &json["output"]["class"]), (&7.into(), &3.into()));
    let order: Vec<usize> = ["schema", "tool", "upper", "lower", "estimate"]
        .map(|n| text.find(&format!("\n  \"{n}\"")).unwrap())
        .into();
    assert!(order.is_sorted());
}

#[test]
fn a_class_is_named_only_where_it_is_proved() {
    let class = |lower: &[f64], upper: &[f64]| {
        let y = OutputInfo::of(lower.to_vec(), upper.to_vec());
        (y.class, y.margin)
    };
    assert_eq!(class(&[1.0, 3.0, 2.0], &[1.0, 3.0, 2.5]), (Some(1), Some(0.5)));
    // An outermost tie, overlapping enclosures, one output, nothing known.
    assert_eq!(class(&[1.0, 3.0, 3.0], &[1.0, 3.0, 3.0]), (None, None));
    assert_eq!(class(&[1.0, 2.0], &[2.5, 2.0]), (None, None));
    assert_eq!(class(&[1.0], &[1.0]), (None, None));
    assert_eq!(class(&[f64::NAN, 2.0], &[f64::NAN, 2.0]), (None, None));
    assert_eq!(class(&[-5.0, f64::NEG_INFINITY], &[-5.0, f64::NEG_INFINITY]), (None, None));
    // Rounded down: 1 − 0.1 is no f64.
    let (_, margin) = class(&[1.0, 0.1], &[1.0, 0.1]);
    assert!(margin.unwrap() <= 0.9 && margin.unwrap() > 0.8999);
    let y = OutputInfo::of(vec![f64::NAN, 0.1], vec![f64::INFINITY, 0.1]);
    let json = serde_json::to_value(&y).unwrap();
    assert_eq!((&json["lower"][0], &json["upper"][0]), (&"-inf".into(), &"inf".into()));
    assert!(json["class"].is_null() && json["margin"].is_null());
}

#[test]
fn the_sentence_says_why_and_what_next() {
    let of = |f: Facts| (f.quality().word, f.quality().text);
    let (word, text) = of(facts());
    assert_eq!(word, Word::Vacuous);
    assert_eq!(
        text,
        "upper is 128.5 times lower: 31 of 96 neurons are open on the region; a smaller --eps, a margin \
         (--output I-J) or more --time would narrow it"
    );
    let (word, text) = of(Facts { lower: 2.0, everywhere: Some(13.0), outputs: 1, ..facts() });
    assert!(word == Word::Weak && text.contains("no information of the region survived"), "{text}");
    let (_, text) = of(Facts { lower: 0.0, named: true, ..facts() });
    assert!(text.contains("no witness") && text.contains("--method auto"), "{text}");
    let (_, text) = of(Facts { upper: f64::INFINITY, global: true, brief: true, ..facts() });
    assert!(text.contains("no method gave a finite") && text.contains("a region"), "{text}");
    for (lower, word) in
        [(12.85, "tight"), (12.6, "tight"), (12.5, "useful"), (6.4, "weak"), (1.2, "vacuous")]
    {
        let quality = Facts { lower, ..facts() }.quality();
        assert_eq!(quality.word.name(), word);
        assert_eq!(quality.word.needs_words(), quality.text.contains("would narrow it"));
    }
    assert_eq!(of(Facts { upper: 0.0, lower: 0.0, ..facts() }).0, Word::Tight);
    // A claim that is settled needs no narrower pair; a word that is better all the same stays.
    for upper in [12.85, f64::INFINITY] {
        let (word, text) = of(Facts { upper, decided: true, ..facts() });
        assert!(word == Word::Decided && text.contains("the claim was decided first"), "{text}");
    }
    assert_eq!(of(Facts { lower: 12.8, decided: true, ..facts() }).0, Word::Tight);
    // A wide gap has a cause, were it only the method's.
    for open in [None, Some(0), Some(1)] {
        let (_, text) = of(Facts { open, ..facts() });
        assert!(text.contains("lower: jacobian-linear gave no smaller upper end;"), "{text}");
    }
}

#[test]
fn json_numbers_keep_their_direction() {
    let mut r = report();
    r.upper.value = 0.1;
    let text = json::line(&r);
    assert!(text.ends_with('\n') && text.trim_end().lines().count() == 1);
    assert!(text.contains(r#""upper":{"value":0.10000000000000001,"hex":"0x1.999999999999ap-4""#), "{text}");
    assert!(text.contains(r#""lower":{"value":0.1,"hex":"0x1.999999999999ap-4""#), "{text}");
    r.upper.value = f64::INFINITY;
    assert!(json::line(&r).contains(r#""upper":{"value":"inf","hex":"inf""#));
    for value in [0.0, 3.0, 1e22, 1e-7, f64::MAX, 5e-324] {
        r.upper.value = value;
        let json: serde_json::Value = serde_json::from_str(&json::line(&r)).unwrap();
        assert_eq!(json["upper"]["value"].as_f64(), Some(value));
    }
}

#[test]
fn the_table_fits_the_screen() {
    let mut r = report();
    for (value, output, quantity) in [(12.85, "all", "lipschitz"), (1e-300 / 3.0, "3-5", "anchored")] {
        r.upper.value = value;
        r.quotient.output = output.into();
        r.quotient.quantity = quantity.into();
        for width in [40, 60, 80] {
            let text = human::table(&r, false, width);
            for line in text.lines() {
                assert!(line.chars().count() <= width || (width < 60 && line.starts_with("  L ")), "{line}");
                assert_eq!(line.trim_end(), line);
            }
            assert!(!text.contains('\x1b') && human::table(&r, true, width).contains('\x1b'));
            assert!(text.contains("8.6 k") && text.contains("vacuous"));
        }
    }
}

#[test]
fn the_table_says_what_is_proved() {
    let mut r = report();
    r.assumptions.clear();
    r.warnings.clear();
    r.upper.method = "branch-and-bound".into();
    let expected = "\
net      digits.onnx   64 → 10, 3 layers, 96 neurons, 8.6 k weights
output   class 3, ahead by 123000: f_3 = 123000, f_4 = 7, f_1 = 0.45, …
region   ‖x − c‖∞ ≤ 0.02, 0 ≤ x ≤ 1
claim    ‖f(x) − f(y)‖∞ ≤ L·‖x − y‖∞ for all x, y in the region

  L ≤ 12.85   branch-and-bound, 2 184 splits          proved
  L ≥ 0.1     ascent                                  proved
  L ≈ 12.7    power                                   estimate
  gap 128.5   60.0 s on cpu (2 threads), stopped: time is up
  require     L<=3 undecided

vacuous  upper is 128.5 times lower: 31 of 96 neurons are open on the region; a
         smaller --eps, a margin (--output I-J) or more --time would narrow it
";
    assert_eq!(human::table(&r, false, 80), expected);
    r.upper.method = "product".into();
    assert!(human::table(&r, false, 80).contains("  L ≤ 12.85   product         "));
    r.quality = Facts { lower: 12.8, ..facts() }.quality();
    r.output = Some(OutputInfo::of(vec![2.5], vec![2.5]));
    let text = human::table(&r, false, 80);
    assert!(text.contains("output   f(c) = 2.5\n") && text.ends_with("undecided\n"), "{text}");
}

/// What is printed of the gap is the same number on both lines, and an estimate within the pair looks so.
#[test]
fn printed_numbers_agree() {
    let mut r = report();
    for (upper, lower, value, shown) in [
        (44.359, 3.937, 44.357, "L ≈ 44.356"),
        (44.359, 3.937, 44.2, "L ≈ 44.2"),
        (10.0, 1.0049, 1.00491, "L ≈ 1.005"),
    ] {
        (r.upper.value, r.lower.value) = (upper, lower);
        r.estimate = Some(EstimateInfo { value, method: "power".into() });
        r.quality = Facts { upper, lower, ..facts() }.quality();
        let text = human::table(&r, false, 80);
        assert!(text.contains(&format!("  {shown} ")), "{text}");
        let gap = text.split_once("  gap ").unwrap().1.split(' ').next().unwrap();
        assert!(text.contains(&format!("upper is {gap} times lower")), "{text}");
    }
}

/// An end that nobody sought is no result, and the pair of a settled claim needs no advice.
#[test]
fn a_claim_that_is_decided_is_all_that_is_said() {
    let mut r = report();
    r.require = Some(Requirement { text: "L<=0.05".into(), answer: Answer::Refuted });
    r.upper = UpperInfo { value: f64::INFINITY, method: "none".into(), proved: true };
    (r.status, r.splits, r.estimate) = (Status::Done, 0, None);
    r.quality = Facts { upper: f64::INFINITY, decided: true, ..facts() }.quality();
    let text = human::table(&r, false, 80);
    assert!(text.contains("  L ≤ inf     not needed: the claim is decided\n"), "{text}");
    assert!(text.contains("  decided     60.0 s on cpu") && text.contains("L<=0.05 refuted"), "{text}");
    assert!(!text.contains("vacuous") && !text.contains("narrow") && !text.contains("gap"), "{text}");
    assert!(csv::row(&r).contains(",decided,"), "{}", csv::row(&r));
    r.require = None;
    assert!(human::table(&r, false, 80).contains("no method gave one\n"));
}

#[test]
fn csv_lines_have_all_columns() {
    let mut r = report();
    r.net.path = "a,\"b\".onnx".into();
    let row = csv::row(&r);
    assert!(row.starts_with("\"a,\"\"b\"\".onnx\",64,10,ball,inf,0.02,inf,inf,all,lipschitz,12.85"), "{row}");
    r.net.path = "net".into();
    let (header, row) = (csv::header(), csv::row(&r));
    let cells: std::collections::BTreeMap<&str, &str> =
        header.trim_end().split(',').zip(row.trim_end().split(',')).collect();
    assert_eq!(cells.len(), csv::COLUMNS.len());
    let of = |name: &str| cells[name];
    assert_eq!(
        ["centre", "row", "class", "quality", "seed", "sha256"].map(of),
        ["x.npy", "7", "3", "vacuous", "5", "ab"]
    );
    let (gap, margin): (f64, f64) = (of("gap").parse().unwrap(), of("margin").parse().unwrap());
    assert!((128.5..128.501).contains(&gap) && (123448.9..=123449.0).contains(&margin), "{gap} {margin}");
}

#[test]
fn a_picture_says_what_it_shows() {
    let r = report();
    let moment = |at, upper, lower, upper_by, lower_by| plot::Moment {
        at,
        upper,
        lower,
        upper_by,
        lower_by,
        parts: 7,
    };
    let mut moments = plot::Moments::default();
    for m in [
        moment(0.0, f64::INFINITY, 0.0, "none", "none"),
        moment(0.1, 40.0, 0.05, "product", "centre"),
        moment(0.5, 20.0, 0.1, "branch & bound", "ascent"),
        moment(0.6, 20.0, 0.1, "branch & bound", "ascent"),
    ] {
        moments.add(m);
    }
    moments.close(0.9, 12.85, 0.1);
    let numbers = plot::csv(&r, &moments);
    assert_eq!(
        numbers,
        "seconds,upper (inf per inf),lower (inf per inf),parts,upper_by,lower_by\n\
         0.100,40.0,0.05,7,product,centre\n\
         0.500,20.0,0.1,7,branch & bound,ascent\n\
         0.900,12.85,0.1,7,branch & bound,ascent\n"
    );
    moments.close(0.9, 12.85, 0.1);
    assert_eq!(plot::csv(&r, &moments), numbers);
    let picture = plot::svg(&r, &moments, 1.0);
    for words in [
        "digits.onnx: ‖x − c‖∞ ≤ 0.02",
        "time in seconds",
        "log scale",
        "branch &amp; bound, 0.50 s: 20",
        "upper: L ≤ 12.85",
        "lower: L ≥ 0.1",
        "stroke-dasharray",
        "<circle",
    ] {
        assert!(picture.contains(words), "{words} is missing");
    }
    assert!(!picture.contains("NaN") && !picture.contains("inf,"));
    // Nothing to draw is said in words.
    for moments in [plot::Moments::default(), {
        let mut flat = plot::Moments::default();
        flat.add(moment(0.0, 0.0, 0.0, "product", "centre"));
        flat
    }] {
        let picture = plot::svg(&r, &moments, 0.0);
        assert!(picture.contains("nothing to draw") && !picture.contains("NaN"));
    }
    let mut one = plot::Moments::default();
    one.add(moment(0.0, 1.0, 1.0, "product", "centre"));
    assert!(!plot::svg(&r, &one, 0.0).contains("NaN"));
}
