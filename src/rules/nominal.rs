//! Both ends of a neuron's argument from one backward pass.
//!
//! With n_j the slope at the centre's value z_j(c) of every nonlinear feature before, the function there is
//! f(z_j) = f(z_j(c)) + n_j (z_j − z_j(c)) + e_j, so for the adjoint G of an argument z_i under these slopes
//!
//!   z_i − z_i(c) = G_0 (x − c) + Σ_k G_k e_k.
//!
//! Every e_j lies in [lo_j, hi_j], |e_j| <= rate_j |z_j − z_j(c)|, and beyond a kink that is away from z_j(c) by
//! a_j, |z_j − z_j(c)| = a_j + |e_j| / c_j. With ‖z_k − z_k(c)‖_2 <= ρ_k on the open features, Σ_j P_j e_j is at
//! most the least of
//!
//!   Σ P_j hi_j,  ρ_k ‖(P_j rate_j)_j‖_2,  λ ρ_k² + Σ_j max_m P_j c_j m − λ (a_j + m)² for any λ > 0.
//!
//! From: own; the last bound is weak duality for the ball and the kinks together. Rounding: G is an
//! enclosure, everything else is rounded up.

use super::expansion::{Expansion, Matrix, Reached};
use super::fused::Kept;
use super::row::{Entry, Row, entries};
use crate::backend::Backend;
use crate::layer::smooth::range;
use crate::layer::{Piece, Piecewise};
use crate::linalg::Enclosure;
use crate::net::Op;
use crate::num::Norm;
use crate::num::norms::vector_norm_up;
use crate::num::round::{add_down, add_up, div_down, div_up, mul_down, mul_up, sub_down, sub_up};
use crate::region::Region;
use crate::sweep::{Cones, Ends, Gate, Prepared};
use ndarray::{Array2, Array3};

/// What a nonlinear feature can do besides its slope at the centre.
#[derive(Clone, Copy, Debug)]
struct Slack {
    slope: f64,
    /// Ends of e.
    lo: f64,
    hi: f64,
    /// |e| <= rate |z − z(c)|.
    rate: f64,
    /// A kink this far from z(c), beyond which e = factor m; None where e is something else.
    kink: Option<Kink>,
    /// Is it among the features whose distance is known together?
    counts: bool,
}

#[derive(Clone, Copy, Debug)]
struct Kink {
    away: f64,
    factor: f64,
}

impl Slack {
    fn fixed(slope: f64) -> Slack {
        Slack { slope, lo: 0.0, hi: 0.0, rate: 0.0, kink: None, counts: true }
    }

    fn is_open(&self) -> bool {
        self.lo < 0.0 || self.hi > 0.0
    }

    /// From slopes of secants only: e = (σ − slope) t.
    fn of_slopes([a, z]: [f64; 2], slope: f64, [l, u]: [f64; 2], [c, d]: [f64; 2]) -> Slack {
        let t = [sub_down(l, d).min(0.0), sub_up(u, c).max(0.0)];
        let s = [sub_down(a, slope).min(0.0), sub_up(z, slope).max(0.0)];
        let most = |x: f64, y: f64| if x == 0.0 || y == 0.0 { 0.0 } else { mul_up(x.abs(), y.abs()) };
        let hi = most(s[0], t[0]).max(most(s[1], t[1]));
        let lo = -most(s[0], t[1]).max(most(s[1], t[0]));
        Slack { slope, lo, hi, rate: s[1].max(-s[0]), kink: None, counts: true }
    }

    /// z above 0, `below` z below, with below < 1: convex, so e >= 0.
    fn bent(below: f64, [l, u]: [f64; 2], [c, d]: [f64; 2]) -> Slack {
        let gap = sub_up(1.0, below);
        // How far z goes beyond the kink, and how far z(c) is from it at least.
        let (slope, beyond, away) = if c > 0.0 {
            (1.0, -l, c)
        } else if d <= 0.0 {
            (below, u, -d)
        } else {
            // The sign of z(c) is not known: e = gap (z⁺ − z(c)⁺).
            return Slack {
                slope: below,
                lo: -mul_up(gap, d),
                hi: mul_up(gap, u.max(0.0)),
                rate: gap,
                kink: None,
                counts: true,
            };
        };
        if beyond <= 0.0 {
            return Slack::fixed(slope);
        }
        let share = if beyond.is_finite() { div_up(beyond, add_down(away, beyond)).min(1.0) } else { 1.0 };
        let kink = Some(Kink { away, factor: gap });
        Slack { slope, lo: 0.0, hi: mul_up(gap, beyond), rate: mul_up(gap, share), kink, counts: true }
    }
}

