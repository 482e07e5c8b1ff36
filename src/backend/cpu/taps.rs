//! Which inputs a convolution's outputs read, line by line, and patches filled from them.

use crate::layer::ConvShape;
use std::ops::Range;

/// Where tap `t` on `axis` reads inside the input: outputs `from..to`, the
/// first of them at input position `first`.
#[derive(Clone, Copy)]
struct Reach {
    from: usize,
    to: usize,
    first: usize,
}

impl Reach {
    fn new(shape: &ConvShape, axis: usize, t: usize) -> Self {
        let (tap, pad, stride) = (t * shape.dilation[axis], shape.pad[axis], shape.stride[axis]);
        let (input, output) = (shape.input[axis], shape.output[axis]);
        let from = pad.saturating_sub(tap).div_ceil(stride);
        let to = if input + pad > tap { (input + pad - tap - 1) / stride + 1 } else { 0 };
        let to = to.min(output);
        if from >= to {
            return Reach { from: 0, to: 0, first: 0 };
        }
        Reach { from, to, first: from * stride + tap - pad }
    }
}

/// Runs `line(row, at, source)` for every tap and every output row in
/// `y0..y0 + rows` that it reaches: patch row, first output (relative to `y0`)
/// and first input position of `to - from` values along x.
#[inline(always)]
pub fn each_line(
    shape: &ConvShape,
    channels: usize,
    y0: usize,
    rows: usize,
    mut line: impl FnMut(usize, usize, usize, usize),
) {
    let [h, w] = shape.input;
    let xs: Vec<Reach> = (0..shape.kernel[1]).map(|t| Reach::new(shape, 1, t)).collect();
    for c in 0..channels {
        for ky in 0..shape.kernel[0] {
            let y = Reach::new(shape, 0, ky);
            for (kx, x) in xs.iter().enumerate() {
                let row = (c * shape.kernel[0] + ky) * shape.kernel[1] + kx;
                for oy in y.from.max(y0)..y.to.min(y0 + rows) {
                    let sy = y.first + (oy - y.from) * shape.stride[0];
                    let at = (oy - y0) * shape.output[1] + x.from;
                    line(row, at, (c * h + sy) * w + x.first, x.to - x.from);
                }
            }
        }
    }
}

/// Fills patches (rows `pitch` apart) for some rows of outputs from the inputs of one group; false
/// if all are zero.
pub fn gather(shape: &ConvShape, data: &[f64], rows: Range<usize>, patch: &mut [f64], pitch: usize) -> bool {
    if data.iter().all(|v| *v == 0.0) {
        return false;
    }
    let stride = shape.stride[1];
    each_line(
        shape,
        shape.in_channels / shape.groups,
        rows.start,
        rows.len(),
        #[inline(always)]
        |row, at, from, len| {
            let out = &mut patch[row * pitch + at..][..len];
            if stride == 1 {
                out.copy_from_slice(&data[from..from + len]);
            } else {
                for (o, v) in out.iter_mut().zip(data[from..].iter().step_by(stride)) {
                    *o = *v;
                }
            }
        },
    );
    true
}
