//! Feedback loops on a device: the levels of scalings, and how they change, are those of the CPU.

use super::searches;
use clarke::backend::gpu::{Choice, Gpu, Real};
use clarke::backend::{Backend, Counts};
use clarke::linalg::gain::{Aim, Gain, Level};
use clarke::linalg::scaling::{Asked, Barrier, Loop, Scaling};
use clarke::num::random::Random;
use libtest_mimic::Failed;
use ndarray::{Array2, Axis, s};
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Fast enough to be asked.
pub const FAST: f64 = 1e13;

struct Made {
    matrix: Array2<f64>,
    reach: Vec<f64>,
    groups: Vec<usize>,
}

/// Groups of neurons that feed later ones.
fn made(groups: &[usize], inputs: usize, outputs: usize, random: &mut Random) -> Made {
    let m: usize = groups.iter().sum();
    let scale = 1.0 / ((inputs + m) as f64).sqrt();
    let mut matrix = Array2::from_shape_simple_fn((m + outputs, inputs + m), || random.normal() * scale);
    let mut at = 0;
    for count in groups {
        matrix.slice_mut(s![at..at + count, inputs + at..]).fill(0.0);
        at += count;
    }
    Made { matrix, reach: (0..m).map(|_| random.unit()).collect(), groups: groups.to_vec() }
}

fn loops(all: &[Made]) -> Vec<Loop<'_>> {
    all.iter().map(|m| Loop { matrix: m.matrix.view(), reach: &m.reach }).collect()
}

/// Scalings near ones that hold, and some that need not.
fn asked(all: &[Made], spread: bool, row: Option<usize>, random: &mut Random) -> Vec<Asked> {
    let mut list = vec![];
    for (part, own) in all.iter().enumerate() {
        let gain = Gain::new(own.matrix.view(), &own.reach, &own.groups, spread);
        let start = gain.start().expect("a start").scaling;
        for size in [0.0, 0.2, 3.0] {
            let mut near = |x: &f64| x * (size * random.signed()).exp();
            let scaling = Scaling {
                neurons: start.neurons.iter().map(&mut near).collect(),
                inputs: start.inputs.iter().map(&mut near).collect(),
            };
            list.push(Asked { part, row, scaling });
        }
    }
    list
}

type Levelled = Option<(Level, Barrier)>;

/// What the CPU says of scalings.
fn rated(all: &[Made], spread: bool, asked: &Asked) -> Levelled {
    let own = &all[asked.part];
    let m = own.reach.len();
    let rows: Vec<usize> =
        (0..own.matrix.nrows()).filter(|&i| i < m || asked.row.is_none_or(|r| i == m + r)).collect();
    let matrix = own.matrix.select(Axis(0), &rows);
    let gain = Gain::new(matrix.view(), &own.reach, &own.groups, spread);
    let at = gain.products(asked.scaling.clone())?;
    let level = gain.level_of(&at)?;
    Some((level, gain.barrier(&at)))
}

/// The largest difference of what is made small and of its gradient, beside 1 and the gradient's largest.
fn apart(there: &Levelled, here: &Levelled) -> Result<f64, String> {
    let (Some(there), Some(here)) = (there, here) else {
        return match (there, here) {
            (None, None) => Ok(0.0),
            _ => Err(format!("level there {}, here {}", there.is_some(), here.is_some())),
        };
    };
    let aim = Aim { weight: 0.05, sharpness: 10.0 };
    let [a, b] = [there, here].map(|(level, barrier): &(Level, Barrier)| level.descended(barrier, aim));
    let most = b.gradient.iter().fold(1.0f64, |m, g| m.max(g.abs()));
    let lists = a.gradient.iter().zip(&b.gradient).chain(a.curvature.iter().zip(&b.curvature));
    let gradient = lists.map(|(x, y)| (x - y).abs() / most).fold(0.0, f64::max);
    let level = (there.0.get() / here.0.get() - 1.0).abs();
    Ok(level.max(gradient).max((a.value - b.value).abs()))
}

