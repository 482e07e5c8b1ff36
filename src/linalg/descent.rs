//! A smooth function made smaller in plain arithmetic; nothing here is proven.
//!
//! From: L-BFGS (Liu & Nocedal 1989), steps halved until they lower the function enough (Armijo); where calls are
//! few and the way is long, steps along every coordinate by themselves.

/// Pairs of steps and changes of the gradient that are kept.
const KEPT: usize = 12;
/// The part of the decrease that the gradient promises.
const ENOUGH: f64 = 1e-4;
const HALVINGS: usize = 20;
const LONGEST: f64 = 4.0;

/// Steps by coordinates: the longest, how fast they grow and shrink, and where they end.
const STRIDE: f64 = 0.3;
const GROWTH: f64 = 1.8;
const SHRINKING: f64 = 0.4;
const LENGTHS: [f64; 2] = [1e-2, 4.0];

/// A value, its gradient, and the size of second derivatives along each coordinate, about.
#[derive(Clone, Debug)]
pub struct Value {
    pub value: f64,
    pub gradient: Vec<f64>,
    pub curvature: Vec<f64>,
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// A way down, one evaluation after the other, so that many ways can be evaluated together.
pub enum Descent {
    Stride(Stride),
    Lower(Lower),
}

impl Descent {
    /// Every coordinate moves by its own gradient and curvature; ends after so many calls, or where a step gains less
    /// than `tolerance`.
    pub fn stride(start: (Vec<f64>, Value), calls: usize, tolerance: f64) -> Descent {
        let (at, here) = start;
        Descent::Stride(Stride { at, here, length: 1.0, calls, tolerance, point: vec![] })
    }

    /// By L-BFGS, with the same ends.
    pub fn lower(start: (Vec<f64>, Value), calls: usize, tolerance: f64) -> Descent {
        let (at, here) = start;
        let line = Line::new(&[], &here, calls);
        Descent::Lower(Lower { at, here, line, left: calls, tolerance, pairs: vec![], point: vec![] })
    }

    /// Where the function is asked for next; None at the end.
    pub fn ask(&mut self) -> Option<Vec<f64>> {
        match self {
            Descent::Stride(s) => s.ask(),
            Descent::Lower(l) => l.ask(),
        }
    }

    /// What it is there; None where it is not defined.
    pub fn take(&mut self, found: Option<Value>) {
        match self {
            Descent::Stride(s) => s.take(found),
            Descent::Lower(l) => l.take(found),
        }
    }
}

pub struct Stride {
    at: Vec<f64>,
    here: Value,
    length: f64,
    calls: usize,
    tolerance: f64,
    point: Vec<f64>,
}

impl Stride {
    fn ask(&mut self) -> Option<Vec<f64>> {
        self.calls = self.calls.checked_sub(1)?;
        let most = STRIDE * self.length.min(1.0);
        let slopes = self.here.gradient.iter().zip(&self.here.curvature);
        let steps = slopes.map(|(g, c)| (-self.length * g / c).clamp(-most, most));
        self.point = self.at.iter().zip(steps).map(|(x, d)| x + d).collect();
        Some(self.point.clone())
    }

    fn take(&mut self, found: Option<Value>) {
        let Some(found) = found.filter(|f| f.value < self.here.value) else {
            self.length *= SHRINKING;
            if self.length < LENGTHS[0] {
                self.calls = 0;
            }
            return;
        };
        let gained = self.here.value - found.value;
        (self.at, self.here) = (std::mem::take(&mut self.point), found);
        self.length = (self.length * GROWTH).min(LENGTHS[1]);
        if gained < self.tolerance {
            self.calls = 0;
        }
    }
}

/// A search along one direction.
struct Line {
    way: Vec<f64>,
    slope: f64,
    length: f64,
    tries: usize,
}

impl Line {
    fn new(pairs: &[Pair], here: &Value, left: usize) -> Line {
        let way = direction(pairs, here);
        let slope = dot(&way, &here.gradient);
        Line { way, slope, length: 1.0, tries: HALVINGS.min(left) }
    }
}

/// A step, and how the gradient changed with it.
type Pair = (Vec<f64>, Vec<f64>);

pub struct Lower {
    at: Vec<f64>,
    here: Value,
    line: Line,
    /// Calls.
    left: usize,
    tolerance: f64,
    pairs: Vec<Pair>,
    point: Vec<f64>,
}

impl Lower {
    fn ask(&mut self) -> Option<Vec<f64>> {
        self.line.tries = self.line.tries.checked_sub(1)?;
        self.left -= 1;
        let length = self.line.length;
        self.point = self.at.iter().zip(&self.line.way).map(|(x, d)| x + length * d).collect();
        Some(self.point.clone())
    }

