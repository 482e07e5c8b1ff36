//! A second backend with plain loops and the worst rounding that is allowed:
//! every + and × returns a neighbour of the rounded result, in centres at random
//! and in radii always downwards. Its enclosures count those errors by the
//! formula of the CPU backend with a unit of 2^-50.

use super::data::matrix;
use clarke::backend::{Backend, Lines, WindowLines};
use clarke::layer::{Affine, Incidence, Piece, Piecewise, Scale};
use clarke::linalg::{Enclosure, centre_radius};
use clarke::num::Norm;
use clarke::num::norms::vector_norm_up;
use clarke::num::round::{add_up, mul_down, mul_up, sub_down};
use ndarray::{Array2, Array3};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// More than the error of a rounding and a step of one ulp.
const UNIT: f64 = f64::from_bits((1023 - 50) << 52);
const LEAST: f64 = f64::from_bits(1);

#[derive(Clone, Debug)]
pub struct Block(Enclosure);

pub struct Adversarial(AtomicU64);

pub struct Map {
    matrix: Array2<f64>,
    bias: Vec<f64>,
}

impl Adversarial {
    pub fn new(seed: u64) -> Self {
        Adversarial(AtomicU64::new(seed))
    }

    /// x or one of its neighbours; zero stays zero.
    fn wrong(&self, x: f64) -> f64 {
        if x == 0.0 {
            return x;
        }
        let turn = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        match (turn ^ turn >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 61 {
            0..=2 => x.next_up(),
            3..=5 => x.next_down(),
            _ => x,
        }
    }

    fn add(&self, a: f64, b: f64) -> f64 {
        self.wrong(a + b)
    }

    fn mul(&self, a: f64, b: f64) -> f64 {
        self.wrong(a * b)
    }

    /// Σ w c + b ± Σ |w| (r + γ (|c| + r)) + γ |b| + tiny.
    fn inner(&self, terms: impl Iterator<Item = (f64, f64, f64)>, bias: f64) -> (f64, f64) {
        let (mut centre, mut radius, mut n) = (0.0, 0.0, 2);
        let terms: Vec<_> = terms.filter(|&(w, c, r)| w != 0.0 && (c != 0.0 || r != 0.0)).collect();
        let gamma = 2.0 * (terms.len() + 8) as f64 * UNIT;
        for (w, c, r) in &terms {
            centre = self.add(centre, self.mul(*w, *c));
            // The last term is what the others may lose below the normal numbers.
            let spread = down(r + down(gamma * down(c.abs() + r))) + 64.0 * LEAST;
            radius = down(radius + down(w.abs() * spread));
            n += 1;
        }
        if bias != 0.0 {
            centre = self.add(centre, bias);
            radius = down(radius + down(gamma * bias.abs()));
        }
        if terms.is_empty() && (bias == 0.0 || centre == bias) {
            return (centre, 0.0);
        }
        // What the radius lost to its own rounding, and underflow.
        (centre, up(radius * (1.0 + 8.0 * gamma) + 16.0 * n as f64 * LEAST))
    }

    fn build(&self, dim: (usize, usize, usize), f: impl Fn([usize; 3]) -> (f64, f64)) -> Block {
        let mut e = Enclosure::zeros(dim.0, dim.1, dim.2);
        for item in 0..dim.0 {
            for row in 0..dim.1 {
                for k in 0..dim.2 {
                    let (c, r) = f([item, row, k]);
                    let fine = c.is_finite() && r.is_finite();
                    (e.centre[[item, row, k]], e.radius[[item, row, k]]) =
                        if fine { (c, r) } else { (0.0, f64::INFINITY) };
                }
            }
        }
        Block(e)
    }

    fn sums(&self, x: &Block, incidence: &Incidence, fill: f64) -> Block {
        let (items, rows, _) = x.0.dim();
        self.build((items, rows, incidence.outputs()), |[item, row, i]| {
            let list = &incidence.index[incidence.window(i)];
            if list.is_empty() {
                return (fill, 0.0);
            }
            self.inner(list.iter().map(|&j| x.term(1.0, [item, row, j as usize])), 0.0)
        })
    }

    fn product(&self, w: &Array2<f64>, x: &Block, bias: &[f64]) -> Block {
        let (items, rows, n) = x.0.dim();
        assert_eq!(n, w.ncols());
        self.build((items, rows, w.nrows()), |[item, row, i]| {
            let bias = bias.get(i).copied().unwrap_or(0.0);
            self.inner((0..n).map(|j| x.term(w[[i, j]], [item, row, j])), bias)
        })
    }

    /// Σ of c times a number, upwards.
    fn upward(&self, a: &Block, f: impl Fn(usize, usize, f64) -> f64) -> Array2<f64> {
        let (items, rows, n) = a.0.dim();
        Array2::from_shape_fn((items, rows), |(item, row)| {
            (0..n).fold(0.0, |s, k| add_up(s, f(item, k, a.0.centre[[item, row, k]])))
        })
    }
}

fn down(x: f64) -> f64 {
    if x > 0.0 && x.is_finite() { x.next_down() } else { x }
}

fn up(x: f64) -> f64 {
    if x.is_finite() { x.next_up().next_up() } else { x }
}

impl Block {
    fn term(&self, w: f64, at: [usize; 3]) -> (f64, f64, f64) {
        (w, self.0.centre[at], self.0.radius[at])
    }

