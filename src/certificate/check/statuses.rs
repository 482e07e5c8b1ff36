//! Where neurons can be on the parts of a tree: linear bounds again, in f64 on the CPU.

use super::Checked;
use super::around::Around;
use super::room::Room;
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::layer::Piece;
use crate::net::Op;
use crate::num::round::add_up;
use crate::polytope::ball::{Ball, Place};
use crate::polytope::cell::{Cell, Verdict};
use crate::polytope::plane::{Plane, refuted, shrink};
use crate::region::Region;
use crate::rules::linear::{Lined, Regions, Relaxed, relax, round, signs, slopes, take_signs};
use crate::rules::part::{Part, boxes, known, read_by_nonlinear, row};
use crate::rules::secant::gates;
use crate::sweep::{Bounds, Ends, Gate, Maps, Prepared, Spanned, Trace, enclosure, host_ends, upload_ends};
use ndarray::{Array2, Array3, s};

/// What is found on a batch of parts.
pub struct Statuses {
    pub gates: Vec<Option<Gate<Cpu>>>,
    /// Those of secants from the centre, of a whole region with one.
    pub anchored: Option<Vec<Option<Gate<Cpu>>>>,
    /// With smaller boxes and narrower ends.
    pub parts: Vec<Part>,
    /// Did the multipliers that were given rule out an interior?
    pub empty: Vec<bool>,
}

/// Parts of a region that are to be looked at.
pub struct Given<'g> {
    pub parts: Vec<Part>,
    /// For those that are claimed to be empty.
    pub multipliers: &'g [Option<&'g [f64]>],
    /// By linear bounds, too, not by boxes and distances from the centre alone?
    pub narrowly: bool,
}

pub fn derive(prepared: &Prepared<Cpu>, region: &Region, given: Given, room: &Room) -> Checked<Statuses> {
    let Given { mut parts, multipliers, narrowly } = given;
    let (net, b) = (prepared.net, prepared.backend);
    let fixed = region.fixed();
    let free: Vec<Vec<bool>> = parts.iter().map(|p| p.free(&fixed)).collect();
    let (input, given) = (b.upload(&enclosure(&boxes(&parts))), known(&parts, net));
    let read = read_by_nonlinear(net);
    let whole = matches!(&parts[..], [part] if part.is_whole(region));
    let squares = whole.then(|| Maps::squares(net, b));
    let around = squares.as_ref().map(|s| Around::new(prepared, s, region, &boxes(&parts), room));
    let mut around = around.transpose()?.flatten();
    let mut trace: Trace<Cpu> = Trace::start(net);
    let (mut ends, mut spans) = (Bounds::none(net.nodes.len()), Spanned::none(net.nodes.len()));
    let (mut relaxations, mut planes) = (vec![], vec![Vec::<Plane>::new(); parts.len()]);
    let ball = round(region);
    let mut empty = apart(&parts, multipliers, ball.as_ref());
    for k in 0..net.nodes.len() {
        let node = &net.nodes[k];
        let before = given.get(k);
        prepared.step(&mut trace, k, (k == 0).then(|| input.clone()), before);
        let mut own = host_ends(b, trace.values[k].as_ref().expect("just computed"));
        if let Some(e) = before {
            own.tighten(&e.lo, &e.hi);
        }
        if let Some(around) = around.as_mut().filter(|_| k > 0) {
            around.step(k, &ends, &mut own);
            if read[k] && narrowly {
                around.narrow(k, &undecided(prepared, k, &own), &mut own)?;
            }
            let value = trace.values[k].take().expect("just computed");
            trace.values[k] = Some(b.intersect(&value, &upload_ends(b, &own)));
        }
        relaxations.push(node.op.is_nonlinear().then(|| relax(net, k, &ends, None).lined(b)));
        if let Op::Piecewise(f) = &node.op {
            let [lo, hi] = slopes(f, ends.of(node.inputs[0]));
            trace.gates[k] = Some(Gate::Each(b.upload_slopes(&lo, &hi)));
        }
        if read[k] && k > 0 && narrowly {
            ends.set(k, own.clone());
            let lines =
                Lines { prepared, region, relaxations: &relaxations, ends: &ends, spans: &spans, k, room };
            let (planes, ball) = (&mut planes, ball.as_ref());
            let cells = Cells { parts: &mut parts, free: &free, planes, empty: &mut empty, ball };
            lines.narrow(cells, multipliers, &mut own)?;
            let value = trace.values[k].take().expect("just computed");
            trace.values[k] = Some(b.intersect(&value, &upload_ends(b, &own)));
            if let Some(around) = &mut around {
                around.settle(k, &own);
            }
        }
        ends.set(k, own);
        spans.forget(k);
    }
    remember(&mut parts, &ends, &read);
    let secants = |around: Around| gates(prepared, &trace.gates, &ends, &|k| around.at(k));
    Ok(Statuses { anchored: around.map(secants), gates: trace.gates, parts, empty })
}

