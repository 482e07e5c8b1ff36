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
const WIDE: &str = include_str!("../../../shaders/shared/tile_wide.wgsl");
const SLIM: &str = include_str!("../../../shaders/shared/tile_slim.wgsl");
const HALVES: &str = include_str!("../../../shaders/shared/weights_half.wgsl");

macro_rules! kernel {
    ($id:ident, $name:literal, $reads:literal, $writes:literal $(,)?) => {
        pub const $id: Kernel = Kernel {
            name: $name,
            parts: &[ENCLOSURE, include_str!(concat!("../../../shaders/", $name, ".wgsl"))],
            reads: $reads,
            writes: $writes,
        };
    };
}

/// The same product for both ways to store weights, each with both tiles.
macro_rules! product {
    ($id:ident, $name:literal) => {
        pub const $id: [[Kernel; 2]; 2] = [
            [product!($name, "", REALS, WIDE), product!($name, ", slim", REALS, SLIM)],
            [
                product!($name, ", f16 weights", HALVES, WIDE),
                product!($name, ", f16 weights, slim", HALVES, SLIM),
            ],
        ];
    };
    ($name:literal, $kind:literal, $weights:ident, $tile:ident) => {
        Kernel {
            name: concat!($name, $kind),
            parts: &[
                ENCLOSURE,
                $tile,
                $weights,
                PRODUCT,
                include_str!(concat!("../../../shaders/", $name, ".wgsl")),
            ],
            reads: 4,
            writes: 2,
        }
    };
}

product!(DENSE, "dense");
product!(CONV, "conv");
product!(CONV_ADJOINT, "conv_adjoint");
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
kernel!(ROW_NORMS, "row_norms", 2, 1);
kernel!(COLUMN_NORMS, "column_norms", 2, 1);
kernel!(REACH, "reach", 2, 1);
kernel!(GRAM, "gram", 3, 2);
kernel!(COLUMNS, "columns", 2, 1);
kernel!(SYMBOLS, "symbols", 3, 2);
kernel!(PROBE, "probe", 2, 1);
kernel!(PEAK, "peak", 0, 1);

/// All of them.
pub const ALL: [&Kernel; 34] = [
    &DENSE[0][0],
    &DENSE[0][1],
    &DENSE[1][0],
    &DENSE[1][1],
    &CONV[0][0],
    &CONV[0][1],
    &CONV[1][0],
    &CONV[1][1],
    &CONV_ADJOINT[0][0],
    &CONV_ADJOINT[0][1],
    &CONV_ADJOINT[1][0],
    &CONV_ADJOINT[1][1],
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
    &ROW_NORMS,
    &COLUMN_NORMS,
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
