# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Jacobians on a part: intervals around all of them, and is their norm at most a number?

Backward from rows of the output; behind a bend the adjoint is multiplied by the interval of its slopes.
"""

from .exact import ZERO
from .net import Linear
from .norms import DUAL, intervals_at_most, signs, square

# Outputs up to which all signs of their sum are tried.
ROWS = 4


def multiplied(interval, slopes):
    low, high = interval
    if slopes[0] == slopes[1]:
        ends = (low * slopes[0], high * slopes[0])
        return ends if slopes[0] >= 0 else ends[::-1]
    products = [x * s for x in interval for s in slopes]
    return min(products), max(products)


def adjoints(net, slopes_of, seed):
    """Intervals by node and feature, behind bends with these slopes."""
    found = [None] * len(net.nodes)
    found[-1] = {j: (s, s) for j, s in enumerate(seed) if s}
    for k in range(len(net.nodes) - 1, 0, -1):
        own = found[k] or {}
        node = net.nodes[k]
        for i, interval in own.items():
            if isinstance(node, Linear):
                for at, j, w in node.rows[i]:
                    add(found, at, j, multiplied(interval, (w, w)))
            else:
                slopes = slopes_of[k][i]
                if any(slopes):
                    add(found, node.read, i, multiplied(interval, slopes))
    return found


def add(found, at, j, interval):
    if found[at] is None:
        found[at] = {}
    old = found[at].get(j)
    found[at][j] = interval if old is None else (old[0] + interval[0], old[1] + interval[1])


def gradient(view, found):
    row = found[0] or {}
    return [row.get(j, (ZERO, ZERO)) for j in view.setting.counted]


def split(rows):
    centre = [[(l + h) / 2 for l, h in row] for row in rows]
    radius = [[(h - l) / 2 for l, h in row] for row in rows]
    return centre, radius


def is_small(view, target, all_found):
    """Is every Jacobian's norm at most the target? Leaves adjoints of the rows in `all_found`."""
    setting = view.setting
    all_found.extend(adjoints(setting.net, view.slopes, seed) for seed in setting.seeds)
    rows = [gradient(view, found) for found in all_found]
    centre, radius = split(rows)
    if intervals_at_most(centre, radius, setting.p, setting.q, target):
        return True
    if setting.q != "1" or not 1 < len(rows) <= ROWS:
        return False
    # ‖J‖_{p→1} is the largest ‖σᵀ J‖ in the dual norm, σ of signs.
    return all(summed(view, s, target) for s in signs(len(rows)))


def summed(view, signs_, target):
    seeds = view.setting.seeds
    seed = [sum((s * row[j] for s, row in zip(signs_, seeds)), ZERO) for j in range(len(seeds[0]))]
    row = gradient(view, adjoints(view.setting.net, view.slopes, seed))
    return square([max(-l, h) for l, h in row], DUAL[view.setting.p]) <= target * target