/// Parts that are claimed to be empty, and whose boxes do not meet the ball.
fn apart(parts: &[Part], multipliers: &[Option<&[f64]>], ball: Option<&Ball>) -> Vec<bool> {
    parts.iter().zip(multipliers).map(|(part, m)| m.is_some() && place(part, ball).is_void()).collect()
}

/// Parts of these parts begin with what was found.
fn remember(parts: &mut [Part], ends: &Bounds, read: &[bool]) {
    for (i, part) in parts.iter_mut().enumerate() {
        for k in (0..read.len()).filter(|&k| read[k]) {
            part.known[k] = Some(row(ends.of(k), i));
        }
    }
}

/// What is narrowed, item by item.
struct Cells<'c> {
    parts: &'c mut [Part],
    free: &'c [Vec<bool>],
    /// Half-spaces by the decisions so far.
    planes: &'c mut [Vec<Plane>],
    empty: &'c mut [bool],
    /// What the region cuts out of their boxes.
    ball: Option<&'c Ball>,
}

fn place<'p>(part: &'p Part, ball: Option<&'p Ball>) -> Place<'p> {
    Place { lo: &part.lo, hi: &part.hi, ball }
}

/// Linear bounds of one node's features.
struct Lines<'l> {
    prepared: &'l Prepared<'l, Cpu>,
    region: &'l Region,
    relaxations: &'l [Option<Lined<Cpu>>],
    ends: &'l Bounds,
    spans: &'l Spanned<Cpu>,
    k: usize,
    room: &'l Room<'l>,
}

/// Upper linear bounds of +e_j and −e_j in turn, for some features.
struct Sides<'f> {
    features: &'f [usize],
    coefficients: Array3<f64>,
    constants: Array2<f64>,
    tops: Array2<f64>,
}

impl Sides<'_> {
    fn plane(&self, item: usize, row: usize) -> Plane {
        Plane { a: self.coefficients.slice(s![item, row, ..]).to_vec(), d: self.constants[[item, row]] }
    }
}

