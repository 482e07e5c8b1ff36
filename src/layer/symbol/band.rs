//! One axis of a convolution as a banded Toeplitz matrix, and the circles it fits into.
//!
//! Output q meets input j through tap j − q s. A dilated axis falls apart into
//! residue classes that do not see each other, each of this form; the band here
//! covers them all, so each is a submatrix of it.

use crate::layer::map::ConvShape;

/// Outputs `0..outputs`, inputs `first..=last`, taps `low..=high`, every pair of which that
/// satisfies j = q s + t meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    pub outputs: usize,
    pub first: usize,
    pub last: usize,
    pub low: usize,
    pub high: usize,
    pub stride: usize,
}

fn common(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common(b, a % b) }
}

impl Band {
    /// Covers all classes; `None` if no tap meets the map.
    pub fn new(shape: &ConvShape, axis: usize) -> Option<Band> {
        Band::classes(shape, axis).into_iter().reduce(|a, b| Band {
            outputs: a.outputs.max(b.outputs),
            first: a.first.min(b.first),
            last: a.last.max(b.last),
            low: a.low.min(b.low),
            high: a.high.max(b.high),
            stride: a.stride,
        })
    }

    /// The classes of an axis, each kind once; those that meet nothing are left out.
    /// Tap t of a band is tap t of the kernel.
    pub fn classes(shape: &ConvShape, axis: usize) -> Vec<Band> {
        let (outputs, inputs, kernel) = (shape.output[axis], shape.input[axis], shape.kernel[axis]);
        let (stride, dilation, pad) = (shape.stride[axis], shape.dilation[axis], shape.pad[axis]);
        if outputs == 0 || inputs == 0 || kernel == 0 {
            return vec![];
        }
        // i + p = o s + t δ: only multiples of g = gcd(s, δ) meet, then classes of o modulo δ / g.
        let g = common(stride, dilation);
        let (stride, classes) = (stride / g, dilation / g);
        let (from, to) = (pad.div_ceil(g), (inputs - 1 + pad) / g);
        let mut all: Vec<Band> = Vec::new();
        for r in 0..classes.min(outputs) {
            let rows = (outputs - r).div_ceil(classes);
            let shift = r * stride;
            let first = from.saturating_sub(shift).div_ceil(classes);
            if to < shift {
                continue;
            }
            let last = ((to - shift) / classes).min((rows - 1) * stride + kernel - 1);
            let low = first.saturating_sub((rows - 1) * stride);
            let high = last.min(kernel - 1);
            if first > last || low > high {
                continue;
            }
            let one = Band { outputs: rows, first, last, low, high, stride };
            if !all.contains(&one) {
                all.push(one);
            }
        }
        all
    }

    pub fn inputs(&self) -> usize {
        self.last - self.first + 1
    }

    /// The stride's multiple and phase of a tap, counted from the first multiple in use.
    pub fn place(&self, tap: usize) -> (usize, usize) {
        (tap / self.stride - self.low / self.stride, tap % self.stride)
    }

    /// Multiples of the stride that taps reach: the taps of the symbol.
    pub fn reach(&self) -> usize {
        self.place(self.high).0 + 1
    }

    /// The multiples of the stride that the first and the last input lie at.
    fn blocks(&self) -> (usize, usize) {
        let shift = self.low / self.stride;
        (self.first / self.stride - shift, self.last / self.stride - shift)
    }

    /// The multiple and phase of an input.
    pub fn input_place(&self, input: usize) -> (usize, usize) {
        (input / self.stride - self.low / self.stride, input % self.stride)
    }

    /// Phases of the stride that taps reach, in order.
    pub fn phases(&self) -> Vec<usize> {
        let mut list: Vec<usize> = (self.low..=self.high).map(|t| t % self.stride).collect();
        list.sort_unstable();
        list.dedup();
        list
    }

    /// The input of the map that input j of the first class is.
    pub fn input_of(&self, shape: &ConvShape, axis: usize, j: usize) -> Option<usize> {
        (j * shape.dilation[axis]).checked_sub(shape.pad[axis])
    }

    /// The same for output q.
    pub fn output_of(&self, shape: &ConvShape, axis: usize, q: usize) -> usize {
        q * shape.dilation[axis] / common(shape.stride[axis], shape.dilation[axis])
    }

