# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Is the norm of every Jacobian inside of a part at most a number? Parts are divided until it is shown of each.

Where one piece of the function is left whose norm is larger and whose interior holds a point, the claim is false.
"""

from fractions import Fraction

from .empty import is_empty, tangent
from .errors import Steeper, Unchecked
from .exact import ZERO
from .part import View
from .slopes import is_small

STEP = Fraction(1, 16)


def settle(setting, part, target, budget, first=(), also=()):
    """Raises unless it is shown; `also`: other ways to show it of any part, `first`: of the whole one."""
    waiting = [part]
    ways = [*also, *first]
    while waiting:
        part = waiting.pop()
        budget.spend()
        view = View(setting, part)
        found = []
        if view.void or is_small(view, target, found) or any(way(view) for way in ways):
            continue
        ways = also
        place = choose(view, found)
        nothing, point = is_empty(view, place is None) if part.cuts or place is None else (False, None)
        if nothing:
            continue
        if place is None:
            steeper(view, point)
        node, feature, at = place
        waiting += [part.cut(node, feature, at, above) for above in (True, False)]


def choose(view, found):
    """The open feature to divide next: in the first layer that has one that counts, as there cuts are half-spaces."""
    net = view.setting.net
    # One that no Jacobian passes may still blur the half-spaces.
    blurred = any(view.is_noise(v) for _, a in view.planes for v in a)
    spare = None
    for k, node in net.bends():
        best = (ZERO, None)
        for j in range(net.sizes[k]):
            if not view.is_open(k, j):
                continue
            sizes = [max(-f[k][j][0], f[k][j][1]) for f in found if f[k] and j in f[k]]
            low, high = view.slopes[k][j]
            weight = (high - low) * max(sizes, default=ZERO)
            at = view.kink(k, j)
            if at is not None and blurred:
                spare = spare or (node.read, j, at)
            if at is not None and weight > best[0]:
                best = (weight, (node.read, j, at))
        if best[1]:
            return best[1]
    return spare


def steeper(view, point):
    """One piece is left, and its norm is not shown to be small enough."""
    if point is None or view.noise > len(view.part.lo):
        raise Unchecked("a piece of the function whose norm, or whose interior, is not decided here")
    exact = view.setting.q == "inf" or view.setting.p == "1" or (view.setting.p, view.setting.q) == ("2", "2")
    if exact and any(strictly(view, point, STEP**k) for k in (1, 3, 6, 12)):
        raise Steeper("a piece of the function in the region is steeper than the upper end")
    raise Unchecked("a piece of the function whose norm, or whose interior, is not decided here")


def strictly(view, point, step):
    """Does a point a little nearer to the box's middle lie strictly inside?"""
    x = {v: point[v] + step * ((low + high) / 2 - point[v]) for v, (low, high) in view.box.items()}
    inside = all(low < x[v] < high for v, (low, high) in view.box.items()) and tangent(view, x) is None
    return inside and all(c + sum((w * x[v] for v, w in a.items()), ZERO) > 0 for c, a in view.planes)
