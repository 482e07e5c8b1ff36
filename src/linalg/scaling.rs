//! Scalings of a feedback loop.

/// Positive scalings of open neurons and of inputs; inputs empty: all 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scaling {
    pub neurons: Vec<f64>,
    pub inputs: Vec<f64>,
}

/// Few digits serve as well, and are short in files.
pub fn short(x: f64) -> f64 {
    format!("{x:.3e}").parse().unwrap_or(x)
}

impl Scaling {
    /// The same in few digits.
    pub fn rounded(&self) -> Scaling {
        let list = |l: &[f64]| l.iter().map(|x| short(*x)).collect();
        Scaling { neurons: list(&self.neurons), inputs: list(&self.inputs) }
    }
}
