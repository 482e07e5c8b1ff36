# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""A network as data: linear rows and bent features, in topological order.

Node 0 is the input, the last one the output. `labels` are the numbers by which certificates call nodes: label k is
node `labels[k]`. A label that means another value than its writer had in mind divides the region elsewhere, which
covers it as well: numbers decide what is accepted, never what is true.
"""

from .errors import Unchecked
from .exact import ONE, ZERO

# Products of one pass through the network, at most.
LARGEST = 200000


class Linear:
    """Feature i is constants[i] + Σ w · (feature j of node k) over rows[i] = [(k, j, w), …]."""

    def __init__(self, kind, rows, constants, biased=False):
        self.kind, self.rows, self.constants, self.biased = kind, rows, constants, biased


class Bend:
    """Feature i is functions[i] of feature i of node `read`."""

    def __init__(self, read, functions):
        self.read, self.functions = read, functions


class Maximum:
    """Feature i is the largest of the features windows[i] of node `read`."""

    def __init__(self, read, windows):
        self.read, self.windows = read, windows


class Function:
    """Continuous and piecewise linear: pieces (slope, offset) between kinks in ascending order."""

    def __init__(self, kinks, pieces):
        self.kinks, self.pieces, self.factor = kinks, pieces, None

    def at(self, z):
        slope, offset = self.pieces[sum(1 for k in self.kinks if k < z)]
        return slope * z + offset

    def between(self, low, high):
        """Pieces that matter on [low, high]: a kink at an end has nothing beyond it."""
        first = sum(1 for k in self.kinks if low is not None and k <= low)
        last = sum(1 for k in self.kinks if high is None or k < high)
        return range(min(first, last), last + 1)


class Factor:
    """z times one unknown number of [low, high]."""

    def __init__(self, low, high):
        self.factor = (low, high)


def leaky(slope):
    return Function([ZERO], [(slope, ZERO), (ONE, ZERO)])


def clip(low, high):
    """Ends that are None are no ends."""
    kinks, pieces = [], [(ONE, ZERO)]
    if low is not None:
        kinks, pieces = [low], [(ZERO, low), (ONE, ZERO)]
    if high is not None:
        kinks, pieces = kinks + [high], pieces + [(ZERO, high)]
    if low is not None and high is not None and low >= high:
        return Function([], [(ZERO, high)])
    return Function(kinks, pieces)


RELU = leaky(ZERO)


class Net:
    def __init__(self, inputs):
        self.nodes, self.sizes, self.labels, self.work = [None], [inputs], [0], 0

    def push(self, node, size, named=True):
        self.work += sum(map(len, node.rows)) if isinstance(node, Linear) else size
        if self.work > LARGEST:
            raise Unchecked("the network is too large")
        self.nodes.append(node)
        self.sizes.append(size)
        if named:
            self.labels.append(len(self.nodes) - 1)
        return len(self.nodes) - 1

    @property
    def inputs(self):
        return self.sizes[0]

    @property
    def outputs(self):
        return self.sizes[-1]

    def bends(self):
        return [(k, n) for k, n in enumerate(self.nodes) if isinstance(n, Bend)]

    def has_maxima(self):
        return any(isinstance(n, Maximum) for n in self.nodes)


def reads(node):
    """The nodes that a node reads."""
    if node is None:
        return set()
    return {k for row in node.rows for k, _, _ in row} if isinstance(node, Linear) else {node.read}
