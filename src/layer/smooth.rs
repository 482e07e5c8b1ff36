//! Scalar functions that are not piecewise linear.

pub mod range;

/// Scalar functions with a continuous derivative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Smooth {
    Sigmoid,
    Tanh,
    Softplus,
    /// x for x > 0, alpha (exp x - 1) below.
    Elu {
        alpha: f64,
    },
    /// x Phi(x); `tanh` selects the tanh approximation.
    Gelu {
        tanh: bool,
    },
    /// x sigmoid(x).
    Silu,
}

impl Smooth {
    /// The value in plain arithmetic, by other formulas than `range`: what evaluates a network is no echo of what
    /// bounds it.
    pub fn value(self, x: f64) -> f64 {
        let sigmoid = |x: f64| if x >= 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) };
        match self {
            Smooth::Sigmoid => sigmoid(x),
            Smooth::Tanh => x.tanh(),
            Smooth::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            Smooth::Elu { alpha } => {
                if x > 0.0 {
                    x
                } else {
                    alpha * x.exp_m1()
                }
            }
            Smooth::Gelu { tanh: false } => 0.5 * x * complementary_error(-x / std::f64::consts::SQRT_2),
            Smooth::Gelu { tanh: true } => {
                let root = (2.0 / std::f64::consts::PI).sqrt();
                0.5 * x * (1.0 + (root * (x + 0.044715 * x * x * x)).tanh())
            }
            Smooth::Silu => x * sigmoid(x),
        }
    }
}

/// erfc: the series of erf near 0, a continued fraction far out.
fn complementary_error(x: f64) -> f64 {
    let root = std::f64::consts::PI.sqrt();
    if x.abs() < 2.5 {
        let (mut term, mut sum) = (x, x);
        for n in 1..80 {
            term *= -x * x / n as f64;
            sum += term / (2 * n + 1) as f64;
        }
        return 1.0 - 2.0 / root * sum;
    }
    let z = x.abs();
    let fraction = (1..=80).rev().fold(z, |f, n| z + n as f64 / 2.0 / f);
    let tail = (-z * z).exp() / (root * fraction);
    if x > 0.0 { tail } else { 2.0 - tail }
}
