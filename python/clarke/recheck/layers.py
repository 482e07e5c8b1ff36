# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Multipliers of the matrix inequality (`gain`) that nobody wrote down: one number per layer, from the input on.

Against the adjoint's form P at a layer's arguments its number is a little more than the largest eigenvalue of the open
part of P; in the terms of `gain` the squared weight of a neuron is 1 / (number · r²). Floats find it; whether it shows
anything is then asked without rounding.
"""

from fractions import Fraction

from .exact import ONE
from .gain import Loop, tiny

FACTORS = (2.0, 1.6, 1.3, 2.6, 1.15, 3.5)


def shows(view, target):
    setting, loop = view.setting, Loop(view)
    if not loop.reach:
        return False
    scales = [ONE] * loop.inputs
    level = target * target / (len(setting.seeds) if setting.q == "1" else 1)
    level /= loop.inputs if setting.p == "inf" else 1
    for factor in FACTORS:
        weights = proposed(loop, factor)
        if weights and loop.holds(weights, scales, level, loop.outputs):
            return True
    return False


def proposed(loop, factor):
    """Squared weights of all open neurons, or None."""
    n, count = loop.inputs, len(loop.reach)
    rows = [[float(z.get(v, 0)) for v in range(n + count)] for z in loop.rows]
    reach = [float(r) for r in loop.reach]
    numbers = [0.0] * count
    for layer in sorted(set(loop.layers)):
        own = [k for k in range(count) if loop.layers[k] == layer]
        p = form(rows, reach, numbers, own, n)
        top = largest(p) if p else None
        if not top or not top < 1e100:
            return None
        for k in own:
            numbers[k] = factor * top
    out = []
    for k, number in enumerate(numbers):
        weight = Fraction(1.0 / number) / loop.reach[k] ** 2
        out.append(tiny(loop, k) if loop.places[k] is None else weight)
    return out


def form(rows, reach, numbers, own, n):
    """The adjoint's form at the arguments `own`, earlier neurons' errors maximised out."""
    early = [k for k in range(own[0]) if numbers[k]]
    # Variables: errors of earlier neurons, then adjoints of own arguments; what reaches inputs and earlier neurons.
    sources = [rows[k] for k in early] + [rows[k] for k in own]
    columns = [(v, 1.0) for v in range(n)] + [(n + k, numbers[k] * reach[k] ** 2) for k in early]
    size = len(sources)
    q = [[sum(w * a[v] * b[v] for v, w in columns) for b in sources] for a in sources]
    for i, k in enumerate(early):
        q[i][i] -= numbers[k]
    for i in range(len(early)):
        pivot = q[i][i]
        if pivot >= 0:
            return None
        for a in range(i + 1, size):
            for b in range(i + 1, size):
                q[a][b] -= q[a][i] * q[i][b] / pivot
    return [row[len(early):] for row in q[len(early):]]


def largest(p):
    """The largest eigenvalue, nearly."""
    x, top = [1.0 + 0.01 * i for i in range(len(p))], 0.0
    for _ in range(60):
        y = [sum(a * b for a, b in zip(row, x)) for row in p]
        top = max(map(abs, y), default=0.0)
        if not top:
            return 1e-100
        x = [v / top for v in y]
    y = [sum(a * b for a, b in zip(row, x)) for row in p]
    return sum(a * b for a, b in zip(x, y)) / sum(a * a for a in x)
