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

/// A function that is None where it is not defined.
type Function<'f> = dyn FnMut(&[f64]) -> Option<Value> + 'f;

/// A point with a smaller value, after at most `calls` calls. Every coordinate moves by its own gradient and
/// curvature. Ends where a step gains less than `tolerance`.
pub fn stride(
    function: &mut Function,
    start: (Vec<f64>, Value),
    calls: usize,
    tolerance: f64,
) -> (Vec<f64>, Value) {
    let (mut at, mut here) = start;
    let mut length = 1.0f64;
    for _ in 0..calls {
        let most = STRIDE * length.min(1.0);
        let slopes = here.gradient.iter().zip(&here.curvature);
        let steps = slopes.map(|(g, c)| (-length * g / c).clamp(-most, most));
        let point: Vec<f64> = at.iter().zip(steps).map(|(x, d)| x + d).collect();
        let Some(found) = function(&point).filter(|f| f.value < here.value) else {
            length *= SHRINKING;
            if length < LENGTHS[0] {
                break;
            }
            continue;
        };
        let gained = here.value - found.value;
        (at, here) = (point, found);
        length = (length * GROWTH).min(LENGTHS[1]);
        if gained < tolerance {
            break;
        }
    }
    (at, here)
}

/// A point with a smaller value, after at most `calls` calls. Ends where a step gains less than `tolerance`.
pub fn lower(function: &mut Function, start: (Vec<f64>, Value), calls: usize, tolerance: f64) -> Vec<f64> {
    let (mut at, mut here) = start;
    let mut left = calls;
    let mut pairs: Vec<(Vec<f64>, Vec<f64>)> = vec![];
    while left > 0 {
        let mut way = direction(&pairs, &here);
        let mut slope = dot(&way, &here.gradient);
        if slope.is_nan() || slope >= 0.0 {
            pairs.clear();
            way = direction(&pairs, &here);
            slope = dot(&way, &here.gradient);
        }
        let mut length = 1.0;
        let mut next = None;
        for _ in 0..HALVINGS.min(left) {
            left -= 1;
            let point: Vec<f64> = at.iter().zip(&way).map(|(x, d)| x + length * d).collect();
            let found = function(&point).filter(|f| f.value <= here.value + ENOUGH * length * slope);
            next = found.map(|f| (point, f));
            if next.is_some() {
                break;
            }
            length *= 0.5;
        }
        let Some((point, found)) = next else { break };
        let step: Vec<f64> = point.iter().zip(&at).map(|(a, b)| a - b).collect();
        let change: Vec<f64> = found.gradient.iter().zip(&here.gradient).map(|(a, b)| a - b).collect();
        if dot(&step, &change) > 1e-12 * dot(&change, &change) {
            pairs.push((step, change));
            if pairs.len() > KEPT {
                pairs.remove(0);
            }
        }
        let gained = here.value - found.value;
        (at, here) = (point, found);
        if gained < tolerance {
            break;
        }
    }
    at
}

/// −H g with the inverse Hessian that the curvatures and the pairs suggest; steps of length at most one.
fn direction(pairs: &[(Vec<f64>, Vec<f64>)], here: &Value) -> Vec<f64> {
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

    #[test]
    fn finds_the_valley_of_rosenbrock() {
        let mut f = |x: &[f64]| {
            let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
            let gradient = vec![-2.0 * a - 400.0 * x[0] * b, 200.0 * b];
            Some(Value { value: a * a + 100.0 * b * b, gradient, curvature: vec![500.0, 200.0] })
        };
        let start = vec![-1.2, 1.0];
        let first = f(&start).expect("defined");
        let x = lower(&mut f, (start, first), 200, 0.0);
        assert!((x[0] - 1.0).abs() < 1e-5 && (x[1] - 1.0).abs() < 1e-5, "{x:?}");
    }

    #[test]
    fn stays_where_the_function_is_defined() {
        let mut f = |x: &[f64]| {
            (x[0] > 1.0).then(|| Value { value: x[0], gradient: vec![1.0], curvature: vec![1.0] })
        };
        let first = f(&[3.0]).expect("defined");
        let x = lower(&mut f, (vec![3.0], first), 60, 0.0);
        assert!(x[0] > 1.0 && x[0] < 1.01, "{x:?}");
    }
}
