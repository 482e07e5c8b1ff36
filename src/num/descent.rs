//! A smooth function made smaller in plain arithmetic; nothing here is proven.
//!
//! From: L-BFGS (Liu & Nocedal 1989), steps halved until they lower the function enough (Armijo).

/// Pairs of steps and changes of the gradient that are kept.
const KEPT: usize = 12;
/// The part of the decrease that the gradient promises.
const ENOUGH: f64 = 1e-4;
const HALVINGS: usize = 20;

pub type Value = (f64, Vec<f64>);

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// A point with a smaller value, after at most `calls` calls of a function that gives a value and its gradient,
/// or None where it is not defined. Ends where a step gains less than `tolerance`.
pub fn lower(
    function: &mut dyn FnMut(&[f64]) -> Option<Value>,
    start: Vec<f64>,
    calls: usize,
    tolerance: f64,
) -> Vec<f64> {
    let mut at = start;
    let Some((mut value, mut gradient)) = function(&at) else { return at };
    let mut left = calls.saturating_sub(1);
    let mut pairs: Vec<(Vec<f64>, Vec<f64>)> = vec![];
    while left > 0 {
        let mut way = direction(&pairs, &gradient);
        let mut slope = dot(&way, &gradient);
        if slope.is_nan() || slope >= 0.0 {
            pairs.clear();
            way = direction(&pairs, &gradient);
            slope = dot(&way, &gradient);
        }
        let mut length = 1.0;
        let mut next = None;
        for _ in 0..HALVINGS.min(left) {
            left -= 1;
            let point: Vec<f64> = at.iter().zip(&way).map(|(x, d)| x + length * d).collect();
            let found = function(&point).filter(|(v, _)| *v <= value + ENOUGH * length * slope);
            next = found.map(|f| (point, f));
            if next.is_some() {
                break;
            }
            length *= 0.5;
        }
        let Some((point, (found, new))) = next else { break };
        let step: Vec<f64> = point.iter().zip(&at).map(|(a, b)| a - b).collect();
        let change: Vec<f64> = new.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        if dot(&step, &change) > 1e-12 * dot(&change, &change) {
            pairs.push((step, change));
            if pairs.len() > KEPT {
                pairs.remove(0);
            }
        }
        let gained = value - found;
        (at, value, gradient) = (point, found, new);
        if gained < tolerance {
            break;
        }
    }
    at
}

/// −H g with the inverse Hessian that the pairs suggest; at first a step of length at most one.
fn direction(pairs: &[(Vec<f64>, Vec<f64>)], gradient: &[f64]) -> Vec<f64> {
    let mut way: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut parts = vec![];
    for (s, y) in pairs.iter().rev() {
        let part = dot(s, &way) / dot(s, y);
        way.iter_mut().zip(y).for_each(|(w, y)| *w -= part * y);
        parts.push(part);
    }
    let scale = match pairs.last() {
        Some((s, y)) => dot(s, y) / dot(y, y),
        None => 1.0 / dot(gradient, gradient).sqrt().max(1.0),
    };
    way.iter_mut().for_each(|w| *w *= scale);
    for ((s, y), part) in pairs.iter().zip(parts.into_iter().rev()) {
        let back = dot(y, &way) / dot(s, y);
        way.iter_mut().zip(s).for_each(|(w, s)| *w += (part - back) * s);
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
            Some((a * a + 100.0 * b * b, vec![-2.0 * a - 400.0 * x[0] * b, 200.0 * b]))
        };
        let x = lower(&mut f, vec![-1.2, 1.0], 200, 0.0);
        assert!((x[0] - 1.0).abs() < 1e-5 && (x[1] - 1.0).abs() < 1e-5, "{x:?}");
    }

    #[test]
    fn stays_where_the_function_is_defined() {
        let mut f = |x: &[f64]| (x[0] > 1.0).then(|| (x[0], vec![1.0]));
        let x = lower(&mut f, vec![3.0], 60, 0.0);
        assert!(x[0] > 1.0 && x[0] < 1.01, "{x:?}");
    }
}
