//! Constructions on which activation patterns without interior, pieces without floats and
//! coinciding kinks decide; the search against enumeration, and every certificate against the checker.

use crate::common::budget;
use crate::common::nets::pair;
use crate::common::pieces::{Shape, constant};
use crate::common::solve::{certify, solve};
use clarke::certificate::check::{Limits, check};
use clarke::layer::{Affine, LinearMap, Piecewise};
use clarke::method::Goal;
use clarke::net::{Net, Op};
use clarke::num::Norm;
use clarke::problem::{Output, Problem, Quantity, Question};
use clarke::region::Region;
use ndarray::Array2;
use std::sync::Arc;

const TINY: f64 = 1.0 / (1u64 << 60) as f64;

/// Layers (weights by rows, biases) with an activation between them.
fn chain(f: Piecewise, layers: &[(&[&[f64]], &[f64])]) -> Net {
    let mut net = Net::new(vec![layers[0].0[0].len()]);
    for (k, (rows, bias)) in layers.iter().enumerate() {
        let w = Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j]);
        let map = LinearMap::Dense(Arc::new(w));
        let op = Op::Affine(Affine { map, bias: Some(Arc::new(bias.to_vec())), repeat: 1 });
        let last = net.nodes.len() - 1;
        net.push("affine", op, vec![last], vec![rows.len()]).expect("a layer");
        if k + 1 < layers.len() {
            net.push("f", Op::Piecewise(f.clone()), vec![last + 1], vec![rows.len()]).expect("an activation");
        }
    }
    net
}

fn relu(layers: &[(&[&[f64]], &[f64])]) -> Net {
    chain(Piecewise::RELU, layers)
}

fn square(r: f64) -> Region {
    Region::boxed(vec![-r; 2], vec![r; 2]).expect("a box")
}

fn interval(lo: f64, hi: f64) -> Region {
    Region::boxed(vec![lo], vec![hi]).expect("an interval")
}

fn constructions() -> Vec<(&'static str, Net, Region)> {
    let zero: &[f64] = &[0.0];
    let cancelling = relu(&[(&[&[1.0], &[-1.0]], &[0.0, 0.0]), (&[&[1.0, -1.0]], zero)]);
    let thin = relu(&[
        (&[&[1.0], &[0.0], &[0.0]], &[0.0, 1.0, TINY]),
        (&[&[1.0, -1.0, 0.0], &[-1.0, 1.0, 1.0]], &[0.0, 0.0]),
        (&[&[1.0, -1.0]], zero),
    ]);
    let star: &[&[f64]] = &[&[1.0, 0.0], &[0.0, 1.0], &[1.0, 1.0], &[1.0, -1.0], &[2.0, 1.0]];
    let none: &[f64] = &[0.0; 5];
    let one: &[&[f64]] = &[&[1.0, -2.0, 1.5, 0.5, -1.0]];
    let two: &[&[f64]] = &[&[1.0, -2.0, 1.5, 0.5, -1.0], &[-1.0, 0.25, 1.0, 1.0, 2.0]];
    let twins: &[&[f64]] = &[&[1.0, 0.5], &[1.0, 0.5], &[-1.0, -0.5], &[2.0, 1.0]];
    let mix: &[&[f64]] = &[&[1.0, -1.0, 1.0, 0.5], &[2.0, 1.0, -1.0, -0.75]];
    let near = |d: f64| [0.25, 0.25 + d, -0.25, 0.5 - d];
    let second: &[&[f64]] = &[&[1.0, -1.0], &[-1.0, 1.0], &[0.5, 0.5]];
    let third: &[&[f64]] = &[&[1.0, -1.0, 1.0]];
    let clip = Piecewise::Clip { lo: 0.0, hi: 1.0 };
    let empty = Piecewise::Clip { lo: 1.0, hi: 1.0 };
    vec![
        ("x as a difference of relu", cancelling.clone(), interval(-1.0, 1.0)),
        ("the same beside the kink", cancelling.clone(), interval(0.0, 2.0)),
        ("the same with the kink near an end", cancelling, interval(-1.0, TINY)),
        ("a piece of width 2^-60 around no float", thin.clone(), interval(0.5, 1.5)),
        ("the same on a narrow box", thin, interval(1.0 - 1e-9, 1.0 + 1e-9)),
        ("five kinks through one point", relu(&[(star, none), (one, zero)]), square(1.0)),
        ("the same, two outputs", relu(&[(star, none), (two, &[0.0; 2])]), square(0.125)),
        (
            "the same point on a corner",
            relu(&[(star, none), (one, zero)]),
            Region::boxed(vec![0.0; 2], vec![1.0; 2]).expect("a box"),
        ),
        (
            "the same point on a side",
            relu(&[(star, none), (one, zero)]),
            Region::boxed(vec![0.0, -1.0], vec![1.0, 1.0]).expect("a box"),
        ),
        ("the same point outside", relu(&[(star, &[1.0; 5]), (one, zero)]), square(0.3)),
        ("twins and their opposites", relu(&[(twins, &[0.0; 4]), (mix, &[0.0; 2])]), square(1.0)),
        ("parallel kinks 1e-9 apart", relu(&[(twins, &near(1e-9)), (mix, &[0.0; 2])]), square(1.0)),
        ("parallel kinks 1e-15 apart", relu(&[(twins, &near(1e-15)), (mix, &[0.0; 2])]), square(1.0)),
        ("parallel kinks 2^-54 apart", relu(&[(twins, &near(TINY * 64.0)), (mix, &[0.0; 2])]), square(1.0)),
        ("a dead layer", relu(&[(twins, &[-9.0; 4]), (mix, &[0.5; 2]), (second, &[0.0; 3])]), square(1.0)),
        (
            "a layer that dies at a corner",
            relu(&[(twins, &[-1.5, -1.5, -1.5, -3.0]), (mix, &[0.0; 2]), (second, &[0.0; 3])]),
            square(1.0),
        ),
        (
            "a layer that is on but for a corner",
            relu(&[(twins, &[1.5, 1.5, 1.5, 3.0]), (mix, &[0.0; 2]), (second, &[0.0; 3])]),
            square(1.0),
        ),
        (
            "opposite neurons behind opposite neurons",
            relu(&[(twins, &[0.0; 4]), (mix, &[0.0; 2]), (second, &[0.0; 3]), (third, zero)]),
            square(1.0),
        ),
        (
            "neurons that are zero everywhere",
            relu(&[(&[&[0.0, 0.0], &[1.0, 1.0], &[0.0, 0.0]], &[0.0, 0.0, -1.0]), (third, zero)]),
            square(1.0),
        ),
        (
            "zero times a free neuron",
            relu(&[(&[&[1.0, 2.0], &[2.0, -1.0]], &[0.0; 2]), (&[&[0.0, 1.0], &[0.0, -3.0]], &[0.0, 0.5])]),
            square(1.0),
        ),
        (
            "free neurons without influence that switch others",
            relu(&[
                (&[&[1.0, 0.0], &[0.0, 1.0]], &[0.0; 2]),
                (&[&[1.0, -1.0], &[1.0, -1.0]], &[0.0; 2]),
                (&[&[1.0, -1.0]], zero),
            ]),
            square(1.0),
        ),
        (
            "|x| − |−x|",
            chain(Piecewise::ABS, &[(&[&[1.0], &[-1.0]], &[0.0; 2]), (&[&[1.0, -1.0]], zero)]),
            interval(-1.0, 1.0),
        ),
        ("abs of twins", chain(Piecewise::ABS, &[(twins, &near(0.0)), (mix, &[0.0; 2])]), square(1.0)),
        (
            "clip at both ends of the box",
            chain(clip.clone(), &[(&[&[1.0], &[-1.0]], &[0.0, 1.0]), (&[&[1.0, 1.0]], zero)]),
            interval(0.0, 1.0),
        ),
        (
            "clip that cancels",
            chain(clip, &[(&[&[1.0], &[1.0]], &[0.0, 0.0]), (&[&[1.0, -1.0]], zero)]),
            interval(-1.0, 2.0),
        ),
        ("clip to a single value", chain(empty, &[(twins, &near(0.5)), (mix, &[0.0; 2])]), square(1.0)),
        (
            "leaky relu of slope one",
            chain(Piecewise::Leaky { slope: 1.0 }, &[(twins, &near(0.5)), (mix, &[0.0; 2])]),
            square(1.0),
        ),
        (
            "leaky relu that cancels",
            chain(Piecewise::Leaky { slope: 0.5 }, &[(twins, &[0.0; 4]), (mix, &[0.0; 2])]),
            square(1.0),
        ),
        ("a box of width 2^-60 across kinks", relu(&[(star, none), (two, &[0.0; 2])]), square(TINY)),
    ]
}