fn piecewise(f: &Piecewise, j: usize, [l, u]: [f64; 2], at: [f64; 2]) -> Slack {
    let slopes = match f.piece(j, l, u) {
        Piece::Fixed { slope, .. } => return Slack::fixed(slope),
        Piece::Free { slope, .. } => slope,
    };
    let below = f.slope_below(j);
    match f {
        Piecewise::Leaky { .. } | Piecewise::PerFeature { .. } if below < 1.0 => {
            Slack::bent(below, [l, u], at)
        }
        Piecewise::Leaky { .. } | Piecewise::PerFeature { .. } | Piecewise::Clip { .. } => {
            let slope = f.derivative(j, 0.5 * (at[0] + at[1])).clamp(slopes[0], slopes[1]);
            Slack::of_slopes(slopes, slope, [l, u], at)
        }
    }
}

/// The means for one region: what is known of the nodes so far.
pub struct Nominal<'p, 'n, B: Backend> {
    prepared: &'p Prepared<'n, B>,
    region: &'p Region,
    slacks: Vec<Option<Vec<Slack>>>,
    /// By kink: the distance of its open arguments from those at the centre.
    radius: Vec<f64>,
    /// By argument: the same where its rows say it.
    expected: Vec<f64>,
    /// Distances of inputs from the centre.
    input: Vec<[f64; 2]>,
    /// The radius of the inputs in the euclidean norm.
    start: f64,
    /// Is every nonlinear node so far one function per feature?
    usable: bool,
    /// Nodes that the output depends on.
    needed: Vec<bool>,
}

impl<'p, 'n, B: Backend> Nominal<'p, 'n, B> {
    /// `input`: ends of the input; `start`: how far it is from the centre in the euclidean norm.
    pub fn new(prepared: &'p Prepared<'n, B>, region: &'p Region, input: &Ends, start: f64) -> Option<Self> {
        // At a point slopes are those of a neighbourhood.
        let (c, d) = region.centre_ends().filter(|_| !region.is_point())?;
        let apart = |j: usize| match region.is_fixed(j) {
            true => [0.0, 0.0],
            false => [sub_down(input.lo[[0, j]], d[j]).min(0.0), sub_up(input.hi[[0, j]], c[j]).max(0.0)],
        };
        let nodes = prepared.net.nodes.len();
        let input = (0..prepared.net.inputs()).map(apart).collect();
        let (slacks, radius) = (vec![None; nodes], vec![f64::INFINITY; nodes]);
        let expected = radius.clone();
        let needed = prepared.net.needed();
        Some(Nominal { prepared, region, slacks, radius, expected, input, start, usable: true, needed })
    }

    /// Passes a nonlinear node: ends of its arguments and their values at the centre, and how far they are from
    /// there together; all of one item. Only some features `counts` where they are bounded together.
    pub fn pass(&mut self, k: usize, (x, at): (&Ends, &Ends), radius: f64, counts: &dyn Fn(usize) -> bool) {
        let node = &self.prepared.net.nodes[k];
        let of = |e: &Ends, j: usize| [e.lo[[0, j]], e.hi[[0, j]]];
        // The centre is a member: its value is within both.
        let both = |j: usize| [of(x, j)[0].max(of(at, j)[0]), of(x, j)[1].min(of(at, j)[1])];
        let within: Vec<[f64; 2]> = (0..x.lo.ncols()).map(both).collect();
        if node.op.is_nonlinear() && within.iter().any(|[c, d]| c > d) {
            self.usable = false;
            return;
        }
        let mut slacks: Vec<Slack> = match &node.op {
            Op::Piecewise(f) => (0..node.len()).map(|j| piecewise(f, j, of(x, j), within[j])).collect(),
            Op::Smooth(f) => {
                let each = |j: usize| {
                    let ([l, u], [c, d]) = (of(x, j), within[j]);
                    let (a, z) = range::slope(*f, l, u);
                    let slope = range::derivative(*f, 0.5 * (c + d)).clamp(a, z);
                    Slack::of_slopes([a, z], slope, [l, u], [c, d])
                };
                (0..node.len()).map(each).collect()
            }
            Op::Max(_) | Op::Softmax { .. } => {
                self.usable = false;
                return;
            }
            Op::Input | Op::Affine(_) | Op::Scale(_) | Op::Select { .. } | Op::Add | Op::Concat => return,
        };
        slacks.iter_mut().enumerate().for_each(|(j, s)| s.counts = counts(j));
        let far = |(j, _): (usize, &Slack)| {
            let ([l, u], [c, d]) = (of(x, j), within[j]);
            sub_up(u, c).max(sub_up(d, l)).max(0.0)
        };
        let open = slacks.iter().enumerate().filter(|(_, s)| s.is_open() && s.counts);
        let own = vector_norm_up(open.map(far).collect::<Vec<_>>(), Norm::Two);
        let radius = radius.min(self.expected[node.inputs[0]]);
        self.radius[k] = if own.is_nan() { radius } else { radius.min(own) };
        self.usable &= slacks.iter().all(|s| s.slope.is_finite());
        self.slacks[k] = Some(slacks);
    }

