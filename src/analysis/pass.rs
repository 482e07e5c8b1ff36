//! The forward sweep behind linear bounds: every node's value, and where lines say more of it, a backward pass for its
//! open features.

use super::alpha;
use super::around::Around;
use super::budget::Budget;
use crate::backend::Backend;
use crate::layer::{Incidence, Piece};
use crate::linalg::Enclosure;
use crate::net::Op;
use crate::num::Norm;
use crate::rules::linear::{
    Lined, Regions, Relaxed, relax, signs, slopes, table, take_signs, take_signs_each,
};
use crate::rules::relevance;
use crate::rules::secant;
use crate::sweep::{Bounds, Ends, Gate, Prepared, Spanned, Trace, brought, ends2, upload_ends};
use ndarray::{Array2, Array3};
use std::sync::Arc;

/// Bounds of all nodes and the gates they imply.
pub struct Statuses<B: Backend> {
    pub trace: Arc<Trace<B>>,
    /// The same with slopes of secants from the centres, where these are known.
    pub anchored: Option<Arc<Trace<B>>>,
    pub known: Bounds,
    pub ends: Bounds,
}

/// What is known before: boxes of the input (one per item) and bounds of nodes.
pub struct Given<'k> {
    pub input: Enclosure,
    pub known: Option<&'k Bounds>,
    /// Lower slopes of nearly decided neurons are optimised.
    pub optimised: bool,
    /// Half-spaces that also hold.
    pub cuts: Option<&'k mut dyn Cuts>,
}

/// Half-spaces of the input, item by item, that come to light node by node.
pub trait Cuts {
    /// Features of a node whose linear functions are wanted in any case.
    fn wanted(&self, k: usize) -> Vec<usize>;
    /// What upper linear bounds of +e_j and -e_j in turn (coefficients, constants) say.
    fn tighten(
        &mut self,
        k: usize,
        features: &[usize],
        coefficients: &Array3<f64>,
        constants: &Array2<f64>,
        ends: &mut Ends,
    );
}

/// A first answer about many regions: lines of all nonlinear nodes, and of what a node's ends were needed for.
pub struct Brief<B: Backend> {
    /// Of the input, and of some nodes.
    pub ends: Bounds,
    /// Of all nodes.
    pub spans: Spanned<B>,
    pub relaxations: Vec<Option<Lined<B>>>,
}

/// The part of the time left that lines themselves may take where slopes are optimised after them.
const OPTIMISED: f64 = 0.02;

/// A forward sweep that sharpens what it finds by linear bounds.
pub(super) struct Pass<'a, 'n, B: Backend> {
    prepared: &'a Prepared<'n, B>,
    regions: Regions<'a>,
    pub(super) items: usize,
    budget: &'a Budget,
    users: Vec<Vec<usize>>,
    trace: Trace<B>,
    ends: Bounds,
    known: Bounds,
    /// The same ends where the arithmetic happens.
    spans: Spanned<B>,
    relaxations: Vec<Option<Lined<B>>>,
    /// Ends come to the host only where rows are chosen by them.
    briefly: bool,
    /// Nodes whose ends nobody has needed on the host yet.
    unread: Vec<usize>,
    /// Does a node's value depend on the input by more than a linear map?
    curved: Vec<bool>,
    /// Multiplications up to a node.
    work: Vec<f64>,
    /// What is known by distances from the centres.
    pub(super) around: Option<Around<'a, 'n, B>>,
    /// By node, items x features: can the output depend on it? Nothing: perhaps on all.
    pub(super) relevant: Vec<Array2<bool>>,
    /// Nothing is sharpened.
    pub(super) wide: bool,
}

impl<'a, 'n, B: Backend> Pass<'a, 'n, B> {
    pub(super) fn new(
        prepared: &'a Prepared<'n, B>,
        regions: Regions<'a>,
        items: usize,
        budget: &'a Budget,
    ) -> Self {
        let net = prepared.net;
        let count = net.nodes.len();
        Pass {
            prepared,
            regions,
            items,
            budget,
            users: net.users(),
            trace: Trace::start(net),
            ends: Bounds::none(count),
            known: Bounds::none(count),
            spans: Spanned::none(count),
            relaxations: (0..count).map(|_| None).collect(),
            briefly: false,
            unread: vec![],
            curved: vec![false; count],
            work: vec![0.0; count],
            around: None,
            relevant: vec![],
            wide: false,
        }
    }

