# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""What is known of a network on one part of a region, in fractions.

A part is a box, where it meets the region's ball, and cuts: the value of a feature lies on one side of a number. Every
value is an affine form of the inputs that vary and of noise e in [-1, 1], one for every feature that is still bent
there (zonotopes: Singh et al. 2018), and lies in a range besides. On one piece of the function a form has no noise
and is the value itself. A cut on such a form is a half-space; the box shrinks by it. Ends of ranges are rounded
outward where they grow long; forms never are.
"""

from fractions import Fraction

from .exact import ONE, ZERO, root_up, round_down, round_up
from .net import Bend, Factor, Linear
from .errors import Unchecked


class Part:
    def __init__(self, lo, hi, cuts=()):
        self.lo, self.hi, self.cuts = lo, hi, cuts

    def cut(self, node, feature, at, above):
        return Part(self.lo, self.hi, self.cuts + ((node, feature, at, above),))

    def halves(self, j, at):
        low, high = self.lo[:], self.hi[:]
        low[j] = high[j] = at
        return Part(low, self.hi, self.cuts), Part(self.lo, high, self.cuts)


class Setting:
    """A network in a box and perhaps a ball, and what of its Jacobian is measured."""

    def __init__(self, net, lo, hi, ball, counted, seeds, p, q):
        self.net, self.lo, self.hi, self.ball, self.counted = net, lo, hi, ball, counted
        self.seeds, self.p, self.q = seeds, p, q
        if net.has_maxima():
            raise Unchecked("a maximum")


class View:
    """`void`: the part has no interior. `planes`: (constant, coefficients by variable), each >= 0 on the part."""

    def __init__(self, setting, part):
        self.setting, self.part = setting, part
        self.live = [j for j in range(len(part.lo)) if part.lo[j] < part.hi[j]]
        self.box = {j: (part.lo[j], part.hi[j]) for j in self.live}
        self.void, self.planes, self.noise = self.apart(), [], len(part.lo)
        # By node: of bends the first and last piece that matter, and ends of slopes, by feature.
        self.pieces, self.slopes = {}, {}
        self.cuts = {}
        for node, feature, at, above in part.cuts:
            self.cuts.setdefault(node, []).append((feature, at, above))
        if not self.void:
            self.walk()

    def apart(self):
        """Does the box have nothing in common with the ball's interior?"""
        if self.setting.ball is None:
            return False
        norm, radius, centre = self.setting.ball
        way = [max(l - c, c - h, ZERO) for l, c, h in zip(self.part.lo, centre, self.part.hi)]
        if norm == "1":
            return sum(way, ZERO) >= radius
        return sum((d * d for d in way), ZERO) >= radius * radius

    def walk(self):
        net = self.setting.net
        lo, hi = self.part.lo, self.part.hi
        first = [(ZERO, {j: ONE}) if j in self.box else (lo[j], {}) for j in range(net.inputs)]
        self.forms, self.ranges = [first], [list(zip(lo, hi))]
        bent = {n.read for n in net.nodes[1:] if isinstance(n, Bend)} | set(self.cuts)
        for k, node in enumerate(net.nodes[1:], 1):
            if isinstance(node, Linear):
                self.linear(node)
            else:
                self.bend(k, node)
            if k in bent:
                self.ranges[k] = [meet(r, self.span(f)) for r, f in zip(self.ranges[k], self.forms[k])]
                self.decide(k)
            if self.void:
                return
        self.narrow_again()

    def linear(self, node):
        forms, ranges = [], []
        for row, constant in zip(node.rows, node.constants):
            c, a, low, high = constant, {}, constant, constant
            for k, j, w in row:
                form, (l, h) = self.forms[k][j], self.ranges[k][j]
                c += w * form[0]
                for v, x in form[1].items():
                    a[v] = a.get(v, ZERO) + w * x
                low, high = (low + w * l, high + w * h) if w > 0 else (low + w * h, high + w * l)
            forms.append((c, {v: x for v, x in a.items() if x}))
            ranges.append((round_down(low), round_up(high)))
        self.forms.append(forms)
        self.ranges.append(ranges)

    def bend(self, k, node):
        read = zip(node.functions, self.forms[node.read], self.ranges[node.read])
        made = [self.one(f, form, ends) for f, form, ends in read]
        self.forms.append([m[0] for m in made])
        self.ranges.append([m[1] for m in made])
        self.pieces[k] = [m[2] for m in made]
        self.slopes[k] = [m[3] for m in made]

    def one(self, f, form, ends):
        """Form, range, pieces and slopes of a function of a form."""
        low, high = ends
        if isinstance(f, Factor):
            return self.factor(f.factor, form, ends)
        pieces = f.between(low, high)
        if len(pieces) == 1:
            slope, offset = f.pieces[pieces[0]]
            out = (slope * form[0] + offset, {v: slope * x for v, x in form[1].items()} if slope else {})
            values = sorted((slope * low + offset, slope * high + offset))
            return out, tuple(values), pieces, (slope, slope)
        marks = [low, high] + [f.kinks[i] for i in pieces[:-1]]
        values = [f.at(z) for z in marks]
        slopes = [f.pieces[i][0] for i in pieces]
        chord = Fraction(float((values[1] - values[0]) / (high - low)))
        off = [y - chord * z for y, z in zip(values, marks)]
        made = self.around(form, chord, min(off), max(off))
        return made, (min(values), max(values)), pieces, (min(slopes), max(slopes))

    def factor(self, ends, form, range_):
        size = max(map(abs, range_)) * (ends[1] - ends[0])
        chord = (ends[0] + ends[1]) / 2
        products = [x * y for x in ends for y in range_]
        return self.around(form, chord, -size, size), (min(products), max(products)), range(2), tuple(ends)

    def around(self, form, slope, low, high):
        """slope · form + something of [low, high]."""
        a = {v: slope * x for v, x in form[1].items()} if slope else {}
        a[self.noise] = (high - low) / 2
        self.box[self.noise] = (-ONE, ONE)
        self.noise += 1
        return slope * form[0] + (low + high) / 2, a

    def is_noise(self, v):
        return v >= len(self.part.lo)

    def span(self, form):
        """The range of a form; of its inputs by the box or by the ball."""
        low = high = ZERO
        noise = ZERO
        for v, x in form[1].items():
            l, h = self.box[v]
            low, high = (low + x * l, high + x * h) if x > 0 else (low + x * h, high + x * l)
        if self.setting.ball is not None:
            norm, radius, centre = self.setting.ball
            own = [(v, x) for v, x in form[1].items() if not self.is_noise(v)]
            middle = sum((x * centre[v] for v, x in own), ZERO)
            size = max((abs(x) for _, x in own), default=ZERO)
            if norm == "2":
                size = root_up(sum((x * x for _, x in own), ZERO), 64)
            rest = [(x, *self.box[v]) for v, x in form[1].items() if self.is_noise(v)]
            noise = [sum((x * (l if (x > 0) == down else h) for x, l, h in rest), ZERO) for down in (True, False)]
            low = max(low, middle - radius * size + noise[0])
            high = min(high, middle + radius * size + noise[1])
        return round_down(form[0] + low), round_up(form[0] + high)

    def decide(self, k):
        """The cuts on features of a node that was just passed."""
        for feature, at, above in self.cuts.get(k, ()):
            c, a = self.forms[k][feature]
            plane = (c - at, a) if above else (at - c, {v: -x for v, x in a.items()})
            low, high = self.ranges[k][feature]
            self.ranges[k][feature] = (max(low, at), high) if above else (low, min(high, at))
            if plane[1] or plane[0] < 0:
                self.planes.append(plane)
                self.shrink(plane)
            low, high = self.ranges[k][feature]
            if low > high:
                self.void = True

    def shrink(self, plane):
        """The box where the plane can hold. An input that cannot vary any more leaves no interior."""
        c, a = plane
        top = c + sum((x * self.box[v][x > 0] for v, x in a.items()), ZERO)
        free = not any(self.is_noise(v) for v in a)
        if top < 0 or (top == 0 and a and free):
            self.void = True
            return
        for v, x in a.items():
            low, high = self.box[v]
            room = top / abs(x)
            low, high = (max(low, round_down(high - room)), high) if x > 0 else (low, min(high, round_up(low + room)))
            self.box[v] = (low, high)
            if low > high or (low == high and not self.is_noise(v)):
                self.void = True
                return

    def narrow_again(self):
        """What later cuts say of earlier ones."""
        for _ in range(2 if len(self.planes) > 1 else 0):
            for plane in self.planes:
                if not self.void:
                    self.shrink(plane)

    def is_open(self, k, j):
        return len(self.pieces[k][j]) > 1

    def kink(self, k, j):
        """A place to divide an open feature at, nearest to the middle; None of a factor."""
        node = self.setting.net.nodes[k]
        if isinstance(node.functions[j], Factor):
            return None
        inside = [node.functions[j].kinks[i] for i in self.pieces[k][j][:-1]]
        low, high = self.ranges[node.read][j]
        return min(inside, key=lambda z: abs(z - (low + high) / 2))


def meet(a, b):
    low, high = max(a[0], b[0]), min(a[1], b[1])
    # Two enclosures of the same values; on a part without interior roundings may part them.
    return (low, high) if low <= high else (min(a[0], b[0]), max(a[1], b[1]))
