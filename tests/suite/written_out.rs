//! Functions written out in a graph, and operators that are right only at certain places.

use super::onnx_builder::*;
use clarke::error::Kind;
use clarke::layer::Smooth;
use clarke::net::onnx::proto::*;
use clarke::net::{Net, Op};
use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};

/// erf by its power series, which is accurate to a few units in the last place for |x| <= 2.
fn erf(x: f64) -> f64 {
    let (mut sum, mut power) = (0.0, x);
    for n in 0..60 {
        sum += power / (2 * n + 1) as f64;
        power *= -x * x / (n + 1) as f64;
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

fn built(nodes: Vec<NodeProto>) -> clarke::Result<Net> {
    let constants =
        [("one", 1.0f32), ("half", 0.5), ("two", 2.0), ("root", SQRT_2), ("inverse", FRAC_1_SQRT_2)];
    let mut stored: Vec<TensorProto> = constants.iter().map(|(name, v)| tensor(name, &[], &[*v])).collect();
    stored.extend([
        tensor("odd", &[1], &[0.9]),
        tensor("many", &[2], &[1.0, 2.0]),
        tensor("minus", &[], &[-1.3]),
    ]);
    import(&model(13, &[1, 2], nodes, stored))
}

/// Nodes in a short form: "Op a b > c".
fn graph(text: &str) -> Vec<NodeProto> {
    let line = |l: &str| {
        let (call, output) = l.trim().split_once(" > ").expect("an output");
        let words: Vec<&str> = call.split(' ').collect();
        node(words[0], &words[1..], output, vec![])
    };
    text.split(';').map(line).collect()
}

#[test]
fn gelu_in_any_order_of_its_factors() {
    // The graph, the factor before x, and the slope within erf: as f32 stores them.
    let (root, inverse) = (SQRT_2 as f64, FRAC_1_SQRT_2 as f64);
    let cases = [
        ("Div x root > d;Erf d > e;Add e one > a;Mul x a > m;Mul m half > y", 0.5, 1.0 / root),
        ("Mul x inverse > d;Erf d > e;Add one e > a;Mul half x > h;Mul h a > y", 0.5, inverse),
        ("Mul inverse x > d;Erf d > e;Add e one > a;Mul a half > h;Mul h x > y", 0.5, inverse),
        ("Div x root > d;Erf d > e;Add e one > a;Div a two > h;Mul x h > y", 0.5, 1.0 / root),
        ("Div x root > d;Neg d > n;Erf n > e;Sub one e > a;Mul x a > m;Div m two > y", 0.5, 1.0 / root),
        ("Mul x half > h;Mul h root > d;Erf d > e;Add e one > a;Mul h a > y", 0.5, root / 2.0),
        ("Erf x > e;Add e one > a;Mul a x > y", 1.0, 1.0),
        ("Mul x minus > d;Erf d > e;Mul e two > t;Add t two > a;Mul a x > y", 2.0, -1.3f32 as f64),
        (
            "Mul x odd > d;Erf d > e;Add e one > a;Mul a minus > m;Mul d m > y",
            -1.3f32 as f64 * 0.9f32 as f64,
            0.9f32 as f64,
        ),
    ];
    for (text, factor, slope) in cases {
        let result = built(graph(text));
        let net = result.unwrap_or_else(|e| panic!("{text}: {e}"));
        let gelus =
            net.nodes.iter().filter(|n| matches!(n.op, Op::Smooth(Smooth::Gelu { tanh: false }))).count();
        assert_eq!(gelus, 1, "{text}");
        for x in [-1.3, -0.4, 0.0, 0.7, 1.2] {
            let wanted = factor * x * (1.0 + erf(slope * x));
            let found = net.evaluate(&[x, -x])[0];
            assert!((found - wanted).abs() < 1e-14, "{text} at {x}: {found} instead of {wanted}");
        }
    }
}

#[test]
fn erf_elsewhere_is_refused() {
    for text in [
        "Erf x > y",
        "Erf x > e;Relu e > y",
        "Erf x > e;Add e one > a;Relu a > y",
        "Erf x > e;Add e half > a;Mul x a > y",
        "Erf x > e;Add e one > a;Mul a a > y",
        "Erf x > e;Add e one > a;Mul many x > z;Mul a z > y",
        "Erf x > e;Add e many > a;Mul a x > y",
        "Erf x > e;Add e one > a;Add a x > y",
        "Erf x > e;Add e one > a;Div one a > y",
        "Erf x > e;Add e one > a;Relu x > r;Mul a r > y",
        "Mul x many > z;Erf z > e;Add e one > a;Mul a x > y",
        "Erf x > e;Add e one > a;Sum a x > y",
    ] {
        let e = built(graph(text)).map(|_| text).expect_err(text);
        assert!(e.kind == Kind::Unsupported && e.what.contains("Erf"), "{text}: {e}");
    }
}

#[test]
fn short_floats_round() {
    let to = |kind: i32| vec![int("to", kind as i64)];
    for (kind, name) in [(data_type::FLOAT16, "float16"), (data_type::BFLOAT16, "bfloat16")] {
        let computed = vec![node("Cast", &["x"], "y", to(kind))];
        let e = import(&model(13, &[1, 2], computed, vec![])).map(|_| ()).expect_err("rounds");
        assert!(
            e.what.contains(&format!("rounds computed values to {name},")) && e.next.contains("float32"),
            "{e}"
        );
    }
    for kind in [data_type::FLOAT, data_type::DOUBLE] {
        let computed = vec![node("Cast", &["x"], "c", to(kind)), node("Relu", &["c"], "y", vec![])];
        assert_eq!(
            import(&model(13, &[1, 2], computed, vec![])).expect("imports").evaluate(&[0.1, -1.0]),
            [0.1, 0.0]
        );
    }
    // Ties go to even, and what lies next to a tie is not rounded twice on the way.
    let (tie, ulp) = (1.0 + 0.5f64.powi(11), 0.5f64.powi(10));
    let (tie_b, ulp_b) = (1.0 + 0.5f64.powi(8), 0.5f64.powi(7));
    let cases = [
        (data_type::FLOAT16, 0.1, 0.0999755859375),
        (data_type::FLOAT16, tie, 1.0),
        (data_type::FLOAT16, tie + 0.5f64.powi(50), 1.0 + ulp),
        (data_type::FLOAT16, -(tie + 0.5f64.powi(50)), -1.0 - ulp),
        (data_type::FLOAT16, tie + ulp, 1.0 + 2.0 * ulp),
        (data_type::FLOAT16, tie + ulp - 0.5f64.powi(50), 1.0 + ulp),
        (data_type::FLOAT16, 65504.0, 65504.0),
        (data_type::FLOAT16, 65520.0f64.next_down(), 65504.0),
        (data_type::FLOAT16, 0.5f64.powi(25), 0.0),
        (data_type::FLOAT16, 0.5f64.powi(25).next_up(), 0.5f64.powi(24)),
        (data_type::FLOAT16, 0.5f64.powi(24) * 1.5, 0.5f64.powi(23)),
        (data_type::FLOAT16, 1e-300, 0.0),
        (data_type::BFLOAT16, tie_b, 1.0),
        (data_type::BFLOAT16, tie_b + 0.5f64.powi(50), 1.0 + ulp_b),
        (data_type::BFLOAT16, 0.1, 0.10009765625),
    ];
    for (kind, value, wanted) in cases {
        let stored = TensorProto {
            name: "c".into(),
            dims: vec![1],
            data_type: data_type::DOUBLE,
            double_data: vec![value],
            ..Default::default()
        };
        let nodes = vec![node("Cast", &["c"], "r", to(kind)), node("Add", &["x", "r"], "y", vec![])];
        let net = import(&model(13, &[1, 1], nodes, vec![stored])).expect("imports");
        assert_eq!(net.evaluate(&[0.0]), [wanted], "{value:e}");
    }
}

#[test]
fn uneven_splits_need_opset_18() {
    let split = |attributes: Vec<AttributeProto>| {
        vec![node("Split", &["x"], "a,b", attributes), node("Concat", &["b", "a"], "y", vec![int("axis", 1)])]
    };
    for opset in [11, 13, 17] {
        let e = import(&model(opset, &[1, 5], split(vec![int("axis", 1)]), vec![]))
            .map(|_| ())
            .expect_err("uneven");
        assert!(e.what.contains("equal parts"), "{e}");
        assert!(import(&model(opset, &[1, 4], split(vec![int("axis", 1)]), vec![])).is_ok());
    }
    let net = import(&model(18, &[1, 5], split(vec![int("axis", 1), int("num_outputs", 2)]), vec![]));
    // Two parts of 3 and 2.
    assert_eq!(net.expect("imports").evaluate(&[1.0, 2.0, 3.0, 4.0, 5.0]), [4.0, 5.0, 1.0, 2.0, 3.0]);
}

/// Branches that are not asked for may hold anything.
#[test]
fn other_outputs_do_not_count() {
    let nodes = vec![
        node("Relu", &["x"], "r", vec![]),
        node("ArgMax", &["r"], "label", vec![int("axis", 1)]),
        node("Neg", &["r"], "y", vec![]),
    ];
    let mut m = model(13, &[1, 2], nodes, vec![]);
    let graph = m.graph.as_mut().expect("a graph");
    let mut label = value("label", &[1]);
    label.r#type.as_mut().and_then(|t| t.tensor_type.as_mut()).expect("a tensor").elem_type =
        data_type::INT64;
    graph.output = vec![label, value("y", &[1, 2]), value("r", &[1, 2])];
    let by = |output: Option<&str>| {
        let options = clarke::net::Options { output: output.map(Into::into), ..Default::default() };
        clarke::net::onnx::load(&prost::Message::encode_to_vec(&m), &options)
    };
    let default = by(None).expect("the first float");
    assert_eq!(default.evaluate(&[1.0, -1.0]), [-1.0, 0.0]);
    assert!(default.warnings[0].code == "several-outputs" && default.warnings[0].text.contains("label, r"));
    let named = by(Some("r")).expect("named");
    assert_eq!((named.evaluate(&[1.0, -1.0]), named.warnings.len()), (vec![1.0, 0.0], 0));
    let e = by(Some("label")).map(|_| ()).expect_err("a class number");
    assert!(
        e.kind == Kind::Unsupported && e.what.contains("jumps") && e.next.contains("--output-name"),
        "{e}"
    );
    let e = by(Some("z")).map(|_| ()).expect_err("no output");
    assert!(e.next.contains("label, y, r"), "{e}");
}
