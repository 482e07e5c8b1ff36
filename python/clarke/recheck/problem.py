# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""The question: a network, a region and a quotient. What follows from what was written is derived here."""

from fractions import Fraction

from . import onnx
from .certificate import network_bytes, numbers
from .errors import Refused, Unchecked
from .exact import ONE, ZERO, written
from .net import Linear, Net


class Region:
    """Everything (`lo` is None), or where a box meets a ball around a member of both.

    Coordinates whose ends are equal are constants; of a single point all are, and there the question is about the
    generalised Jacobian at it. In all other coordinates a region has interior: a ball's centre lies in its clip range,
    whose ends differ.
    """

    def __init__(self, place):
        self.lo = self.hi = self.centre = self.ball = None
        self.fixed, self.point = [], False
        if place["kind"] == "ball":
            self.of_ball(place)
        elif place["kind"] == "box":
            self.of_box(place)

    def of_ball(self, place):
        self.centre, radius = numbers(place["centre"], "the centre"), written(place["radius"], "the radius")
        norm, clip = place["norm"], place.get("clip")
        if norm not in ("1", "2", "inf") or radius < 0 or not self.centre:
            raise Refused("the ball is none")
        self.lo, self.hi = [c - radius for c in self.centre], [c + radius for c in self.centre]
        if clip is not None:
            ends = numbers(clip, "the clip range")
            if len(ends) != 2 or not all(ends[0] <= c <= ends[1] for c in self.centre):
                raise Refused("the centre lies outside the clip range")
            self.lo, self.hi = [max(v, ends[0]) for v in self.lo], [min(v, ends[1]) for v in self.hi]
        self.settle()
        if norm != "inf" and not self.point:
            self.ball = (norm, radius)

    def of_box(self, place):
        self.lo, self.hi = numbers(place["lo"], "the box"), numbers(place["hi"], "the box")
        if not self.lo or len(self.lo) != len(self.hi) or any(a > b for a, b in zip(self.lo, self.hi)):
            raise Refused("the box is none")
        if place.get("centre") is not None:
            self.centre = numbers(place["centre"], "the centre")
            inside = all(a <= c <= b for a, c, b in zip(self.lo, self.centre, self.hi))
            if len(self.centre) != len(self.lo) or not inside:
                raise Refused("the centre does not lie in the box")
        self.settle()

    def settle(self):
        self.fixed = [a == b for a, b in zip(self.lo, self.hi)]
        self.point = all(self.fixed)

    def holds(self, x):
        if self.lo is None:
            return True
        if not all(a <= v <= b for a, v, b in zip(self.lo, x, self.hi)):
            return False
        if self.ball is None:
            return True
        norm, radius = self.ball
        way = [v - c for v, c in zip(x, self.centre)]
        if norm == "1":
            return sum(map(abs, way), ZERO) <= radius
        return sum((d * d for d in way), ZERO) <= radius * radius


def middle(low, high):
    """The centre of a box that names none: the rounded middle of two floats. Of other ends nothing is said here."""
    if low == high:
        return low
    if any(Fraction(float(v)) != v for v in (low, high)):
        return None
    return Fraction(min(max(0.5 * float(low) + 0.5 * float(high), float(low)), float(high)))


class Problem:
    def __init__(self, certificate, outside=None):
        source = certificate.net
        net = onnx.load(network_bytes(source, outside), source)
        self.net = behind(net, source["mean"], source["std"])
        self.region = Region(certificate.region)
        if self.region.lo is not None and len(self.region.lo) != self.net.inputs:
            raise Refused("the region has another number of coordinates than the network inputs")
        q = certificate.quotient
        self.p, self.q, self.anchored = q["in_norm"], q["out_norm"], q["quantity"] == "anchored"
        if self.anchored and self.region.lo is None:
            raise Refused("the anchored quotient needs a centre")
        self.centre = self.region.centre
        if self.centre is None and self.region.lo is not None:
            self.centre = list(map(middle, self.region.lo, self.region.hi))
        self.seeds = seeds(q["output"], self.net.outputs)
        if q["output"] == "pairs" or ":" in q["output"]:
            # The largest of several constants of scalar functions: every norm of one number is its magnitude.
            self.q = "inf"
        # Columns of Jacobians that count: constants do not, but of a single point all do.
        self.counted = [j for j in range(self.net.inputs)
                        if self.region.lo is None or self.region.point or not self.region.fixed[j]]


def seeds(output, count):
    """Rows that turn the network's Jacobian into that of the measured output."""
    if output == "all":
        return [row(count, k) for k in range(count)]
    if output == "pairs":
        found = [row(count, i, j) for i in range(count) for j in range(i + 1, count)]
    elif output.startswith("margins:"):
        label = place(output[len("margins:"):])
        found = [row(count, label, j) for j in range(count) if j != label] if label < count else []
    else:
        parts = list(map(place, output.split("-", 1)))
        if max(parts) >= count or len(set(parts)) != len(parts):
            raise Refused("the output is none of the network's")
        return [row(count, *parts)]
    if not found:
        raise Refused("the output is none of the network's")
    return found


def place(text):
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Refused("the output is none")
    return int(text)


def row(count, plus, minus=None):
    return [ONE if k == plus else -ONE if k == minus else ZERO for k in range(count)]


def behind(net, mean, std):
    """(x − mean) / std per channel in front of the network."""
    if mean is None and std is None:
        return net
    mean = [ZERO] * len(std) if mean is None else mean
    std = [ONE] * len(mean) if std is None else std
    count, shape = len(mean), net.shape
    if len(std) != count or not count or any(s <= 0 for s in std):
        raise Refused("means and deviations do not belong together")
    wide = [d for d in shape if d != 1]
    if count == 1 or (shape[-1] == count and shape[0] != count):
        repeat = 1
    elif wide and wide[0] == count:
        repeat = net.inputs // count
    else:
        raise Refused("means do not fit the input")
    which = [j // repeat % count for j in range(net.inputs)]
    rows = [[(0, j, 1 / std[c])] for j, c in enumerate(which)]
    out = Net(net.inputs)
    out.push(Linear("shifted", rows, [-mean[c] / std[c] for c in which]), net.inputs)
    for node, size, label in zip(net.nodes[1:], net.sizes[1:], range(1, len(net.nodes))):
        if isinstance(node, Linear):
            node.rows = [[(k + 1, j, w) for k, j, w in row] for row in node.rows]
        else:
            node.read += 1
        out.push(node, size, label in net.labels)
    if len(out.nodes) > 1 << 16:
        raise Unchecked("the network is too deep")
    return out
