# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""The same function in other operators: maxima as trees of relu, and without constants for all of R^n.

max(a, b) = b + relu(a − b). And g(y, t) = t f(y / t), with t as one more input: for t > 0 its derivatives by y are
those of f at y / t, and its kinks are cones, so that every ray of R^n × {t > 0} meets a face of one box.
"""

from .errors import Unchecked
from .exact import ONE, ZERO
from .net import RELU, Bend, Factor, Linear, Maximum, Net


def rising(function):
    """Does a maximum commute with it?"""
    return not isinstance(function, Factor) and all(slope >= 0 for slope, _ in function.pieces)


class Maker:
    """A network in the making, and where the values of the old one are."""

    def __init__(self, net, inputs):
        self.old, self.net, self.place = net, Net(inputs), [0]

    def linear(self, kind, rows, constants=None, named=True, biased=False):
        constants = [ZERO] * len(rows) if constants is None else constants
        return self.net.push(Linear(kind, rows, constants, biased), len(rows), named)

    def copy(self, node, size, named):
        if isinstance(node, Linear):
            rows = [[(self.place[k], j, w) for k, j, w in row] for row in node.rows]
            return self.linear(node.kind, rows, node.constants, named, node.biased)
        if isinstance(node, Bend):
            return self.net.push(Bend(self.place[node.read], node.functions), size, named)
        return self.net.push(Maximum(self.place[node.read], node.windows), size, named)


def without_maxima(net, labelled):
    """`labelled`: nodes are called by their numbers in the new network, else by those in the old one."""
    made = Maker(net, net.inputs)
    readers = [sum(k in {r[0] for row in getattr(n, "rows", []) for r in row} or getattr(n, "read", None) == k
                   for n in net.nodes[1:]) for k in range(len(net.nodes))]
    pairs = []
    for k, node in enumerate(net.nodes[1:], 1):
        if not isinstance(node, Maximum):
            made.place.append(made.copy(node, net.sizes[k], k in net.labels))
            continue
        read = negated(net.nodes[node.read])
        known = [own for at, windows, *own in pairs if at == read and windows == node.windows]
        if known:
            made.place.append(mirrored(made, *known[0], net.sizes[k]))
            continue
        before, after, entries = net.nodes[node.read], None, node.read
        same = isinstance(before, Bend) and all(f is before.functions[0] for f in before.functions)
        if same and rising(before.functions[0]) and readers[node.read] == 1:
            after, entries = before.functions[0], before.read
        last, left, above = halves(made, made.place[entries], node.windows)
        if all(len(w) <= 2 for w in node.windows):
            pairs.append((entries, node.windows, left, above))
        if after:
            last = made.net.push(Bend(last, [after] * net.sizes[k]), net.sizes[k])
        made.place.append(last)
    if not labelled:
        made.net.labels = [made.place[k] for k in net.labels]
    return made.net


def negated(node):
    """The node whose values these are with the other sign."""
    if not isinstance(node, Linear) or node.kind != "scale" or any(node.constants):
        return None
    plain = all(len(row) == 1 and row[0][1:] == (j, -ONE) for j, row in enumerate(node.rows))
    return node.rows[0][0][0] if plain else None


def mirrored(made, left, above, size):
    """max(−a, −b) = relu(a − b) − a, by the relu of max(a, b)."""
    minus = made.linear("scale", [[(left, j, -ONE)] for j in range(size)])
    return made.linear("add", [[(minus, j, ONE), (above, j, ONE)] for j in range(size)])


def halves(made, at, windows):
    """Maxima of pairs, and of what they leave: the last values, and of the last pairs a and relu(a − b)."""
    open_ = windows
    while True:
        pairs = [(w[i], w[min(i + 1, len(w) - 1)]) for w in open_ for i in range(0, len(w), 2)]
        left = made.linear("select", [[(at, a, ONE)] for a, _ in pairs])
        right = made.linear("select", [[(at, b, ONE)] for _, b in pairs])
        minus = made.linear("scale", [[(right, j, -ONE)] for j in range(len(pairs))])
        gap = made.linear("add", [[(left, j, ONE), (minus, j, ONE)] for j in range(len(pairs))])
        above = made.net.push(Bend(gap, [RELU] * len(pairs)), len(pairs))
        at = made.linear("add", [[(right, j, ONE), (above, j, ONE)] for j in range(len(pairs))])
        if all(len(w) <= 2 for w in open_):
            return at, left, above
        counts, next_ = [(len(w) + 1) // 2 for w in open_], 0
        open_ = []
        for count in counts:
            open_.append(list(range(next_, next_ + count)))
            next_ += count


class Homogeneous(Maker):
    def __init__(self, net):
        super().__init__(net, net.inputs + 1)
        n = net.inputs
        self.t = self.linear("select", [[(0, n, ONE)]])
        self.place = [self.linear("select", [[(0, j, ONE)] for j in range(n)])]

    def times(self, numbers, named=True):
        return self.linear("affine", [[(self.t, 0, c)] if c else [] for c in numbers], named=named)

    def plus(self, at, numbers, named=True):
        """The same values, and t times numbers."""
        more = self.times(numbers, named)
        return self.linear("add", [[(at, j, ONE), (more, j, ONE)] for j in range(len(numbers))], named=named)

    def passed(self, node, named):
        rows = [[(self.place[k], j, w) for k, j, w in row] for row in node.rows]
        linear = self.linear(node.kind, rows, named=named)
        if node.biased:
            return self.plus(linear, node.constants, named)
        if not any(node.constants):
            return linear
        # A factor and a shift: ones times t, scaled, added.
        ones = self.times([ONE] * len(rows), named)
        shift = [[(ones, j, c)] if c else [] for j, c in enumerate(node.constants)]
        shift = self.linear("scale", shift, named=named)
        return self.linear("add", [[(linear, j, ONE), (shift, j, ONE)] for j in range(len(rows))], named=named)

    def bent(self, node, size, named):
        read, f = self.place[node.read], node.functions[0]
        if all(isinstance(f, Factor) or f.kinks == [0] for f in node.functions):
            return self.net.push(Bend(read, node.functions), size, named)
        if any(f is not g for g in node.functions) or len(f.pieces) > 3:
            raise Unchecked("several functions that are no cones")
        return self.clipped(read, f, size)

    def relu(self, at, size):
        return self.net.push(Bend(at, [RELU] * size), size)

    def minus(self, at, size):
        return self.linear("scale", [[(at, j, -ONE)] for j in range(size)])

    def clipped(self, z, f, size):
        """With a = relu(z − low t): low t + a, and hi t − relu((hi − low) t − a)."""
        if not f.kinks:
            return self.times([f.pieces[0][1]] * size)
        low = f.kinks[0] if f.pieces[0][0] == 0 else None
        high = f.kinks[-1] if f.pieces[-1][0] == 0 else None
        if [s for s, _ in f.pieces] != [0] * (low is not None) + [1] + [0] * (high is not None):
            raise Unchecked("a function that is neither a cone nor a clip")
        rest, base = z, ZERO
        if low is not None:
            rest, base = self.relu(self.plus(z, [-low] * size), size), low
        if high is None:
            return self.plus(rest, [base] * size)
        room = self.plus(self.minus(rest, size), [high] * size)
        missing = self.relu(self.plus(room, [-base] * size), size)
        return self.plus(self.minus(missing, size), [high] * size)


def homogeneous(net):
    made = Homogeneous(net)
    for k, node in enumerate(net.nodes[1:], 1):
        named = k in net.labels
        if isinstance(node, Linear):
            made.place.append(made.passed(node, named))
        elif isinstance(node, Bend):
            made.place.append(made.bent(node, net.sizes[k], named))
        else:
            made.place.append(made.copy(node, net.sizes[k], named))
    if len(made.net.nodes) - 1 != made.place[-1]:
        raise Unchecked("the network's output is not its last value")
    return made.net