pub fn agree(gpu: &Gpu) -> Result<(), Failed> {
    let real = gpu.real();
    let tolerance = if real == Real::F64 { 1e-8 } else { 2e-2 };
    let fast = gpu.paced(FAST);
    let mut random = Random(46);
    let (mut held, mut refused) = (0, 0);
    let sizes: [&[&[usize]]; 6] = [
        &[&[1]],
        &[&[5, 3], &[2], &[7]],
        &[&[16]],
        &[&[20, 13], &[40]],
        &[&[60, 40, 9]],
        &[&[300], &[150, 1]],
    ];
    for (k, groups) in sizes.iter().enumerate() {
        for spread in [false, true] {
            let (inputs, outputs) = ([1, 5, 33, 20, 70, 9][k], 1 + k % 4);
            let all: Vec<Made> = groups.iter().map(|g| made(g, inputs, outputs, &mut random)).collect();
            let loops = loops(&all);
            // In one batch, and in several.
            for gpu in [&fast, &fast.bound_by(1 << 16)] {
                let Some(there) = gpu.loops(&loops, spread) else { continue };
                for row in [None, Some(k % outputs)] {
                    let asked = asked(&all, spread, row, &mut random);
                    let name = format!("loops {k}, spread {spread}, row {row:?}");
                    for (there, asked) in there.rate(&asked).into_iter().zip(asked) {
                        let here = rated(&all, spread, &asked);
                        let there = there
                            .and_then(|(tops, barrier)| Some((Level::new(asked.scaling, tops)?, barrier)));
                        match apart(&there, &here) {
                            Ok(distance) if distance <= tolerance => {}
                            Ok(distance) => return Err(format!("{name}: {distance:e} apart").into()),
                            // What is nearly unstable may be either.
                            Err(text) if real == Real::F64 => return Err(format!("{name}: {text}").into()),
                            Err(_) => {}
                        }
                        held += here.is_some() as usize;
                        refused += here.is_none() as usize;
                    }
                }
            }
        }
    }
    if let Some(failure) = gpu.failure() {
        return Err(failure.into());
    }
    frugal(&fast)?;
    // Nobody asks a slow one, nor one that they do not fit into.
    let one = made(&[3], 2, 1, &mut random);
    let idle =
        [gpu, &fast.bound_by(64)].iter().any(|gpu| gpu.loops(&loops(slice::from_ref(&one)), false).is_some());
    if idle || held < 90 || refused < 10 {
        return Err(format!("{held} levels, {refused} refused").into());
    }
    Ok(())
}

/// Many loops take the lists and the kernels of a few, and bring back a handful of numbers a neuron.
fn frugal(gpu: &Gpu) -> Result<(), Failed> {
    let [neurons, inputs] = [40, 30];
    let counted = |count: usize| -> Result<Counts, Failed> {
        let mut random = Random(47);
        let all: Vec<Made> = (0..count).map(|_| made(&[25, 15], inputs, 1, &mut random)).collect();
        let there = gpu.loops(&loops(&all), false).ok_or("a fast device holds loops")?;
        let asked = asked(&all, false, None, &mut random);
        let before = gpu.counts();
        there.rate(&asked);
        Ok(gpu.counts().since(&before))
    };
    let (few, many) = (counted(4)?, counted(64)?);
    let same = few.submissions == many.submissions && few.dispatches == many.dispatches;
    // Three scalings of each, and numbers of eight bytes at most.
    let most = 64 * 3 * 8 * (6 * neurons as u64);
    if !same || many.submissions > 2 || many.received > most {
        return Err(format!("a few: {few:?}, many: {many:?}").into());
    }
    Ok(())
}

static ASKED: AtomicBool = AtomicBool::new(false);
const ENTRY: &str = "ONE - x, i == j";

fn seen(text: String) -> String {
    if text.contains(ENTRY) {
        ASKED.store(true, Ordering::Relaxed);
    }
    text
}

/// Factors of another matrix.
fn planted(text: String) -> String {
    seen(text).replace(ENTRY, "ONE - x * x, i == j")
}

/// Searches are as good with loops that a device rates (in f64), and hold whatever it says of them (in f32).
pub fn proposed(real: Real) -> Result<(), Failed> {
    let (rewrite, splits, above) = match real {
        Real::F64 => (seen as fn(String) -> String, 8, 1.02),
        Real::F32 => (planted as fn(String) -> String, 4, f64::INFINITY),
    };
    ASKED.store(false, Ordering::Relaxed);
    let gpu = Gpu::planted(Choice::Any, Some(real), rewrite)?.paced(FAST);
    searches::opened(&Arc::new(gpu), splits, above)?;
    if ASKED.load(Ordering::Relaxed) { Ok(()) } else { Err("no loop was rated on the device".into()) }
}
