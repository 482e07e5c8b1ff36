# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Norms of vectors and operator norms of matrices, compared with numbers without rounding.

Euclidean norms are compared by their squares. ‖J‖_{1→q} is the largest column, ‖J‖_{p→inf} the largest row in the dual
norm, ‖J‖_{2→2} <= t is t² I − JᵀJ being positive semidefinite, and of the others the unit ball's vertices are listed
(Horn & Johnson, Matrix Analysis, 5.6). Norms are named "1", "2" and "inf".
"""

from fractions import Fraction
from itertools import product
from math import gcd

from .exact import ZERO

DUAL = {"1": "inf", "2": "2", "inf": "1"}
# Vertices of a unit ball are listed up to this many coordinates.
SIGNS = 9


def square(vector, norm):
    """The square of the norm."""
    if norm == "2":
        return sum((v * v for v in vector), ZERO)
    sizes = [abs(v) for v in vector]
    size = sum(sizes, ZERO) if norm == "1" else max(sizes, default=ZERO)
    return size * size


def times(matrix, x):
    return [sum((a * b for a, b in zip(row, x) if a and b), ZERO) for row in matrix]


def transposed(matrix):
    return [list(column) for column in zip(*matrix)]


def signs(n):
    """One of every pair of opposite vertices."""
    return ((1, *rest) for rest in product((1, -1), repeat=n - 1))


def at_most(matrix, p, q, t):
    """Is ‖matrix‖_{p→q} <= t? False where that is not decided."""
    if t < 0 or not matrix or not matrix[0]:
        return t >= 0
    limit = t * t
    if p == "1":
        return all(square(c, q) <= limit for c in transposed(matrix))
    if q == "inf":
        return all(square(r, DUAL[p]) <= limit for r in matrix)
    if (p, q) == ("2", "2"):
        return spectral(matrix, limit)
    if p == "inf":
        return by_vertices(matrix, q, limit)
    return by_vertices(transposed(matrix), "2", limit)


def by_vertices(matrix, q, limit):
    """‖matrix‖_{inf→q}² <= limit; of 2→1 it is asked about the transpose, with q = 2."""
    n = len(matrix[0])
    if q == "1" and len(matrix) < n:
        matrix, n = transposed(matrix), len(matrix)
    sizes = [sum(map(abs, row), ZERO) for row in matrix]
    if square(sizes, q) <= limit:
        return True
    return n <= SIGNS and all(square(times(matrix, s), q) <= limit for s in signs(n))


def spectral(matrix, limit):
    """Is limit · I − the smaller of both Gram matrices positive semidefinite?"""
    rows = matrix if len(matrix) <= len(matrix[0]) else transposed(matrix)
    n = len(rows)
    form = [[-sum((a * b for a, b in zip(r, s) if a and b), ZERO) for s in rows] for r in rows]
    for i in range(n):
        form[i][i] += limit
    return semidefinite(form)


def semidefinite(form):
    """Is the symmetric matrix positive semidefinite? First with short numbers below it, then as it is."""
    n = len(form)
    size = max((abs(v) for row in form for v in row), default=ZERO)
    if not size:
        return True
    step = size / (1 << 160)
    short = [[v // step for v in row] for row in form]
    # Entries lie within 1 of the scaled form, so the form is at least `short` less n on the diagonal.
    short = [[max(short[i][j], short[j][i]) - (n if i == j else 0) for j in range(n)] for i in range(n)]
    return eliminated(short) or (n <= 12 and eliminated(integers(form)))


def integers(form):
    """The form times a common denominator."""
    scale = 1
    for v in (v for row in form for v in row):
        v = Fraction(v)
        scale = scale * v.denominator // gcd(scale, v.denominator)
    return [[int(v * scale) for v in row] for row in form]


def eliminated(a):
    """Symmetric elimination of integers without fractions (Bareiss 1968): no pivot may be negative, and a row whose
    pivot is zero must be zero."""
    n, last = len(a), 1
    for k in range(n):
        pivot = a[k][k]
        if pivot < 0:
            return False
        if pivot == 0:
            if any(a[k][k:]):
                return False
            continue
        for i in range(k + 1, n):
            for j in range(i, n):
                a[i][j] = a[j][i] = (a[i][j] * pivot - a[i][k] * a[k][j]) // last
        last = pivot
    return True


def intervals_at_most(centre, radius, p, q, t):
    """Is every matrix within the radius of the centre at most t? False where that is not shown."""
    if not any(v for row in radius for v in row):
        return at_most(centre, p, q, t)
    # Norms are monotone in magnitudes, and none is larger than the sum of all of them.
    largest = [[abs(c) + r for c, r in zip(*rows)] for rows in zip(centre, radius)]
    if at_most(largest, p, q, t):
        return True
    rest = t - sum((v for row in radius for v in row), ZERO)
    return rest >= 0 and at_most(centre, p, q, rest)
