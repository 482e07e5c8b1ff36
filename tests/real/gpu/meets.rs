//! Where boxes and balls meet: no point of both is above the bound, and the host's own is not much below it.

use clarke::backend::Backend;
use clarke::backend::gpu::{Gpu, Real};
use clarke::linalg::Enclosure;
use clarke::num::Norm;
use clarke::num::random::Random;
use clarke::polytope::ball::{Ball, Place, Sum};
use libtest_mimic::Failed;
use ndarray::{Array2, Array3};

/// A point of both, in the direction of a or anywhere.
fn point(random: &mut Random, norm: Norm, radius: f64, a: &[f64], lo: &[f64], hi: &[f64]) -> Vec<f64> {
    let towards = random.unit() < 0.5;
    let stretch = 4.0 * random.unit();
    let mut way = |j: usize| if towards { stretch * a[j] } else { random.signed() * stretch };
    let mut y: Vec<f64> = (0..a.len()).map(|j| way(j).clamp(lo[j], hi[j])).collect();
    let length = match norm {
        Norm::Two => y.iter().map(|v| v * v).sum::<f64>().sqrt(),
        Norm::One | Norm::Inf => y.iter().map(|v| v.abs()).sum(),
    };
    // Boxes hold the centre, so what is shorter stays inside.
    let shrink = (radius / length.max(1e-300)).min(1.0) * (1.0 - 1e-12);
    y.iter_mut().for_each(|v| *v *= shrink);
    y
}

pub fn meets(gpu: &Gpu) -> Result<(), Failed> {
    let mut random = Random(53);
    let (mut tight, mut all) = (0, 0);
    for round in 0..60 {
        let norm = [Norm::Two, Norm::One][round % 2];
        let (items, rows, n) = (1 + round % 3, 1 + round % 4, [1, 3, 17, 64, 65, 200, 784][round % 7]);
        let some = |random: &mut Random, scale: f64| match random.unit() {
            u if u < 0.2 => 0.0,
            _ => scale * random.signed(),
        };
        let scale = [1.0, 1e-4, 1e5][round % 3];
        let a = Array3::from_shape_simple_fn((items, rows, n), || some(&mut random, scale));
        let block = gpu.upload(&Enclosure::point(a.mapv(|v| gpu.real().near(v))));
        let a = gpu.read(&block).centre;
        let width = [1.0, 1e-3, 30.0][round % 5 % 3];
        let lo = Array2::from_shape_simple_fn((items, n), || -some(&mut random, width).abs());
        let hi = Array2::from_shape_simple_fn((items, n), || some(&mut random, width).abs());
        let radii: Vec<f64> =
            (0..items).map(|_| width * (0.01 + random.unit() * (n as f64).sqrt())).collect();
        let found =
            gpu.meet(&block, &|| gpu.spans(lo.clone(), hi.clone()), norm, &radii).ok_or("not bounded")?;
        let found = gpu.top(found);
        for (i, row) in (0..items).flat_map(|i| (0..rows).map(move |r| (i, r))) {
            let own: Vec<f64> = (0..n).map(|j| a[[i, row, j]]).collect();
            let (low, high) = (lo.row(i).to_vec(), hi.row(i).to_vec());
            let bound = found[[i, row]];
            for _ in 0..40 {
                let y = point(&mut random, norm, radii[i], &own, &low, &high);
                let value: f64 = own.iter().zip(&y).map(|(a, y)| a * y).sum();
                let size: f64 = own.iter().zip(&y).map(|(a, y)| (a * y).abs()).sum();
                if value > bound + 1e-12 * size {
                    return Err(format!("{round}: {value} is above {bound}").into());
                }
            }
            let zeros = vec![0.0; n];
            let ball = Ball::new(norm, [&zeros, &zeros], radii[i]).ok_or("a ball")?;
            let host = Place { lo: &low, hi: &high, ball: Some(&ball) }.top(&Sum::of(&own, 0.0));
            let size: f64 = own.iter().zip(low.iter().zip(&high)).map(|(a, (l, h))| a.abs() * (h - l)).sum();
            let lost = if gpu.real() == Real::F32 { 1e-4 } else { 1e-9 };
            all += 1;
            tight += (bound <= host * 1.001 + lost * size + 1e-15) as usize;
            if bound > host * 1.1 + lost * size + 1e-15 {
                return Err(format!("{round}: {bound}, {host} on the host").into());
            }
        }
    }
    if tight * 20 < all * 19 { Err(format!("only {tight} of {all} are tight").into()) } else { Ok(()) }
}
