//! How much the checker may use. A certificate is read as hostile: what a step takes is counted before it is
//! allocated, from sizes alone, and work is cut into pieces that fit. What fits in no piece is refused as too
//! large, which says nothing about the claim.

use super::{Checked, Refusal};
use crate::deadline::Deadline;
use crate::net::Net;
use crate::rules::part::{Part, read_by_nonlinear};

/// What may be used.
#[derive(Clone, Debug)]
pub struct Limits {
    /// In bytes.
    pub memory: u64,
    pub deadline: Deadline,
}

impl Default for Limits {
    /// No limits.
    fn default() -> Limits {
        Limits { memory: u64::MAX, deadline: Deadline::never() }
    }
}

/// Bytes that suffice for good speed: pieces are not cut larger however much there is, so that results do not
/// depend on the limit where it is not narrow.
const ENOUGH: u64 = 256 << 20;
/// Parts of a tree at a time.
const PARTS: usize = 64;
/// Features of a node that are bounded at a time.
const FEATURES: usize = 256;
/// For every feature of a vector in a sweep: the vectors as written and uploaded, a block before and after a
/// step, what the step needs, the sum of two, each a centre and a radius.
const SWEEP: u64 = 160;
/// For every feature of the network on one part: ends, values, gates and lines of a node, what was known.
const STATE: u64 = 160;
/// For every feature of a node where norms of layers alone are followed: slopes, scales, products with masks.
const WALK: u64 = 64;
/// For an entry of a layer's matrix whose norm is taken: centre and radius, what is kept of both, products.
const LAYER: u64 = 64;
/// For every coefficient of a half-space: itself, a row of the oracle and its place in the tableau, both twice in l1.
const PLANE: u64 = 72;
/// For an entry of a loop's matrix: centre and radius, the same of one row's loop, both scaled, the square.
const ENTRY: u64 = 72;
/// For an entry of the form of a cut: itself, what is divided, and the square of that or the next form.
const FORM: u64 = 24;
/// For an entry of a Jacobian whose norm is taken: ends, centre and radius, magnitudes, weighted, products.
const JACOBIAN: u64 = 160;

/// What a network takes under these limits.
pub struct Room<'l> {
    limits: &'l Limits,
    inputs: usize,
    /// Features of all nodes.
    features: usize,
    /// Features of nodes that a sweep holds at once, at most.
    width: usize,
    /// Features of nodes whose ends every part carries.
    carried: usize,
}

