//! A network on one activation pattern, in rationals: the affine function of every output and
//! the conditions under which the pattern is the right one.

use super::part::Part;
use crate::deadline::Deadline;
use crate::layer::{Affine, ConvShape, Incidence, LinearMap, Piece, Piecewise, Scale};
use crate::linalg::Enclosure;
use crate::net::{Net, Node, Op};
use crate::num::rational::Rational;
use crate::num::{Coefficient, Norm, rational};
use crate::polytope::exact::Form;
use crate::polytope::exact_ball::Round;
use crate::region::Region;
use ndarray::{Array3, ArrayView1, Axis};
use std::cmp::Ordering;

/// Multiplications of rationals that one pattern may cost.
const WORK: f64 = 3e6;

/// What a pattern gives.
pub struct Pattern {
    /// Of the inputs that vary, in order.
    pub outputs: Vec<Form>,
    /// Every neuron's argument lies on its side of its kink where these are >= 0; none is
    /// zero everywhere.
    pub conditions: Vec<Form>,
}

/// Why there is no pattern.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Missing {
    /// This feature of a node's argument lies on no side yet.
    Open { node: usize, feature: usize },
    /// An operator or coefficient that is not piecewise linear with exact coefficients, or too much work.
    Inexact,
}

/// A piece: slope, offset, and conditions z >= at (true) or z <= at.
pub type Side = (f64, f64, Vec<(bool, f64)>);

/// The side of its kinks on which an argument in [l, u] lies; None if it may lie on several.
pub fn side(f: &Piecewise, j: usize, l: f64, u: f64) -> Option<Side> {
    let Piece::Fixed { slope, offset } = f.piece(j, l, u) else { return None };
    let conditions = match *f {
        Piecewise::Clip { lo, hi } if lo >= hi => vec![],
        Piecewise::Clip { lo, hi } if slope == 1.0 => vec![(true, lo), (false, hi)],
        Piecewise::Clip { lo, .. } if u <= lo => vec![(false, lo)],
        Piecewise::Clip { hi, .. } => vec![(true, hi)],
        // `piece` looks below first.
        Piecewise::Leaky { .. } | Piecewise::PerFeature { .. } => vec![(u > 0.0, 0.0)],
    };
    Some((slope, offset, conditions.into_iter().filter(|c| c.1.is_finite()).collect()))
}

/// The same around a point; None on a kink, unless the argument is constant.
pub fn side_at(f: &Piecewise, j: usize, z: &Form, point: &[Rational]) -> Option<Side> {
    let v = z.at(point);
    let (mut l, mut u) = (f64::NEG_INFINITY, f64::INFINITY);
    for kink in f.kinks(j).into_iter().flatten() {
        let at = rational::of(kink)?;
        match v.cmp(&at) {
            Ordering::Less => u = u.min(kink),
            Ordering::Greater => l = l.max(kink),
            Ordering::Equal if z.is_constant() => (l, u) = (kink, kink),
            Ordering::Equal => return None,
        }
    }
    side(f, j, l, u)
}

/// The choice by proven ends of every argument, and by the last cut where they touch a kink from
/// both sides: on parts without interior roundings would decide else.
pub fn by_ends<'p>(part: &'p Part) -> impl Fn(&Piecewise, usize, usize, &Form) -> Option<Side> + 'p {
    |f, node, j, _| {
        let [lo, hi] = part.known[node].as_ref()?;
        let cut = part.cuts.iter().rev().find(|c| (c.node, c.feature) == (node, j));
        let (l, u) = match cut {
            Some(c) if c.above => (lo[j].max(c.at), hi[j].max(c.at.next_up())),
            Some(c) => (lo[j].min(c.at), hi[j].min(c.at)),
            None => (lo[j], hi[j]),
        };
        side(f, j, l, u)
    }
}

/// The values of the `n` coordinates that do not vary.
pub fn constants(region: &Region, n: usize) -> Vec<Option<Rational>> {
    (0..n).map(|j| region.constant(j)).collect()
}

/// The ends of a part's live coordinates within the region: what was written need not be floats.
pub fn ends(region: &Region, lo: &[f64], hi: &[f64], live: &[usize]) -> Option<[Vec<Rational>; 2]> {
    let (mut low, mut high) = (vec![], vec![]);
    for &j in live {
        let [l, h] = region.exact_ends(j)?;
        low.push(l.max(rational::of(lo[j])?));
        high.push(h.min(rational::of(hi[j])?));
    }
    Some([low, high])
}

/// Live coordinates up to which the faces of an l1 ball are listed.
const FACES: usize = 6;

/// Conditions >= 0 that hold on the region beside those of its box.
pub fn faces(region: &Region, live: &[usize]) -> Vec<Form> {
    let (Some((Norm::One, radius)), Some((_, centre))) = (region.ball_norm(), region.written()) else {
        return vec![];
    };
    if live.len() > FACES {
        return vec![];
    }
    let face = |signs: usize| {
        let mut form = Form::constant(live.len(), radius.value());
        for (k, &j) in live.iter().enumerate() {
            let sign = if signs >> k & 1 == 1 { Rational::ONE } else { -Rational::ONE };
            form.c -= &sign * centre[j].value();
            form.a[k] = sign;
        }
        form
    };
    (0..1usize << live.len()).map(face).collect()
}

