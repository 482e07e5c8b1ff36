//! Forged regions: other places than those that were bounded, and places without interior that are said to
//! have some.

use super::draft::*;
use super::{Forgery, forgery};
use serde_json::json;

pub fn all() -> Vec<Forgery> {
    [moved(), thin(), anchored()].into_iter().flatten().collect()
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
            corner("1").boxed(&[-1.0, -1.0], &[1.0, 1.0]),
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
            draft(&relu(), 1, 0.0).ball(&[-2.0], 3.0, "inf").with("/region/radius", json!(-3.0)),
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

/// 100 x_0 + x_1 where x_0 does not vary, or next to nothing does: the constant is 1, where linear bounds and
/// slopes of the whole function say 101.
fn thin() -> Vec<Forgery> {
    let slopes = || json!({"kind": "piece", "x": [1.0, 0.0], "u": [1.0]});
    let still = || draft(&steep(), 2, 1.01).boxed(&[1.0, -1.0], &[1.0, 1.0]).lower(0.999, slopes());
    let wide =
        |region: serde_json::Value| still().upper(102.0).lower(100.9, slopes()).with("/region", region);
    let only = "only x_1 varies, and its slope is 1";
    let point = |region: serde_json::Value| draft(&relu(), 1, 0.0).with("/region", region);
    let kink = |name, region| {
        let why = "at the kink nothing is left but the generalised derivative, up to 1";
        forgery(name, why, draft(&relu(), 1, 1.01), point(region), Lie::AtLeast(1.0))
    };
    let boxes = |lo: serde_json::Value, hi: serde_json::Value| json!({"kind": "box", "lo": lo, "hi": hi, "centre": null});
    let ball = |centre: f64, radius: f64, clip: serde_json::Value| json!({"kind": "ball", "centre": [centre], "radius": radius, "norm": "inf", "clip": clip});
    let mut marked = boxes(json!([1.0, -1.0]), json!([1.0, 1.0]));
    marked["fixed"] = json!([false, false]);
    let mut met = marked.clone();
    met["ball"] = json!(["inf", 1.0]);
    vec![
        forgery(
            "equal ends",
            only,
            still(),
            wide(boxes(json!([1.0, -1.0]), json!([1.0, 1.0]))),
            Lie::AtMost(1.0),
        ),
        forgery(
            "equal ends as fractions",
            only,
            still(),
            wide(boxes(json!(["4/4", -1.0]), json!(["10e-1", 1.0]))),
            Lie::AtMost(1.0),
        ),
        forgery("equal ends that are marked as different", only, still(), wide(marked), Lie::AtMost(1.0)),
        forgery("a box that meets a ball in a face", only, still(), wide(met), Lie::AtMost(1.0)),
        kink("a kink as a box", boxes(json!([0.0]), json!([0.0]))),
        kink("a kink as a ball", ball(0.0, 0.0, json!(null))),
        kink("a kink as a clipped ball", ball(0.0, 1.0, json!([0.0, 0.0]))),
        kink("a kink of two zeros", boxes(json!(["-0"]), json!(["0/3"]))),
        kink("a box narrower than floats can tell", boxes(json!([0.0]), json!(["1e-1000"]))),
        forgery(
            "a wide input that is marked as fixed",
            "x_0 varies, and its slope is 100",
            draft(&steep(), 2, 101.1),
            draft(&steep(), 2, 1.01).with("/region/fixed", json!([true, false])),
            Lie::Steeper(at_steep, vec![1.0, 0.0], vec![0.0, 0.0]),
        ),
        forgery(
            "an input that is nearly fixed",
            "x_0 varies, and its slope is 100",
            draft(&steep(), 2, 101.1)
                .with("/region", boxes(json!([1.0, -1.0]), json!(["1.00000000000000000001", 1.0]))),
            draft(&steep(), 2, 1.01)
                .with("/region", boxes(json!([1.0, -1.0]), json!(["1.00000000000000000001", 1.0]))),
            Lie::AtLeast(101.0),
        ),
    ]
}

/// Quotients against a centre that is no member.
fn anchored() -> Vec<Forgery> {
    let off = || {
        draft(&relu(), 1, 0.0)
            .boxed(&[-2.0], &[-1.0])
            .with("/quotient/quantity", json!("anchored"))
            .with("/region/centre", json!([-1.5]))
    };
    let half = || Lie::Steeper(at, vec![-1.0], vec![5.0]);
    vec![
        forgery(
            "anchored outside the box",
            "relu(5) - relu(-1) is 5, over a distance of 6",
            off(),
            off().with("/region/centre", json!([5.0])),
            half(),
        ),
        forgery(
            "anchored outside the range",
            "relu(5) - relu(-1) is 5, over a distance of 6",
            off(),
            off().ball(&[5.0], 10.0, "inf").with("/region/clip", json!([-2.0, -1.0])),
            half(),
        ),
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
