//! Forged leaves: every rule that bounds a part or says that it holds nothing.

use super::draft::*;
use super::trees::quarters;
use super::{Forgery, forgery};
use serde_json::json;

pub fn all() -> Vec<Forgery> {
    [scaled(), scaled_rows(), singles(), empty()].into_iter().flatten().collect()
}

/// sigmoid(1e263 x − 907) where slopes of the sigmoid are subnormal numbers apart.
fn faint() -> Draft {
    let net = npz(&[(&[&[1e263]], &[-907.0], "sigmoid"), (&[&[1.0]], &[0.0], "")]);
    draft(&net, 1, 0.3).boxed(&[0.0], &[3e-261])
}

fn scaled() -> Vec<Forgery> {
    let on = || Lie::Steeper(at, vec![1.0], vec![0.0]);
    let one = "the constant of relu on [-1, 1] is 1";
    // With slope 1/2 ± 1/2 the loop's gain is exactly 1 at the scaling 2^½.
    let part = |w: f64, s: f64| json!([{"scaled": [[null, [0], [w], [s]]]}]);
    let honest = || draft(&relu(), 1, 1.01).parts(part(std::f64::consts::SQRT_2, 1.0));
    let lower = |parts| draft(&relu(), 1, 0.99).parts(parts);
    let two = |upper: f64, s: [f64; 2]| {
        let net = npz(&[(&[&[1.0, 1.0]], &[0.0], "relu"), (&[&[1.0]], &[0.0], "")]);
        draft(&net, 2, upper).parts(json!([{"scaled": [[null, [0], [std::f64::consts::SQRT_2], s]]}]))
    };
    let sum = || Lie::Steeper(|x| vec![(x[0] + x[1]).max(0.0)], vec![1.0, 1.0], vec![0.0, 0.0]);
    vec![
        forgery("scalings for less", one, honest(), lower(part(std::f64::consts::SQRT_2, 1.0)), on()),
        forgery("a tiny scaling of a neuron", one, honest(), lower(part(1e-59, 1.0)), on()),
        forgery("a huge scaling of a neuron", one, honest(), lower(part(1e59, 1.0)), on()),
        forgery("a scaling of zero", one, honest(), lower(part(0.0, 1.0)), on()),
        forgery("a negative scaling", one, honest(), lower(part(-1.4, 1.0)), on()),
        forgery("a scaling below the normal numbers", one, honest(), lower(part(5e-324, 1.0)), on()),
        forgery("a tiny scaling of an input", one, honest(), lower(part(1.4, 1e-59)), on()),
        forgery("a huge scaling of an input", one, honest(), lower(part(1.4, 1e59)), on()),
        forgery("no scalings at all", one, honest(), lower(json!([{"scaled": []}])), on()),
        forgery(
            "scalings of a neuron that does not exist",
            one,
            honest(),
            lower(json!([{"scaled": [[null, [7], [1.4], [1.0]]]}])),
            on(),
        ),
        forgery(
            "no scalings of inputs",
            "x_0 + x_1 changes by 2 between (0, 0) and (1, 1)",
            two(2.9, [1.0, 1.0]),
            two(1.5, [1.0, 1.0]).parts(json!([{"scaled": [[null, [0], [1.4], []]]}])),
            sum(),
        ),
        forgery(
            "an input scaled away",
            "x_0 + x_1 changes by 2 between (0, 0) and (1, 1)",
            two(2.9, [1.0, 1.0]),
            two(1.5, [1.0, 1e-30]),
            sum(),
        ),
        forgery(
            "scalings whose product with the slopes' width is a subnormal number",
            "at 1e263 x - 907 = -607 the slope is 1e263 s (1 - s) = 0.24168488182525 for the sigmoid s",
            faint(),
            faint()
                .upper(0.217_516_393_642_723_74)
                .parts(json!([{"scaled": [[null, [0], [6.091_881_351_815_293e-60], [1.01e-60]]]}])),
            Lie::AtLeast(0.241_684_881_825_25),
        ),
    ]
}

fn scaled_rows() -> Vec<Forgery> {
    let third = "the second output has slope 3";
    let far = || Lie::Steeper(at_rows, vec![1.0], vec![0.0]);
    let row = |row: usize, w: f64| json!([row, [0], [w], [1.0]]);
    let honest = || draft(&rows(), 1, 3.01).parts(json!([{"scaled": [row(0, 1.414), row(1, 4.243)]}]));
    let less = |list: serde_json::Value| draft(&rows(), 1, 1.01).parts(json!([{"scaled": list}]));
    vec![
        forgery("one row for all", third, honest(), less(json!([row(0, 1.414)])), far()),
        forgery("one row twice", third, honest(), less(json!([row(0, 1.414), row(0, 1.414)])), far()),
        forgery(
            "a row that does not exist for one that does",
            third,
            honest(),
            less(json!([row(0, 1.414), row(2, 1.414)])),
            far(),
        ),
        forgery(
            "scalings of one row for another",
            third,
            honest(),
            less(json!([row(0, 1.414), row(1, 1.414)])),
            far(),
        ),
        forgery(
            "all together and a row",
            third,
            honest(),
            less(json!([row(0, 1.414), [null, [0], [1.414], [1.0]]])),
            far(),
        ),
        forgery(
            "single rows for the sum of them",
            "the outputs change by 1 and 3",
            honest().norms("inf", "1").upper(4.01).parts(json!(["bounded"])),
            honest().norms("inf", "1").upper(3.01),
            Lie::Steeper(at_rows, vec![1.0], vec![0.0]),
        ),
    ]
}

