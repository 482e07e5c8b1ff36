# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""The tree of a divided region: both sides of every division are visited, so the leaves cover it.

Evidence at a leaf is tried first. What it does not show is searched for (`search`), so a leaf is accepted for what it
is and never for what it says.
"""

from . import gain, layers
from .certificate import index, listed
from .empty import refuted
from .errors import Refused, Unchecked
from .exact import ONE, ZERO, fraction, of_float
from .part import Part, Setting, View
from .rewrite import homogeneous, without_maxima
from .search import settle

WORDS = {"bounded", "layers", "pattern"}
KINDS = {"scaled", "empty", "refuted", "faces", "kink", "input"}
PLACE = {"kink": (0, 1, 3, 4), "input": (0, 2, 3)}


class Node:
    """One part of the file: a word, or a kind with a list."""

    def __init__(self, value):
        self.kind, self.data = value, None
        if isinstance(value, dict) and len(value) == 1:
            self.kind, self.data = next(iter(value.items()))
        named = isinstance(self.kind, str) and self.kind in (WORDS if self.data is None else KINDS)
        if not named:
            raise Refused("a part of the tree is of no known kind")
        self.children = []
        if self.data is not None:
            getattr(self, self.kind)(listed(self.data, "a part of the tree"))

    def scaled(self, data):
        self.data = [gain.checked(s) for s in data]

    def empty(self, data):
        self.data = [of_float(m, "a multiplier") for m in data]

    def refuted(self, data):
        self.data = [fraction(m, "a multiplier") for m in data]

    def faces(self, data):
        self.children = [index(c, "a part") for c in data]

    def kink(self, data):
        self.split(data, 5, 2)

    def input(self, data):
        self.split(data, 4, 1)

    def split(self, data, length, at):
        if len(data) != length:
            raise Refused("a division is none")
        whole = [index(d, "a place") for k, d in enumerate(data) if k != at]
        self.data = (*whole[:-2], of_float(data[at], "a division"))
        self.children = whole[-2:]


def nodes(parts):
    """All parts, each in the tree once."""
    found = [Node(p) for p in listed(parts, "the tree")]
    seen, open_ = set(), [0]
    while open_:
        at = open_.pop()
        if at in seen or at >= len(found):
            raise Refused("a part is missing, or in two places")
        seen.add(at)
        open_ += found[at].children
    if len(seen) != len(found):
        raise Refused("a part belongs to no other")
    return found


def setting(problem, proof):
    """What the tree is about: the network without maxima, and for all of R^n in homogeneous form."""
    net, region = problem.net, problem.region
    kinks, reach = proof["kinks"], proof.get("reach")
    if not isinstance(kinks, bool) or (region.lo is None) != (reach is not None) or region.point:
        raise Refused("a tree needs a region with interior, everything a reach")
    if kinks and not net.has_maxima():
        raise Refused("there are no maxima to take apart")
    if net.has_maxima() and not (region.lo is None and not kinks):
        net = without_maxima(net, kinks)
    if reach is None:
        ball = (*region.ball, region.centre) if region.ball else None
        return Setting(net, region.lo, region.hi, ball, problem.counted, problem.seeds, problem.p, problem.q)
    reach, n = of_float(reach, "the reach"), net.inputs
    if reach <= 0:
        raise Refused("the reach is not positive")
    net = homogeneous(net)
    net = without_maxima(net, False) if net.has_maxima() else net
    lo, hi = [-reach] * n + [ZERO], [reach] * n + [ONE]
    return Setting(net, lo, hi, None, list(range(n)), problem.seeds, problem.p, problem.q)


def check(problem, proof, target, budget):
    """Raises unless the tree shows that the target is an upper bound."""
    found, where = nodes(proof["parts"]), setting(problem, proof)
    root = Part(where.lo[:], where.hi[:])
    waiting = [(0, root)]
    if found[0].kind == "faces":
        waiting = list(zip(found[0].children, faces(root, proof.get("reach"), len(found[0].children))))
    while waiting:
        place, part = waiting.pop()
        budget.in_time()
        node = found[place]
        if node.kind == "faces":
            raise Refused("only the whole region has faces")
        if node.children:
            waiting += zip(node.children, divided(where, part, node, proof["kinks"]))
        else:
            leaf(where, part, node, target, budget)


def faces(part, reach, count):
    """t at its upper end, then every other coordinate at its upper and its lower end."""
    n = len(part.lo) - 1
    if reach is None or count != 2 * n + 1:
        raise Refused("the region has no such faces")

    def face(j, end):
        low, high = part.lo[:], part.hi[:]
        low[j] = high[j] = end[j]
        return Part(low, high)

    return [face(n, part.hi)] + [face(j, end) for j in range(n) for end in (part.hi, part.lo)]


def divided(where, part, node, kinks):
    """The parts above and below."""
    if node.kind == "input":
        j, at = node.data
        if j >= len(part.lo) or not part.lo[j] < at < part.hi[j]:
            raise Refused("a part is divided where it cannot be")
        return part.halves(j, at)
    label, feature, at = node.data
    net = where.net
    if label >= len(net.labels) or feature >= net.sizes[net.labels[label]]:
        if kinks:
            raise Unchecked("a part is divided at a maximum that is written otherwise here")
        raise Refused("a part is divided where it cannot be")
    return [part.cut(net.labels[label], feature, at, above) for above in (True, False)]


def leaf(where, part, node, target, budget):
    first, also = [], []
    if node.kind == "scaled":
        also = [lambda view: gain.shows(view, node.data, target)]
    elif node.kind == "layers" or where.p == "2":
        first = [lambda view: layers.shows(view, target)]
    if node.kind in ("empty", "refuted") and node.data and hinted(View(where, part), node):
        budget.spend()
        return
    settle(where, part, target, budget, first, also)


def hinted(view, node):
    """Do the multipliers of the file show it for the half-spaces that are known here? Of exact conditions as many
    belong to the box or the ball, which `search` finds again."""
    if view.void:
        return True
    planes = view.planes if node.kind == "empty" else conditions(view)
    return len(planes) <= len(node.data) and refuted(view, planes, node.data[:len(planes)])


def conditions(view):
    """Every neuron's argument on its side of its kinks, in the order of the network, where all sides are known."""
    out = []
    for k, node in view.setting.net.bends():
        for f, z, pieces in zip(node.functions, view.forms[node.read], view.pieces[k]):
            if f.factor or len(pieces) > 1:
                return []
            at = pieces[0]
            for kink, above in [(i, True) for i in range(at - 1, at) if i >= 0] + \
                    [(i, False) for i in range(at, at + 1) if i < len(f.kinks)]:
                c, a = z[0] - f.kinks[kink], z[1]
                c, a = (c, a) if above else (-c, {v: -x for v, x in a.items()})
                if a or c:
                    out.append((c, a))
    return out