    fn size(&self, at: [usize; 3]) -> f64 {
        add_up(self.0.centre[at].abs(), self.0.radius[at])
    }

    fn ends(&self, at: [usize; 3]) -> (f64, f64) {
        let (c, r) = (self.0.centre[at], self.0.radius[at]);
        (sub_down(c, r), add_up(c, r))
    }
}

/// Ends of s x for s in [a, b].
fn gated(a: f64, b: f64, (l, u): (f64, f64)) -> (f64, f64) {
    let lo = mul_down(a, l).min(mul_down(a, u)).min(mul_down(b, l)).min(mul_down(b, u));
    let hi = mul_up(a, l).max(mul_up(a, u)).max(mul_up(b, l)).max(mul_up(b, u));
    centre_radius(lo, hi)
}

impl Backend for Adversarial {
    type Block = Block;
    type Map = Map;
    type Tops = Array2<f64>;
    type Spans = [Array2<f64>; 2];
    type Chords = Lines;
    type Edges = WindowLines;
    type Slopes = (Array2<f64>, Array2<f64>);

    fn proves(&self) -> bool {
        true
    }

    fn speed(&self) -> f64 {
        4e9
    }

    fn upload(&self, x: &Enclosure) -> Block {
        Block(x.clone())
    }

    fn read(&self, x: &Block) -> Enclosure {
        x.0.clone()
    }

    fn dim(&self, x: &Block) -> (usize, usize, usize) {
        x.0.dim()
    }

    fn prepare(&self, affine: &Affine) -> Map {
        let matrix = matrix(&affine.map);
        let bias = affine
            .bias
            .as_ref()
            .map_or(vec![], |b| (0..matrix.nrows()).map(|i| b[i / affine.repeat]).collect());
        Map { matrix, bias }
    }

    fn affine(&self, map: &Map, x: &Block) -> Block {
        self.product(&map.matrix, x, &map.bias)
    }

    fn linear(&self, map: &Map, x: &Block) -> Block {
        self.product(&map.matrix, x, &[])
    }

    fn adjoint(&self, map: &Map, g: &Block) -> Block {
        self.product(&map.matrix.t().to_owned(), g, &[])
    }

    fn scale(&self, scale: &Scale, x: &Block, shift: bool) -> Block {
        self.build(x.0.dim(), |[item, row, k]| {
            let (f, s) = (scale.factor[scale.index(k)], scale.shift[scale.index(k)]);
            let at = [item, row, k];
            let (w, c, r) = x.term(f.hi, at);
            let (centre, radius) = self.inner([(w, c, r)].into_iter(), if shift { s.hi } else { 0.0 });
            // The low part and the error of both coefficients.
            let loose = mul_up(add_up(f.lo.abs(), f.err), add_up(c.abs(), r));
            let more = if shift { add_up(s.lo.abs(), s.err) } else { 0.0 };
            (centre, add_up(radius, add_up(loose, more)))
        })
    }

    fn select(&self, incidence: &Incidence, fill: f64, x: &Block) -> Block {
        self.sums(x, incidence, fill)
    }

    fn select_adjoint(&self, incidence: &Incidence, g: &Block) -> Block {
        self.sums(g, &incidence.transposed().rows, 0.0)
    }

    fn sum(&self, parts: &[&Block]) -> Block {
        self.build(parts[0].0.dim(), |at| self.inner(parts.iter().map(|p| p.term(1.0, at)), 0.0))
    }

    fn concat(&self, parts: &[&Block]) -> Block {
        let join = |f: &dyn Fn(&Enclosure) -> Array3<f64>| {
            let all: Vec<Array3<f64>> = parts.iter().map(|p| f(&p.0)).collect();
            let views: Vec<_> = all.iter().map(|a| a.view()).collect();
            ndarray::concatenate(ndarray::Axis(2), &views).expect("equal rows")
        };
        Block(Enclosure { centre: join(&|e| e.centre.clone()), radius: join(&|e| e.radius.clone()) })
    }