    fn expansion(&self) -> Option<Expansion<'p, 'n, B>> {
        let b = self.prepared.backend;
        let gate = |s: &Option<Vec<Slack>>| {
            let s = s.as_ref()?;
            let slopes = Array2::from_shape_fn((1, s.len()), |(_, j)| s[j].slope);
            Some(Gate::Each(b.upload_slopes(&slopes, &slopes)))
        };
        let gates = self.slacks.iter().map(gate).collect();
        self.usable.then(|| Expansion::fixed(self.prepared, gates))
    }

    /// How many rows of adjoints these features of node k take, group by group. None where no output needs them.
    pub fn groups(&self, k: usize, cones: &Cones, features: &[usize]) -> Option<Vec<Vec<usize>>> {
        (self.usable && self.needed[k]).then(|| cones.apart(features))
    }

    /// Ends of features of node k, group by group, given its value at the centre. `seen` gets every one.
    pub fn bound(
        &self,
        (k, cones): (usize, &Cones),
        groups: &[Vec<usize>],
        at: &Ends,
        seen: &mut dyn FnMut(usize, [f64; 2], &Row),
    ) -> Option<()> {
        let expansion = self.expansion()?;
        let mut seeds = Enclosure::point(Array3::zeros((1, groups.len(), self.prepared.net.nodes[k].len())));
        for (row, group) in groups.iter().enumerate() {
            group.iter().for_each(|&j| seeds.centre[[0, row, j]] = 1.0);
        }
        let reached = expansion.rows(k, &seeds);
        for (row, group) in groups.iter().enumerate() {
            for &j in group {
                let own = self.row(&expansion, &reached, (row, &|n| cones.features(n, j)));
                let ends = self.ends(&own, [at.lo[[0, j]], at.hi[[0, j]]]);
                seen(j, ends, &own);
            }
        }
        Some(())
    }

    /// The rows of all features of node k that are open from here on say how far these are from their values at
    /// the centre.
    pub fn expect(&mut self, k: usize, kept: &Kept) {
        // What does not count with the others is not within their distance.
        let rate = |node: usize, j: usize| match self.slacks[node].as_ref().map(|s| s[j]) {
            Some(s) if s.counts => s.rate,
            _ => f64::INFINITY,
        };
        self.expected[k] = kept.radius(self.start, &rate, &|node| self.radius[node]);
    }
}

impl<B: Backend> Nominal<'_, '_, B> {
    /// The adjoint of a feature in a row of what was reached, within its cone.
    fn row(
        &self,
        expansion: &Expansion<B>,
        reached: &Reached,
        (row, cone): (usize, &dyn Fn(usize) -> Vec<usize>),
    ) -> Row {
        let moves = |j: &usize| self.input[*j] != [0.0, 0.0];
        let input = entries(&reached.input, row, cone(0).into_iter().filter(moves));
        let kink = |(k, m): (&super::expansion::Kink, &Option<Matrix>)| {
            let slacks = self.slacks[k.node].as_ref()?;
            let open = cone(k.node).into_iter().filter(|&j| slacks[j].is_open());
            Some((k.node, entries(m.as_ref()?, row, open)))
        };
        Row { input, kinks: expansion.kinks.iter().zip(&reached.kinks).filter_map(kink).collect() }
    }

    /// Ends of the feature with this adjoint whose value at the centre is in `at`.
    fn ends(&self, row: &Row, at: [f64; 2]) -> [f64; 2] {
        let side = |up: bool| {
            let most = row
                .kinks
                .iter()
                .fold(self.linear(row, up), |t, (k, list)| add_up(t, self.curved(*k, list, up)));
            if most.is_nan() { f64::INFINITY } else { most }
        };
        [sub_down(at[0], side(false)), add_up(at[1], side(true))]
    }

