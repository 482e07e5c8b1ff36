//! What methods share about one problem: the network on backends, and the
//! budget of time and memory.

use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::deadline::{Deadline, Stop};
use crate::method::goal::Goal;
use crate::method::layer::Effort;
use crate::method::local::ibp;
use crate::net::Net;
use crate::num::{Enclosure, Norm, Upper};
use crate::ops::{Prepared, Trace};
use crate::problem::Problem;
use ndarray::{Axis, concatenate, s};
use std::cell::{OnceCell, RefCell};
use std::time::Duration;

/// When to stop and how much memory blocks may take.
#[derive(Clone)]
pub struct Budget {
    /// Without a clock: single passes only.
    pub deadline: Deadline,
    pub memory: u64,
}

/// The part of the time left that the norm of one layer may take.
const SHARE: f64 = 0.05;

/// Seconds that a pass may take where no time is given.
const PASS: f64 = 1.0;

/// What a pass is expected to take may be this part of the time left.
const FITS: f64 = 0.7;

/// Seconds that pass between two looks at the clock, about.
const BREATH: f64 = 0.25;

/// What a pass costs for every feature of a node besides products, in multiplications.
pub const FEATURE: f64 = 16.0;

/// What a double-double product costs against an f64 one.
pub const DOUBLE_PRICE: f64 = 8.0;

/// The multiplications of a pass, or what takes as long.
pub fn pass(net: &Net) -> f64 {
    net.products() + FEATURE * net.nodes.iter().map(|n| n.len()).sum::<usize>() as f64
}

impl Budget {
    /// From now on so long; no time at all means single passes.
    pub fn new(time: Duration, memory: u64) -> Budget {
        let deadline = if time.is_zero() { Deadline::never() } else { Deadline::within(time) };
        Budget { deadline, memory }
    }

    /// The same, or until somebody asks for the end.
    pub fn or_until(self, stop: Stop) -> Budget {
        Budget { deadline: self.deadline.or_at(stop), ..self }
    }

    /// The same in a part of the time that is left.
    pub fn part(&self, share: f64) -> Budget {
        Budget { deadline: self.deadline.part(share), ..self.clone() }
    }

    /// Is there no time for anything that repeats passes?
    pub fn is_brief(&self) -> bool {
        self.deadline.limit().is_none()
    }

    pub fn is_over(&self) -> bool {
        self.deadline.is_over()
    }

    pub fn interrupted(&self) -> bool {
        self.deadline.is_stopped()
    }

    /// Nothing without a clock.
    pub fn remaining(&self) -> Duration {
        self.deadline.left().unwrap_or_default()
    }

    /// Is a pass of this many multiplications on the CPU likely to end in time?
    pub fn affords(&self, products: f64) -> bool {
        self.affords_on(&Cpu::DOUBLE, products)
    }

    /// The same on a backend.
    pub fn affords_on<B: Backend>(&self, backend: &B, products: f64) -> bool {
        let seconds = products / backend.speed();
        let most = self.deadline.left().map_or(PASS, |left| FITS * left.as_secs_f64());
        !self.is_over() && seconds <= most
    }

    /// How many things of so many multiplications each are done between two looks at the clock.
    pub fn at_once<B: Backend>(&self, backend: &B, products: f64) -> usize {
        (BREATH * backend.speed() / products).max(1.0) as usize
    }

    /// Rows of `features` values that one block may hold.
    pub fn rows(&self, features: usize) -> usize {
        let per_row = features as f64 * 24.0 * 4.0;
        ((self.memory as f64 * 0.25).min(512e6) / per_row).max(1.0) as usize
    }
}

pub struct Context<'a, B: Backend> {
    pub problem: &'a Problem,
    pub budget: Budget,
    pub seed: u64,
    /// What the result is wanted for.
    pub goal: Goal,
    backend: &'a B,
    main: OnceCell<Prepared<'a, B>>,
    exact: OnceCell<Prepared<'a, Cpu>>,
    sketch: OnceCell<Prepared<'a, Cpu>>,
    small: OnceCell<Trace<Cpu>>,
    /// Norms of layers that product bounds have asked for, by node and by the scales behind it.
    norms: RefCell<Vec<(usize, Vec<f64>, Upper)>>,
}

impl<'a, B: Backend> Context<'a, B> {
    pub fn new(problem: &'a Problem, backend: &'a B, budget: Budget, seed: u64) -> Self {
        Context {
            problem,
            budget,
            seed,
            goal: Goal::from(1.0),
            backend,
            main: OnceCell::new(),
            exact: OnceCell::new(),
            sketch: OnceCell::new(),
            small: OnceCell::new(),
            norms: RefCell::new(Vec::new()),
        }
    }

    /// With a question that methods may stop at once they have answered it.
    pub fn towards(self, goal: Goal) -> Self {
        Context { goal, ..self }
    }

