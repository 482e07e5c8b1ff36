# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Parts without interior, by multipliers of half-spaces (Farkas 1902).

Let p_i >= 0 hold on a part, λ >= 0, and Σ λ_i p_i <= 0 on the box around it. If the sum is negative everywhere, the
part is empty. If its largest value is 0, every p_i with λ_i > 0 is 0 on the part; one of them that is a function of
the inputs alone and not constant leaves no interior. Planes that touch the ball hold on it, too.
"""

from fractions import Fraction

from .exact import ONE, ZERO, root_up
from .simplex import deepest

ROUNDS = 25


def refuted(view, planes, multipliers):
    """Do these multipliers show that there is no interior?"""
    if len(planes) != len(multipliers) or any(m < 0 for m in multipliers):
        return False
    constant, total, moving = ZERO, {}, False
    for (c, a), m in zip(planes, multipliers):
        if m:
            constant += m * c
            for v, x in a.items():
                total[v] = total.get(v, ZERO) + m * x
            moving = moving or (bool(a) and not any(map(view.is_noise, a)))
    top = constant + sum((x * view.box[v][x > 0] for v, x in total.items()), ZERO)
    return top < 0 or (top == 0 and moving)


def is_empty(view, exactly):
    """Is there no interior? `exactly`: in fractions where floats leave it open. With a point that is likely inside
    where there is one, by variable."""
    planes = list(view.planes)
    for _ in range(ROUNDS):
        verdict, point = once(view, planes, exactly)
        if verdict or point is None:
            return verdict, None
        for v, (low, high) in view.box.items():
            point.setdefault(v, (low + high) / 2 if view.setting.ball is None or view.is_noise(v)
                             else min(max(low, view.setting.ball[2][v]), high))
        touching = tangent(view, point)
        if touching is None:
            return False, point
        planes.append(touching)
    return False, None


def once(view, planes, exactly):
    names = sorted({v for _, a in planes for v in a})
    if not planes or not names:
        return any(c < 0 for c, a in planes), {} if not planes else None
    lo, hi = [view.box[v][0] for v in names], [view.box[v][1] for v in names]
    rows = [(c, [a.get(v, ZERO) for v in names]) for c, a in planes]
    try:
        floats = [(float(c), list(map(float, a))) for c, a in rows]
        found = deepest(floats, list(map(float, lo)), list(map(float, hi)), 0.0, 1.0, 1e-11)
    except (OverflowError, ZeroDivisionError):
        found = None
    if found and found[0] < 1e-7:
        if refuted(view, planes, [Fraction(max(m, 0.0)) for m in found[2]]):
            return True, None
        found = None if exactly else found
    if found is None and exactly:
        found = deepest(rows, lo, hi, ZERO, ONE, ZERO)
        if found and found[0] <= 0 and refuted(view, planes, found[2]):
            return True, None
    if found is None:
        return False, None
    return False, dict(zip(names, map(Fraction, found[1])))


def tangent(view, point):
    """A half-space that holds on the ball and not at the point; None if the point lies inside."""
    if view.setting.ball is None:
        return None
    norm, radius, centre = view.setting.ball
    way = {v: point[v] - centre[v] for v in view.live}
    if norm == "1":
        if sum(map(abs, way.values()), ZERO) <= radius:
            return None
        slopes = {v: -ONE if d > 0 else ONE for v, d in way.items() if d}
        reach = radius
    else:
        length = sum((d * d for d in way.values()), ZERO)
        if length <= radius * radius:
            return None
        short = {v: Fraction(float(d)) for v, d in way.items()}
        slopes = {v: -d for v, d in short.items() if d}
        reach = radius * root_up(sum((d * d for d in short.values()), ZERO), 128)
    return reach - sum((x * centre[v] for v, x in slopes.items()), ZERO), slopes