/// The region's ball, where that is no box, with its box; of the live coordinates.
pub fn ball(region: &Region, live: &[usize]) -> Option<Round> {
    let (norm, radius) = region.ball_norm().filter(|(norm, _)| *norm != Norm::Inf)?;
    let (_, centre) = region.written()?;
    let (lo, hi) = region.ends()?;
    let [lo, hi] = ends(region, lo, hi, live)?;
    let centre = live.iter().map(|&j| centre[j].value()).collect();
    Some(Round { lo, hi, norm, centre, radius: radius.value() })
}

/// Does the point lie inside the region's ball?
pub fn within(region: &Region, x: &[Rational]) -> bool {
    let (Some((norm, radius)), Some((_, centre))) = (region.ball_norm(), region.written()) else {
        return true;
    };
    let (way, r) = (x.iter().zip(centre).map(|(x, c)| x - c.value()).collect::<Vec<_>>(), radius.value());
    let zero = || Rational::ZERO;
    match norm {
        Norm::Inf => way.into_iter().all(|d| -&r < d && d < r),
        Norm::One => way.into_iter().fold(zero(), |s, d| if d < zero() { s - d } else { s + d }) < r,
        Norm::Two => way.iter().fold(zero(), |s, d| s + d * d) < &r * &r,
    }
}

/// The pattern that `choose(function, node of the argument, feature, argument)` names; `input[j]` is
/// None where coordinate j varies. Too much work where the time is up before it is done.
pub fn pattern(
    net: &Net,
    input: &[Option<Rational>],
    choose: &Choose,
    until: &Deadline,
) -> Result<Pattern, Missing> {
    let n = input.iter().filter(|v| v.is_none()).count();
    if net.products() * (n + 1) as f64 > WORK {
        return Err(Missing::Inexact);
    }
    let mut live = 0..n;
    let coordinate = |v: &Option<Rational>| match v {
        Some(x) => Form::constant(n, x.clone()),
        None => Form::coordinate(n, live.next().expect("counted above")),
    };
    let mut walk = Walk { n, values: vec![input.iter().map(coordinate).collect()], conditions: vec![] };
    for node in &net.nodes[1..] {
        let value = match &node.op {
            Op::Affine(a) => walk.affine(a, node, until)?,
            Op::Scale(s) => walk.scaled(s, node)?,
            Op::Select { incidence, fill } => walk.selected(incidence, *fill, node)?,
            Op::Add => walk.added(node),
            Op::Concat => node.inputs.iter().flat_map(|&i| walk.values[i].iter().cloned()).collect(),
            Op::Piecewise(f) => walk.pieces(f, node.inputs[0], choose)?,
            Op::Input | Op::Smooth(_) | Op::Max(_) | Op::Softmax { .. } => return Err(Missing::Inexact),
        };
        walk.values.push(value);
    }
    Ok(Pattern { outputs: walk.values.pop().expect("an output"), conditions: walk.conditions })
}

/// Which piece an argument is on.
type Choose<'c> = dyn Fn(&Piecewise, usize, usize, &Form) -> Option<Side> + 'c;

/// The values of the nodes so far, and the conditions under which they are these.
struct Walk {
    /// How many inputs vary.
    n: usize,
    values: Vec<Vec<Form>>,
    conditions: Vec<Form>,
}

impl Walk {
    /// The value that a node reads.
    fn read(&self, node: &Node) -> &[Form] {
        &self.values[node.inputs[0]]
    }

    fn affine(&self, a: &Affine, node: &Node, until: &Deadline) -> Result<Vec<Form>, Missing> {
        let x = self.read(node);
        let mut out = Vec::with_capacity(node.len());
        for (i, row) in entries(&a.map).into_iter().enumerate() {
            if until.is_over() {
                return Err(Missing::Inexact);
            }
            let bias = a.bias.as_ref().filter(|b| !b.is_empty()).map_or(0.0, |b| b[i / a.repeat]);
            let mut y = Form::constant(self.n, number(bias)?);
            for (j, w) in row {
                y.add(&x[j], &number(w)?);
            }
            out.push(y);
        }
        Ok(out)
    }

    fn scaled(&self, s: &Scale, node: &Node) -> Result<Vec<Form>, Missing> {
        let each = |(j, x): (usize, &Form)| {
            let k = s.index(j);
            let mut y = Form::constant(self.n, coefficient(s.shift[k])?);
            y.add(x, &coefficient(s.factor[k])?);
            Ok(y)
        };
        self.read(node).iter().enumerate().map(each).collect()
    }

