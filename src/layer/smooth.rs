//! Scalar functions that are not piecewise linear.

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
