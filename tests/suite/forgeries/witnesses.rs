//! Forged witnesses of lower ends.

use super::draft::*;
use super::{Forgery, forgery};
use serde_json::{Value, json};

pub fn all() -> Vec<Forgery> {
    [pieces(), fractions(), pairs()].into_iter().flatten().collect()
}

/// Slope 1 below 0 and slope 1/2 above: 1.5 is above both.
fn bent(lower: f64, witness: Value) -> Draft {
    let net = npz(&[(&[&[1.0], &[-1.0]], &[0.0, 0.0], "relu"), (&[&[0.5, -1.0]], &[0.0], "")]);
    draft(&net, 1, 2.0).lower(lower, witness)
}

const BENT: &str = "slopes are 1 below 0 and 1/2 above";

fn piece(x: f64, u: f64) -> Value {
    json!({"kind": "piece", "x": [x], "u": [u]})
}

fn pieces() -> Vec<Forgery> {
    let honest = || bent(0.999_999, piece(-0.5, 1.0));
    let off = || draft(&relu(), 1, 1.01).boxed(&[-2.0], &[-1.0]).upper(f64::INFINITY);
    let two = |x: Value, u: Value| {
        let net = npz(&[(&[&[1.0, 0.0], &[0.0, 1.0]], &[0.0, 0.0], "")]);
        draft(&net, 2, 1.01).norms("2", "2").lower(1.3, json!({"kind": "piece", "x": x, "u": u})).upper(2.0)
    };
    let plane = || {
        two(json!([0.0, 0.0]), json!([1.0, 0.0]))
            .lower(0.999, json!({"kind": "piece", "x": [0.0, 0.0], "u": [1.0, 0.0]}))
    };
    let identity = "every derivative is the identity, whose norm is 1";
    let mut list = vec![
        forgery("a witness of less", BENT, honest(), bent(1.1, piece(-0.5, 1.0)), Lie::AtMost(1.0)),
        forgery("a witness on the kink", BENT, honest(), bent(1.5, piece(0.0, 1.0)), Lie::AtMost(1.0)),
        forgery(
            "a witness outside the region",
            "relu is 0 on [-2, -1]",
            off().lower(0.0, json!(null)),
            off().lower(1.0, piece(0.5, 1.0)),
            Lie::AtMost(0.0),
        ),
        forgery(
            "a witness one step outside",
            "relu(x + 1) is 0 below -1",
            bent(0.999, piece(-0.5, 1.0)),
            draft(&npz(&[(&[&[1.0]], &[1.0], "relu"), (&[&[1.0]], &[0.0], "")]), 1, f64::INFINITY)
                .boxed(&[-2.0], &[-1.0])
                .lower(1.0, piece(-1.0 + 1e-16, 1.0)),
            Lie::AtMost(0.0),
        ),
        forgery(
            "no direction",
            BENT,
            honest(),
            bent(1.1, json!({"kind": "piece", "x": [-0.5], "u": []})),
            Lie::AtMost(1.0),
        ),
        forgery(
            "no point",
            BENT,
            honest(),
            bent(1.1, json!({"kind": "piece", "x": [], "u": [1.0]})),
            Lie::AtMost(1.0),
        ),
        forgery(
            "a direction too many",
            identity,
            plane(),
            two(json!([0.0, 0.0]), json!([1.0, 1.0, 1.0])),
            Lie::AtMost(1.0),
        ),
        forgery(
            "a longer direction",
            identity,
            plane(),
            two(json!([0.0, 0.0]), json!([1e200, 1e200])),
            Lie::AtMost(1.0),
        ),
    ];
    for (name, u) in [
        ("a direction of zero", 0.0),
        ("the smallest direction", 5e-324),
        ("a tiny direction", 1e-300),
        ("the largest direction", f64::MAX),
    ] {
        list.push(forgery(name, BENT, honest(), bent(1.1, piece(-0.5, u)), Lie::AtMost(1.0)));
    }
    list
}

fn fractions() -> Vec<Forgery> {
    let inside = |x: &str, u: f64| json!({"kind": "inside", "x": [x], "u": [u]});
    let honest = || bent(0.999_999, inside("-1/3", 1.0));
    let off = |x: &str| draft(&relu(), 1, f64::INFINITY).boxed(&[-2.0], &[0.0]).lower(1.0, inside(x, 1.0));
    let mut list = vec![
        forgery("a fraction of less", BENT, honest(), bent(1.1, inside("-1/3", 1.0)), Lie::AtMost(1.0)),
        forgery("a fraction on the kink", BENT, honest(), bent(1.5, inside("0", 1.0)), Lie::AtMost(1.0)),
        forgery(
            "a fraction and no direction",
            BENT,
            honest(),
            bent(1.1, inside("-1/3", 0.0)),
            Lie::AtMost(1.0),
        ),
        forgery(
            "a fraction and the smallest direction",
            BENT,
            honest(),
            bent(1.1, inside("-1/3", 5e-324)),
            Lie::AtMost(1.0),
        ),
    ];
    for (name, x) in [
        ("a fraction outside", "1/3"),
        ("a fraction on the border", "0"),
        ("a fraction just outside", "1/1000000000000000000000000000000000000000"),
        ("a fraction over zero", "1/0"),
        ("a fraction over minus zero", "1/-0"),
        ("no fraction", "one"),
        ("an empty fraction", ""),
    ] {
        list.push(forgery(name, "relu is 0 on [-2, 0]", honest(), off(x), Lie::AtMost(0.0)));
    }
    list
}

fn pairs() -> Vec<Forgery> {
    let pair = |x: Value, y: Value| json!({"kind": "pair", "x": x, "y": y});
    let honest = || bent(0.999, pair(json!([-1.0]), json!([0.0])));
    let still = || draft(&steep(), 2, 1.01).boxed(&[1.0, -1.0], &[1.0, 1.0]);
    let mut list = vec![
        forgery(
            "a pair outside the region",
            "relu is 0 on [-2, -1]",
            honest(),
            draft(&relu(), 1, f64::INFINITY)
                .boxed(&[-2.0], &[-1.0])
                .lower(0.5, pair(json!([1.0]), json!([-1.0]))),
            Lie::AtMost(0.0),
        ),
        forgery(
            "a pair apart in an input that does not vary",
            "only x_1 varies, and its slope is 1",
            still().lower(0.99, pair(json!([1.0, 1.0]), json!([1.0, 0.0]))),
            still().upper(200.0).lower(50.0, pair(json!([1.0, 1.0]), json!([2.0, 0.0]))),
            Lie::AtMost(1.0),
        ),
        forgery(
            "a pair of the wrong length",
            "only x_1 varies, and its slope is 1",
            still().lower(0.99, pair(json!([1.0, 1.0]), json!([1.0, 0.0]))),
            still().upper(200.0).lower(50.0, pair(json!([1.0]), json!([2.0]))),
            Lie::AtMost(1.0),
        ),
    ];
    for (name, x, y) in [
        ("a pair of less", json!([-1.0]), json!([0.0])),
        ("a pair of one point", json!([-0.5]), json!([-0.5])),
        ("a pair a step apart", json!([-0.5]), json!([-0.5 - 1e-16])),
        ("a pair of the smallest numbers", json!([5e-324]), json!([-5e-324])),
    ] {
        list.push(forgery(name, BENT, honest(), bent(1.1, pair(x, y)), Lie::AtMost(1.0)));
    }
    list
}
