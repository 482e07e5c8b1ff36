//! The kernels as text: one file each under `shaders`, joined with the shared
//! pieces they name, for the device's number type.

use super::inflate::Real;
use super::tile::{LOW, SLIM, Tile, WIDE};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

/// A kernel: its parts in order, and how many buffers it reads and writes
/// behind the two that all kernels have (sizes and constants).
pub struct Kernel {
    pub name: Cow<'static, str>,
    parts: Cow<'static, [Cow<'static, str>]>,
    pub reads: usize,
    pub writes: usize,
}

const ENCLOSURE: &str = include_str!("../../../shaders/shared/enclosure.wgsl");
const PRODUCT: &str = include_str!("../../../shaders/shared/product.wgsl");
const REALS: &str = include_str!("../../../shaders/shared/weights_real.wgsl");
const HALVES: &str = include_str!("../../../shaders/shared/weights_half.wgsl");

macro_rules! kernel {
    ($id:ident, $name:literal, $reads:literal, $writes:literal $(,)?) => {
        pub static $id: Kernel = Kernel {
            name: Cow::Borrowed($name),
            parts: Cow::Borrowed(&[
                Cow::Borrowed(ENCLOSURE),
                Cow::Borrowed(include_str!(concat!("../../../shaders/", $name, ".wgsl"))),
            ]),
            reads: $reads,
            writes: $writes,
        };
    };
}

/// What a product is with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum With {
    Matrix,
    Convolution,
    Transposed,
}

impl With {
    const ALL: [With; 3] = [With::Matrix, With::Convolution, With::Transposed];

    /// Its name, its text, and do operands lie side by side along k?
    fn text(self) -> (&'static str, &'static str, bool) {
        match self {
            With::Matrix => ("dense", include_str!("../../../shaders/dense.wgsl"), true),
            With::Convolution => ("conv", include_str!("../../../shaders/conv.wgsl"), false),
            With::Transposed => ("conv_adjoint", include_str!("../../../shaders/conv_adjoint.wgsl"), false),
        }
    }
}

/// Every product: with numbers of the device or f16 as weights, in every tile.
static PRODUCTS: LazyLock<HashMap<(With, bool, Tile), Kernel>> = LazyLock::new(|| {
    let tiles = || WIDE.iter().chain(&SLIM).chain(&LOW);
    let each = |with| tiles().flat_map(move |tile| [false, true].map(|halves| (with, halves, *tile)));
    With::ALL.into_iter().flat_map(each).map(|key| (key, written(key))).collect()
});

fn written((with, halves, tile): (With, bool, Tile)) -> Kernel {
    let (name, text, along_k) = with.text();
    let weights = if halves { HALVES } else { REALS };
    let parts = [ENCLOSURE.into(), tile.head().into(), weights.into(), PRODUCT.into(), text.into()];
    Kernel {
        name: format!("{name}{}, {}", if halves { ", f16 weights" } else { "" }, tile.name()).into(),
        parts: parts.into_iter().chain([tile.main(along_k).into()]).collect(),
        reads: 4,
        writes: 2,
    }
}

/// One of the tiles that are listed in `tile`.
pub fn product(with: With, halves: bool, tile: Tile) -> &'static Kernel {
    &PRODUCTS[&(with, halves, tile)]
}

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
kernel!(TALLY, "tally", 1, 1);
kernel!(SPANS, "spans", 2, 2);
kernel!(SLOPES, "slopes", 2, 2);
kernel!(SHIFTS, "shifts", 4, 2);
kernel!(SIGNS, "signs", 1, 1);
kernel!(WINDOW_LINES, "window_lines", 4, 3);
kernel!(MEET, "meet", 4, 1);
kernel!(ROW_NORMS, "row_norms", 2, 1);
kernel!(COLUMN_NORMS, "column_norms", 2, 1);
kernel!(REACH, "reach", 2, 1);
kernel!(GRAM, "gram", 3, 2);
kernel!(COLUMNS, "columns", 2, 1);
kernel!(SYMBOLS, "symbols", 3, 2);
kernel!(JOINED, "joined", 3, 2);
kernel!(LOOP_ROWS, "loop_rows", 4, 1);
kernel!(LOOP_FACTOR, "loop_factor", 3, 3);
kernel!(LOOP_DIVIDE, "loop_divide", 2, 2);
kernel!(LOOP_TOPS, "loop_tops", 4, 2);
kernel!(PROBE, "probe", 2, 1);
kernel!(PEAK, "peak", 0, 1);

static FIXED: [&Kernel; 34] = [
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
    &TALLY,
    &SPANS,
    &SLOPES,
    &SHIFTS,
    &SIGNS,
    &WINDOW_LINES,
    &MEET,
    &ROW_NORMS,
    &COLUMN_NORMS,
    &REACH,
    &GRAM,
    &COLUMNS,
    &SYMBOLS,
    &JOINED,
    &LOOP_ROWS,
    &LOOP_FACTOR,
    &LOOP_DIVIDE,
    &LOOP_TOPS,
    &PROBE,
    &PEAK,
];

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Kernel> {
    FIXED.into_iter().chain(PRODUCTS.values())
}

impl Kernel {
    /// The text that a device compiles.
    pub fn text(&self, real: Real) -> String {
        format!("alias real = {};\n{}", real.name(), self.parts.join("\n"))
    }
}
