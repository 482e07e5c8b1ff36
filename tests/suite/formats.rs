//! Networks in `.npz`, `.safetensors` and `.nnet` form, and double-double numbers.

use clarke::data::{Array, Values};
use clarke::net::{Net, nnet, npz, safetensors};
use clarke::num::Coefficient;

fn matrix(shape: &[usize], values: &[f64]) -> Array {
    Array { shape: shape.to_vec(), values: Values::F64(values.to_vec()) }
}

fn act(name: &str) -> Array {
    Array { shape: vec![], values: Values::Text(vec![name.into()]) }
}

fn npz(arrays: Vec<(&str, Array)>) -> clarke::error::Result<Net> {
    npz::from_arrays(arrays.into_iter().map(|(n, a)| (n.to_string(), a)).collect())
}

#[test]
fn npz_layers_with_relu_between() {
    let net = npz(vec![
        ("W2", matrix(&[1, 2], &[1.0, 10.0])),
        ("b1", matrix(&[2], &[0.5, 0.0])),
        ("W1", matrix(&[2, 3], &[1.0, 0.0, 0.0, 0.0, -1.0, 0.0])),
    ])
    .expect("imports");
    assert_eq!(net.evaluate(&[1.0, 2.0, 3.0]), [1.5]);
    assert_eq!(net.evaluate(&[-1.0, -2.0, 3.0]), [20.0]);
}

#[test]
fn npz_activations() {
    let identity = || matrix(&[4, 4], &std::array::from_fn::<f64, 16, _>(|k| (k % 5 == 0) as u8 as f64));
    let run = |name: &str| {
        let net = npz(vec![("W1", identity()), ("act1", act(name))]).expect("imports");
        net.evaluate(&[1.0, 3.0, -1.0, -2.0])
    };
    assert_eq!(run("identity"), [1.0, 3.0, -1.0, -2.0]);
    assert_eq!(run("maxmin:2"), [3.0, 1.0, -1.0, -2.0]);
    assert_eq!(run("groupsort:2"), [1.0, 3.0, -2.0, -1.0]);
    assert_eq!(run("abs"), [1.0, 3.0, 1.0, 2.0]);
    assert_eq!(run("leaky:0.5"), [1.0, 3.0, -0.5, -1.0]);
    assert_eq!(run("tanh")[1], 3f64.tanh());
}

#[test]
fn npz_mistakes_are_errors() {
    let w = || matrix(&[2, 2], &[1.0; 4]);
    assert!(npz(vec![]).is_err());
    assert!(npz(vec![("W1", w()), ("W3", w())]).is_err(), "a gap");
    assert!(npz(vec![("W1", matrix(&[4], &[1.0; 4]))]).is_err(), "not a matrix");
    assert!(npz(vec![("W1", w()), ("W2", matrix(&[1, 3], &[1.0; 3]))]).is_err(), "sizes");
    assert!(npz(vec![("W1", matrix(&[1, 1], &[f64::NAN]))]).is_err(), "NaN");
    assert!(npz(vec![("W1", w()), ("act1", act("swash"))]).is_err(), "unknown");
    assert!(npz(vec![("W1", w()), ("act1", act("leaky:nan"))]).is_err(), "no slope");
    assert!(npz(vec![("W1", w()), ("b1", matrix(&[3], &[0.0; 3]))]).is_err(), "bias");
    assert!(npz(vec![("W1", matrix(&[usize::MAX, 2], &[1.0; 4]))]).is_err(), "huge");
    assert!(npz(vec![("W1", matrix(&[3, 1], &[1.0; 3])), ("act1", act("maxmin:2"))]).is_err(), "odd");
}

