//! Which features of earlier nodes a feature depends on, as rectangles of positions.
//!
//! Rows of adjoints whose rectangles do not meet at any node can share one row: their sum carries each of them
//! unchanged in its own rectangle. Rectangles are supersets of what is read, so nothing is lost.

use crate::layer::{Affine, ConvShape, Incidence, LinearMap};
use crate::net::{Net, Op};

/// Of positions along one axis of the start, the first and the last along the same axis of a node; empty where
/// the first is beyond the last.
type Spans = Vec<[usize; 2]>;

/// What one node holds of every start.
#[derive(Clone, Debug, PartialEq)]
enum Held {
    Nothing,
    /// By axis: rows, columns.
    Part([Spans; 2]),
    Everything,
}

/// The cones of all features of one node.
#[derive(Clone, Debug)]
pub struct Cones {
    held: Vec<Held>,
    /// Channels, rows, columns of every node.
    sizes: Vec<[usize; 3]>,
    at: usize,
}

const EMPTY: [usize; 2] = [1, 0];

fn size(shape: &[usize]) -> Option<[usize; 3]> {
    if let [c, h, w] = *shape { Some([c, h, w]) } else { None }
}

/// Channels, rows and columns of a network's nodes: by their shapes, or as convolutions write or read them.
#[derive(Clone, Debug)]
pub struct Layouts(Vec<Option<[usize; 3]>>);

impl Layouts {
    pub fn new(net: &Net) -> Layouts {
        let conv = |node: usize, reads: bool| {
            let Op::Affine(Affine { map: LinearMap::Conv { shape, adjoint, .. }, .. }) = &net.nodes[node].op
            else {
                return None;
            };
            Some(match reads != *adjoint {
                true => [shape.in_channels, shape.input[0], shape.input[1]],
                false => [shape.out_channels, shape.output[0], shape.output[1]],
            })
        };
        let own = |k: usize| size(&net.nodes[k].shape).or_else(|| conv(k, false));
        let mut all: Vec<_> = (0..net.nodes.len()).map(own).collect();
        for (u, node) in net.nodes.iter().enumerate() {
            for &i in &node.inputs {
                all[i] = all[i].or_else(|| conv(u, true));
            }
        }
        Layouts(all)
    }
}

fn joined(a: [usize; 2], b: [usize; 2]) -> [usize; 2] {
    match (a[0] > a[1], b[0] > b[1]) {
        (true, _) => b,
        (_, true) => a,
        _ => [a[0].min(b[0]), a[1].max(b[1])],
    }
}

fn meets(a: [usize; 2], b: [usize; 2]) -> bool {
    a[0] <= a[1] && b[0] <= b[1] && a[0] <= b[1] && b[0] <= a[1]
}

/// Inputs that outputs in this span of an axis read, and what lies between them.
fn read(shape: &ConvShape, axis: usize, [a, z]: [usize; 2]) -> [usize; 2] {
    let step = |o: usize| o.saturating_mul(shape.stride[axis]);
    let last = step(z).saturating_add((shape.kernel[axis] - 1).saturating_mul(shape.dilation[axis]));
    match last.checked_sub(shape.pad[axis]) {
        Some(last) if a <= z => {
            [step(a).saturating_sub(shape.pad[axis]), last.min(shape.input[axis].saturating_sub(1))]
        }
        _ => EMPTY,
    }
}

/// Outputs that read inputs in this span of an axis.
fn readers(shape: &ConvShape, axis: usize, [a, z]: [usize; 2]) -> [usize; 2] {
    if a > z {
        return EMPTY;
    }
    let (stride, pad) = (shape.stride[axis].max(1), shape.pad[axis]);
    let far = (shape.kernel[axis] - 1).saturating_mul(shape.dilation[axis]);
    let first = (a + pad).saturating_sub(far).div_ceil(stride);
    [first, ((z + pad) / stride).min(shape.output[axis].saturating_sub(1))]
}