    pub(super) fn run(mut self, mut given: Given) -> Statuses<B> {
        for k in 0..self.prepared.net.nodes.len() {
            self.node(k, &mut given);
        }
        self.bring();
        let secants = |around: &Around<B>| {
            secant::gates(self.prepared, &self.trace.gates, &self.ends, &|k| around.at(k))
        };
        let anchored = self.around.as_ref().map(secants);
        let anchored = anchored.map(|gates| {
            Arc::new(Trace {
                gates: relevance::settled(self.prepared.backend, gates, &self.relevant),
                values: vec![],
            })
        });
        let gates = std::mem::take(&mut self.trace.gates);
        self.trace.gates = relevance::settled(self.prepared.backend, gates, &self.relevant);
        let Pass { trace, known, ends, .. } = self;
        let trace = Arc::new(Trace { values: vec![], ..trace });
        Statuses { trace, anchored, known, ends }
    }

    /// A first answer: ends come to the host only where rows are chosen by them.
    pub(super) fn run_briefly(mut self, mut given: Given) -> Brief<B> {
        self.briefly = true;
        (0..self.prepared.net.nodes.len()).for_each(|k| self.node(k, &mut given));
        let Pass { ends, spans, relaxations, .. } = self;
        Brief { ends, spans, relaxations }
    }

    fn node(&mut self, k: usize, given: &mut Given) {
        let (b, node) = (self.prepared.backend, &self.prepared.net.nodes[k]);
        let input = (k == 0).then(|| b.upload(&given.input));
        let before = given.known.and_then(|b| b.get(k));
        self.prepared.step(&mut self.trace, k, input, before);
        let so_far: f64 = node.inputs.iter().map(|&i| self.work[i]).sum();
        self.work[k] = so_far + node.products();
        self.curved[k] = node.inputs.iter().any(|&i| self.curved[i]) || node.op.is_nonlinear();
        if self.briefly && self.around.is_none() {
            return self.stays(k, given);
        }
        self.spans.set(k, b.spans_of(self.trace.values[k].as_ref().expect("just computed")));
        let read = self.users[k].iter().any(|&u| self.prepared.net.nodes[u].op.is_nonlinear());
        if self.around.is_none() && before.is_none() && !read {
            // Nobody needs its ends yet.
            self.unread.push(k);
            if node.op.is_nonlinear() {
                self.lines(k, given.known.is_some_and(|b| b.get(node.inputs[0]).is_some()));
            }
            return;
        }
        let mut own = match self.around.as_mut().filter(|_| k > 0) {
            Some(around) => {
                let spans = self.spans.get(k).expect("just computed");
                around.step(k, &self.ends, spans, self.relevant.get(k))
            }
            None => self.here(k),
        };
        if let Some(e) = before {
            own.tighten(&e.lo, &e.hi);
            self.known.set(k, own.clone());
        }
        if self.around.is_some() && k > 0 {
            self.narrowed(k, &own);
            self.known.set(k, own.clone());
        }
        if node.op.is_nonlinear() {
            let exactly = given.known.is_some_and(|b| b.get(node.inputs[0]).is_some());
            self.lines(k, exactly || self.around.is_some());
        }
        if self.is_sharpened(k, given) {
            self.sharpen(k, &mut own, given);
        }
        self.ends.set(k, own);
        self.spans.forget(k);
    }

    /// Do lines say more of node k than what is known, and does anything need it?
    fn is_sharpened(&self, k: usize, given: &Given) -> bool {
        let read = self.users[k].iter().any(|&u| self.prepared.net.nodes[u].op.is_nonlinear());
        // Of a layer that the input alone feeds, distances in l2 say all that lines do.
        let ball = match self.regions.ball() {
            Some(Norm::One) => true,
            Some(Norm::Two) => self.around.as_ref().is_none_or(Around::is_plain),
            Some(Norm::Inf) | None => false,
        };
        !self.wide && read && (self.curved[k] || ball || given.cuts.is_some()) && k > 0
    }

    /// Passes node k where its value is; ends come to the host only where rows are chosen by them.
    fn stays(&mut self, k: usize, given: &mut Given) {
        let (b, node) = (self.prepared.backend, &self.prepared.net.nodes[k]);
        if k == 0 {
            let (lo, hi) = ends2(&given.input, true);
            return self.ends.set(0, Ends { lo, hi });
        }
        self.spans.set(k, b.spans_of(self.trace.values[k].as_ref().expect("just computed")));
        match &node.op {
            Op::Piecewise(f) => {
                let read = self.spans.of(b, node.inputs[0], &self.ends);
                self.relaxations[k] = Some(Lined::Each(b.chords_on(f, read)));
            }
            Op::Max(windows) => {
                let read = self.spans.of(b, node.inputs[0], &self.ends);
                self.relaxations[k] = Some(Lined::Window(b.edges_on(windows, read)));
            }
            op if op.is_nonlinear() => {
                self.here(node.inputs[0]);
                self.relaxations[k] = Some(relax(self.prepared.net, k, &self.ends, None).lined(b));
            }
            _ => {}
        }
        if self.is_sharpened(k, given) {
            let mut own = self.here(k);
            self.sharpen(k, &mut own, given);
            self.ends.set(k, own);
            self.spans.forget(k);
        }
    }

