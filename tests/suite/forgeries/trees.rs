//! Forged trees: parts that are missing, shared or elsewhere, faces, reach and kinks.

use super::draft::*;
use super::{Forgery, forgery};
use serde_json::json;

pub fn all() -> Vec<Forgery> {
    [shapes(), divisions(), faces(), maxima(), words()].into_iter().flatten().collect()
}

/// relu(x) − relu(−x) divided by the signs of x and of −x: of four parts two have no interior.
pub fn quarters(leaf: serde_json::Value) -> Draft {
    let kink = |feature: usize, a: usize, b: usize| json!({"kink": [1, feature, 0.0, a, b]});
    let void = || json!({"refuted": ["1", "1"]});
    let parts = [kink(0, 1, 2), kink(1, 3, 4), kink(1, 5, 6), void(), leaf.clone(), leaf, void()];
    draft(&identity(), 1, 1.01).parts(json!(parts))
}

fn shapes() -> Vec<Forgery> {
    let on = || Lie::Steeper(at, vec![1.0], vec![0.0]);
    let why = "relu has slope 1 above 0";
    let honest = || draft(&relu(), 1, 1.01).parts(json!([{"kink": [1, 0, 0.0, 1, 2]}, "bounded", "bounded"]));
    let zero = |parts| draft(&relu(), 1, 0.0).parts(parts);
    let kink = |a: usize, b: usize| json!({"kink": [1, 0, 0.0, a, b]});
    vec![
        forgery("no parts", why, honest(), zero(json!([])), on()),
        forgery("the steep side is gone", why, honest(), zero(json!([kink(2, 1), "bounded"])), on()),
        forgery("the flat side twice", why, honest(), zero(json!([kink(1, 1), "bounded", "bounded"])), on()),
        forgery("a part that holds itself", why, honest(), zero(json!([kink(0, 1), "bounded"])), on()),
        forgery("parts in a circle", why, honest(), zero(json!([kink(1, 2), kink(0, 2), "bounded"])), on()),
        forgery("a part beside the tree", why, honest(), zero(json!(["bounded", "bounded"])), on()),
        forgery(
            "a tree of another root",
            why,
            honest(),
            zero(json!(["pattern", kink(0, 2), "bounded"])),
            on(),
        ),
        forgery(
            "a part far beyond the end",
            why,
            honest(),
            zero(json!([kink(usize::MAX, 1), "bounded"])),
            on(),
        ),
    ]
}

fn divisions() -> Vec<Forgery> {
    let on = || Lie::Steeper(at, vec![1.0], vec![0.0]);
    let why = "relu has slope 1 above 0";
    let honest = || draft(&relu(), 1, 1.01).parts(json!([{"input": [0, 0.0, 1, 2]}, "bounded", "bounded"]));
    let zero = |split: serde_json::Value, leaves: [serde_json::Value; 2]| {
        let [a, b] = leaves;
        draft(&relu(), 1, 0.0).parts(json!([split, a, b]))
    };
    let both = || [json!("bounded"), json!("bounded")];
    let void = || [json!({"empty": []}), json!("bounded")];
    let still = || {
        let lo_hi = draft(&steep(), 2, 1.01).boxed(&[1.0, -1.0], &[1.0, 1.0]);
        lo_hi.parts(json!(["bounded"]))
    };
    vec![
        forgery(
            "divided outside the region",
            why,
            honest(),
            zero(json!({"input": [0, 3.0, 1, 2]}), void()),
            on(),
        ),
        forgery(
            "divided below the region",
            why,
            honest(),
            zero(json!({"input": [0, -3.0, 1, 2]}), void()),
            on(),
        ),
        forgery("divided at an end", why, honest(), zero(json!({"input": [0, 1.0, 1, 2]}), void()), on()),
        forgery(
            "divided along no input",
            why,
            honest(),
            zero(json!({"input": [1, 0.0, 1, 2]}), void()),
            on(),
        ),
        forgery(
            "the upper half is empty",
            why,
            honest(),
            zero(json!({"input": [0, 0.0, 1, 2]}), void()),
            on(),
        ),
        forgery("halves for less", why, honest(), zero(json!({"input": [0, 0.0, 1, 2]}), both()), on()),
        forgery("a kink of no node", why, honest(), zero(json!({"kink": [9, 0, 0.0, 1, 2]}), both()), on()),
        forgery(
            "a kink of no feature",
            why,
            honest(),
            zero(json!({"kink": [1, 5, 0.0, 1, 2]}), both()),
            on(),
        ),
        forgery(
            "a kink of the output",
            why,
            honest(),
            zero(json!({"kink": [3, 0, 0.0, 1, 2]}), void()),
            on(),
        ),
        forgery(
            "a kink of an activation",
            why,
            honest(),
            zero(json!({"kink": [2, 0, 0.0, 1, 2]}), void()),
            on(),
        ),
        forgery(
            "the flat side holds what lies up to 1/2",
            why,
            honest(),
            zero(json!({"kink": [1, 0, 0.5, 1, 2]}), [json!({"empty": []}), json!("pattern")]),
            on(),
        ),
        forgery(
            "quarters of the identity for less",
            "x has slope 1",
            quarters(json!("pattern")),
            quarters(json!("pattern")).upper(0.9),
            Lie::Steeper(at_identity, vec![1.0], vec![0.0]),
        ),
        forgery(
            "divided along an input that does not vary",
            "x_1 has slope 1",
            still(),
            still().upper(0.5).parts(json!([{"input": [0, 1.0, 1, 2]}, {"empty": []}, {"empty": []}])),
            Lie::Steeper(at_steep, vec![1.0, 1.0], vec![1.0, 0.0]),
        ),
    ]
}