/// What positions of the outputs of an incidence read, by axis.
fn gathered(incidence: &Incidence, from: [usize; 3], to: [usize; 3]) -> [Spans; 2] {
    let mut spans = [vec![EMPTY; to[1]], vec![EMPTY; to[2]]];
    for i in 0..incidence.outputs() {
        let place = [i / to[2] % to[1], i % to[2]];
        for &j in &incidence.index[incidence.window(i)] {
            let j = j as usize;
            let source = [j / from[2] % from[1], j % from[2]];
            for axis in 0..2 {
                let span = &mut spans[axis][place[axis]];
                *span = joined(*span, [source[axis]; 2]);
            }
        }
    }
    spans
}

impl Cones {
    pub fn new(net: &Net, Layouts(layouts): &Layouts, at: usize) -> Cones {
        let size = |k: usize| layouts[k].unwrap_or([net.nodes[k].len(), 1, 1]);
        let sizes = (0..net.nodes.len()).map(size).collect();
        let mut cones = Cones { held: vec![Held::Nothing; net.nodes.len()], sizes, at };
        let [_, h, w] = cones.sizes[at];
        cones.held[at] = match layouts[at] {
            Some(_) => Held::Part([h, w].map(|n| (0..n).map(|i| [i, i]).collect())),
            None => Held::Everything,
        };
        for k in (1..=at).rev() {
            if cones.held[k] != Held::Nothing {
                net.nodes[k].inputs.iter().for_each(|&i| cones.pass(net, k, (i, [layouts[k], layouts[i]])));
            }
        }
        cones
    }

    /// What node k holds is read from its input i; layouts of both.
    fn pass(&mut self, net: &Net, k: usize, (i, [to, from]): (usize, [Option<[usize; 3]>; 2])) {
        let joins = matches!(net.nodes[k].op, Op::Concat);
        let read = match (&self.held[k], to, from) {
            // Parts are whole channels only where all of them are.
            (_, Some([_, h, w]), _)
                if joins
                    && net.nodes[k].inputs.iter().any(|&i| !net.nodes[i].len().is_multiple_of(h * w)) =>
            {
                None
            }
            (Held::Part(spans), Some(to), Some(from)) => before(&net.nodes[k].op, spans, from, to),
            _ => None,
        };
        let both = match (std::mem::replace(&mut self.held[i], Held::Nothing), read) {
            (Held::Everything, _) | (_, None) => Held::Everything,
            (Held::Nothing, Some(spans)) => Held::Part(spans),
            (Held::Part(a), Some(b)) => {
                let join = |a: Spans, b: Spans| a.into_iter().zip(b).map(|(a, b)| joined(a, b)).collect();
                let ([y, x], [v, u]) = (a, b);
                Held::Part([join(y, v), join(x, u)])
            }
        };
        self.held[i] = both;
    }

    fn place(&self, feature: usize) -> [usize; 2] {
        let [_, h, w] = self.sizes[self.at];
        [feature / w % h, feature % w]
    }

    /// The features of node k on which one of the start may depend.
    pub fn features(&self, k: usize, start: usize) -> Vec<usize> {
        let [channels, h, w] = self.sizes[k];
        let [y, x] = match &self.held[k] {
            Held::Nothing => return vec![],
            Held::Everything => return (0..channels * h * w).collect(),
            Held::Part(spans) => {
                let place = self.place(start);
                [spans[0][place[0]], spans[1][place[1]]]
            }
        };
        if y[0] > y[1] || x[0] > x[1] {
            return vec![];
        }
        let row = move |c: usize, i: usize| (x[0]..=x[1]).map(move |j| (c * h + i) * w + j);
        (0..channels).flat_map(|c| (y[0]..=y[1]).flat_map(move |i| row(c, i))).collect()
    }

    /// These features in groups of which no two meet.
    pub fn apart(&self, features: &[usize]) -> Vec<Vec<usize>> {
        let Some(tables) = self.meetings() else { return features.iter().map(|&j| vec![j]).collect() };
        let meet = |a: [usize; 2], b: [usize; 2]| {
            let at = |axis: usize| tables[axis][a[axis]][b[axis]];
            at(0) & at(1) != 0
        };
        let mut groups: Vec<(Vec<usize>, Vec<[usize; 2]>)> = vec![];
        let mut first = 0;
        for &j in features {
            let place = self.place(j);
            let fits = |g: &(Vec<usize>, Vec<[usize; 2]>)| !g.1.iter().any(|&p| meet(p, place));
            match groups[first..].iter().position(fits) {
                Some(g) => {
                    groups[first + g].0.push(j);
                    groups[first + g].1.push(place);
                }
                None => groups.push((vec![j], vec![place])),
            }
            // Old groups are full, about.
            first = first.max(groups.len().saturating_sub(TRIED));
        }
        groups.into_iter().map(|g| g.0).collect()
    }

