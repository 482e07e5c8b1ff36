# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""A certificate's verdict."""

from fractions import Fraction

from . import tree, witness
from .certificate import Certificate
from .errors import Budget, Refused, Steeper, Unchecked
from .problem import Problem

INFINITE = float("inf")


def recheck(text, net=None, budget=None):
    """Returns the certificate if both ends are derived again; else raises `Refused` or `Unchecked`. `net`: the
    network's file, where the certificate does not hold it."""
    certificate = Certificate(text)
    lower, upper = certificate.lower, certificate.upper
    if not lower <= upper:
        raise Refused("the ends are not a pair of ordered numbers")
    if lower == INFINITE or upper < 0:
        raise Refused("no constant has these ends")
    try:
        problem = Problem(certificate, net)
        both(problem, certificate, budget or Budget())
    except (ArithmeticError, LookupError, MemoryError, RecursionError, TypeError, ValueError) as e:
        # Nothing was derived: what was met is beyond what is foreseen here.
        raise Unchecked(f"it is not understood ({type(e).__name__}: {e})") from e
    return certificate


def both(problem, certificate, budget):
    if certificate.proof["rule"] == "digest" and certificate.upper < INFINITE:
        raise Unchecked("it can only be run again")
    if certificate.lower > 0:
        if certificate.witness is None:
            raise Refused("there is no witness of the lower end")
        witness.check(problem, certificate.witness, Fraction(certificate.lower))
    if certificate.upper < INFINITE:
        if problem.region.point:
            raise Unchecked("a single point")
        target, proof = Fraction(certificate.upper), undivided(problem, certificate.proof)
        try:
            tree.check(problem, proof, target, budget)
        except Steeper:
            if problem.anchored:
                raise Unchecked("the quotient against the centre, where derivatives are larger") from None
            raise


def undivided(problem, proof):
    """Norms of layers, and slopes that functions have anywhere, say what the region as one part must show; of everything
    that is a box of any size in the homogeneous form."""
    everywhere = problem.region.lo is None
    if proof["rule"] == "tree" and (not everywhere or proof.get("reach") is not None):
        return proof
    return {"rule": "tree", "kinks": False, "parts": ["bounded"], **({"reach": 1.0} if everywhere else {})}


__all__ = ["Budget", "Refused", "Unchecked", "recheck"]
