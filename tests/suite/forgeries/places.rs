//! Forged regions: other places than those that were bounded.

use super::draft::*;
use super::{Forgery, forgery};
use serde_json::json;

pub fn all() -> Vec<Forgery> {
    [moved(), anchored()].into_iter().flatten().collect()
}

/// The region is another one than that of the proof.
fn moved() -> Vec<Forgery> {
    let off = || draft(&relu(), 1, 0.0).boxed(&[-2.0], &[-1.0]);
    let on = Lie::Steeper(at, vec![1.0], vec![0.0]);
    vec![
        forgery("wider box", "relu has slope 1 above 0", off(), off().with("/region/hi", json!([1.0])), on),
        forgery(
            "box elsewhere",
            "relu has slope 1 above 0",
            off(),
            off().boxed(&[1.0], &[2.0]),
            Lie::Steeper(at, vec![2.0], vec![1.0]),
        ),
        forgery(
            "everything instead of a box",
            "relu has slope 1 above 0",
            off(),
            off().everywhere(),
            Lie::Steeper(at, vec![2.0], vec![1.0]),
        ),
        forgery(
            "larger radius",
            "the ball around -2 reaches 1, where relu has slope 1",
            draft(&relu(), 1, 0.0).ball(&[-2.0], 1.0, "inf"),
            draft(&relu(), 1, 0.0).ball(&[-2.0], 3.0, "inf"),
            Lie::Steeper(at, vec![1.0], vec![0.0]),
        ),
        forgery(
            "a ball of the norm inf instead of 1",
            "the corner (1, 1) lies in it, where x_0 + x_1 - 1.1 is positive",
            corner("1"),
            corner("inf"),
            Lie::Steeper(at_corner, vec![1.0, 1.0], vec![0.9, 0.9]),
        ),
        forgery(
            "a ball's box without the ball",
            "the corner (1, 1) lies in it, where x_0 + x_1 - 1.1 is positive",
            corner("1"),
            corner("1").with("/region/ball", json!(null)),
            Lie::Steeper(at_corner, vec![1.0, 1.0], vec![0.9, 0.9]),
        ),
        forgery(
            "another centre of a ball",
            "around (1, 1) x_0 + x_1 - 1.1 is positive",
            corner("1"),
            corner("1").ball(&[1.0, 1.0], 1.0, "1"),
            Lie::Steeper(at_corner, vec![1.0, 1.0], vec![0.9, 0.9]),
        ),
        forgery(
            "a negative radius",
            "no such ball exists, and relu has slope 1 on the box",
            draft(&relu(), 1, 0.0).ball(&[-2.0], 1.0, "inf"),
            draft(&relu(), 1, 0.0).ball(&[-2.0], 3.0, "inf").with("/region/ball/1", json!(-3.0)),
            Lie::Steeper(at, vec![1.0], vec![0.0]),
        ),
        forgery(
            "ends of the box in the wrong order",
            "between -1 and 2 relu has slope 1",
            draft(&relu(), 1, 0.0).boxed(&[-2.0], &[-1.0]),
            draft(&relu(), 1, 0.0).boxed(&[2.0], &[-1.0]),
            Lie::Steeper(at, vec![2.0], vec![1.0]),
        ),
    ]
}

/// relu(x_0 + x_1 − 1.1), which is 0 on the unit ball of the norm 1.
fn corner(norm: &str) -> Draft {
    let net = npz(&[(&[&[1.0, 1.0]], &[-1.1], "relu"), (&[&[1.0]], &[0.0], "")]);
    draft(&net, 2, 0.0).ball(&[0.0, 0.0], 1.0, norm)
}

fn at_corner(x: &[f64]) -> Vec<f64> {
    vec![(x[0] + x[1] - 1.1).max(0.0)]
}

/// What proves slopes says nothing about quotients against the centre.
fn anchored() -> Vec<Forgery> {
    vec![
        forgery(
            "the whole constant for the anchored one",
            "against -1 no quotient is above 1/2: relu(x) / (x + 1) at x <= 1",
            draft(&relu(), 1, 1.01)
                .boxed(&[-3.0], &[1.0])
                .lower(0.999, json!({"kind": "piece", "x": [0.5], "u": [1.0]})),
            draft(&relu(), 1, 1.01)
                .boxed(&[-3.0], &[1.0])
                .lower(0.999, json!({"kind": "piece", "x": [0.5], "u": [1.0]}))
                .with("/quotient/quantity", json!("anchored")),
            Lie::AtMost(0.5),
        ),
        forgery(
            "a fraction's point for the anchored constant",
            "against -1 no quotient is above 1/2",
            draft(&relu(), 1, 1.01)
                .boxed(&[-3.0], &[1.0])
                .lower(0.999, json!({"kind": "inside", "x": ["1/3"], "u": [1.0]})),
            draft(&relu(), 1, 1.01)
                .boxed(&[-3.0], &[1.0])
                .lower(0.999, json!({"kind": "inside", "x": ["1/3"], "u": [1.0]}))
                .with("/quotient/quantity", json!("anchored")),
            Lie::AtMost(0.5),
        ),
        forgery(
            "a pair without the centre for the anchored constant",
            "against -1 no quotient is above 1/2",
            draft(&relu(), 1, 1.01)
                .boxed(&[-3.0], &[1.0])
                .lower(0.9, json!({"kind": "pair", "x": [1.0], "y": [0.0]})),
            draft(&relu(), 1, 1.01)
                .boxed(&[-3.0], &[1.0])
                .lower(0.9, json!({"kind": "pair", "x": [1.0], "y": [0.0]}))
                .with("/quotient/quantity", json!("anchored")),
            Lie::AtMost(0.5),
        ),
    ]
}
