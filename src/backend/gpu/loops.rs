//! Scalings of many feedback loops at once on the device.
//!
//! Loops with fewer neurons than others get neurons that reach nothing and feed nothing.

use super::Gpu;
use super::device::Slab;
use super::kernels::{LOOP_DIVIDE, LOOP_FACTOR, LOOP_ROWS, LOOP_TOPS};
use super::launch::{Arg, Pass};
use super::spectral::Batch;
use crate::backend::spectral::Spectral;
use crate::linalg::gain::tops;
use crate::linalg::scaling::{Asked, Barrier, Loop, Loops, Rated, Top};
use ndarray::Array2;

/// Multiplications a second from which on the device is asked: a processor's own make fewer.
pub(super) const PAYS: f64 = 2e11;
/// Numbers that a batch takes at most.
const ENTRIES: usize = 1 << 25;

/// Sizes of all loops.
#[derive(Clone, Copy)]
struct Sizes {
    neurons: usize,
    inputs: usize,
    outputs: usize,
    spread: bool,
}

impl Sizes {
    fn rows(&self) -> usize {
        self.neurons + self.outputs
    }

    fn columns(&self) -> usize {
        self.inputs + self.neurons
    }

    /// The first column that is scaled.
    fn first(&self) -> usize {
        if self.spread { 0 } else { self.inputs }
    }
}

/// Loops on a device.
pub struct Held<'g> {
    gpu: &'g Gpu,
    sizes: Sizes,
    reach: Vec<Vec<f64>>,
    matrix: Slab,
    /// Of inputs that are not scaled: their columns times their transpose.
    known: Slab,
}

/// Scalings of one batch as they lie on the device.
struct Asking {
    count: usize,
    /// Rows of their loops, with those outputs that are measured.
    rows: usize,
    asked: Slab,
    outer: Slab,
    columns: Slab,
}

/// What a batch leaves on the device.
struct Factored {
    scaled: Slab,
    square: Slab,
    inverse: Slab,
}

/// What comes back of one.
struct Back {
    pivots: Vec<f64>,
    sums: Vec<f64>,
    levels: Array2<f64>,
}

fn kernel(kernel: &'static super::kernels::Kernel, args: &[Arg], gpu: &Gpu, sizes: Vec<u32>, grid: [u32; 3]) {
    gpu.run(&Pass { kernel, consts: &gpu.consts(1.0), args }, 1, |_, _| sizes.clone(), |_| grid);
}

