//! Single operators against values worked out by hand.

use crate::onnx_builder::*;
use clarke::error::Kind;
use clarke::net::onnx::proto::{NodeProto, TensorProto};
use clarke::net::{Net, Op, Options, onnx};
use prost::Message;

fn net(opset: i64, shape: &[i64], nodes: Vec<NodeProto>, weights: Vec<TensorProto>) -> Net {
    import(&model(opset, shape, nodes, weights)).unwrap_or_else(|e| panic!("{e}"))
}

/// One node, applied to 1, 2, 3, …
fn one(opset: i64, shape: &[i64], op: NodeProto, weights: Vec<TensorProto>) -> Vec<f64> {
    let net = net(opset, shape, vec![op], weights);
    let x: Vec<f64> = (1..=net.inputs()).map(|i| i as f64).collect();
    net.evaluate(&x)
}

fn close(found: &[f64], wanted: &[f64]) {
    let same = found.len() == wanted.len()
        && found.iter().zip(wanted).all(|(f, w)| (f - w).abs() <= 1e-12 * (1.0 + w.abs()));
    assert!(same, "{found:?} instead of {wanted:?}");
}

fn conv(attributes: Vec<clarke::net::onnx::proto::AttributeProto>) -> NodeProto {
    node("Conv", &["x", "w"], "y", attributes)
}

#[test]
fn convolution_with_asymmetric_pads() {
    let w = tensor("w", &[1, 1, 2, 2], &[1.0; 4]);
    close(&one(13, &[1, 1, 2, 2], conv(vec![ints("pads", &[0, 0, 1, 1])]), vec![w]), &[10.0, 6.0, 7.0, 4.0]);
}

#[test]
fn convolution_with_automatic_pads() {
    let w = || vec![tensor("w", &[1, 1, 2], &[1.0, 10.0])];
    let same =
        |mode: &str| one(13, &[1, 1, 3], conv(vec![text("auto_pad", mode), ints("strides", &[2])]), w());
    close(&same("SAME_UPPER"), &[21.0, 3.0]);
    close(&same("SAME_LOWER"), &[10.0, 32.0]);
    close(&same("VALID"), &[21.0]);
}

#[test]
fn convolution_with_groups_and_dilation() {
    let w = tensor("w", &[2, 1, 2], &[1.0, 10.0, 100.0, 1000.0]);
    let y = one(13, &[1, 2, 3], conv(vec![int("group", 2), ints("dilations", &[2])]), vec![w]);
    close(&y, &[31.0, 6400.0]);
}

#[test]
fn transposed_convolution() {
    let w = || vec![tensor("w", &[1, 1, 3], &[1.0, 10.0, 100.0])];
    let run = |mut attributes: Vec<_>| {
        attributes.push(ints("strides", &[2]));
        one(13, &[1, 1, 2], node("ConvTranspose", &["x", "w"], "y", attributes), w())
    };
    close(&run(vec![]), &[1.0, 10.0, 102.0, 20.0, 200.0]);
    close(&run(vec![ints("output_padding", &[1])]), &[1.0, 10.0, 102.0, 20.0, 200.0, 0.0]);
    close(&run(vec![ints("pads", &[1, 1])]), &[10.0, 102.0, 20.0]);
    close(&run(vec![ints("output_shape", &[4]), text("auto_pad", "SAME_UPPER")]), &[1.0, 10.0, 102.0, 20.0]);
    close(&run(vec![ints("output_shape", &[4])]), &[10.0, 102.0, 20.0, 200.0]);
}

#[test]
fn max_pool_rounding_up() {
    let run = |length: i64, mut attributes: Vec<_>, ceil: i64| {
        attributes.push(int("ceil_mode", ceil));
        one(13, &[1, 1, length], node("MaxPool", &["x"], "y", attributes), vec![])
    };
    let halves = || vec![ints("kernel_shape", &[2]), ints("strides", &[2])];
    close(&run(5, halves(), 0), &[2.0, 4.0]);
    close(&run(5, halves(), 1), &[2.0, 4.0, 5.0]);
    // A window that would start in the padding behind the input is left out.
    let singles = vec![ints("kernel_shape", &[1]), ints("strides", &[2]), ints("pads", &[0, 1])];
    close(&run(3, singles, 1), &[1.0, 3.0]);
}

#[test]
fn average_pool_counts() {
    let run = |include: i64| {
        let attributes =
            vec![ints("kernel_shape", &[3]), ints("pads", &[1, 1]), int("count_include_pad", include)];
        one(13, &[1, 1, 3], node("AveragePool", &["x"], "y", attributes), vec![])
    };
    close(&run(0), &[1.5, 2.0, 2.5]);
    close(&run(1), &[1.0, 2.0, 5.0 / 3.0]);
}