fn singles() -> Vec<Forgery> {
    let on = || Lie::Steeper(at, vec![1.0], vec![0.0]);
    let positive = || draft(&relu(), 1, 1.01).boxed(&[1.0], &[2.0]).parts(json!(["pattern"]));
    let split = |below: &str| json!([{"kink": [1, 0, 0.0, 1, 2]}, "pattern", below]);
    vec![
        forgery(
            "linear bounds for less",
            "relu has slope 1",
            draft(&relu(), 1, 1.01),
            draft(&relu(), 1, 0.75),
            on(),
        ),
        forgery(
            "a pattern for less",
            "relu has slope 1 above 0",
            positive(),
            positive().upper(0.5),
            Lie::Steeper(at, vec![2.0], vec![1.0]),
        ),
        forgery(
            "one pattern where there are two",
            "relu has slope 1 above 0",
            draft(&relu(), 1, 1.01).parts(split("pattern")),
            draft(&relu(), 1, 0.0).parts(json!(["pattern"])),
            on(),
        ),
        forgery(
            "only the flat pattern",
            "relu has slope 1 above 0",
            draft(&relu(), 1, 1.01).parts(split("bounded")),
            draft(&relu(), 1, 0.0).parts(json!([{"kink": [1, 0, 2.0, 1, 2]}, {"empty": []}, "pattern"])),
            on(),
        ),
        forgery(
            "a pattern of a smooth function",
            "the sigmoid has slope 1/4 at 0",
            smooth(0.26).parts(json!(["bounded"])),
            smooth(0.1).parts(json!(["pattern"])),
            Lie::AtLeast(0.25),
        ),
    ]
}

fn smooth(upper: f64) -> Draft {
    draft(&npz(&[(&[&[1.0]], &[0.0], "sigmoid"), (&[&[1.0]], &[0.0], "")]), 1, upper)
}

/// Both sides of a kink hold something; whatever is said to be empty is not.
fn empty() -> Vec<Forgery> {
    let on = || Lie::Steeper(at, vec![1.0], vec![0.0]);
    let why = "relu has slope 1 above 0";
    // Above 2 nothing lies; the rest is divided at 0.
    let honest =
        || draft(&relu(), 1, 1.01).parts(json!([{"kink": [1, 0, 2.0, 1, 2]}, {"empty": []}, "bounded"]));
    let said = |leaf: serde_json::Value| {
        draft(&relu(), 1, 0.0).parts(json!([{"kink": [1, 0, 0.0, 1, 2]}, leaf, "bounded"]))
    };
    let mut list = vec![];
    let multipliers: [(&str, serde_json::Value); 9] = [
        ("empty without multipliers", json!([])),
        ("empty by zeros", json!([0.0])),
        ("empty by a negative multiplier", json!([-1.0])),
        ("empty by one", json!([1.0])),
        ("empty by the largest number", json!([f64::MAX])),
        ("empty by the smallest number", json!([5e-324])),
        ("empty by minus zero", json!([-0.0])),
        ("empty by too many multipliers", json!([1.0, 1.0])),
        ("empty by multipliers of nothing", json!([0.0, 0.0, 0.0])),
    ];
    for (name, m) in multipliers {
        list.push(forgery(name, why, honest(), said(json!({"empty": m})), on()));
    }
    let fractions: [(&str, serde_json::Value); 9] = [
        ("refuted without multipliers", json!([])),
        ("refuted by zero", json!(["0"])),
        ("refuted by a negative fraction", json!(["-1"])),
        ("refuted by one", json!(["1"])),
        ("refuted by a third", json!(["1/3"])),
        ("refuted by one over zero", json!(["1/0"])),
        ("refuted by minus one over minus one", json!(["-1/-1"])),
        ("refuted by a power of ten", json!(["1e99999999"])),
        ("refuted by too many", json!(["1", "1"])),
    ];
    // What is said to be refuted is where the identity has slope 1.
    let slope = || Lie::Steeper(at_identity, vec![1.0], vec![0.0]);
    for (name, m) in fractions {
        let forged = quarters(json!({"refuted": m})).upper(0.9);
        list.push(forgery(name, "x has slope 1", quarters(json!("pattern")), forged, slope()));
    }
    let whole = draft(&relu(), 1, 0.0);
    list.push(forgery(
        "the whole region is empty",
        why,
        honest(),
        whole.clone().parts(json!([{"empty": []}])),
        on(),
    ));
    list.push(forgery(
        "the whole region is refuted",
        why,
        honest(),
        whole.parts(json!([{"refuted": []}])),
        on(),
    ));
    list
}
