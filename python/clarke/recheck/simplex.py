# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Which multipliers show that half-spaces have no point in common in a box: the simplex method with Bland's rule.

It only proposes, in floats or in fractions: what it finds is checked by whoever asks.
"""

STEPS = 400


def deepest(planes, lo, hi, zero, one, least):
    """Of x = lo + width · u with u in [0, 1] the one where all planes (c, a), c + a x >= t · size, allow the largest t.

    Gives t, x and the planes' multipliers; None where it is given up. `least`: what counts as positive.
    """
    n, rows = len(lo), []
    widths = [h - l for l, h in zip(lo, hi)]
    for c, a in planes:
        steps = [v * w for v, w in zip(a, widths)]
        size = sum((abs(s) for s in steps), zero)
        size = size if size > least else one
        start = c + sum((v * l for v, l in zip(a, lo)), zero)
        rows.append([s / size for s in steps] + [start / size])
    for j in range(n):
        rows.append([-one if k == j else zero for k in range(n)] + [one])
    # t = b_i + α_i u − s_i of the lowest row; of the others s = (b + α u) − t, of the box without t.
    count = len(planes)
    if not count:
        return None
    first = min(range(count), key=lambda i: rows[i][n])
    top = rows[first][:]
    for i, row in enumerate(rows):
        last = row.pop()
        if i == first:
            row += [-one, last]
        elif i < count:
            rows[i] = [x - y for x, y in zip(row, top)] + [one, last - top[n]]
        else:
            row += [zero, last]
    basic = [None if i == first else n + i for i in range(len(rows))]
    outside = list(range(n)) + [n + first]
    for _ in range(STEPS):
        if not step(rows, first, basic, outside, zero, least):
            break
    else:
        return None
    u = [zero] * n
    for row, v in zip(rows, basic):
        if v is not None and v < n:
            u[v] = row[-1]
    multipliers = [zero] * count
    for k, v in enumerate(outside):
        if n <= v < n + count:
            multipliers[v - n] = -rows[first][k]
    scale = []
    for c, a in planes:
        size = sum((abs(v * w) for v, w in zip(a, widths)), zero)
        scale.append(size if size > least else one)
    x = [l + w * v for l, w, v in zip(lo, widths, u)]
    return rows[first][-1], x, [m / s for m, s in zip(multipliers, scale)]


def step(rows, goal, basic, outside, zero, least):
    """One pivot; False where none helps."""
    columns = [k for k in range(len(outside)) if rows[goal][k] > least]
    if not columns:
        return False
    column = min(columns, key=lambda k: outside[k])
    best = None
    for i, row in enumerate(rows):
        if i != goal and row[column] < -least:
            room = (row[-1] / -row[column], basic[i])
            if best is None or room < best[0]:
                best = (room, i)
    if best is None:
        return False
    pivot(rows, best[1], column)
    basic[best[1]], outside[column] = outside[column], basic[best[1]]
    return True


def pivot(rows, at, column):
    line = rows[at]
    p = line[column]
    line[column] = p - p - 1
    line[:] = [-x / p for x in line]
    for i, row in enumerate(rows):
        c = row[column]
        if i == at or not c:
            continue
        row[column] = c - c
        for k, y in enumerate(line):
            if y:
                row[k] += c * y