#[test]
fn softmax_before_and_since_opset_13() {
    let op = || node("Softmax", &["x"], "y", vec![int("axis", 1)]);
    let matrix = one(12, &[1, 2, 2], op(), vec![]);
    close(&[matrix.iter().sum()], &[1.0]);
    let columns = one(13, &[1, 2, 2], op(), vec![]);
    close(&[columns[0] + columns[2], columns[1] + columns[3]], &[1.0, 1.0]);
    close(&[columns[2] / columns[0]], &[2f64.exp()]);
}

#[test]
fn slices() {
    let run = |starts: &[i64], ends: &[i64], axes: &[i64], steps: &[i64]| {
        let lists = [("s", starts), ("e", ends), ("a", axes), ("p", steps)];
        let weights = lists.iter().map(|(n, v)| integers(n, v)).collect();
        one(13, &[1, 5], node("Slice", &["x", "s", "e", "a", "p"], "y", vec![]), weights)
    };
    close(&run(&[-1], &[i64::MIN], &[1], &[-2]), &[5.0, 3.0, 1.0]);
    close(&run(&[1], &[i64::MAX], &[-1], &[2]), &[2.0, 4.0]);
    let old = node("Slice", &["x"], "y", vec![ints("starts", &[-3]), ints("ends", &[4]), ints("axes", &[1])]);
    close(&one(9, &[1, 5], old, vec![]), &[3.0, 4.0]);
}

