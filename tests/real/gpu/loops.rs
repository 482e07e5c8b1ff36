//! Feedback loops on a device: the levels of scalings, and how they change, are those of the CPU.

use clarke::backend::Backend;
use clarke::backend::gpu::{Gpu, Real};
use clarke::backend::loops::{Asked, Here, Loop, Loops, Rated};
use clarke::linalg::gain::{Aim, Gain};
use clarke::linalg::scaling::Scaling;
use clarke::num::random::Random;
use libtest_mimic::Failed;
use ndarray::{Array2, s};

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
    all.iter().map(|m| Loop { matrix: m.matrix.view(), reach: &m.reach, groups: &m.groups }).collect()
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

/// The largest difference of what is made small and of its gradient, beside 1 and the gradient's largest.
fn apart(there: &Rated, here: &Rated) -> Result<f64, String> {
    let (Some(there), Some(here)) = (there, here) else {
        return match (there, here) {
            (None, None) => Ok(0.0),
            _ => Err(format!("level there {}, here {}", there.is_some(), here.is_some())),
        };
    };
    let aim = Aim { weight: 0.05, sharpness: 10.0 };
    let [a, b] = [there, here].map(|(level, barrier)| level.descended(barrier, aim));
    let most = b.gradient.iter().fold(1.0f64, |m, g| m.max(g.abs()));
    let lists = a.gradient.iter().zip(&b.gradient).chain(a.curvature.iter().zip(&b.curvature));
    let gradient = lists.map(|(x, y)| (x - y).abs() / most).fold(0.0, f64::max);
    let level = (there.0.get() / here.0.get() - 1.0).abs();
    Ok(level.max(gradient).max((a.value - b.value).abs()))
}

pub fn agree(gpu: &Gpu) -> Result<(), Failed> {
    let tolerance = if gpu.real() == Real::F64 { 1e-8 } else { 2e-2 };
    let fast = gpu.as_if(FAST);
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
            let here = Here { loops: loops(&all), spread };
            let there = fast.loops(&here.loops, spread).ok_or("a fast device holds loops")?;
            for row in [None, Some(k % outputs)] {
                let asked = asked(&all, spread, row, &mut random);
                let name = format!("loops {k}, spread {spread}, row {row:?}");
                for (there, here) in there.rate(&asked).iter().zip(here.rate(&asked)) {
                    match apart(there, &here) {
                        Ok(distance) if distance <= tolerance => {}
                        Ok(distance) => return Err(format!("{name}: {distance:e} apart").into()),
                        // What is nearly unstable may be either.
                        Err(text) if gpu.real() == Real::F64 => return Err(format!("{name}: {text}").into()),
                        Err(_) => {}
                    }
                    held += here.is_some() as usize;
                    refused += here.is_none() as usize;
                }
            }
        }
    }
    if let Some(failure) = gpu.failure() {
        return Err(failure.into());
    }
    if gpu.loops(&[], false).is_some() || held < 60 || refused < 10 {
        return Err(format!("{held} levels, {refused} refused").into());
    }
    Ok(())
}