    fn slice(&self, x: &Block, features: Range<usize>) -> Block {
        let (items, rows, _) = x.0.dim();
        self.build((items, rows, features.len()), |[item, row, k]| {
            let (_, c, r) = x.term(1.0, [item, row, features.start + k]);
            (c, r)
        })
    }

    fn activate(&self, function: &Piecewise, x: &Block) -> Block {
        self.build(x.0.dim(), |at| {
            let (l, u) = x.ends(at);
            match function.piece(at[2], l, u) {
                Piece::Fixed { slope: 0.0, offset } => (offset, 0.0),
                Piece::Fixed { slope, .. } => self.inner([x.term(slope, at)].into_iter(), 0.0),
                Piece::Free { value, .. } => centre_radius(value[0], value[1]),
            }
        })
    }

    fn piecewise_slopes(&self, function: &Piecewise, x: &Block) -> Self::Slopes {
        let (items, _, n) = x.0.dim();
        let slopes = Array2::from_shape_fn((items, n), |(item, k)| {
            let (l, u) = x.ends([item, 0, k]);
            match function.piece(k, l, u) {
                Piece::Fixed { slope, .. } => (slope, slope),
                Piece::Free { slope, .. } => (slope[0], slope[1]),
            }
        });
        (slopes.mapv(|s| s.0), slopes.mapv(|s| s.1))
    }

    fn upload_slopes(&self, lo: &Array2<f64>, hi: &Array2<f64>) -> Self::Slopes {
        (lo.clone(), hi.clone())
    }

    fn read_slopes(&self, slopes: &Self::Slopes) -> (Array2<f64>, Array2<f64>) {
        slopes.clone()
    }

    fn gate(&self, slopes: &Self::Slopes, x: &Block) -> Block {
        self.build(x.0.dim(), |at| gated(slopes.0[[at[0], at[2]]], slopes.1[[at[0], at[2]]], x.ends(at)))
    }

    fn window_max(&self, windows: &Incidence, x: &Block) -> Block {
        let (items, rows, _) = x.0.dim();
        self.build((items, rows, windows.outputs()), |[item, row, i]| {
            let ends = windows.index[windows.window(i)].iter().map(|&j| x.ends([item, row, j as usize]));
            let (l, u) =
                ends.fold((f64::NEG_INFINITY, f64::NEG_INFINITY), |(a, b), (l, u)| (a.max(l), b.max(u)));
            centre_radius(l, u)
        })
    }

    fn window_gates(&self, windows: &Incidence, x: &Block) -> Self::Slopes {
        let items = x.0.dim().0;
        let (mut lo, mut hi) =
            (Array2::zeros((items, windows.edges())), Array2::zeros((items, windows.edges())));
        for item in 0..items {
            let ends = |e: usize| x.ends([item, 0, windows.index[e] as usize]);
            for i in 0..windows.outputs() {
                let floor = windows.window(i).map(|e| ends(e).0).fold(f64::NEG_INFINITY, f64::max);
                let first = windows.window(i).find(|&e| ends(e).0 == floor).expect("an edge");
                let open: Vec<usize> =
                    windows.window(i).filter(|&e| e == first || ends(e).1 > floor).collect();
                open.iter().for_each(|&e| hi[[item, e]] = 1.0);
                lo[[item, first]] = (open.len() == 1) as u8 as f64;
            }
        }
        (lo, hi)
    }