    /// The largest G_0 (x − c), or −G_0 (x − c).
    fn linear(&self, row: &Row, up: bool) -> f64 {
        let most = |e: &Entry| {
            let [l, h] = e.ends(up);
            let [a, z] = self.input[e.place];
            product(h.max(0.0), z).max(product((-l).max(0.0), -a))
        };
        let in_box = row.input.iter().fold(0.0, |t, e| add_up(t, most(e)));
        let Some((norm, radius)) = self.region.ball_norm() else { return in_box };
        let sizes: Vec<f64> = row.input.iter().map(|e| add_up(e.centre.abs(), e.radius)).collect();
        in_box.min(mul_up(vector_norm_up(sizes, norm.dual()), radius.ends().hi))
    }
}

fn product(a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 { 0.0 } else { mul_up(a, b) }
}

/// Multiples of the ball's own multiplier that are tried.
const MULTIPLIERS: [f64; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];

impl<B: Backend> Nominal<'_, '_, B> {
    /// The largest Σ G_j e_j, or −Σ G_j e_j, of one node.
    fn curved(&self, k: usize, list: &[Entry], up: bool) -> f64 {
        let slacks = self.slacks[k].as_ref().expect("a kink that was passed");
        let radius = self.radius[k];
        // Of features that count together, and of others.
        let (mut in_box, mut apart) = (0.0, 0.0);
        let mut parts: Vec<(f64, &Slack)> = vec![];
        for e in list {
            let s = &slacks[e.place];
            let [l, h] = e.ends(up);
            let (above, below) = (h.max(0.0), (-l).max(0.0));
            let most = product(above, s.hi).max(product(below, -s.lo));
            if !s.counts {
                apart = add_up(apart, most);
                continue;
            }
            in_box = add_up(in_box, most);
            let size = match (s.lo < 0.0, s.hi > 0.0) {
                (true, true) => above.max(below),
                (true, false) => below,
                (false, _) => above,
            };
            if size > 0.0 {
                parts.push((size, s));
            }
        }
        if !radius.is_finite() || parts.is_empty() {
            return add_up(apart, in_box);
        }
        let rates: Vec<f64> = parts.iter().map(|(p, s)| product(*p, s.rate)).collect();
        let mut least = in_box.min(product(vector_norm_up(rates, Norm::Two), radius));
        if radius > 0.0 && parts.iter().all(|(_, s)| s.kink.is_some()) {
            let sizes: Vec<f64> = parts.iter().map(|(p, s)| p * s.kink.map_or(0.0, |k| k.factor)).collect();
            let middle = vector_norm_up(sizes, Norm::Two) / (2.0 * radius);
            for multiplier in MULTIPLIERS.map(|f| f * middle) {
                if multiplier > 0.0 && multiplier.is_finite() {
                    least = least.min(dual(multiplier, radius, &parts));
                }
            }
        }
        add_up(apart, least)
    }
}

/// λ ρ² + Σ max(0, max over m of P c m − λ (a + m)²), m at most what is beyond the kink.
fn dual(multiplier: f64, radius: f64, parts: &[(f64, &Slack)]) -> f64 {
    let ball = mul_up(multiplier, mul_up(radius, radius));
    parts.iter().fold(ball, |sum, (p, s)| {
        let Some(Kink { away, factor }) = s.kink else { return f64::INFINITY };
        let gain = mul_up(*p, factor);
        // Beyond the kink by at most this, which is the true number but for some roundings.
        let last = div_up(s.hi, factor);
        let end = add_up(away, last);
        let rises = mul_down(gain, 1.0 - 1e-12) >= mul_up(mul_up(2.0, multiplier), end);
        let most = if rises {
            // Largest at the end; a + m enters with its least value there.
            let least = mul_down(add_down(away, div_down(s.hi, factor).max(0.0)).max(0.0), 1.0 - 1e-14);
            sub_up(mul_up(gain, last), mul_down(multiplier, mul_down(least, least)))
        } else {
            // At any m: (P c)² / 4 λ − P c a.
            sub_up(
                div_up(mul_up(gain, gain), mul_down(4.0, multiplier)),
                mul_down(mul_down(*p, factor), away),
            )
        };
        add_up(sum, if most.is_nan() { f64::INFINITY } else { most.max(0.0) })
    })
}