#[test]
fn both_ends_are_the_truth() {
    let list = constructions();
    assert!(list.len() >= 22);
    for (name, net, region) in list {
        for k in 0..9 {
            let (in_norm, out_norm) = pair(k);
            let quotient = Question { in_norm, out_norm, output: Output::All, quantity: Quantity::Lipschitz };
            let problem = Problem::new(net.clone(), region.clone(), quotient).expect("a problem");
            let (truth, _) =
                constant(&problem, Shape::Inside, crate::truth::truth).expect("at most two inputs");
            let goal = Goal { splits: Some(2000), ..Goal::from(1.0 + 1e-9) };
            let o = solve(&problem, "exact", goal, budget(600), 1).expect(name);
            let (upper, lower) = (o.upper.value.get(), o.lower.value.get());
            let place = format!("{name}, {in_norm} to {out_norm}: [{lower}, {upper}] around {truth}");
            assert!(upper >= truth * (1.0 - 1e-12) && lower <= truth * (1.0 + 1e-12), "{place}");
            assert!(o.exact && upper <= truth * (1.0 + 1e-9) && lower >= truth * (1.0 - 1e-9), "{place}");
            let (claim, digest) = certify(&problem, &o, &budget(600));
            assert_eq!(digest, None, "{place}");
            assert!(check(&problem, &claim, &Limits::default()).is_ok(), "{place}");
        }
    }
}

/// The two values that other tools get wrong.
#[test]
fn known_values() {
    let value = |name: &str| {
        let (_, net, region) = constructions().into_iter().find(|c| c.0 == name).expect("a construction");
        let quotient = Question {
            in_norm: Norm::Two,
            out_norm: Norm::Two,
            output: Output::All,
            quantity: Quantity::Lipschitz,
        };
        let problem = Problem::new(net, region, quotient).expect("a problem");
        let goal = Goal { splits: Some(2000), ..Goal::from(1.0 + 1e-9) };
        let o = solve(&problem, "exact", goal, budget(600), 1).expect("a pair");
        [o.lower.value.get(), o.upper.value.get()]
    };
    for (name, truth) in [("x as a difference of relu", 1.0), ("a piece of width 2^-60 around no float", 2.0)]
    {
        let [lower, upper] = value(name);
        assert!(lower <= truth && truth <= upper && upper - lower < 1e-9, "{name}: [{lower}, {upper}]");
    }
}
