//! Where neurons can be on the parts of a tree: linear bounds again, in f64 on the CPU.

use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::net::Op;
use crate::num::round::add_up;
use crate::num::{Piece, Piecewise};
use crate::ops::linear::{NodeEnds, above, host_ends, over, relax, signs, take_signs, tighten, upload_ends};
use crate::ops::part::{Part, boxes, known, read_by_nonlinear, row};
use crate::ops::plane::{Cell, Plane, Verdict, refuted, shrink};
use crate::ops::sweep::enclosure;
use crate::ops::{Ends, Gate, Prepared, Trace};
use crate::region::Region;
use ndarray::{Array2, s};

/// What is found on a batch of parts.
pub struct Statuses {
    pub gates: Vec<Option<Gate<Cpu>>>,
    /// With smaller boxes and narrower ends.
    pub parts: Vec<Part>,
    /// Did the multipliers that were given rule out an interior?
    pub empty: Vec<bool>,
}

/// `multipliers`: for parts that are claimed to be empty.
pub fn derive(
    prepared: &Prepared<Cpu>,
    region: &Region,
    mut parts: Vec<Part>,
    multipliers: &[Option<&[f64]>],
) -> Statuses {
    let (net, b) = (prepared.net, prepared.backend);
    let fixed = region.fixed();
    let free: Vec<Vec<bool>> = parts.iter().map(|p| p.free(&fixed)).collect();
    let (input, given) = (b.upload(&enclosure(&boxes(&parts))), known(&parts, net));
    let read = read_by_nonlinear(net);
    let mut trace: Trace<Cpu> = Trace::start(net);
    let mut ends: NodeEnds = vec![None; net.nodes.len()];
    let mut relaxations = vec![];
    let mut planes: Vec<Vec<Plane>> = vec![vec![]; parts.len()];
    let mut empty = vec![false; parts.len()];
    for k in 0..net.nodes.len() {
        let node = &net.nodes[k];
        let before = given[k].as_ref();
        prepared.step(&mut trace, k, (k == 0).then(|| input.clone()), before);
        let mut own = host_ends(b, trace.values[k].as_ref().expect("just computed"));
        if let Some(e) = before {
            tighten(&mut own, &e.lo, &e.hi);
        }
        relaxations.push(node.op.is_nonlinear().then(|| relax(net, k, &ends, None)));
        if let Op::Piecewise(f) = &node.op {
            let x = ends[node.inputs[0]].as_ref().expect("topological order");
            trace.gates[k] = Some(Gate::Each(slopes(b, f, x)));
        }
        if read[k] && k > 0 {
            let mut open = undecided(prepared, k, &own);
            open.extend(parts.iter().flat_map(|p| p.cuts.iter()).filter(|c| c.node == k).map(|c| c.feature));
            open.sort_unstable();
            open.dedup();
            ends[k] = Some(own.clone());
            for chunk in open.chunks(256) {
                let rows = signs(parts.len(), node.len(), chunk);
                let (a, constants) = above(prepared, &relaxations, &ends, k, &rows, &mut |_, _| {});
                let box_ = ends[0].as_ref().expect("bounds of the input");
                let mut tops = over(b, region, box_, a.clone(), constants.clone());
                let coefficients = match &a {
                    Some(a) => b.read(a).centre,
                    None => ndarray::Array3::zeros((parts.len(), 2 * chunk.len(), net.inputs())),
                };
                for i in 0..parts.len() {
                    let line = |t: usize| Plane {
                        a: coefficients.slice(s![i, t, ..]).to_vec(),
                        d: constants[[i, t]],
                    };
                    let part = &mut parts[i];
                    for cut in part.cuts.iter().filter(|c| c.node == k) {
                        let Ok(t) = chunk.binary_search(&cut.feature) else { continue };
                        let mut plane = line(2 * t + !cut.above as usize);
                        plane.d = add_up(plane.d, if cut.above { -cut.at } else { cut.at });
                        if plane.d.is_finite() {
                            let vanished = !shrink(&plane, &free[i], &mut part.lo, &mut part.hi);
                            empty[i] |= vanished && multipliers[i].is_some();
                            planes[i].push(plane);
                        }
                    }
                    if let Some(m) = multipliers[i].filter(|m| m.len() == planes[i].len()) {
                        empty[i] |= refuted(&planes[i], m, &free[i], &part.lo, &part.hi);
                    }
                    if !empty[i] && !planes[i].is_empty() {
                        sharpen(&planes[i], part, &free[i], &own, i, chunk, &line, &mut tops);
                    }
                }
                take_signs(&mut own, &tops, chunk);
            }
            let value = trace.values[k].take().expect("just computed");
            trace.values[k] = Some(b.intersect(&value, &upload_ends(b, &own)));
        }
        ends[k] = Some(own);
    }
    for (i, part) in parts.iter_mut().enumerate() {
        for k in (0..net.nodes.len()).filter(|&k| read[k]) {
            part.known[k] = Some(row(ends[k].as_ref().expect("every node has ends"), i));
        }
    }
    Statuses { gates: trace.gates, parts, empty }
}

/// Lowers bounds of features by multipliers of the half-spaces, which anybody may propose.
fn sharpen(
    planes: &[Plane],
    part: &Part,
    free: &[bool],
    own: &Ends,
    i: usize,
    chunk: &[usize],
    line: &dyn Fn(usize) -> Plane,
    tops: &mut Array2<f64>,
) {
    let mut cell = Cell::new(planes, &part.lo, &part.hi);
    if !matches!(cell.judge(free), Verdict::Point(_)) {
        return;
    }
    for (t, &j) in chunk.iter().enumerate() {
        if own.lo[[i, j]] >= 0.0 || own.hi[[i, j]] <= 0.0 {
            continue;
        }
        for side in [2 * t, 2 * t + 1] {
            let plane = line(side);
            if plane.d.is_finite() && (side == 2 * t || tops[[i, 2 * t]] > 0.0) {
                tops[[i, side]] = tops[[i, side]].min(cell.highest(&plane));
            }
        }
    }
}

fn slopes(b: &Cpu, f: &Piecewise, x: &Ends) -> <Cpu as Backend>::Slopes {
    let of = |side: usize| {
        Array2::from_shape_fn(x.lo.dim(), |at| match f.piece(at.1, x.lo[at], x.hi[at]) {
            Piece::Fixed { slope, .. } => slope,
            Piece::Free { slope, .. } => slope[side],
        })
    };
    b.upload_slopes(&of(0), &of(1))
}

/// Features of which some reader does not know its piece in some part.
fn undecided(prepared: &Prepared<Cpu>, k: usize, ends: &Ends) -> Vec<usize> {
    let readers: Vec<_> = prepared.net.nodes.iter().filter(|n| n.inputs.contains(&k)).collect();
    let open = |j: usize| {
        readers.iter().any(|n| match &n.op {
            Op::Piecewise(f) => (0..ends.lo.nrows())
                .any(|i| matches!(f.piece(j, ends.lo[[i, j]], ends.hi[[i, j]]), Piece::Free { .. })),
            op => op.is_nonlinear(),
        })
    };
    (0..ends.lo.ncols()).filter(|&j| open(j)).collect()
}
