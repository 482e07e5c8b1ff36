# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""The lower end, from a point where the function is steep or from a pair of points.

At a point of the region every generalised Jacobian J near it satisfies L >= ‖J‖ >= ‖uᵀ J‖ / ‖u‖ in dual norms, as the
region has interior in every neighbourhood of its members. A pair shows its own quotient. Values and derivatives are
intervals, which are numbers where no slope is open and no factor is unknown.
"""

from fractions import Fraction

from .certificate import listed
from .errors import Refused, Unchecked
from .exact import ONE, ZERO, fraction, of_float
from .net import Bend, Factor, Linear
from .norms import DUAL, square
from .rewrite import without_maxima
from .slopes import adjoints

POINT = (ZERO, ZERO)


def check(problem, witness, target):
    """Raises unless the witness shows that the constant is at least the target."""
    net = without_maxima(problem.net, False) if problem.net.has_maxima() else problem.net
    if witness["kind"] == "pair":
        return pair(problem, net, witness, target)
    u = [of_float(v, "the witness") for v in listed(witness["u"], "the witness")]
    if len(u) != len(problem.seeds) or not any(u):
        raise Refused("the witness has another number of outputs")
    exact = witness["kind"] == "inside"
    row = [sum((a * seed[i] for a, seed in zip(u, problem.seeds)), ZERO) for i in range(net.outputs)]
    for x in places(problem, witness["x"], exact):
        wanted = target * target * square(u, DUAL[problem.q])
        for slopes in gradients(problem, net, x, row):
            if any(square(way, DUAL[problem.p]) >= wanted for way in ways(problem, x, slopes)):
                return None
    raise Refused("the witness does not show the lower end")


def ways(problem, x, slopes):
    """What slopes say at least. Against the centre: at it, along ways that stay in the region, for the quotients there
    have them as their limit."""
    if not problem.anchored:
        return [list(map(least, slopes))]
    if problem.centre is None or None in problem.centre or x != list(problem.centre) or problem.region.point:
        raise Refused("a slope somewhere says nothing of quotients against the centre")

    def way(up):
        room = [(c > low, c < high) for c, low, high in zip(x, problem.region.lo, problem.region.hi)]
        return [least(s) if room[j][(s[0] > 0) == up] else ZERO for j, s in zip(problem.counted, slopes)]

    return [way(True), way(False)]


def places(problem, x, exact=False):
    """The members that a point stands for: itself, with constants where they are, or the centre to which its floats
    are nearest."""
    region, x = problem.region, listed(x, "the witness")
    if len(x) != problem.net.inputs:
        raise Refused("the witness has another number of inputs")
    x = [fraction(v, "the witness") if exact else of_float(v, "the witness") for v in x]
    found = []
    centre = problem.centre
    known = not exact and centre is not None and None not in centre
    if known and all(Fraction(float(c)) == v for c, v in zip(centre, x)):
        found.append(list(centre))
    if region.lo is not None:
        x = [low if low == high else v for v, low, high in zip(x, region.lo, region.hi)]
    if region.holds(x):
        found.append(x)
    if not found:
        raise Refused("the witness lies outside the region")
    return found


def pair(problem, net, witness, target):
    if problem.region.point:
        raise Refused("a single point has no pairs")
    starts, ends = places(problem, witness["x"]), places(problem, witness["y"])
    if problem.anchored:
        if problem.centre is None or None in problem.centre:
            raise Unchecked("the centre of a box that names none")
        ends = [y for y in ends if y == list(problem.centre)]
    for x in starts:
        for y in ends:
            way = square([a - b for a, b in zip(x, y)], problem.p)
            gap = [(a[0] - b[1], a[1] - b[0]) for a, b in zip(values(net, x)[-1], values(net, y)[-1])]
            rows = [total([(s, gap[i]) for i, s in enumerate(seed) if s]) for seed in problem.seeds]
            if way and square(list(map(least, rows)), problem.q) >= target * target * way:
                return
    raise Refused("the witness does not show the lower end")


def least(interval):
    """The smallest magnitude in it."""
    return max(interval[0], -interval[1], ZERO)


def total(terms):
    low = high = ZERO
    for w, (l, h) in terms:
        low, high = (low + w * l, high + w * h) if w > 0 else (low + w * h, high + w * l)
    return low, high


def hull(numbers):
    return min(numbers), max(numbers)


def values(net, x):
    """Of all nodes."""
    found = [[(v, v) for v in x]]
    for node in net.nodes[1:]:
        if isinstance(node, Linear):
            own = [total([(w, found[k][j]) for k, j, w in row]) for row in node.rows]
            own = [(l + c, h + c) for (l, h), c in zip(own, node.constants)]
        else:
            own = [passed(f, ends) for f, ends in zip(node.functions, found[node.read])]
        found.append(own)
    return found


def passed(f, ends):
    if isinstance(f, Factor):
        return hull([a * z for a in f.factor for z in ends])
    inside = [k for k in f.kinks if ends[0] < k < ends[1]]
    return hull([f.at(z) for z in [*ends, *inside]])


def gradients(problem, net, x, row):
    """Intervals of a combination of outputs' derivatives, by the inputs that count: forward, where what cancels in a
    neuron is seen, and backward, where what cancels in the combination is."""
    found = values(net, x)
    counted = {j: i for i, j in enumerate(problem.counted)}
    slopes = [[{counted[j]: (ONE, ONE)} if j in counted else {} for j in range(net.inputs)]]
    open_ = {}
    for k, node in enumerate(net.nodes[1:], 1):
        if isinstance(node, Bend):
            sides = [around(f, ends) for f, ends in zip(node.functions, found[node.read])]
            open_[k] = [hull(s) for s in sides]
            each = zip(sides, slopes[node.read])
            slopes.append([{v: hull([s * d for s in own for d in ends]) for v, ends in z.items()} for own, z in each])
        else:
            slopes.append([summed([(w, slopes[k][j]) for k, j, w in r]) for r in node.rows])
    last = summed([(w, slopes[-1][i]) for i, w in enumerate(row) if w])
    back = adjoints(net, open_, row)[0] or {}
    yield [last.get(j, POINT) for j in range(len(counted))]
    yield [back.get(j, POINT) for j in problem.counted]


def summed(terms):
    keys = {v for _, d in terms for v in d}
    return {v: total([(w, d[v]) for w, d in terms if v in d]) for v in keys}


def around(f, ends):
    """Slopes near a value; a kink that it may lie on leaves those of both sides."""
    if isinstance(f, Factor):
        return f.factor
    first, last = sum(k < ends[0] for k in f.kinks), sum(k <= ends[1] for k in f.kinks)
    return [slope for slope, _ in f.pieces[first:last + 1]]
