//! A certificate as text that is put together by hand, and what makes a claim false.

use clarke::data::npz;
use clarke::data::{Array, Values, base64, sha256};
use serde_json::{Value, json};

/// A layer: rows of weights, biases, and the activation after it.
pub type Layer<'l> = (&'l [&'l [f64]], &'l [f64], &'l str);

/// A network file; no activation after the last layer is written as "".
pub fn npz(layers: &[Layer]) -> Vec<u8> {
    let mut arrays = vec![];
    for (k, (rows, bias, act)) in layers.iter().enumerate() {
        let of = |shape: Vec<usize>, values: Vec<f64>| Array { shape, values: Values::F64(values) };
        arrays.push((format!("W{}", k + 1), of(vec![rows.len(), rows[0].len()], rows.concat())));
        if !bias.is_empty() {
            arrays.push((format!("b{}", k + 1), of(vec![bias.len()], bias.to_vec())));
        }
        if !act.is_empty() {
            let text = Array { shape: vec![], values: Values::Text(vec![act.to_string()]) };
            arrays.push((format!("act{}", k + 1), text));
        }
    }
    npz::write(&arrays).expect("an archive")
}

pub fn relu() -> Vec<u8> {
    npz(&[(&[&[1.0]], &[0.0], "relu"), (&[&[1.0]], &[0.0], "")])
}

/// 100 x_0 + x_1.
pub fn steep() -> Vec<u8> {
    npz(&[(&[&[100.0, 1.0]], &[0.0], "")])
}

/// relu(x) − relu(−x), which is x; linear bounds see a slope of 2.
pub fn identity() -> Vec<u8> {
    npz(&[(&[&[1.0], &[-1.0]], &[0.0, 0.0], "relu"), (&[&[1.0, -1.0]], &[0.0], "")])
}

/// (relu(x), 3 relu(x)).
pub fn rows() -> Vec<u8> {
    npz(&[(&[&[1.0]], &[0.0], "relu"), (&[&[1.0], &[3.0]], &[0.0, 0.0], "")])
}

/// max(x_0, 2 x_1).
pub fn maximum() -> Vec<u8> {
    npz(&[(&[&[1.0, 0.0], &[0.0, 2.0]], &[0.0, 0.0], "maxmin:2"), (&[&[1.0, 0.0]], &[0.0], "")])
}

pub fn at(x: &[f64]) -> Vec<f64> {
    vec![x[0].max(0.0)]
}

pub fn at_steep(x: &[f64]) -> Vec<f64> {
    vec![100.0 * x[0] + x[1]]
}

pub fn at_identity(x: &[f64]) -> Vec<f64> {
    vec![x[0]]
}

pub fn at_rows(x: &[f64]) -> Vec<f64> {
    vec![x[0].max(0.0), 3.0 * x[0].max(0.0)]
}

pub fn at_maximum(x: &[f64]) -> Vec<f64> {
    vec![x[0].max(2.0 * x[1])]
}

#[derive(Clone)]
pub struct Draft(Value);

fn number(x: f64) -> Value {
    let value = if x.is_finite() { json!(x) } else { json!(x.to_string()) };
    json!({"value": value, "bits": format!("{:016x}", x.to_bits())})
}

/// Of an `.npz` on the box [−1, 1]^n in the norm inf, shown by linear bounds on the whole of it.
pub fn draft(bytes: &[u8], inputs: usize, upper: f64) -> Draft {
    Draft(json!({
        "schema": "clarke.certificate/2",
        "version": "0.1.0",
        "net": {
            "name": "net.npz", "sha256": sha256::hex(bytes), "bytes": base64::encode(bytes),
            "input_shape": null, "keep_softmax": false, "mean": null, "std": null,
        },
        "region": boxed(&vec![-1.0; inputs], &vec![1.0; inputs]),
        "quotient": {"in_norm": "inf", "out_norm": "inf", "output": "all", "quantity": "lipschitz"},
        "upper": number(upper),
        "lower": number(0.0),
        "witness": null,
        "proof": {"rule": "tree", "kinks": false, "parts": ["bounded"]},
    }))
}

fn boxed(lo: &[f64], hi: &[f64]) -> Value {
    json!({"kind": "box", "lo": lo, "hi": hi, "centre": null})
}

impl Draft {
    /// Another value in one place, named as a JSON pointer.
    pub fn with(mut self, place: &str, value: Value) -> Draft {
        match self.0.pointer_mut(place) {
            Some(old) => *old = value,
            None => {
                let (parent, key) = place.rsplit_once('/').expect("a pointer");
                self.0.pointer_mut(parent).expect("an object")[key] = value;
            }
        }
        self
    }

    pub fn upper(self, x: f64) -> Draft {
        self.with("/upper", number(x))
    }

    /// The lower end with its witness.
    pub fn lower(self, x: f64, witness: Value) -> Draft {
        self.with("/lower", number(x)).with("/witness", witness)
    }

    /// The parts of the tree.
    pub fn parts(self, parts: Value) -> Draft {
        self.with("/proof/parts", parts)
    }

    pub fn boxed(self, lo: &[f64], hi: &[f64]) -> Draft {
        self.with("/region", boxed(lo, hi))
    }

    pub fn ball(self, centre: &[f64], radius: f64, norm: &str) -> Draft {
        let ball = json!({"kind": "ball", "centre": centre, "radius": radius, "norm": norm, "clip": null});
        self.with("/region", ball)
    }

    pub fn everywhere(self) -> Draft {
        self.with("/region", json!({"kind": "global"}))
    }

    /// Another network file in its place, honestly named.
    pub fn network(self, bytes: &[u8]) -> Draft {
        self.with("/net/sha256", json!(sha256::hex(bytes))).with("/net/bytes", json!(base64::encode(bytes)))
    }

    pub fn norms(self, input: &str, output: &str) -> Draft {
        self.with("/quotient/in_norm", json!(input)).with("/quotient/out_norm", json!(output))
    }

    pub fn text(&self) -> String {
        self.0.to_string()
    }

    fn end(&self, name: &str) -> f64 {
        let bits = self.0[name]["bits"].as_str().expect("bits");
        f64::from_bits(u64::from_str_radix(bits, 16).expect("hexadecimal bits"))
    }

    fn word(&self, name: &str) -> &str {
        self.0["quotient"][name].as_str().expect("a word")
    }
}

/// What makes a claim false.
pub enum Lie {
    /// The function's quotient at these points is larger than the upper end.
    Steeper(fn(&[f64]) -> Vec<f64>, Vec<f64>, Vec<f64>),
    /// Some generalised Jacobian, or a quotient in a limit, has at least this norm, and it is larger than the
    /// upper end.
    AtLeast(f64),
    /// No quotient is larger than this, and the lower end is.
    AtMost(f64),
    /// The ends are no claim at all.
    Nonsense,
}

impl Lie {
    pub fn holds(&self, forged: &Draft) -> Result<(), String> {
        let (lower, upper) = (forged.end("lower"), forged.end("upper"));
        let said = |ok: bool, truth: f64| match ok {
            true => Ok(()),
            false => Err(format!("{truth} against [{lower}, {upper}]")),
        };
        match self {
            Lie::AtLeast(truth) => said(upper < truth * (1.0 - 1e-9), *truth),
            Lie::AtMost(truth) => said(lower > truth * (1.0 + 1e-9), *truth),
            Lie::Nonsense => said(lower > upper || lower.is_nan() || upper.is_nan(), f64::NAN),
            Lie::Steeper(f, x, y) => {
                let change = measured(forged.word("output"), &f(x), &f(y));
                let step: Vec<f64> = x.iter().zip(y).map(|(a, b)| a - b).collect();
                let truth = norm(&change, forged.word("out_norm")) / norm(&step, forged.word("in_norm"));
                said(upper < truth * (1.0 - 1e-9), truth)
            }
        }
    }
}

fn measured(output: &str, a: &[f64], b: &[f64]) -> Vec<f64> {
    let gap: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    match output.split_once('-') {
        Some((i, j)) => vec![gap[i.parse::<usize>().unwrap()] - gap[j.parse::<usize>().unwrap()]],
        None if output == "all" => gap,
        None => vec![gap[output.parse::<usize>().unwrap()]],
    }
}

fn norm(x: &[f64], name: &str) -> f64 {
    match name {
        "1" => x.iter().map(|v| v.abs()).sum(),
        "2" => x.iter().map(|v| v * v).sum::<f64>().sqrt(),
        _ => x.iter().fold(0.0, |m: f64, v| m.max(v.abs())),
    }
}