    /// Ends of a node that was passed, on the host; those that nobody needed before come along.
    fn here(&mut self, k: usize) -> Ends {
        if self.ends.get(k).is_none() {
            self.unread.push(k);
            self.bring();
        }
        self.ends.of(k).clone()
    }

    /// All that is still unread, in one transfer.
    fn bring(&mut self) {
        let spans = |k: &usize| self.spans.get(*k).expect("of every node that was passed");
        let all: Vec<&B::Spans> = self.unread.iter().map(spans).collect();
        let found = brought(self.prepared.backend, &all);
        self.unread.drain(..).zip(found).for_each(|(k, ends)| self.ends.set(k, ends));
    }

    /// Lines of a nonlinear node, and its slopes where what it reads is `known` exactly.
    fn lines(&mut self, k: usize, known: bool) {
        let (b, node) = (self.prepared.backend, &self.prepared.net.nodes[k]);
        self.relaxations[k] = Some(relax(self.prepared.net, k, &self.ends, None).lined(b));
        if let Op::Piecewise(f) = &node.op
            && known
        {
            // Ends that are known exactly decide, not their centre and radius.
            let x = self.ends.of(node.inputs[0]);
            let [lo, hi] = slopes(f, x);
            self.trace.gates[k] = Some(Gate::Each(b.upload_slopes(&lo, &hi)));
        }
    }

    /// The values of node k lie within these ends.
    fn narrowed(&mut self, k: usize, own: &Ends) {
        let b = self.prepared.backend;
        let value = self.trace.values[k].take().expect("just computed");
        self.trace.values[k] = Some(b.intersect(&value, &upload_ends(b, own)));
    }

    /// Backward passes under the slopes at the centres.
    fn nominal(&mut self, k: usize, own: &mut Ends) {
        let all = self.open(k, own, 0);
        let Some(around) = &mut self.around else { return };
        around.narrow(k, &all, own, (self.budget, self.work[k]));
    }

    fn sharpen(&mut self, k: usize, own: &mut Ends, given: &mut Given) {
        if self.curved[k] {
            self.nominal(k, own);
            if let Some(around) = &mut self.around {
                around.settle(k, own);
                self.narrowed(k, own);
                self.known.set(k, own.clone());
            }
        }
        let mut open = self.undecided(k, own, 0);
        if let Some(cuts) = &given.cuts {
            open.extend(cuts.wanted(k));
            open.sort_unstable();
            open.dedup();
        }
        let price = 4.0 * (self.items * open.len()) as f64 * self.work[k];
        if open.is_empty() || !self.budget.affords_on(self.prepared.backend, price) {
            return;
        }
        self.ends.set(k, own.clone());
        self.spans.forget(k);
        match &mut given.cuts {
            Some(cuts) => self.refine(k, &open, own, *cuts),
            None => self.refine_each(k, own),
        }
        self.ends.set(k, own.clone());
        if given.optimised && self.budget.part(OPTIMISED).affords_on(self.prepared.backend, price) {
            (0..self.items).for_each(|item| self.optimise(k, item, own));
        }
        self.narrowed(k, own);
        self.known.set(k, own.clone());
        if let Some(around) = &mut self.around {
            around.settle(k, own);
        }
    }

    /// One item's lower slopes for its nearly decided neurons.
    fn optimise(&self, k: usize, item: usize, own: &mut Ends) {
        let several = self.items > 1;
        let copies = if several { self.ends.item(item) } else { Bounds::default() };
        let mut mine = own.item(item);
        let open = self.undecided(k, &mine, item);
        let near = alpha::Near {
            prepared: self.prepared,
            region: self.regions.of(item),
            budget: self.budget,
            ends: if several { &copies } else { &self.ends },
            k,
        };
        near.refine(&open, self.work[k], &mut mine);
        own.lo.row_mut(item).assign(&mine.lo.row(0));
        own.hi.row_mut(item).assign(&mine.hi.row(0));
    }

    /// Features whose bounds still matter to a reader of node k, for some item.
    fn undecided(&self, k: usize, ends: &Ends, first: usize) -> Vec<usize> {
        let open = self.open(k, ends, first);
        (0..open.ncols()).filter(|&j| open.column(j).iter().any(|o| *o)).collect()
    }

