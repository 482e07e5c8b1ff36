//! What a sweep carries: ends of values, slopes of nonlinear nodes, and what is known from elsewhere.

use crate::backend::Backend;
use crate::linalg::Enclosure;
use crate::net::Net;
use ndarray::{Array2, Array3, Axis};
use std::sync::OnceLock;

/// Proven ends of a node's values, items x features.
#[derive(Clone, Debug)]
pub struct Ends {
    pub lo: Array2<f64>,
    pub hi: Array2<f64>,
}

impl Ends {
    /// The intersection with other proven ends; where they contradict each other (of an empty region)
    /// these are kept.
    pub fn tighten(&mut self, lo: &Array2<f64>, hi: &Array2<f64>) {
        ndarray::Zip::from(&mut self.lo).and(&mut self.hi).and(lo).and(hi).for_each(|l, h, &a, &z| {
            let (nl, nh) = (l.max(a), h.min(z));
            if nl <= nh {
                (*l, *h) = (nl, nh);
            }
        });
    }

    /// One item alone.
    pub fn item(&self, item: usize) -> Ends {
        let one = |a: &Array2<f64>| a.select(Axis(0), &[item]);
        Ends { lo: one(&self.lo), hi: one(&self.hi) }
    }
}

/// Proven ends of the nodes of which something is known.
#[derive(Clone, Debug, Default)]
pub struct Bounds(Vec<Option<Ends>>);

impl Bounds {
    /// Of so many nodes nothing.
    pub fn none(nodes: usize) -> Bounds {
        Bounds(vec![None; nodes])
    }

    pub fn get(&self, node: usize) -> Option<&Ends> {
        self.0.get(node)?.as_ref()
    }

    /// Of a node that a sweep has passed: there all have bounds.
    pub fn of(&self, node: usize) -> &Ends {
        self.get(node).expect("a sweep has bounds of every node that it has passed")
    }

    pub fn set(&mut self, node: usize, ends: Ends) {
        self.0[node] = Some(ends);
    }

    pub fn take(&mut self, node: usize) -> Option<Ends> {
        self.0[node].take()
    }

    /// Of all nodes that have some.
    pub fn iter(&self) -> impl Iterator<Item = &Ends> {
        self.0.iter().flatten()
    }

    pub fn map(&self, each: impl Fn(&Ends) -> Ends) -> Bounds {
        Bounds(self.0.iter().map(|e| e.as_ref().map(&each)).collect())
    }

    /// One item alone.
    pub fn item(&self, item: usize) -> Bounds {
        self.map(|e| e.item(item))
    }
}

impl FromIterator<Option<Ends>> for Bounds {
    fn from_iter<T: IntoIterator<Item = Option<Ends>>>(each: T) -> Self {
        Bounds(each.into_iter().collect())
    }
}

/// Ends of nodes where the arithmetic happens, brought there at the first wish.
pub struct Spanned<B: Backend>(Vec<OnceLock<B::Spans>>);

impl<B: Backend> Spanned<B> {
    /// Of so many nodes nothing.
    pub fn none(nodes: usize) -> Spanned<B> {
        Spanned((0..nodes).map(|_| OnceLock::new()).collect())
    }

    pub fn of(&self, b: &B, node: usize, ends: &Bounds) -> &B::Spans {
        self.0[node].get_or_init(|| {
            let Ends { lo, hi } = ends.of(node);
            b.spans(lo.clone(), hi.clone())
        })
    }

    pub fn get(&self, node: usize) -> Option<&B::Spans> {
        self.0[node].get()
    }

    pub fn set(&mut self, node: usize, spans: B::Spans) {
        self.0[node] = spans.into();
    }

    /// The host knows better.
    pub fn forget(&mut self, node: usize) {
        self.0[node] = OnceLock::new();
    }
}

/// Slopes of one nonlinear node on the regions of all items.
pub enum Gate<B: Backend> {
    Each(B::Slopes),
    Window(B::Slopes),
    /// Enclosures of the outputs s; the Jacobian is diag(s) - s sᵀ per group.
    Softmax(Ends),
}

impl<B: Backend> Clone for Gate<B> {
    fn clone(&self) -> Self {
        match self {
            Gate::Each(s) => Gate::Each(s.clone()),
            Gate::Window(s) => Gate::Window(s.clone()),
            Gate::Softmax(e) => Gate::Softmax(e.clone()),
        }
    }
}

/// A value sweep under way or done: gates of the nonlinear nodes and the
/// values that are still held.
pub struct Trace<B: Backend> {
    pub gates: Vec<Option<Gate<B>>>,
    pub values: Vec<Option<B::Block>>,
}

impl<B: Backend> Trace<B> {
    pub fn start(net: &Net) -> Self {
        let count = net.nodes.len();
        Trace { gates: (0..count).map(|_| None).collect(), values: (0..count).map(|_| None).collect() }
    }

    /// The network's output.
    pub fn output(&self) -> &B::Block {
        self.values.last().and_then(|v| v.as_ref()).expect("the output was computed")
    }
}

/// Ends of a one-row-per-item block as two matrices.
pub fn ends2(x: &Enclosure, proves: bool) -> (Array2<f64>, Array2<f64>) {
    let flat = |a: Array3<f64>| a.remove_axis(Axis(1));
    assert_eq!(x.dim().1, 1, "values have one row per item");
    if proves { (flat(x.lo()), flat(x.hi())) } else { (flat(x.centre.clone()), flat(x.centre.clone())) }
}

/// Ends as an enclosure with one row per item.
pub fn enclosure(ends: &Ends) -> Enclosure {
    let lift = |a: &Array2<f64>| a.clone().insert_axis(Axis(1));
    Enclosure::from_bounds(&lift(&ends.lo), &lift(&ends.hi))
}

/// Ends of a node's value block on the host.
pub fn host_ends<B: Backend>(b: &B, x: &B::Block) -> Ends {
    let (lo, hi) = ends2(&b.read(x), b.proves());
    Ends { lo, hi }
}

/// Ends on the host, all in one transfer.
pub fn brought<B: Backend>(b: &B, spans: &[&B::Spans]) -> Vec<Ends> {
    let mut back = b.tops(spans.iter().flat_map(|s| b.sides(s)).collect()).into_iter();
    let mut next = || back.next().expect("as many as asked for");
    spans.iter().map(|_| Ends { lo: -next(), hi: next() }).collect()
}

/// Uploads ends as a value block.
pub fn upload_ends<B: Backend>(b: &B, ends: &Ends) -> B::Block {
    b.upload(&enclosure(ends))
}