impl Lines<'_> {
    /// Bounds of the features that matter, by what half-spaces leave of every part. A part's half-spaces are in
    /// the order of its decisions, node by node, however many features are bounded at a time.
    fn narrow(&self, mut cells: Cells, multipliers: &[Option<&[f64]>], own: &mut Ends) -> Checked<()> {
        let at_once = self.room.bounded(cells.parts.len())?;
        let mut cut: Vec<usize> = cells
            .parts
            .iter()
            .flat_map(|p| p.cuts.iter())
            .filter(|c| c.node == self.k)
            .map(|c| c.feature)
            .collect();
        let mut open = undecided(self.prepared, self.k, own);
        open.extend(&cut);
        sorted(&mut cut);
        sorted(&mut open);
        let mut found: Vec<Vec<Option<Plane>>> =
            cells.parts.iter().map(|p| vec![None; p.cuts.len()]).collect();
        if open.len() <= at_once {
            if !open.is_empty() {
                let bounds = self.bounds(&open, cells.parts.len())?;
                self.decided(&bounds, cells.parts, &mut found);
                self.cut(&mut cells, found, multipliers);
                self.take(bounds, &cells, own);
            }
            return Ok(());
        }
        for some in cut.chunks(at_once) {
            let bounds = self.bounds(some, cells.parts.len())?;
            self.decided(&bounds, cells.parts, &mut found);
        }
        self.cut(&mut cells, found, multipliers);
        for some in open.chunks(at_once) {
            self.take(self.bounds(some, cells.parts.len())?, &cells, own);
        }
        Ok(())
    }

    fn bounds<'f>(&self, features: &'f [usize], items: usize) -> Checked<Sides<'f>> {
        self.room.in_time()?;
        let (b, net) = (self.prepared.backend, self.prepared.net);
        let rows = signs(items, net.nodes[self.k].len(), features);
        let Lines { prepared, relaxations, ends, spans, .. } = *self;
        let lines = Relaxed { prepared, relaxations, ends, spans };
        let (a, constants) = lines.above(self.k, b.upload(&rows), &mut |_, _| {});
        let [constants, tops] = lines.both(Regions::One(self.region), a.as_ref(), constants);
        let coefficients = match &a {
            Some(a) => b.read(a).centre,
            None => Array3::zeros((items, 2 * features.len(), net.inputs())),
        };
        Ok(Sides { features, coefficients, constants, tops })
    }

    /// The half-spaces of the parts' decisions: z <= a x + d and z >= t give a x + d − t >= 0.
    fn decided(&self, bounds: &Sides, parts: &[Part], found: &mut [Vec<Option<Plane>>]) {
        for (i, (part, found)) in parts.iter().zip(found).enumerate() {
            for (cut, found) in part.cuts.iter().zip(found).filter(|(c, _)| c.node == self.k) {
                let Ok(t) = bounds.features.binary_search(&cut.feature) else { continue };
                let mut plane = bounds.plane(i, 2 * t + !cut.above as usize);
                plane.d = add_up(plane.d, if cut.above { -cut.at } else { cut.at });
                *found = plane.d.is_finite().then_some(plane);
            }
        }
    }

    /// Boxes shrink by the half-spaces, and multipliers are tried where their number is reached.
    fn cut(&self, cells: &mut Cells, found: Vec<Vec<Option<Plane>>>, multipliers: &[Option<&[f64]>]) {
        for (i, found) in found.into_iter().enumerate() {
            let (part, free) = (&mut cells.parts[i], &cells.free[i]);
            let before = cells.planes[i].len();
            for plane in found.into_iter().flatten() {
                let vanished = !shrink(&plane, free, &mut part.lo, &mut part.hi);
                cells.empty[i] |= vanished && multipliers[i].is_some();
                cells.planes[i].push(plane);
            }
            let planes = &cells.planes[i];
            let cut = multipliers[i].is_some() && planes.len() > before;
            cells.empty[i] |= cut && place(part, cells.ball).is_void();
            if let Some(m) = multipliers[i].filter(|m| m.len() == planes.len() && planes.len() > before) {
                cells.empty[i] |= refuted(planes, m, free, place(part, cells.ball));
            }
        }
    }

    fn take(&self, mut bounds: Sides, cells: &Cells, own: &mut Ends) {
        for i in (0..cells.parts.len()).filter(|&i| !cells.empty[i] && !cells.planes[i].is_empty()) {
            sharpen(&mut bounds, cells, own, i);
        }
        take_signs(own, &bounds.tops, bounds.features);
    }
}

fn sorted(list: &mut Vec<usize>) {
    list.sort_unstable();
    list.dedup();
}

/// Lowers bounds of features by multipliers of the half-spaces, which anybody may propose.
fn sharpen(bounds: &mut Sides, cells: &Cells, own: &Ends, i: usize) {
    let part = &cells.parts[i];
    let mut cell = Cell::new(&cells.planes[i], place(part, cells.ball));
    if !matches!(cell.judge(&cells.free[i]), Verdict::Point(_)) {
        return;
    }
    for (t, &j) in bounds.features.iter().enumerate() {
        if own.lo[[i, j]] >= 0.0 || own.hi[[i, j]] <= 0.0 {
            continue;
        }
        for side in [2 * t, 2 * t + 1] {
            let plane = bounds.plane(i, side);
            if plane.d.is_finite() && (side == 2 * t || bounds.tops[[i, 2 * t]] > 0.0) {
                bounds.tops[[i, side]] = bounds.tops[[i, side]].min(cell.highest(&plane));
            }
        }
    }
}

/// Features of which some reader does not know its piece in some part.
fn undecided(prepared: &Prepared<Cpu>, k: usize, ends: &Ends) -> Vec<usize> {
    let readers: Vec<_> = prepared.net.nodes.iter().filter(|n| n.inputs.contains(&k)).collect();
    let open = |j: usize| {
        readers.iter().any(|n| match &n.op {
            Op::Piecewise(f) => (0..ends.lo.nrows())
                .any(|i| matches!(f.piece(j, ends.lo[[i, j]], ends.hi[[i, j]]), Piece::Free { .. })),
            Op::Smooth(_) | Op::Max(_) | Op::Softmax { .. } => true,
            Op::Input | Op::Affine(_) | Op::Scale(_) | Op::Select { .. } | Op::Add | Op::Concat => false,
        })
    };
    (0..ends.lo.ncols()).filter(|&j| open(j)).collect()
}
