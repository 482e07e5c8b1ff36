//! The kernels as text: one file each under `shaders`, joined with the shared
//! pieces they name, for the device's number type.

use super::inflate::Real;

/// A kernel: its parts in order, and how many buffers it reads and writes
/// behind the two that all kernels have (sizes and constants).
pub struct Kernel {
    pub name: &'static str,
    parts: &'static [&'static str],
    pub reads: usize,
    pub writes: usize,
}

const ENCLOSURE: &str = include_str!("../../../shaders/shared/enclosure.wgsl");
const PRODUCT: &str = include_str!("../../../shaders/shared/product.wgsl");
const REALS: &str = include_str!("../../../shaders/shared/weights_real.wgsl");
const HALVES: &str = include_str!("../../../shaders/shared/weights_half.wgsl");

macro_rules! kernel {
    ($id:ident, $name:literal, $reads:literal, $writes:literal $(, $shared:expr)*) => {
        kernel!($id, $name in $name, $reads, $writes $(, $shared)*);
    };
    ($id:ident, $name:literal in $file:literal, $reads:literal, $writes:literal $(, $shared:expr)*) => {
        pub const $id: Kernel = Kernel {
            name: $name,
            parts: &[ENCLOSURE, $($shared,)* include_str!(concat!("../../../shaders/", $file, ".wgsl"))],
            reads: $reads,
            writes: $writes,
        };
    };
}

kernel!(DENSE, "dense", 4, 2, REALS, PRODUCT);
kernel!(DENSE_HALF, "dense, f16 weights" in "dense", 4, 2, HALVES, PRODUCT);
kernel!(CONV, "conv", 4, 2, REALS, PRODUCT);
kernel!(CONV_HALF, "conv, f16 weights" in "conv", 4, 2, HALVES, PRODUCT);
kernel!(CONV_ADJOINT, "conv_adjoint", 4, 2, REALS, PRODUCT);
kernel!(CONV_ADJOINT_HALF, "conv_adjoint, f16 weights" in "conv_adjoint", 4, 2, HALVES, PRODUCT);
kernel!(SCALE, "scale", 2, 2);
kernel!(SELECT, "select", 4, 2);
kernel!(SUM, "sum", 4, 2);
kernel!(COPY, "copy", 2, 2);
kernel!(ACTIVATE, "activate", 2, 4);
kernel!(GATE, "gate", 4, 2);
kernel!(WINDOW_MAX, "window_max", 4, 2);
kernel!(WINDOW_GATES, "window_gates", 4, 2);
kernel!(WINDOW_TANGENT, "window_tangent", 6, 2);
kernel!(WINDOW_ADJOINT, "window_adjoint", 7, 2);
kernel!(INTERSECT, "intersect", 4, 2);
kernel!(CHORD, "chord", 3, 2);
kernel!(WINDOW_CHORD, "window_chord", 6, 2);
kernel!(ROW_DOT, "row_dot", 3, 1);
kernel!(REACH, "reach", 2, 1);
kernel!(GRAM, "gram", 3, 2);
kernel!(COLUMNS, "columns", 2, 1);
kernel!(SYMBOLS, "symbols", 3, 2);
kernel!(PROBE, "probe", 2, 1);
kernel!(PEAK, "peak", 0, 1);

/// All of them.
pub const ALL: [&Kernel; 26] = [
    &DENSE,
    &DENSE_HALF,
    &CONV,
    &CONV_HALF,
    &CONV_ADJOINT,
    &CONV_ADJOINT_HALF,
    &SCALE,
    &SELECT,
    &SUM,
    &COPY,
    &ACTIVATE,
    &GATE,
    &WINDOW_MAX,
    &WINDOW_GATES,
    &WINDOW_TANGENT,
    &WINDOW_ADJOINT,
    &INTERSECT,
    &CHORD,
    &WINDOW_CHORD,
    &ROW_DOT,
    &REACH,
    &GRAM,
    &COLUMNS,
    &SYMBOLS,
    &PROBE,
    &PEAK,
];

impl Kernel {
    /// The text that a device compiles.
    pub fn text(&self, real: Real) -> String {
        format!("alias real = {};\n{}", real.name(), self.parts.join("\n"))
    }
}
