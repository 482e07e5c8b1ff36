# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""The norm of every Jacobian on a part by one matrix inequality with a multiplier for every open neuron.

A derivative (x, y) passes an open neuron with slope in c ± r as c z + e, e² <= r² z². With weights w > 0 of neurons and
s > 0 of inputs, if Σ s² x² + Σ w² e² − Σ w² r² z² − y² / level² is positive semidefinite in (x, e), z and y being
linear in them, then y² <= level² Σ s² x² (Fazlyab et al. 2019, in neuron form). Here ‖s x‖_2 <= (Σ s²)^½ ‖x‖_inf, or
s = 1 and ‖x‖_2 <= ‖x‖_1, and ‖y‖_1 <= m^½ ‖y‖_2 for m rows.
"""

import math
from fractions import Fraction

from .certificate import index, listed
from .errors import Refused
from .exact import ONE, ZERO, of_float
from .net import Linear
from .norms import semidefinite

# Orders of the matrix, at most.
LARGEST = 90


class Loop:
    """Rows of z and y by variables: the inputs that count, then the open neurons."""

    def __init__(self, view):
        setting, net = view.setting, view.setting.net
        self.places, self.reach, self.rows, self.layers = [], [], [], []
        place = {j: v for v, j in enumerate(setting.counted)}
        self.inputs, forms, before = len(place), [], 0
        forms.append([{place[j]: ONE} if j in place else {} for j in range(net.inputs)])
        for k, node in enumerate(net.nodes[1:], 1):
            if isinstance(node, Linear):
                forms.append([combined([(w, forms[a][j]) for a, j, w in row]) for row in node.rows])
                continue
            own = []
            for j, z in enumerate(forms[node.read]):
                low, high = view.slopes[k][j]
                y = {v: x * (low + high) / 2 for v, x in z.items()} if low + high else {}
                if low < high and z:
                    y[self.inputs + len(self.reach)] = ONE
                    self.reach.append((high - low) / 2)
                    self.rows.append(z)
                    self.layers.append(k)
                    self.places.append(None if view.kink(k, j) is None else before + j)
                own.append(y)
            forms.append(own)
            before += 0 if view.setting.net.nodes[k].functions[0].factor else net.sizes[k]
        last = forms[-1]
        self.outputs = [combined([(s, last[j]) for j, s in enumerate(seed) if s]) for seed in setting.seeds]

    def holds(self, weights, scales, level, outputs):
        """The inequality with squares of weights, of scales and of the level."""
        n = self.inputs + len(self.reach)
        if n > LARGEST or level <= 0:
            return False
        form = [[ZERO] * n for _ in range(n)]
        for v, x in enumerate(scales + weights):
            form[v][v] = x
        terms = [(w * r * r, z) for w, r, z in zip(weights, self.reach, self.rows)]
        for factor, z in terms + [(1 / level, y) for y in outputs]:
            for u, a in z.items():
                for v, b in z.items():
                    form[u][v] -= factor * a * b
        return semidefinite(form)


def combined(terms):
    out = {}
    for w, form in terms:
        for v, x in form.items():
            out[v] = out.get(v, ZERO) + w * x
    return {v: x for v, x in out.items() if x}


def tiny(loop, k):
    """The squared weight of a factor that is known up to a rounding."""
    return 1 / loop.reach[k]


def placed(loop, scaled):
    """Squares of the multipliers of a certificate; neurons that it does not name get a middling one."""
    known = dict(zip(scaled[1], scaled[2]))
    logs = [math.log(w) for w in scaled[2]]
    middle = Fraction(math.exp(sum(logs) / len(logs)) if logs else 1.0)
    weights = [tiny(loop, k) if p is None else Fraction(known.get(p, middle)) ** 2 for k, p in enumerate(loop.places)]
    return weights, [Fraction(s) ** 2 for s in scaled[3]]


def checked(scaled):
    """Multipliers in a file: the row or none, places of neurons, their weights, scales of inputs."""
    if len(listed(scaled, "scalings")) != 4:
        raise Refused("scalings are no scalings")
    row, places, neurons, inputs = scaled
    places = [index(p, "a neuron") for p in listed(places, "places")]
    numbers = [of_float(x, "a scaling") for x in listed(neurons, "scalings") + listed(inputs, "scalings")]
    if any(a >= b for a, b in zip(places, places[1:])) or len(places) != len(neurons):
        raise Refused("scalings without places")
    if row is not None:
        index(row, "a row")
    if any(x <= 0 for x in numbers):
        raise Refused("a scaling is not positive")
    return row, places, [float(x) for x in neurons], [float(x) for x in inputs]


def shows(view, scaled, target):
    """Do these multipliers show that the norm is at most the target? Rows without any must be shown otherwise."""
    setting, loop = view.setting, Loop(view)
    whole = len(scaled) == 1 and scaled[0][0] is None
    rows = [s[0] for s in scaled]
    single = setting.q == "inf" and rows and all(r is not None and r < len(setting.seeds) for r in rows)
    if not (whole or single):
        return False
    if whole:
        return one(view, loop, scaled[0], target, loop.outputs)
    if set(rows) != set(range(len(setting.seeds))):
        return False
    return all(one(view, loop, s, target, [loop.outputs[s[0]]]) for s in scaled)


def one(view, loop, scaled, target, outputs):
    setting = view.setting
    weights, scales = placed(loop, scaled)
    if len(scales) != (loop.inputs if setting.p == "inf" else 0):
        return False
    level = target * target / (len(outputs) if setting.q == "1" else 1)
    if setting.p == "inf":
        level /= sum(scales, ZERO) or 1
    return loop.holds(weights, scales or [ONE] * loop.inputs, level, outputs)