#[test]
fn reshape_copies_and_fills() {
    let nodes = vec![
        node("Reshape", &["x", "s"], "r", vec![]),
        node("Transpose", &["r"], "y", vec![ints("perm", &[0, 2, 1])]),
    ];
    let net = net(13, &[1, 2, 3], nodes, vec![integers("s", &[0, -1, 2])]);
    assert_eq!(net.nodes[net.output()].shape, [2, 3]);
    close(&net.evaluate(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), &[1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
}

#[test]
fn products_on_both_sides() {
    let w = || vec![tensor("w", &[2, 2], &[1.0, 2.0, 3.0, 4.0])];
    close(&one(13, &[1, 2, 2], node("MatMul", &["x", "w"], "y", vec![]), w()), &[7.0, 10.0, 15.0, 22.0]);
    close(&one(13, &[1, 2, 2], node("MatMul", &["w", "x"], "y", vec![]), w()), &[7.0, 10.0, 15.0, 22.0]);
    close(&one(13, &[1, 2], node("MatMul", &["x", "w"], "y", vec![]), w()), &[7.0, 10.0]);
}

#[test]
fn gemm_folds_exact_factors_only() {
    let run = |alpha: f32, w: f32| {
        let weights = vec![tensor("w", &[1, 2], &[w, 3.0]), tensor("c", &[1], &[5.0])];
        let attributes = vec![float("alpha", alpha), int("transB", 1)];
        net(13, &[1, 2], vec![node("Gemm", &["x", "w", "c"], "y", attributes)], weights)
    };
    let folded = run(0.5, 0.1);
    assert_eq!(folded.nodes.len(), 2, "factor in the weights, constant in the bias");
    close(&folded.evaluate(&[1.0, 1.0]), &[0.5 * (0.1f32 as f64 + 3.0) + 5.0]);
    // Products of two f32 are exact in f64, products with an f64 weight need not be.
    assert_eq!(run(0.1, 0.1).nodes.len(), 2);
    let mut wide = tensor("w", &[1, 1], &[]);
    wide.data_type = clarke::net::onnx::proto::data_type::DOUBLE;
    wide.raw_data = Some(0.1f64.to_le_bytes().to_vec().into());
    let gemm = node("Gemm", &["x", "w"], "y", vec![float("alpha", 0.1)]);
    let kept = net(13, &[1, 1], vec![gemm], vec![wide]);
    assert!(matches!(kept.nodes[2].op, Op::Scale(_)));
}

#[test]
fn batch_norm_has_proven_coefficients() {
    let names = ["g", "b", "m", "v"];
    let weights = names.iter().map(|n| tensor(n, &[2], &[3.0, 7.0])).collect();
    let op = node("BatchNormalization", &["x", "g", "b", "m", "v"], "y", vec![float("epsilon", 0.0)]);
    let net = net(13, &[1, 2, 2], vec![op], weights);
    let Op::Scale(scale) = &net.nodes[1].op else { panic!("no scale") };
    for (c, gamma) in [(0, 3.0f64), (1, 7.0)] {
        let f = scale.factor[c];
        assert!(f.err > 0.0 && f.err < 1e-30, "{f:?}");
        // gamma / sqrt(gamma) squared is gamma: the enclosure must agree.
        let rest = f.times(f).minus(clarke::num::Coefficient::exact(gamma));
        assert!((rest.hi + rest.lo).abs() <= rest.err && rest.err < 1e-29, "{rest:?}");
    }
    close(&net.evaluate(&[3.0, 4.0, 7.0, 8.0])[2..], &[7.0, 7.0 + 7f64.sqrt()]);
}

#[test]
fn arithmetic_with_constants_and_values() {
    let c = || vec![tensor("c", &[2, 1], &[2.0, 4.0])];
    let run = |op: &str, inputs: &[&str]| one(13, &[1, 2, 2], node(op, inputs, "y", vec![]), c());
    close(&run("Add", &["x", "c"]), &[3.0, 4.0, 7.0, 8.0]);
    close(&run("Sub", &["c", "x"]), &[1.0, 0.0, 1.0, 0.0]);
    close(&run("Div", &["x", "c"]), &[0.5, 1.0, 0.75, 1.0]);
    close(&run("Max", &["x", "c"]), &[2.0, 2.0, 4.0, 4.0]);
    close(&run("Min", &["c", "x"]), &[1.0, 2.0, 3.0, 4.0]);
    close(&run("Sum", &["x", "c", "x"]), &[4.0, 6.0, 10.0, 12.0]);
    let nodes = vec![
        node("Neg", &["x"], "n", vec![]),
        node("Max", &["x", "n"], "a", vec![]),
        node("Min", &["x", "n"], "b", vec![]),
        node("Sub", &["a", "b"], "y", vec![]),
    ];
    close(&net(13, &[1, 2], nodes, vec![]).evaluate(&[-3.0, 2.0]), &[6.0, 4.0]);
}

#[test]
fn joins_splits_and_pads() {
    let nodes = vec![
        node("Split", &["x"], "a,b", vec![int("axis", 2)]),
        node("Concat", &["b", "a", "c"], "y", vec![int("axis", 2)]),
    ];
    let c = tensor("c", &[1, 2, 1], &[7.0, 8.0]);
    let y = net(13, &[1, 2, 2], nodes, vec![c]).evaluate(&[1.0, 2.0, 3.0, 4.0]);
    close(&y, &[2.0, 1.0, 7.0, 4.0, 3.0, 8.0]);
    let pad = |mode: &str| {
        let p = integers("p", &[0, 1, 0, 2]);
        one(13, &[1, 3], node("Pad", &["x", "p"], "y", vec![text("mode", mode)]), vec![p])
    };
    close(&pad("constant"), &[0.0, 1.0, 2.0, 3.0, 0.0, 0.0]);
    close(&pad("reflect"), &[2.0, 1.0, 2.0, 3.0, 2.0, 1.0]);
    close(&pad("edge"), &[1.0, 1.0, 2.0, 3.0, 3.0, 3.0]);
}

/// The values of TopK are sorted maxima; where they come from is no function with slopes.
#[test]
fn top_values() {
    let x = [4.0, 1.0, 3.0, 0.0, 2.0, 5.0];
    let run = |opset: i64, shape: &[i64], k: i64, mut attributes: Vec<_>| {
        let old = opset < 10;
        attributes.extend(old.then(|| int("k", k)));
        let inputs: &[&str] = if old { &["x"] } else { &["x", "k"] };
        let weights = if old { vec![] } else { vec![integers("k", &[k])] };
        import(&model(opset, shape, vec![node("TopK", inputs, "y,i", attributes)], weights))
    };
    let values = |opset, shape: &[i64], k, attributes| {
        run(opset, shape, k, attributes).unwrap_or_else(|e| panic!("{e}")).evaluate(&x)
    };
    close(&values(13, &[1, 6], 6, vec![int("largest", 0)]), &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    close(&values(13, &[1, 6], 4, vec![]), &[5.0, 4.0, 3.0, 2.0]);
    close(&values(9, &[1, 2, 3], 2, vec![]), &[4.0, 3.0, 5.0, 2.0]);
    close(
        &values(13, &[1, 2, 3], 2, vec![int("axis", 1), int("largest", 0)]),
        &[0.0, 1.0, 3.0, 4.0, 2.0, 5.0],
    );
    close(&values(13, &[1, 3, 2], 1, vec![int("axis", -2), int("sorted", 0)]), &[4.0, 5.0]);
    for k in [0, 7, -1] {
        assert!(run(13, &[1, 6], k, vec![]).is_err(), "{k}");
    }
    assert!(run(13, &[1, 6], 2, vec![int("sorted", 0)]).is_err(), "in no order");
    let places =
        vec![node("TopK", &["x", "k"], "v,i", vec![]), node("Cast", &["i"], "y", vec![int("to", 1)])];
    let error = import(&model(13, &[1, 6], places, vec![integers("k", &[1])])).expect_err("is refused");
    assert!(error.what.contains("TopK") && error.what.contains("jumps"), "{error}");
}

#[test]
fn patterns_become_one_operator() {
    let nodes = vec![node("Sigmoid", &["x"], "s", vec![]), node("Mul", &["s", "x"], "y", vec![])];
    let silu = net(13, &[1, 2], nodes, vec![]);
    assert_eq!(silu.nodes.len(), 2);
    assert_eq!(silu.nodes[1].op.name(), "silu");
    let bounds = vec![tensor("lo", &[], &[0.0])];
    let relu = net(13, &[1, 2], vec![node("Clip", &["x", "lo"], "y", vec![])], bounds);
    assert_eq!(relu.nodes[1].op.name(), "relu");
    let nodes = vec![node("MatMul", &["x", "w"], "m", vec![]), node("Add", &["m", "b"], "y", vec![])];
    let weights = vec![tensor("w", &[2, 2], &[1.0; 4]), tensor("b", &[2], &[5.0, 6.0])];
    assert_eq!(net(13, &[1, 2], nodes, weights).nodes.len(), 2, "the constant becomes a bias");
}

#[test]
fn the_last_softmax_is_dropped_with_a_warning() {
    let nodes = vec![
        node("Relu", &["x"], "r", vec![]),
        node("Softmax", &["r"], "s", vec![]),
        node("Flatten", &["s"], "y", vec![]),
    ];
    let bytes = model(13, &[1, 3], nodes, vec![]).encode_to_vec();
    let dropped = onnx::load(&bytes, &Options::default()).expect("imports");
    assert_eq!(dropped.warnings[0].code, "softmax-dropped");
    assert_eq!(dropped.nodes.len(), 2);
    let kept = onnx::load(&bytes, &Options { keep_softmax: true, ..Options::default() }).expect("imports");
    assert_eq!((kept.nodes.len(), kept.warnings.len()), (3, 0));
}

/// Two groups of two: the largest logit of all need not be the largest output.
#[test]
fn a_softmax_of_several_groups_is_kept() {
    let of = |opset, axis| {
        let nodes =
            vec![node("Softmax", &["x"], "s", vec![int("axis", axis)]), node("Flatten", &["s"], "y", vec![])];
        onnx::load(&model(opset, &[1, 2, 2], nodes, vec![]).encode_to_vec(), &Options::default())
    };
    for (opset, axis, dropped) in
        [(13, 2, false), (13, 1, false), (11, 2, false), (11, 1, true), (13, -1, false)]
    {
        let net = of(opset, axis).expect("imports");
        assert_eq!(net.warnings.iter().any(|w| w.code == "softmax-dropped"), dropped, "{opset} {axis}");
    }
    // Along the batch every output is 1, whatever the logits are.
    let batch = of(13, 0).map(|net| net.warnings.len());
    assert!(batch.is_ok_and(|warnings| warnings == 0));
}

#[test]
fn everything_unsupported_is_named_at_once() {
    let nodes = vec![
        node("LRN", &["x"], "a", vec![int("size", 3)]),
        node("Sin", &["a"], "b", vec![]),
        node("Relu", &["b"], "c", vec![]),
        node("Conv", &["c", "c"], "y", vec![]),
    ];
    let error = import(&model(13, &[1, 1, 3], nodes, vec![])).expect_err("is refused");
    assert_eq!(error.kind, Kind::Unsupported);
    assert!(error.what.contains("LRN ×1") && error.what.contains("Sin ×1"), "{error}");
}

#[test]
fn attributes_that_are_not_understood_are_refused() {
    let op = node("Relu", &["x"], "y", vec![float("threshold", 1.0)]);
    let error = import(&model(13, &[1, 3], vec![op], vec![])).expect_err("is refused");
    assert!(error.what.contains("threshold"), "{error}");
}

#[test]
fn open_sizes_need_the_flag() {
    let relu = || vec![node("Relu", &["x"], "y", vec![])];
    assert_eq!(import(&model(13, &[0, 3], relu(), vec![])).expect("batch 1").inputs(), 3);
    let batch = import(&model(13, &[8, 3], relu(), vec![])).expect_err("batch 8");
    assert!(batch.what.contains("batch"), "{batch}");
    let open = model(13, &[0, 3, 0, 0], relu(), vec![]).encode_to_vec();
    let error = onnx::load(&open, &Options::default()).expect_err("open");
    assert!(error.next.contains("--input-shape"), "{error}");
    let given = Options { input_shape: Some(vec![1, 3, 4, 5]), ..Options::default() };
    assert_eq!(onnx::load(&open, &given).expect("given").nodes[0].shape, [3, 4, 5]);
}