fn safetensors_file(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

#[test]
fn safetensors_hold_what_npz_hold() {
    let header = r#"{"__metadata__":{"a":"b"},
        "W2":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},
        "W1":{"dtype":"F16","shape":[2,1],"data_offsets":[8,12]},
        "b1":{"dtype":"BF16","shape":[2],"data_offsets":[12,16]}}"#;
    let data: Vec<u8> = [
        &2f32.to_le_bytes()[..],
        &3f32.to_le_bytes(),
        &half::f16::from_f32(1.0).to_le_bytes(),
        &half::f16::from_f32(-1.0).to_le_bytes(),
        &half::bf16::from_f32(0.5).to_le_bytes(),
        &half::bf16::from_f32(0.0).to_le_bytes(),
    ]
    .concat();
    let file = safetensors_file(header, &data);
    let net = safetensors::load(&file).expect("imports");
    assert_eq!(net.evaluate(&[1.0]), [3.0]);
    assert_eq!(net.evaluate(&[-2.0]), [6.0]);
    for cut in 0..file.len() {
        assert!(safetensors::load(&file[..cut]).is_err());
    }
    let load = |from: &str, to: &str| safetensors::load(&safetensors_file(&header.replace(from, to), &data));
    let net = load(r#""a":"b""#, r#""act1":"abs""#).expect("imports");
    assert_eq!(net.evaluate(&[-2.0]), [2.0 * 1.5 + 3.0 * 2.0]);
    assert!(load(r#""a":"b""#, r#""act3":"abs""#).is_err(), "there is no third layer");
    // A state_dict says neither the order of its layers nor what stands between them.
    for (weight, bias) in [("0.weight", "0.bias"), ("layers.2.weight", "layers.2.bias")] {
        let names = header.replace("W1", weight).replace("b1", bias);
        let e = safetensors::load(&safetensors_file(&names, &data)).map(drop).unwrap_err();
        assert!(e.next.contains("torch.onnx.export(") && e.next.contains("W1, b1"), "{e}");
    }
}

#[test]
fn safetensors_mistakes_are_errors() {
    let load = |header: &str| safetensors::load(&safetensors_file(header, &[0; 16]));
    assert!(load(r#"{"W1":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}"#).is_ok());
    assert!(load(r#"{"W1":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}}"#).is_err());
    assert!(load(r#"{"W1":{"dtype":"F32","shape":[2,3],"data_offsets":[0,16]}}"#).is_err());
    assert!(load(r#"{"W1":{"dtype":"F32","shape":[2,2],"data_offsets":[16,0]}}"#).is_err());
    assert!(load(r#"{"W1":{"dtype":"F32","shape":[2,2],"data_offsets":[8,24]}}"#).is_err());
    assert!(
        load(r#"{"W1":{"dtype":"F32","shape":[18446744073709551615,2],"data_offsets":[0,16]}}"#).is_err()
    );
    assert!(load(r#"{"other":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}"#).is_err());
    let twice = r#"{"W1":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},
        "b1":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}"#;
    assert!(load(twice).is_err());
    assert!(safetensors::load(&[255; 40]).is_err());
}

const NNET: &str = "// a comment
2,2,1,2,
2,2,1,
0,
-1.0,-1.0,
1.0,1.0,
1.0,0.0,10.0,
2.0,4.0,3.0,
1.0,0.0,
0.0,-1.0,
0.0,
0.5,
1.0,2.0,
0.25,
";

#[test]
fn nnet_normalises_and_denormalises() {
    let net = nnet::load(NNET.as_bytes()).expect("imports");
    // relu((3 - 1) / 2) + 2 relu(0.5 + 8 / 4 · (-1)) + 0.25, times 3, plus 10.
    assert_eq!(net.evaluate(&[3.0, 8.0]), [13.75]);
    assert_eq!(net.evaluate(&[3.0, -2.0]), [10.0 + 3.0 * (1.0 + 2.0 + 0.25)]);
    for cut in 0..NNET.len() - 6 {
        assert!(nnet::load(&NNET.as_bytes()[..cut]).is_err(), "cut at {cut}");
    }
    assert!(nnet::load(NNET.replace("2.0,4.0,3.0", "0.0,4.0,3.0").as_bytes()).is_err());
    assert!(nnet::load(NNET.replace("0.25", "nan").as_bytes()).is_err());
    assert!(nnet::load(NNET.replace("2,2,1,\n", "2,9999999,1,\n").as_bytes()).is_err());
}

/// Numbers of all magnitudes from a fixed seed.
fn numbers(count: usize) -> Vec<f64> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..count)
        .map(|_| {
            let mantissa = 1.0 + (next() >> 12) as f64 / (1u64 << 52) as f64;
            let sign = if next() % 2 == 0 { 1.0 } else { -1.0 };
            sign * mantissa * 2f64.powi((next() % 80) as i32 - 40)
        })
        .collect()
}

/// The enclosure of a quantity that is 0 must contain 0.
fn contains_zero(c: Coefficient) -> bool {
    (c.hi + c.lo).abs() <= c.err * (1.0 + 1e-15)
}

#[test]
fn double_doubles_enclose() {
    let x = numbers(3000);
    for w in x.windows(3) {
        let [a, b, c] = [w[0], w[1], w[2]].map(Coefficient::exact);
        let quotient = a.over(b);
        assert!(quotient.err <= 1e-30 * quotient.hi.abs(), "{quotient:?}");
        assert!(contains_zero(quotient.times(b).minus(a)), "{a:?} / {b:?} = {quotient:?}");
        let both = quotient.plus(c.over(b));
        assert!(contains_zero(both.times(b).minus(a.plus(c))));
        let root = Coefficient::exact(w[0].abs()).over(Coefficient::exact(3.0)).sqrt();
        assert!(root.err <= 1e-29 * root.hi, "{root:?}");
        let square = root.times(root).times(Coefficient::exact(3.0));
        assert!(contains_zero(square.minus(Coefficient::exact(w[0].abs()))));
    }
}

#[test]
fn double_doubles_stay_exact_or_fail_openly() {
    let exact = Coefficient::exact;
    assert_eq!(exact(1.0).over(exact(4.0)), exact(0.25));
    assert_eq!(exact(9.0).sqrt(), exact(3.0));
    assert_eq!(exact(0.1).minus(exact(0.1)), Coefficient::ZERO);
    assert!(!exact(1.0).over(Coefficient::ZERO).err.is_finite());
    assert!(!exact(-1.0).sqrt().err.is_finite());
    let vague = Coefficient { hi: 1.0, lo: 0.0, err: 2.0 };
    assert!(!exact(1.0).over(vague).err.is_finite());
    let overflow = exact(1e300).times(exact(1e300));
    assert!(!(overflow.hi.is_finite() && overflow.lo.is_finite() && overflow.err.is_finite()));
    let tiny = exact(1e-200).times(exact(1.1e-170));
    assert!(tiny.err > 0.0, "underflow is accounted for: {tiny:?}");
}