    fn window_tangent(&self, windows: &Incidence, gates: &Self::Slopes, x: &Block) -> Block {
        let (items, rows, _) = x.0.dim();
        self.build((items, rows, windows.outputs()), |[item, row, i]| {
            let open = windows.window(i).filter(|&e| gates.1[[item, e]] == 1.0);
            let (l, u) = open
                .map(|e| x.ends([item, row, windows.index[e] as usize]))
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), (l, u)| (a.min(l), b.max(u)));
            centre_radius(l, u)
        })
    }

    fn window_adjoint(&self, windows: &Incidence, gates: &Self::Slopes, g: &Block) -> Block {
        let (items, rows, _) = g.0.dim();
        let clarke::layer::map::Transposed { rows: back, edge } = windows.transposed();
        self.build((items, rows, windows.inputs), |[item, row, j]| {
            let parts: Vec<_> = back
                .window(j)
                .map(|t| {
                    let s = [item, edge[t] as usize];
                    let (c, r) = gated(gates.0[s], gates.1[s], g.ends([item, row, back.index[t] as usize]));
                    (1.0, c, r)
                })
                .collect();
            self.inner(parts.into_iter(), 0.0)
        })
    }

    fn intersect(&self, a: &Block, b: &Block) -> Block {
        self.build(a.0.dim(), |at| {
            let ((al, au), (bl, bu)) = (a.ends(at), b.ends(at));
            let (l, u) = (al.max(bl), au.min(bu));
            if l <= u { centre_radius(l, u) } else { centre_radius(al, au) }
        })
    }

    fn spans(&self, lo: Array2<f64>, hi: Array2<f64>) -> [Array2<f64>; 2] {
        [lo, hi]
    }

    fn sides(&self, [lo, hi]: &[Array2<f64>; 2]) -> [Array2<f64>; 2] {
        [-lo, hi.clone()]
    }

    fn chords(&self, lines: Lines) -> Lines {
        lines
    }

    fn edges(&self, lines: WindowLines) -> WindowLines {
        lines
    }

    fn settle(&self, a: &Block, [lo, hi]: &[Array2<f64>; 2]) -> (Block, Array2<f64>) {
        let (items, rows, n) = a.0.dim();
        let size = |at: [usize; 2]| lo[at].abs().max(hi[at].abs());
        let lost = Array2::from_shape_fn((items, rows), |(item, row)| {
            (0..n).fold(0.0, |s, k| add_up(s, mul_up(a.0.radius[[item, row, k]], size([item, k]))))
        });
        (Block(Enclosure::point(a.0.centre.clone())), lost)
    }

    fn chord(&self, lines: &Lines, a: &Block) -> (Block, Array2<f64>) {
        let pick = |c: f64, above: &Array2<f64>, below: &Array2<f64>, at| {
            if c > 0.0 { above[at] } else { below[at] }
        };
        let shift = self
            .upward(a, |item, k, c| mul_up(c, pick(c, &lines.upper_shift, &lines.lower_shift, [item, k])));
        let next = self.build(a.0.dim(), |at| {
            let c = a.0.centre[at];
            let s = pick(c, &lines.upper_slope, &lines.lower_slope, [at[0], at[2]]);
            self.inner([(s, c, 0.0)].into_iter(), 0.0)
        });
        (next, shift)
    }

    fn window_chord(&self, windows: &Incidence, lines: &WindowLines, a: &Block) -> (Block, Array2<f64>) {
        let (items, rows, _) = a.0.dim();
        let constant = |item: usize, i: usize, c: f64| c > 0.0 && !lines.ceiling[[item, i]].is_nan();
        let shift =
            self.upward(
                a,
                |item, i, c| if constant(item, i, c) { mul_up(c, lines.ceiling[[item, i]]) } else { 0.0 },
            );
        let next = self.build((items, rows, windows.inputs), |[item, row, j]| {
            let terms: Vec<_> = (0..windows.outputs())
                .filter(|&i| windows.index[lines.edge[[item, i]] as usize] as usize == j)
                .map(|i| (i, a.0.centre[[item, row, i]]))
                .filter(|&(i, c)| !constant(item, i, c))
                .map(|(_, c)| (1.0, c, 0.0))
                .collect();
            self.inner(terms.into_iter(), 0.0)
        });
        (next, shift)
    }

    fn support(&self, a: &Block, [lo, hi]: &[Array2<f64>; 2]) -> Array2<f64> {
        let at = |item: usize, k: usize| [if lo.nrows() == 1 { 0 } else { item }, k];
        self.upward(a, |item, k, c| mul_up(c, if c > 0.0 { hi[at(item, k)] } else { lo[at(item, k)] }))
    }

    fn known(&self, values: Array2<f64>) -> Array2<f64> {
        values
    }

    fn tops(&self, parts: Vec<Array2<f64>>) -> Vec<Array2<f64>> {
        parts
    }

    fn lengths(&self, x: &Block, norm: Norm) -> Array2<f64> {
        let (items, rows, n) = x.0.dim();
        Array2::from_shape_fn((items, rows), |(item, row)| {
            vector_norm_up((0..n).map(|k| x.size([item, row, k])), norm)
        })
    }

    fn column_norms(&self, x: &Block, norm: Norm) -> Array2<f64> {
        let (items, rows, n) = x.0.dim();
        Array2::from_shape_fn((items, n), |(item, k)| {
            vector_norm_up((0..rows).map(|row| x.size([item, row, k])), norm)
        })
    }
}