impl<'l> Room<'l> {
    /// Refused where the network itself is too large.
    pub fn new(net: &Net, limits: &'l Limits) -> Checked<Room<'l>> {
        let read = read_by_nonlinear(net);
        let carried = net.nodes.iter().zip(read).filter(|(_, r)| *r).map(|(n, _)| n.len()).sum();
        let features = net.nodes.iter().map(|n| n.len()).sum();
        let room = Room { limits, inputs: net.inputs(), features, width: width(net), carried };
        // Weights, their magnitudes and their squares; a copy of the network that stands for it.
        room.fits(48 * net.parameters() as u64, "the network")?;
        room.fits(2 * features as u64 + WALK * room.width as u64, "the network")?;
        Ok(room)
    }

    /// Refused where no part of a region can be bounded.
    pub fn one_part(&self) -> Checked<()> {
        self.fits(self.state(), "one part")
    }

    /// When exact arithmetic gives up.
    pub fn deadline(&self) -> &Deadline {
        &self.limits.deadline
    }

    /// Refused when the time is up.
    pub fn in_time(&self) -> Checked<()> {
        if self.limits.deadline.is_over() {
            return Err(Refusal::Limit("the time is up".into()));
        }
        Ok(())
    }

    /// Refused where this is more than a quarter of the memory.
    fn fits(&self, bytes: u64, what: &str) -> Checked<()> {
        if bytes <= self.limits.memory / 4 {
            return Ok(());
        }
        let needed = (bytes.saturating_mul(4) >> 20) + 1;
        Err(Refusal::Limit(format!("{what} needs a limit of {needed} MiB or more; give it with --memory")))
    }

    fn enough(&self) -> u64 {
        ENOUGH.min(self.limits.memory / 4)
    }

    /// Bytes of what is known on one part while it is bounded.
    fn state(&self) -> u64 {
        STATE * self.features as u64 + SWEEP * (self.width as u64 + self.inputs as u64)
    }

    /// Bytes of one vector in a sweep.
    fn vector(&self) -> u64 {
        SWEEP * self.width.max(1) as u64
    }

    /// How many of these parts, the last first, are bounded at a time; refused where all that wait are too many.
    pub fn parts(&self, waiting: &[Part]) -> Checked<usize> {
        self.fits(waiting.iter().map(|p| self.part(p)).sum(), "what waits of a tree")?;
        let mut left = self.enough();
        let mut count = 0;
        for part in waiting.iter().rev().take(PARTS) {
            let planes = PLANE * (part.cuts.len() * (self.inputs + 1)) as u64;
            self.fits(planes, "the decisions of a part")?;
            let own = self.state() + planes;
            if own > left && count > 0 {
                break;
            }
            left = left.saturating_sub(own);
            count += 1;
        }
        Ok(count)
    }

    fn part(&self, part: &Part) -> u64 {
        (part.bytes() + 16 * self.carried) as u64
    }

    /// Features whose two linear bounds are computed at a time for each of these parts.
    pub fn bounded(&self, parts: usize) -> Checked<usize> {
        self.chunk(2 * parts, FEATURES, "linear bounds of one part")
    }

    /// Rows of adjoints, kept at every node, that are computed at a time.
    pub fn adjoints(&self) -> Checked<usize> {
        let each = self.vector().saturating_add(STATE.saturating_mul(self.features as u64));
        self.fits(each, "a row of adjoints")?;
        Ok(((self.enough() / each.max(1)) as usize).clamp(1, FEATURES))
    }

    /// Functionals of every one of these rows that are carried at a time.
    pub fn functionals(&self, rows: usize, most: usize) -> Checked<usize> {
        self.chunk(rows, most, "linear bounds of the output's gradients")
    }

    fn chunk(&self, vectors: usize, most: usize, what: &str) -> Checked<usize> {
        let each = self.vector().saturating_mul(vectors as u64);
        self.fits(each, what)?;
        Ok(((self.enough() / each.max(1)) as usize).clamp(1, most))
    }

    /// The gradients of this many rows at every node, and their norm.
    pub fn rows(&self, rows: usize) -> Checked<()> {
        let each = STATE * self.features as u64 + self.vector() + JACOBIAN * self.inputs as u64;
        self.fits(each.saturating_mul(rows as u64), "the output's gradients")
    }

    /// A loop with this many entries.
    pub fn entries(&self, entries: usize) -> Checked<()> {
        self.fits(ENTRY.saturating_mul(entries as u64), "the loop of open neurons")
    }

    /// The norm of a layer's matrix of this size.
    pub fn matrix(&self, [rows, columns]: [usize; 2]) -> Checked<()> {
        let [short, long] = [rows.min(columns) as u64, rows.max(columns) as u64];
        let entries = short.saturating_mul(long).saturating_add(short.saturating_mul(short));
        self.fits(LAYER.saturating_mul(entries), "the norm of a layer")
    }

    /// Bytes that one proof may take.
    pub fn bytes(&self) -> u64 {
        self.limits.memory / 4
    }

    /// The form of a cut of this many features.
    pub fn form(&self, width: usize) -> Checked<()> {
        self.fits(FORM.saturating_mul((width as u64).saturating_pow(2)), "the form of a cut")
    }
}

/// Features of nodes that are still to be read, and of the one that is computed, at most.
fn width(net: &Net) -> usize {
    let mut last: Vec<usize> = (0..net.nodes.len()).collect();
    for (k, node) in net.nodes.iter().enumerate() {
        node.inputs.iter().for_each(|&i| last[i] = k);
    }
    let mut ending = vec![0; net.nodes.len()];
    last.iter().enumerate().for_each(|(i, &k)| ending[k] += net.nodes[i].len());
    let (mut held, mut most) = (0, 0);
    for (node, ending) in net.nodes.iter().zip(ending) {
        held += node.len();
        most = most.max(held);
        held -= ending;
    }
    most
}