    /// By axis and two positions of the start: the nodes where their spans meet, as bits; nodes share bits where
    /// there are many, which only makes more of them meet. None where everything may meet, or looking costs more
    /// than it saves.
    fn meetings(&self) -> Option<[Vec<Vec<u64>>; 2]> {
        let mut parts: Vec<&[Spans; 2]> = vec![];
        for held in &self.held {
            match held {
                Held::Nothing => {}
                Held::Part(spans) if parts.contains(&spans) => {}
                Held::Part(spans) => parts.push(spans),
                Held::Everything => return None,
            }
            let [_, h, w] = self.sizes[self.at];
            let pairs = h.saturating_mul(h).saturating_add(w.saturating_mul(w));
            if parts.len().saturating_mul(pairs) > PAIRS {
                return None;
            }
        }
        let table = |axis: usize| {
            let n = self.sizes[self.at][1 + axis];
            let mut bits = vec![vec![0u64; n]; n];
            for (node, spans) in parts.iter().enumerate() {
                for (a, b) in (0..n).flat_map(|a| (0..n).map(move |b| (a, b))) {
                    if meets(spans[axis][a], spans[axis][b]) {
                        bits[a][b] |= 1 << (node % 64);
                    }
                }
            }
            bits
        };
        Some([table(0), table(1)])
    }
}

/// Pairs of positions, by nodes that differ, that are compared at most.
const PAIRS: usize = 1 << 24;
/// Groups that a feature is tried with.
const TRIED: usize = 96;