    /// The same item by item, from this one on.
    fn open(&self, k: usize, ends: &Ends, first: usize) -> Array2<bool> {
        let mut open = Array2::from_elem(ends.lo.dim(), false);
        for &u in &self.users[k] {
            match &self.prepared.net.nodes[u].op {
                Op::Max(windows) => contested(windows, ends, &mut open),
                Op::Piecewise(f) => {
                    let counts =
                        |(i, j): (usize, usize)| self.relevant.get(u).is_none_or(|r| r[[first + i, j]]);
                    let free = ndarray::Zip::indexed(&ends.lo).and(&ends.hi).map_collect(|at, &l, &u| {
                        matches!(f.piece(at.1, l, u), Piece::Free { .. }) && counts(at)
                    });
                    open |= &free;
                }
                op if op.is_nonlinear() => open.fill(true),
                _ => {}
            }
        }
        open
    }

    fn relaxed(&self) -> Relaxed<'_, 'n, B> {
        let Pass { prepared, relaxations, ends, spans, .. } = self;
        Relaxed { prepared, relaxations, ends, spans }
    }

    /// Rows of back-substitution of node k that are carried at a time.
    fn chunk(&self, k: usize) -> usize {
        let (b, net) = (self.prepared.backend, self.prepared.net);
        let widest = net.nodes[..=k].iter().map(|n| n.len()).max().unwrap_or(1);
        let affordable = self.budget.at_once(b, 4.0 * self.items as f64 * self.work[k]);
        (self.budget.rows(widest * self.items) / 2).clamp(1, 512).min(affordable)
    }

    /// Back-substitutes +e_j and -e_j for every item's own open features, chunk by chunk: each gets the bounds that
    /// it has alone.
    fn refine_each(&self, k: usize, own: &mut Ends) {
        let b = self.prepared.backend;
        let relaxed = self.relaxed();
        let all = self.open(k, own, 0);
        let listed = |row: ndarray::ArrayView1<bool>| (0..row.len()).filter(|&j| row[j]).collect();
        let each: Vec<Vec<usize>> = all.outer_iter().map(listed).collect();
        let most = each.iter().map(Vec::len).max().unwrap_or(0);
        let chunk = self.chunk(k);
        for start in (0..most).step_by(chunk) {
            if self.budget.is_over() {
                return;
            }
            let within = |open: &Vec<usize>| start.min(open.len())..(start + chunk).min(open.len());
            let part: Vec<&[usize]> = each.iter().map(|open| &open[within(open)]).collect();
            let rows = b.signs(self.prepared.net.nodes[k].len(), &table(&part));
            let top = relaxed.upper(k, rows, self.regions, &mut |_, _| {});
            take_signs_each(own, &top, &part);
        }
    }

    /// The same of all open features of all items, with what their linear functions say of half-spaces.
    fn refine(&self, k: usize, open: &[usize], own: &mut Ends, cuts: &mut dyn Cuts) {
        let (b, net) = (self.prepared.backend, self.prepared.net);
        let relaxed = self.relaxed();
        for part in open.chunks(self.chunk(k)) {
            if self.budget.is_over() {
                return;
            }
            let rows = b.upload(&signs(self.items, net.nodes[k].len(), part));
            let mut coefficients = None;
            let mut seen = |n: usize, a: &B::Block| {
                if n == 0 {
                    coefficients = Some(b.read(a).centre);
                }
            };
            let (input, constants) = relaxed.above(k, rows, &mut seen);
            let [constants, top] = relaxed.both(self.regions, input.as_ref(), constants);
            take_signs(own, &top, part);
            if let Some(coefficients) = coefficients {
                cuts.tighten(k, part, &coefficients, &constants, own);
            }
        }
    }
}

/// Entries of windows that nothing decides: those that may be the largest, where several may.
fn contested(windows: &Incidence, ends: &Ends, open: &mut Array2<bool>) {
    for (item, w) in (0..ends.lo.nrows()).flat_map(|i| (0..windows.outputs()).map(move |w| (i, w))) {
        let entries = windows.index[windows.window(w)].iter().map(|&j| j as usize);
        let floor = entries.clone().map(|j| ends.lo[[item, j]]).fold(f64::NEG_INFINITY, f64::max);
        let most: Vec<usize> = entries.filter(|&j| ends.hi[[item, j]] > floor).collect();
        if most.len() > 1 {
            most.into_iter().for_each(|j| open[[item, j]] = true);
        }
    }
}