    /// Another problem with the same means.
    pub fn instead(&self, problem: &'a Problem) -> Context<'a, B> {
        Context::new(problem, self.backend, self.budget.clone(), self.seed)
    }

    /// A network whose sweeps end with the time.
    pub fn prepared<'n, C: Backend>(&self, net: &'n Net, backend: &'n C) -> Prepared<'n, C> {
        Prepared::new(net, backend).until(&self.budget.deadline)
    }

    /// The network on the chosen backend.
    pub fn main(&self) -> &Prepared<'a, B> {
        self.main.get_or_init(|| self.prepared(&self.problem.net, self.backend))
    }

    /// The network in double-double arithmetic, for points.
    pub fn exact(&self) -> &Prepared<'a, Cpu> {
        self.exact.get_or_init(|| self.prepared(&self.problem.net, &Cpu::DOUBLE_DOUBLE))
    }

    /// The network in plain arithmetic, for proposals.
    pub fn sketch(&self) -> &Prepared<'a, Cpu> {
        self.sketch.get_or_init(|| self.prepared(&self.problem.net, &Cpu::ESTIMATE))
    }

    /// Interval statuses on the region in double-double, for tiny regions.
    pub fn small(&self) -> &Trace<Cpu> {
        let region = &self.problem.region;
        self.small.get_or_init(|| match region.centre().filter(|_| region.is_point()) {
            Some(x) => {
                let at = self.exact().backend.upload_near(&region.near(x));
                self.exact().values(at, &vec![], |_| false)
            }
            None => ibp::run(self.exact(), region, &vec![]),
        })
    }

    /// The norm of a node's layer under scales, found once.
    pub fn layer_norm(&self, node: usize, scale: &[f64], find: impl FnOnce(Effort) -> Upper) -> Upper {
        let known = |n: &&(usize, Vec<f64>, Upper)| n.0 == node && n.1 == scale;
        if let Some(found) = self.norms.borrow().iter().find(known) {
            return found.2;
        }
        if self.budget.is_over() {
            return Upper::INFINITE;
        }
        let work = self.budget.remaining().as_secs_f64() * SHARE * Cpu::DOUBLE.speed();
        let effort =
            Effort { work: work.max(Effort::UPPER.work), ..Effort::UPPER }.until(&self.budget.deadline);
        let upper = find(effort);
        self.norms.borrow_mut().push((node, scale.to_vec(), upper));
        upper
    }

    /// Has that pass been made?
    pub fn small_known(&self) -> Option<&Trace<Cpu>> {
        self.small.get()
    }

    /// Regions so small that f64 rounding would show are computed in double-double.
    pub fn needs_double_double(&self) -> bool {
        let size =
            self.problem.region.centre().map_or(0.0, |c| c.iter().fold(0.0, |m: f64, v| m.max(v.abs())));
        self.problem.region.width() < 1e-8 * (1.0 + size)
    }

    /// Rows of a sweep that memory and a look at the clock now and then allow.
    pub fn at_once<C: Backend>(&self, backend: &C) -> usize {
        let timely = self.budget.at_once(backend, pass(&self.problem.net));
        self.budget.rows(self.widest()).min(timely)
    }

    /// What the norm of a whole Jacobian costs, in multiplications: a Gram matrix and its largest eigenvalue,
    /// but for norms of rows or columns.
    pub fn norm(&self) -> f64 {
        let q = &self.problem.quotient;
        let (rows, n) = (self.problem.rows(), self.problem.net.inputs());
        if rows == 1 || q.in_norm == Norm::One || q.out_norm == Norm::Inf {
            return (rows * n) as f64;
        }
        let (short, long) = (rows.min(n) as f64, rows.max(n) as f64);
        short * short * (long + short)
    }

    /// What proving one lower bound at a point costs, in multiplications.
    pub fn proof(&self) -> f64 {
        2.0 * DOUBLE_PRICE * pass(&self.problem.net)
    }

    /// The largest node, which decides how many rows fit into memory.
    pub fn widest(&self) -> usize {
        self.problem.net.nodes.iter().map(|n| n.len()).max().unwrap_or(1)
    }

    /// Sets the columns of constant inputs to zero.
    pub fn without_fixed(&self, rows: Enclosure) -> Enclosure {
        self.problem.without_ignored(rows)
    }
}

/// Runs `work` on slices of the rows of `seeds` and joins the results.
pub fn by_rows(
    seeds: &Enclosure,
    chunk: usize,
    mut work: impl FnMut(&Enclosure) -> Option<Enclosure>,
) -> Option<Enclosure> {
    let mut centres = vec![];
    let mut radii = vec![];
    let rows = seeds.dim().1;
    for start in (0..rows).step_by(chunk.max(1)) {
        let end = (start + chunk.max(1)).min(rows);
        let part = Enclosure {
            centre: seeds.centre.slice(s![.., start..end, ..]).to_owned(),
            radius: seeds.radius.slice(s![.., start..end, ..]).to_owned(),
        };
        let result = work(&part)?;
        centres.push(result.centre);
        radii.push(result.radius);
    }
    let join = |list: &[ndarray::Array3<f64>]| {
        concatenate(Axis(1), &list.iter().map(|a| a.view()).collect::<Vec<_>>()).expect("equal widths")
    };
    Some(Enclosure { centre: join(&centres), radius: join(&radii) })
}