    fn selected(&self, incidence: &Incidence, fill: f64, node: &Node) -> Result<Vec<Form>, Missing> {
        let x = self.read(node);
        let each = |i: usize| {
            let window = &incidence.index[incidence.window(i)];
            let mut y = Form::constant(self.n, number(if window.is_empty() { fill } else { 0.0 })?);
            window.iter().for_each(|&j| y.add(&x[j as usize], &Rational::ONE));
            Ok(y)
        };
        (0..node.len()).map(each).collect()
    }

    fn added(&self, node: &Node) -> Vec<Form> {
        let mut sum = self.read(node).to_vec();
        for &i in &node.inputs[1..] {
            sum.iter_mut().zip(&self.values[i]).for_each(|(y, x)| y.add(x, &Rational::ONE));
        }
        sum
    }

    /// The pieces of the arguments at node `at`.
    fn pieces(&mut self, f: &Piecewise, at: usize, choose: &Choose) -> Result<Vec<Form>, Missing> {
        let mut out = Vec::with_capacity(self.values[at].len());
        for (j, z) in self.values[at].iter().enumerate() {
            let Some((slope, offset, sides)) = choose(f, at, j, z) else {
                return Err(Missing::Open { node: at, feature: j });
            };
            for (above, kink) in sides {
                let sign = if above { Rational::ONE } else { -Rational::ONE };
                let mut condition = Form::constant(self.n, -number(kink)? * &sign);
                condition.add(z, &sign);
                if !condition.is_constant() || !condition.c.is_zero() {
                    self.conditions.push(condition);
                }
            }
            let mut y = Form::constant(self.n, number(offset)?);
            y.add(z, &number(slope)?);
            out.push(y);
        }
        Ok(out)
    }
}

fn number(x: f64) -> Result<Rational, Missing> {
    rational::of(x).ok_or(Missing::Inexact)
}

fn coefficient(c: Coefficient) -> Result<Rational, Missing> {
    match (rational::of(c.hi), rational::of(c.lo)) {
        (Some(hi), Some(lo)) if c.err == 0.0 => Ok(hi + lo),
        _ => Err(Missing::Inexact),
    }
}

/// The rows of a map, without zeros.
pub fn entries(map: &LinearMap) -> Vec<Vec<(usize, f64)>> {
    let mut rows = vec![vec![]; map.outputs()];
    match map {
        LinearMap::Dense(w) => {
            for ((i, j), &v) in w.indexed_iter().filter(|(_, v)| **v != 0.0) {
                rows[i].push((j, v));
            }
        }
        LinearMap::Conv { shape, weight, adjoint } => taps(shape, weight, &mut |o, i, w| {
            if *adjoint { rows[i].push((o, w)) } else { rows[o].push((i, w)) }
        }),
    }
    rows
}

/// Every (output, input, weight) of a convolution.
fn taps(s: &ConvShape, weight: &[f64], visit: &mut dyn FnMut(usize, usize, f64)) {
    let (ins, outs) = (s.in_channels / s.groups, s.out_channels / s.groups);
    for o in 0..s.out_channels {
        for (y, x) in (0..s.output[0]).flat_map(|y| (0..s.output[1]).map(move |x| (y, x))) {
            for c in 0..ins {
                for t in 0..s.taps() {
                    let (v, u) = (t / s.kernel[1], t % s.kernel[1]);
                    let (Some(row), Some(column)) = (s.source(0, y, v), s.source(1, x, u)) else { continue };
                    let w = weight[(o * ins + c) * s.taps() + t];
                    let channel = o / outs * ins + c;
                    let from = (channel * s.input[0] + row) * s.input[1] + column;
                    let to = (o * s.output[0] + y) * s.output[1] + x;
                    if w != 0.0 {
                        visit(to, from, w);
                    }
                }
            }
        }
    }
}

impl Pattern {
    /// These rows times the Jacobian of the outputs: floats around rationals, one item; None
    /// unless the rows are finite numbers.
    pub fn jacobian(&self, rows: &Enclosure, input: &[Option<Rational>]) -> Option<Enclosure> {
        let live: Vec<usize> = (0..input.len()).filter(|&j| input[j].is_none()).collect();
        let combined = |row: ArrayView1<f64>| {
            let mut sum = Form::constant(live.len(), Rational::ZERO);
            for (form, w) in self.outputs.iter().zip(row).filter(|(_, w)| **w != 0.0) {
                sum.add(form, &rational::of(*w)?);
            }
            Some(sum)
        };
        let item = rows.centre.index_axis(Axis(0), 0);
        let rows: Vec<Form> = item.rows().into_iter().map(combined).collect::<Option<_>>()?;
        let zeros = || Array3::zeros((1, rows.len(), input.len()));
        let (mut lo, mut hi) = (zeros(), zeros());
        for (r, row) in rows.iter().enumerate() {
            for (a, &j) in row.a.iter().zip(&live) {
                let near = rational::around(a);
                (lo[[0, r, j]], hi[[0, r, j]]) = (near.lo, near.hi);
            }
        }
        Some(Enclosure::from_bounds(&lo, &hi))
    }
}