    fn take(&mut self, found: Option<Value>) {
        let most = self.here.value + ENOUGH * self.line.length * self.line.slope;
        let Some(found) = found.filter(|f| f.value <= most) else {
            self.line.length *= 0.5;
            return;
        };
        let point = std::mem::take(&mut self.point);
        let step: Vec<f64> = point.iter().zip(&self.at).map(|(a, b)| a - b).collect();
        let change: Vec<f64> = found.gradient.iter().zip(&self.here.gradient).map(|(a, b)| a - b).collect();
        if dot(&step, &change) > 1e-12 * dot(&change, &change) {
            self.pairs.push((step, change));
            if self.pairs.len() > KEPT {
                self.pairs.remove(0);
            }
        }
        let gained = self.here.value - found.value;
        (self.at, self.here) = (point, found);
        if gained < self.tolerance {
            self.left = 0;
        }
        self.line = Line::new(&self.pairs, &self.here, self.left);
        if self.line.slope.is_nan() || self.line.slope >= 0.0 {
            self.pairs.clear();
            self.line = Line::new(&self.pairs, &self.here, self.left);
        }
    }
}

/// −H g with the inverse Hessian that the curvatures and the pairs suggest; steps of length at most one.
fn direction(pairs: &[Pair], here: &Value) -> Vec<f64> {
    let mut way: Vec<f64> = here.gradient.iter().map(|g| -g).collect();
    let mut parts = vec![];
    for (s, y) in pairs.iter().rev() {
        let part = dot(s, &way) / dot(s, y);
        way.iter_mut().zip(y).for_each(|(w, y)| *w -= part * y);
        parts.push(part);
    }
    let plain = |v: &[f64]| -> Vec<f64> { v.iter().zip(&here.curvature).map(|(x, c)| x / c).collect() };
    way = plain(&way);
    if let Some((s, y)) = pairs.last() {
        let scale = dot(s, y) / dot(y, &plain(y));
        way.iter_mut().for_each(|w| *w *= scale);
    }
    for ((s, y), part) in pairs.iter().zip(parts.into_iter().rev()) {
        let back = dot(y, &way) / dot(s, y);
        way.iter_mut().zip(s).for_each(|(w, s)| *w += (part - back) * s);
    }
    let size = dot(&way, &way).sqrt();
    if size > LONGEST {
        way.iter_mut().for_each(|w| *w *= LONGEST / size);
    }
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a descent ends.
    fn end(mut descent: Descent, mut f: impl FnMut(&[f64]) -> Option<Value>) -> Vec<f64> {
        while let Some(x) = descent.ask() {
            descent.take(f(&x));
        }
        match descent {
            Descent::Stride(s) => s.at,
            Descent::Lower(l) => l.at,
        }
    }

    #[test]
    fn finds_the_valley_of_rosenbrock() {
        let f = |x: &[f64]| {
            let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
            let gradient = vec![-2.0 * a - 400.0 * x[0] * b, 200.0 * b];
            Some(Value { value: a * a + 100.0 * b * b, gradient, curvature: vec![500.0, 200.0] })
        };
        let start = vec![-1.2, 1.0];
        let first = f(&start).expect("defined");
        let x = end(Descent::lower((start, first), 200, 0.0), f);
        assert!((x[0] - 1.0).abs() < 1e-5 && (x[1] - 1.0).abs() < 1e-5, "{x:?}");
    }

    #[test]
    fn stays_where_the_function_is_defined() {
        let f = |x: &[f64]| {
            (x[0] > 1.0).then(|| Value { value: x[0], gradient: vec![1.0], curvature: vec![1.0] })
        };
        let first = f(&[3.0]).expect("defined");
        let x = end(Descent::lower((vec![3.0], first), 60, 0.0), f);
        assert!(x[0] > 1.0 && x[0] < 1.01, "{x:?}");
    }

    /// No more calls than were allowed, and down by every accepted one.
    #[test]
    fn calls_are_counted() {
        let f = |x: &[f64]| Value {
            value: x[0].powi(4) + x[1] * x[1],
            gradient: vec![4.0 * x[0].powi(3), 2.0 * x[1]],
            curvature: vec![12.0, 2.0],
        };
        for calls in 0..30 {
            let start = || (vec![1.0, -2.0], f(&[1.0, -2.0]));
            let ways = [Descent::stride(start(), calls, 0.0), Descent::lower(start(), calls, 0.0)];
            for way in ways {
                let mut count = 0;
                let x = end(way, |x| {
                    count += 1;
                    Some(f(x))
                });
                assert!(count <= calls, "{count} of {calls}");
                assert!(calls == 0 || f(&x).value < 5.0, "{x:?} after {calls}");
            }
        }
    }
}
