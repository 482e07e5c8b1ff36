//! Reports: names of the JSON contract, direction of printed numbers, width of the table.

use clarke::report::*;

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
            output: Some(vec![-3.1, 0.4, 1e-9, 123456.0, 7.0]),
        },
        region: RegionInfo {
            kind: "ball".into(),
            norm: Some("inf".into()),
            radius: Some(0.02),
            clip: Some([0.0, 1.0]),
            ..Default::default()
        },
        units: Units { scale: "unit".into(), ..Default::default() },
        quotient: Quotient {
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
        estimate: Some(EstimateInfo { value: 12.7, method: "power".into() }),
        exact: false,
        status: Status::Time,
        require: Some(Requirement { text: "L<=3".into(), answer: Answer::Unknown }),
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
    let json: serde_json::Value = serde_json::from_str(&json::pretty(&report())).unwrap();
    let paths = "schema tool.version tool.commit net.path net.sha256 net.inputs net.outputs net.parameters \
        net.free_neurons region.kind region.norm region.radius region.clip region.global region.fixed_inputs \
        units.scale units.mean units.std quotient.in_norm quotient.out_norm quotient.output quotient.quantity \
        upper.value upper.hex upper.method upper.proved lower.value lower.hex lower.method lower.proved \
        lower.witness.kind lower.witness.x estimate.value estimate.method exact status require.text require.answer \
        splits nodes rounding_share seconds.import seconds.bound seconds.search seconds.check peak_bytes.host \
        peak_bytes.device device.name device.backend device.driver device.precision assumptions warnings certificate";
    for path in paths.split_whitespace() {
        let pointer = format!("/{}", path.replace('.', "/"));
        assert!(json.pointer(&pointer).is_some(), "{path} is missing");
    }
    assert_eq!(json["schema"], "clarke.bound/1");
    assert_eq!(json["status"], "time");
    assert_eq!(json["require"]["answer"], "unknown");
    assert_eq!(json["warnings"][0]["code"], "softmax");
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
        let text = human::table(&r, false);
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
            assert_eq!(line.trim_end(), line);
        }
        assert!(!text.contains('\x1b') && human::table(&r, true).contains('\x1b'));
    }
}

#[test]
fn the_table_says_what_is_proved() {
    let mut r = report();
    r.assumptions.clear();
    r.warnings.clear();
    let expected = "\
net      digits.onnx   64 → 10, 3 layers, 96 neurons, 8.6 k weights
output   f(c) = [-3.1, 0.4, 1e-9, 123000, …]
region   ‖x − c‖∞ ≤ 0.02, 0 ≤ x ≤ 1
claim    ‖f(x) − f(y)‖∞ ≤ L·‖x − y‖∞ for all x, y in the region

  L ≤ 12.85   jacobian-linear, 2 184 splits           proved
  L ≥ 0.1     ascent                                  proved
  L ≈ 12.7    power                                   estimate
  gap 128.5   60.0 s on cpu (2 threads), stopped: time is up
  require     L<=3 unknown
";
    assert_eq!(human::table(&r, false), expected);
}

#[test]
fn csv_lines_have_all_columns() {
    let mut r = report();
    r.net.path = "a,\"b\".onnx".into();
    let row = csv::row(&r);
    assert!(row.starts_with("\"a,\"\"b\"\".onnx\",64,10,ball,inf,0.02,inf,inf,all,lipschitz,12.85"), "{row}");
    r.net.path = "net".into();
    assert_eq!(csv::row(&r).split(',').count(), csv::header().split(',').count());
}
