//! The processor: its name, and whether it computes as the proofs assume.

use std::hint::black_box;

pub fn name() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|l| l.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_string())
}

/// IEEE 754 as the proofs use it: rounding to nearest even, fused multiply-add, subnormals,
/// correctly rounded division and square root.
pub fn defect() -> Option<String> {
    let one = black_box(1.0f64);
    let tiny = black_box(f64::MIN_POSITIVE);
    let half_ulp = black_box(f64::EPSILON / 2.0);
    let checks = [
        (one + half_ulp == 1.0, "1 + 2^-53 is not rounded to even"),
        (
            one + f64::EPSILON + half_ulp == 1.0 + 2.0 * f64::EPSILON,
            "1 + 2^-52 + 2^-53 is not rounded to even",
        ),
        (-one - half_ulp == -1.0, "rounding is directed"),
        (tiny * black_box(f64::EPSILON) == 5e-324, "subnormal results are flushed to zero"),
        (black_box(5e-324) * black_box(2f64.powi(60)) > 0.0, "subnormal arguments are taken as zero"),
        (
            (one + f64::EPSILON).mul_add(one - f64::EPSILON, -1.0) == -(f64::EPSILON * f64::EPSILON),
            "fma rounds twice",
        ),
        (black_box(1.0) / black_box(3.0) == f64::from_bits(0x3fd5_5555_5555_5555), "division is not exact"),
        (black_box(2.0f64).sqrt() == std::f64::consts::SQRT_2, "the square root is not exact"),
    ];
    checks.iter().find(|(ok, _)| !ok).map(|(_, what)| what.to_string())
}