    /// The least period of a circle that holds the band as a submatrix.
    ///
    /// Output o and block b of inputs (inputs of one phase) meet through multiple
    /// a = b − o of the taps; on a circle of N they also meet through a + jN. No tap
    /// of another turn is in reach if N > b1 and N > (reach − 1) − b0 + (outputs − 1);
    /// rows and columns stay apart if N >= outputs and N > b1 − b0.
    pub fn period(&self) -> usize {
        let (b0, b1) = self.blocks();
        (b1 + 1).max((self.reach() + self.outputs - 1).saturating_sub(b0)).max(self.outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bands() -> impl Iterator<Item = (ConvShape, Band)> {
        let sizes = (0..3 * 4 * 4 * 4 * 3 * 12).filter_map(|k: usize| {
            let (dilation, stride, pad, kernel) = (1 + k % 3, 1 + k / 3 % 4, k / 12 % 4, 1 + k / 48 % 4);
            let (far, input) = (k / 192 % 3, 1 + k / 576 % 12);
            let reach = dilation * (kernel - 1) + 1;
            let output = (input + pad + far).checked_sub(reach)? / stride + 1;
            let one = |x: usize| [x, 1];
            Some(ConvShape {
                groups: 1,
                in_channels: 1,
                out_channels: 1,
                input: one(input),
                output: one(output),
                kernel: one(kernel),
                stride: one(stride),
                dilation: one(dilation),
                pad: [pad, 0],
            })
        });
        sizes.filter_map(|s| Some((s, Band::new(&s, 0)?)))
    }

    /// The taps at (output, input) of a band, or of its circle of a period.
    fn taps(b: &Band, o: usize, j: usize, period: Option<usize>) -> Vec<usize> {
        let meets = |t: &usize| match period {
            None => o * b.stride + t == j,
            Some(n) => {
                let ((a, phase), (block, other)) = (b.place(*t), b.input_place(j));
                phase == other && (o + a) % n == block % n
            }
        };
        (b.low..=b.high).filter(meets).collect()
    }

    #[test]
    fn every_class_of_an_axis_is_in_its_band() {
        let mut count = 0;
        for (shape, band) in bands() {
            count += 1;
            let g = common(shape.stride[0], shape.dilation[0]);
            let classes = shape.dilation[0] / g;
            for o in 0..shape.output[0] {
                for t in 0..shape.kernel[0] {
                    let Some(i) = shape.source(0, o, t) else { continue };
                    let (q, r) = (o / classes, o % classes);
                    let whole = (i + shape.pad[0]) / g - r * band.stride;
                    assert_eq!((i + shape.pad[0]) % g, 0);
                    assert_eq!(whole % classes, 0);
                    let j = whole / classes;
                    assert!(q < band.outputs && (band.first..=band.last).contains(&j), "{shape:?} {band:?}");
                    assert_eq!(j, q * band.stride + t);
                    assert!((band.low..=band.high).contains(&t));
                }
            }
        }
        assert!(count > 3000, "{count}");
    }

    #[test]
    fn the_band_is_a_submatrix_of_its_circle_and_no_smaller_one() {
        let mut tight = 0;
        for (shape, b) in bands() {
            for n in b.period()..b.period() + 4 {
                for (o, j) in (0..b.outputs).flat_map(|o| (b.first..=b.last).map(move |j| (o, j))) {
                    assert_eq!(taps(&b, o, j, None), taps(&b, o, j, Some(n)), "{shape:?} {b:?} {n}");
                }
                let place = |j: usize| (b.input_place(j).0 % n, b.input_place(j).1);
                let places: std::collections::BTreeSet<_> = (b.first..=b.last).map(place).collect();
                assert!(places.len() == b.inputs() && b.outputs <= n);
            }
            let n = b.period() - 1;
            if n > 0 && n >= b.outputs {
                let differs = |(o, j)| taps(&b, o, j, None) != taps(&b, o, j, Some(n));
                let any = (0..b.outputs).flat_map(|o| (b.first..=b.last).map(move |j| (o, j))).any(differs);
                tight += usize::from(any);
            }
        }
        assert!(tight > 1000, "{tight}");
    }
}