/// What spans of a node's positions read of an input; None: perhaps everything.
fn before(op: &Op, spans: &[Spans; 2], from: [usize; 3], to: [usize; 3]) -> Option<[Spans; 2]> {
    let mapped = |f: &dyn Fn(usize, [usize; 2]) -> [usize; 2]| {
        [0, 1].map(|axis| spans[axis].iter().map(|s| f(axis, *s)).collect::<Spans>())
    };
    match op {
        Op::Scale(_) | Op::Add | Op::Piecewise(_) | Op::Smooth(_) => (from == to).then(|| spans.clone()),
        Op::Affine(a) => match &a.map {
            LinearMap::Dense(_) => None,
            LinearMap::Conv { shape, adjoint, .. } => {
                let ends = [
                    [shape.in_channels, shape.input[0], shape.input[1]],
                    [shape.out_channels, shape.output[0], shape.output[1]],
                ];
                let fits = if *adjoint { ends == [to, from] } else { ends == [from, to] };
                fits.then(|| {
                    mapped(&|axis, s| if *adjoint { readers(shape, axis, s) } else { read(shape, axis, s) })
                })
            }
        },
        Op::Select { incidence, .. } | Op::Max(incidence) => {
            let tables = gathered(incidence, from, to);
            Some(mapped(&|axis, [a, z]| {
                let list = if a > z { &[][..] } else { &tables[axis][a..=z] };
                list.iter().fold(EMPTY, |s, t| joined(s, *t))
            }))
        }
        // Parts of channels, one after the other.
        Op::Concat => (from[1..] == to[1..]).then(|| spans.clone()),
        Op::Input | Op::Softmax { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::Piecewise;
    use std::sync::Arc;

    fn conv(channels: [usize; 2], size: usize, kernel: usize, stride: usize, pad: usize) -> (Op, usize) {
        let output = (size + 2 * pad - kernel) / stride + 1;
        let shape = ConvShape {
            groups: 1,
            in_channels: channels[0],
            out_channels: channels[1],
            input: [size; 2],
            output: [output; 2],
            kernel: [kernel; 2],
            stride: [stride; 2],
            dilation: [1; 2],
            pad: [pad; 2],
        };
        let weight = Arc::new(vec![1.0; channels[0] * channels[1] * kernel * kernel]);
        let map = LinearMap::Conv { shape, weight, adjoint: false };
        (Op::Affine(Affine { map, bias: None, repeat: 1 }), output)
    }

    /// Features in one group share no feature of any node, and every group is needed.
    #[test]
    fn groups_do_not_meet() {
        let mut net = Net::new(vec![2, 12, 12]);
        let (first, n) = conv([2, 3], 12, 3, 1, 1);
        let k = net.push("c", first, vec![0], vec![3, n, n]).unwrap();
        let k = net.push("r", Op::Piecewise(Piecewise::RELU), vec![k], vec![3, n, n]).unwrap();
        let (second, n) = conv([3, 2], n, 3, 2, 0);
        let at = net.push("d", second, vec![k], vec![2, n, n]).unwrap();
        let cones = Cones::new(&net, &Layouts::new(&net), at);
        let all: Vec<usize> = (0..2 * n * n).collect();
        let groups = cones.apart(&all);
        let mut seen: Vec<usize> = groups.concat();
        seen.sort_unstable();
        assert_eq!(seen, all);
        assert!(groups.len() < all.len() / 2, "{} groups", groups.len());
        for group in &groups {
            for node in 0..=at {
                let mut list: Vec<usize> = group.iter().flat_map(|&j| cones.features(node, j)).collect();
                let count = list.len();
                list.sort_unstable();
                list.dedup();
                assert_eq!(count, list.len(), "node {node}");
            }
        }
        // A 3 x 3 patch of a layer whose patches are 3 x 3 reads 5 x 5 inputs of each channel.
        assert_eq!(cones.features(0, n + 1).len(), 2 * 25);
    }

    /// A part that does not begin with a channel is in no rectangle.
    #[test]
    fn parts_of_a_concatenation_may_lie_across_channels() {
        let mut net = Net::new(vec![1, 2, 2]);
        let pick = |count: usize| Op::Select {
            incidence: Arc::new(Incidence::gather(4, (0..count).map(|j| Some(j as u32)))),
            fill: 0.0,
        };
        let first = net.push("a", pick(3), vec![0], vec![3]).unwrap();
        let middle = net.push("b", Op::Piecewise(Piecewise::RELU), vec![0], vec![1, 2, 2]).unwrap();
        let last = net.push("c", pick(1), vec![0], vec![1]).unwrap();
        let joined = net.push("j", Op::Concat, vec![first, middle, last], vec![2, 2, 2]).unwrap();
        let (op, n) = conv([2, 1], 2, 1, 1, 0);
        let at = net.push("d", op, vec![joined], vec![1, n, n]).unwrap();
        let cones = Cones::new(&net, &Layouts::new(&net), at);
        // Feature 0 reads entry 4 of the whole, which is entry 1 of the middle part.
        assert!(cones.features(middle, 0).contains(&1));
        let mut aligned = Net::new(vec![1, 2, 2]);
        let relu = aligned.push("r", Op::Piecewise(Piecewise::RELU), vec![0], vec![1, 2, 2]).unwrap();
        let joined = aligned.push("j", Op::Concat, vec![relu, 0], vec![2, 2, 2]).unwrap();
        let (op, n) = conv([2, 1], 2, 1, 1, 0);
        let at = aligned.push("d", op, vec![joined], vec![1, n, n]).unwrap();
        assert_eq!(Cones::new(&aligned, &Layouts::new(&aligned), at).features(relu, 1), vec![1]);
    }

    #[test]
    fn behind_a_dense_layer_everything_meets() {
        let mut net = Net::new(vec![1, 4, 4]);
        let dense =
            Affine { map: LinearMap::Dense(Arc::new(ndarray::Array2::ones((3, 16)))), bias: None, repeat: 1 };
        let at = net.push("d", Op::Affine(dense), vec![0], vec![3]).unwrap();
        let cones = Cones::new(&net, &Layouts::new(&net), at);
        assert_eq!(cones.apart(&[0, 2]), vec![vec![0], vec![2]]);
        assert_eq!(cones.features(0, 1).len(), 16);
    }
}
