//! Forged ends, norms and outputs.

use super::draft::*;
use super::{Forgery, forgery};
use serde_json::json;

pub fn all() -> Vec<Forgery> {
    [ends(), quotients()].into_iter().flatten().collect()
}

fn slope() -> serde_json::Value {
    json!({"kind": "piece", "x": [0.5], "u": [1.0]})
}

fn ends() -> Vec<Forgery> {
    let honest = || draft(&relu(), 1, 1.01).lower(0.999, slope());
    let steeper = || Lie::Steeper(at, vec![1.0], vec![0.0]);
    let one = "the constant of relu on [-1, 1] is 1";
    vec![
        forgery("lower upper end", one, honest(), draft(&relu(), 1, 0.999), steeper()),
        forgery("an upper end of minus zero", one, honest(), draft(&relu(), 1, -0.0), steeper()),
        forgery(
            "a negative upper end",
            one,
            honest(),
            draft(&relu(), 1, -1.0).lower(-2.0, json!(null)),
            steeper(),
        ),
        forgery("the smallest number as upper end", one, honest(), draft(&relu(), 1, 5e-324), steeper()),
        forgery(
            "higher lower end",
            one,
            honest(),
            honest().upper(f64::INFINITY).lower(1.001, slope()),
            Lie::AtMost(1.0),
        ),
        forgery(
            "an infinite lower end",
            one,
            honest(),
            honest().upper(f64::INFINITY).lower(f64::INFINITY, slope()),
            Lie::AtMost(1.0),
        ),
        forgery(
            "a lower end without witness",
            one,
            honest(),
            honest().upper(2.0).lower(1.5, json!(null)),
            Lie::AtMost(1.0),
        ),
        forgery("ends in the wrong order", one, honest(), honest().upper(0.5), Lie::Nonsense),
        forgery("an upper end that is no number", one, honest(), honest().upper(f64::NAN), Lie::Nonsense),
        forgery(
            "a lower end that is no number",
            one,
            honest(),
            honest().lower(f64::NAN, slope()),
            Lie::Nonsense,
        ),
        forgery(
            "bits that say less than the digits",
            one,
            honest(),
            draft(&relu(), 1, 0.5).with("/upper/value", json!(1.0)),
            steeper(),
        ),
        forgery(
            "digits that say less than the bits",
            one,
            honest(),
            honest().upper(0.5).with("/upper/bits", json!("3fe0000000000001")),
            steeper(),
        ),
    ]
}

fn quotients() -> Vec<Forgery> {
    let sum = || draft(&npz(&[(&[&[1.0, 1.0]], &[0.0], "")]), 2, 1.01);
    let two = || draft(&npz(&[(&[&[1.0], &[1.0]], &[0.0, 0.0], "")]), 1, 1.01);
    let [of_sum, of_two]: [fn(&[f64]) -> Vec<f64>; 2] = [|x| vec![x[0] + x[1]], |x| vec![x[0], x[0]]];
    let first = || draft(&rows(), 1, 1.01).with("/quotient/output", json!("0"));
    let output = |name: &str| first().with("/quotient/output", json!(name));
    let far = || (vec![1.0], vec![0.0]);
    let steeper = |f, (x, y)| Lie::Steeper(f, x, y);
    let third = json!({"kind": "pair", "x": [1.0], "y": [0.0]});
    vec![
        forgery(
            "the norm inf of inputs instead of 1",
            "x_0 + x_1 changes by 2 between (0, 0) and (1, 1)",
            sum().norms("1", "inf"),
            sum().norms("inf", "inf"),
            Lie::Steeper(of_sum, vec![1.0, 1.0], vec![0.0, 0.0]),
        ),
        forgery(
            "the norm 2 of inputs instead of 1",
            "x_0 + x_1 has a gradient of length 2^½",
            sum().norms("1", "inf"),
            sum().norms("2", "inf"),
            Lie::Steeper(of_sum, vec![1.0, 1.0], vec![0.0, 0.0]),
        ),
        forgery(
            "the norm 1 of outputs instead of inf",
            "both outputs change by 1",
            two(),
            two().norms("inf", "1"),
            steeper(of_two, far()),
        ),
        forgery(
            "the norm 2 of outputs instead of inf",
            "both outputs change by 1",
            two(),
            two().norms("inf", "2"),
            steeper(of_two, far()),
        ),
        forgery(
            "all outputs instead of one",
            "the second one has slope 3",
            first(),
            output("all"),
            steeper(at_rows, far()),
        ),
        forgery(
            "another output",
            "the second one has slope 3",
            first(),
            output("1"),
            steeper(at_rows, far()),
        ),
        forgery("a difference of outputs", "it has slope 2", first(), output("1-0"), steeper(at_rows, far())),
        forgery(
            "a difference of an output with itself",
            "there is no such claim, and 0 is no bound of the output",
            first(),
            output("1-1").upper(0.0),
            Lie::AtLeast(3.0),
        ),
        forgery(
            "an output that does not exist",
            "the function has no such output, and 0 bounds none of those that it has",
            first(),
            output("2").upper(0.0),
            Lie::AtLeast(3.0),
        ),
        forgery(
            "the quotient of another output",
            "the first output has slope 1",
            draft(&rows(), 1, 3.01).lower(2.9, third.clone()),
            draft(&rows(), 1, 3.01).lower(2.9, third).with("/quotient/output", json!("0")),
            Lie::AtMost(1.0),
        ),
    ]
}