impl<'g> Held<'g> {
    /// None where they are too many or too large for the device.
    pub fn new(gpu: &'g Gpu, loops: &[Loop], spread: bool) -> Option<Held<'g>> {
        let first = loops.first()?;
        let inputs = first.matrix.ncols() - first.reach.len();
        let outputs = first.matrix.nrows() - first.reach.len();
        let neurons = loops.iter().map(|l| l.reach.len()).max().filter(|m| *m > 0)?;
        let sizes = Sizes { neurons, inputs, outputs, spread };
        let each = sizes.rows() * sizes.columns();
        let bytes = gpu.real().bytes();
        let fits = gpu.binding as usize / bytes;
        let batch = neurons * (neurons + sizes.columns());
        if each.max(sizes.rows().pow(2)) * loops.len() > fits || batch > fits || outputs == 0 {
            return None;
        }
        let mut matrix = vec![0.0; each * loops.len()];
        for (l, into) in loops.iter().zip(matrix.chunks_exact_mut(each)) {
            let own = l.reach.len();
            for (i, row) in l.matrix.rows().into_iter().enumerate() {
                let to = if i < own { i } else { neurons + i - own };
                let into = &mut into[to * sizes.columns()..][..inputs + own];
                row.iter().zip(into).for_each(|(x, y)| *y = *x);
            }
        }
        let matrix = gpu.device.upload(&matrix);
        let reach = loops.iter().map(|l| l.reach.to_vec()).collect();
        let mut held = Held { gpu, sizes, reach, matrix, known: gpu.device.reals(0) };
        if !spread {
            held.known = held.inputs()?;
        }
        Some(held)
    }

    /// For every loop the inputs' columns times their transpose.
    fn inputs(&self) -> Option<Slab> {
        let Held { gpu, sizes, .. } = self;
        let count = self.reach.len();
        if sizes.inputs == 0 {
            return Some(gpu.device.blank(count * sizes.rows().pow(2)));
        }
        let indices: Vec<u32> = (0..count as u32).flat_map(|k| [k, 0]).collect();
        let asking = Asking {
            count,
            rows: sizes.rows(),
            asked: gpu.device.upload_indices(&indices),
            outer: gpu.device.upload(&vec![1.0; count * sizes.neurons]),
            columns: gpu.device.upload(&vec![1.0; count * sizes.inputs]),
        };
        let scaled = self.rows(&asking, 0, sizes.inputs);
        Some(self.square(scaled, count, sizes.inputs, sizes.rows()).1)
    }

    /// Scaled rows, transposed.
    fn rows(&self, asking: &Asking, first: usize, columns: usize) -> Slab {
        let Held { gpu, sizes, .. } = self;
        let entries = asking.count * columns * asking.rows;
        let result = gpu.device.reals(entries);
        let args = [
            Arg::Reals(&self.matrix, self.reach.len() * sizes.rows() * sizes.columns()),
            Arg::Indices(&asking.asked, 2 * asking.count),
            Arg::Reals(&asking.outer, asking.count * sizes.neurons),
            Arg::Reals(&asking.columns, asking.count * columns),
            Arg::Reals(&result, entries),
        ];
        let list = [entries, sizes.neurons, asking.rows, columns, sizes.rows(), sizes.columns(), first];
        let grid = super::Device::fold(entries.div_ceil(256) as u64);
        kernel(&LOOP_ROWS, &args, gpu, list.map(|n| n as u32).to_vec(), grid);
        result
    }

    /// Rows times their transpose: those rows, and the product.
    fn square(&self, scaled: Slab, count: usize, columns: usize, rows: usize) -> (Slab, Slab) {
        let batch = Batch::real(count, [columns, rows], scaled);
        let square = self.gpu.gram(&batch, &vec![1.0; count]);
        (batch.plane(), square.plane())
    }

    /// The measured outputs of a batch.
    fn outputs(&self, asked: &[Asked]) -> usize {
        if asked.iter().all(|a| a.row.is_some()) { 1 } else { self.sizes.outputs }
    }

    /// Columns of a scaled loop.
    fn scaled(&self) -> usize {
        self.sizes.columns() - self.sizes.first()
    }

    fn asking(&self, asked: &[Asked], outputs: usize) -> Asking {
        let Held { gpu, sizes, .. } = self;
        let index = |a: &Asked| [a.part as u32, a.row.map_or(0, |r| r as u32 + 1)];
        let indices: Vec<u32> = asked.iter().flat_map(index).collect();
        let (mut outer, mut columns) = (vec![], vec![]);
        for Asked { part, scaling, .. } in asked {
            let own = &self.reach[*part];
            let missing = sizes.neurons - own.len();
            outer.extend(own.iter().zip(&scaling.neurons).map(|(r, w)| r * w));
            outer.extend(std::iter::repeat_n(0.0, missing));
            columns.extend(scaling.inputs.iter().chain(&scaling.neurons).map(|x| 1.0 / x));
            columns.extend(std::iter::repeat_n(1.0, missing));
        }
        Asking {
            count: asked.len(),
            rows: sizes.neurons + outputs,
            asked: gpu.device.upload_indices(&indices),
            outer: gpu.device.upload(&outer),
            columns: gpu.device.upload(&columns),
        }
    }

    /// Factors a batch and reads what says how large its levels are.
    fn factored(&self, asking: &Asking) -> Option<(Factored, Vec<Back>)> {
        let Held { gpu, sizes, .. } = self;
        let Asking { count, rows, .. } = *asking;
        let (m, columns) = (sizes.neurons, self.scaled());
        let (outputs, all) = (rows - m, m + columns);
        let scaled = self.rows(asking, sizes.first(), columns);
        let (scaled, square) = self.square(scaled, count, columns, rows);
        let pivots = gpu.device.reals(count * m);
        let levels = gpu.device.reals(count * outputs * outputs);
        let known = if sizes.spread { 0 } else { self.reach.len() * sizes.rows().pow(2) };
        let args = [
            Arg::Indices(&asking.asked, 2 * count),
            Arg::Reals(&asking.outer, count * m),
            Arg::Reals(&self.known, known),
            Arg::Reals(&square, count * rows * rows),
            Arg::Reals(&pivots, count * m),
            Arg::Reals(&levels, count * outputs * outputs),
        ];
        let list = [m, rows, sizes.rows(), !sizes.spread as usize].map(|n| n as u32).to_vec();
        kernel(&LOOP_FACTOR, &args, gpu, list, [count as u32, 1, 1]);
        let inverse = gpu.device.reals(count * m * all);
        let sums = gpu.device.reals(count * all);
        let args = [
            Arg::Reals(&scaled, count * columns * rows),
            Arg::Reals(&square, count * rows * rows),
            Arg::Reals(&inverse, count * m * all),
            Arg::Reals(&sums, count * all),
        ];
        let list = [m, rows, columns].map(|n| n as u32).to_vec();
        kernel(&LOOP_DIVIDE, &args, gpu, list, [all.div_ceil(64) as u32, count as u32, 1]);
        let parts = gpu.device.read(&[
            (&pivots, count * m),
            (&sums, count * all),
            (&levels, count * outputs * outputs),
        ])?;
        let [pivots, sums, levels] = <[Vec<f64>; 3]>::try_from(parts).ok()?;
        let back = |k: usize| Back {
            pivots: pivots[k * m..][..m].to_vec(),
            sums: sums[k * all..][..all].to_vec(),
            levels: Array2::from_shape_fn((outputs, outputs), |(i, j)| {
                levels[(k * outputs + i) * outputs + j]
            }),
        };
        Some((Factored { scaled, square, inverse }, (0..count).map(back).collect()))
    }

    /// What attains the levels in so many directions of every loop: of the neurons' arguments, and of the columns.
    fn attained(&self, asking: &Asking, at: &Factored, directions: &[Array2<f64>]) -> Option<[Vec<f64>; 2]> {
        let Held { gpu, sizes, .. } = self;
        let Asking { count, rows, .. } = *asking;
        let (m, columns) = (sizes.neurons, self.scaled());
        let outputs = rows - m;
        let most = directions.iter().map(|d| d.ncols()).max().unwrap_or(0).max(1);
        let mut list = vec![0.0; count * most * outputs];
        for (k, own) in directions.iter().enumerate() {
            for ((o, top), u) in own.indexed_iter() {
                list[(k * most + top) * outputs + o] = *u;
            }
        }
        let list = gpu.device.upload(&list);
        let (rising, fed) = (gpu.device.reals(count * most * m), gpu.device.reals(count * most * columns));
        let args = [
            Arg::Reals(&at.scaled, count * columns * rows),
            Arg::Reals(&at.square, count * rows * rows),
            Arg::Reals(&at.inverse, count * m * (m + columns)),
            Arg::Reals(&list, count * most * outputs),
            Arg::Reals(&rising, count * most * m),
            Arg::Reals(&fed, count * most * columns),
        ];
        let list = [m, rows, columns, most].map(|n| n as u32).to_vec();
        kernel(&LOOP_TOPS, &args, gpu, list, [most as u32, count as u32, 1]);
        let parts = gpu.device.read(&[(&rising, count * most * m), (&fed, count * most * columns)])?;
        parts.try_into().ok()
    }

    fn batch(&self, asked: &[Asked], outputs: usize) -> Option<Vec<Rated>> {
        let (m, columns, first) = (self.sizes.neurons, self.scaled(), self.sizes.first());
        let inputs = self.sizes.inputs - first;
        let asking = self.asking(asked, outputs);
        let (factored, back) = self.factored(&asking)?;
        let holds = |b: &Back| b.pivots.iter().all(|p| *p > 0.0);
        let found: Vec<(Vec<f64>, Array2<f64>)> = back
            .iter()
            .map(|b| if holds(b) { tops(&b.levels) } else { (vec![], Array2::zeros((outputs, 0))) })
            .collect();
        let (squares, directions): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        let [rising, fed] = self.attained(&asking, &factored, &directions)?;
        let most = rising.len() / (asked.len() * m);
        let rated = |k: usize| -> Rated {
            let own = self.reach[asked[k].part].len();
            let top = |t: usize| {
                let square = squares[k][t];
                let parts = |from: &[f64]| from.iter().map(|x| x * x / square).collect();
                let fed = &fed[(k * most + t) * columns..][..columns];
                Top {
                    square,
                    fed: parts(&fed[inputs..inputs + own]),
                    rising: parts(&rising[(k * most + t) * m..][..own]),
                    entering: parts(&fed[..inputs]),
                }
            };
            if squares[k].is_empty() {
                return None;
            }
            let tops = (0..squares[k].len()).map(top).collect();
            let Back { pivots, sums, .. } = &back[k];
            let (rows, sums) = sums.split_at(m);
            let barrier = Barrier {
                log: pivots.iter().map(|p| 2.0 * p.ln()).sum(),
                rows: rows[..own].to_vec(),
                neurons: sums[inputs..inputs + own].to_vec(),
                inputs: sums[..inputs].to_vec(),
            };
            Some((tops, barrier))
        };
        Some((0..asked.len()).map(rated).collect())
    }
}

impl Loops for Held<'_> {
    fn rate(&self, asked: &[Asked]) -> Vec<Rated> {
        let outputs = self.outputs(asked);
        let (m, columns) = (self.sizes.neurons, self.scaled());
        let rows = m + outputs;
        let each = (columns * rows).max(rows * rows).max(m * (m + columns));
        let fits = (self.gpu.binding as usize / self.gpu.real().bytes()).min(ENTRIES);
        let at_once = (fits / each).clamp(1, 1 << 12);
        let batch = |some: &[Asked]| self.batch(some, outputs).unwrap_or_else(|| vec![None; some.len()]);
        asked.chunks(at_once).flat_map(batch).collect()
    }
}