/// Everywhere, by the faces of a box of (y, t).
fn faces() -> Vec<Forgery> {
    let why = "relu has slope 1 above 0";
    let honest = |upper: f64| {
        let d = draft(&relu(), 1, upper).everywhere().with("/proof/reach", json!(4.0));
        d.parts(json!([{"faces": [1, 2, 3]}, "bounded", "bounded", "bounded"]))
    };
    let on = || Lie::Steeper(at, vec![1.0], vec![0.0]);
    let forged = |parts| honest(0.5).parts(parts);
    let bounded = |upper: f64| draft(&relu(), 1, upper);
    vec![
        forgery("faces for less", why, honest(1.01), honest(0.5), on()),
        forgery("no reach", why, honest(1.01), honest(0.5).with("/proof/reach", json!(null)), on()),
        forgery("a reach of zero", why, honest(1.01), honest(0.5).with("/proof/reach", json!(0.0)), on()),
        forgery("a negative reach", why, honest(1.01), honest(0.5).with("/proof/reach", json!(-4.0)), on()),
        forgery("the smallest reach", why, honest(1.01), honest(0.5).with("/proof/reach", json!(5e-324)), on()),
        forgery(
            "a face is gone",
            why,
            honest(1.01),
            forged(json!([{"faces": [1, 2]}, {"empty": []}, "bounded"])),
            on(),
        ),
        forgery(
            "a face twice",
            why,
            honest(1.01),
            forged(json!([{"faces": [1, 2, 2]}, {"empty": []}, "bounded"])),
            on(),
        ),
        forgery(
            "faces are empty",
            why,
            honest(1.01),
            forged(json!([{"faces": [1, 2, 3]}, {"empty": []}, {"empty": []}, "bounded"])),
            on(),
        ),
        forgery(
            "one pattern on every face",
            why,
            honest(1.01),
            forged(json!([{"faces": [1, 2, 3]}, "pattern", "pattern", "pattern"])),
            on(),
        ),
        forgery(
            "faces of a box",
            why,
            bounded(1.01),
            bounded(0.0).parts(json!([{"faces": [1, 2]}, {"empty": []}, {"empty": []}])),
            on(),
        ),
        forgery(
            "a reach for a box",
            why,
            bounded(1.01),
            bounded(0.0).with("/proof/reach", json!(1.0)),
            on(),
        ),
        forgery(
            "faces inside a tree",
            why,
            honest(1.01),
            honest(0.5).parts(json!([{"kink": [1, 0, 0.0, 1, 2]}, {"faces": [3, 4, 5]}, "bounded", "bounded", "bounded", "bounded"])),
            on(),
        ),
    ]
}

fn maxima() -> Vec<Forgery> {
    let why = "2 x_1 has slope 2 where it is the larger one";
    let on = || Lie::Steeper(at_maximum, vec![0.0, 1.0], vec![0.0, 0.5]);
    let honest = || draft(&maximum(), 2, 2.01);
    let kinks = |d: Draft| d.with("/proof/kinks", json!(true));
    vec![
        forgery("the larger one for less", why, honest(), honest().upper(1.0), on()),
        forgery(
            "maxima as relus for less",
            why,
            kinks(honest().upper(4.1)),
            kinks(honest()).upper(1.5),
            on(),
        ),
        forgery(
            "maxima as relus where there are none",
            "relu has slope 1 above 0",
            draft(&relu(), 1, 1.01),
            kinks(draft(&relu(), 1, 0.5)),
            Lie::Steeper(at, vec![1.0], vec![0.0]),
        ),
        forgery(
            "one pattern of a maximum",
            why,
            honest(),
            honest().upper(1.0).parts(json!(["pattern"])),
            on(),
        ),
        forgery(
            "one pattern of maxima as relus",
            why,
            kinks(honest().upper(4.1)),
            kinks(honest()).upper(1.0).parts(json!(["pattern"])),
            on(),
        ),
    ]
}

/// Words in place of proofs.
fn words() -> Vec<Forgery> {
    let why = "relu has slope 1 above 0";
    let on = || Lie::Steeper(at, vec![1.0], vec![0.0]);
    let (honest, less) = (|| draft(&relu(), 1, 1.01), || draft(&relu(), 1, 0.5));
    let parts = |part: serde_json::Value| less().parts(json!([part]));
    vec![
        forgery(
            "somebody has seen it",
            why,
            honest(),
            less().with("/proof", json!({"rule": "digest", "text": "accepted"})),
            on(),
        ),
        forgery("a rule that does not exist", why, honest(), parts(json!("trusted")), on()),
        forgery("a rule with another one's evidence", why, honest(), parts(json!({"bounded": [1.0]})), on()),
        forgery("a proof of another kind", why, honest(), less().with("/proof/rule", json!("none")), on()),
        forgery("another schema", why, honest(), less().with("/schema", json!("clarke.certificate/0")), on()),
        forgery("a field too many", why, honest(), less().with("/accepted", json!(true)), on()),
        forgery("no proof", why, honest(), less().with("/proof", json!(null)), on()),
    ]
}
