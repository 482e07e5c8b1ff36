# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Numbers as files hold them, as fractions; nothing is ever rounded unless its name says which way.

A written number is a JSON number (the float nearest to it) or a text (the number itself): 0.3 as text is 3/10.
"""

import math
import re
import struct
import sys
from fractions import Fraction

from .errors import Refused

ZERO, ONE = Fraction(0), Fraction(1)
# Digits of a written number, and the size of its exponent, at most.
LONGEST = 2000
# Digits of a fraction in evidence.
LONGEST_FRACTION = 200000

if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(2 * LONGEST_FRACTION)

DECIMAL = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,9}))?", re.ASCII)
RATIO = re.compile(r"(-?[0-9]+)(?:/([0-9]+))?", re.ASCII)


def is_number(x):
    return isinstance(x, (int, float)) and not isinstance(x, bool)


def of_float(x, what):
    """A finite JSON number, as the float that it is nearest to."""
    if not is_number(x):
        raise Refused(f"{what} is no number")
    try:
        x = float(x)
    except OverflowError:
        raise Refused(f"{what} is beyond the range of floats") from None
    if not math.isfinite(x):
        raise Refused(f"{what} is not finite")
    return Fraction(x)


def decimal(text, what):
    found = DECIMAL.fullmatch(text)
    digits = (found[2] + (found[3] or "")) if found else ""
    if not digits:
        raise Refused(f"{what} is no decimal")
    exponent = int(found[4] or 0)
    if len(digits) > LONGEST or abs(exponent) > LONGEST:
        raise Refused(f"{what} has too many digits, or too large an exponent")
    value = Fraction(int(digits)) * Fraction(10) ** (exponent - len(found[3] or ""))
    return -value if found[1] == "-" else value


def written(x, what):
    if not isinstance(x, str):
        return of_float(x, what)
    above, slash, below = x.strip().partition("/")
    value = decimal(above.rstrip() if slash else above, what)
    if slash:
        divisor = decimal(below.lstrip(), what)
        if divisor <= 0:
            raise Refused(f"{what} divides by a number that is not positive")
        value /= divisor
    if abs(value) > Fraction(sys.float_info.max):
        raise Refused(f"{what} is beyond the range of floats")
    return value


def fraction(text, what):
    """A fraction of evidence, such as -3/4."""
    found = RATIO.fullmatch(text) if isinstance(text, str) and len(text) <= LONGEST_FRACTION else None
    if not found or (found[2] is not None and not found[2].strip("0")):
        raise Refused(f"{what} is no fraction")
    return Fraction(int(found[1]), int(found[2] or 1))


def end(number, what):
    """An end of the claim: a float, or infinity, that agrees with its bits."""
    bits, value = number["bits"], number["value"]
    if not (isinstance(bits, str) and re.fullmatch("[0-9a-f]{16}", bits)):
        raise Refused(f"{what} has no bits")
    x = struct.unpack(">d", bytes.fromhex(bits))[0]
    if math.isnan(x):
        raise Refused(f"{what} is no number")
    said = {math.inf: "inf", -math.inf: "-inf"}.get(x, x)
    if type(said) is not type(value) or said != value:
        raise Refused(f"{what} differs from its bits")
    return x


def round_down(x, bits=64):
    """A number of few bits, at most x."""
    if x.denominator.bit_length() + abs(x.numerator).bit_length() <= 3 * bits:
        return x
    shift = bits - abs(x.numerator).bit_length() + x.denominator.bit_length()
    if shift >= 0:
        return Fraction((x.numerator << shift) // x.denominator, 1 << shift)
    return Fraction((x.numerator // (x.denominator << -shift)) << -shift)


def round_up(x, bits=64):
    return -round_down(-x, bits)


def root_down(x, bits=256):
    """A number whose square is at most x >= 0, and nearly x."""
    shift = max(0, bits + x.denominator.bit_length() - x.numerator.bit_length())
    shift += shift & 1
    return Fraction(math.isqrt((x.numerator << shift) // x.denominator), 1 << (shift // 2))


def root_up(x, bits=256):
    low = root_down(x, bits)
    if low * low == x:
        return low
    shift = max(0, bits + x.denominator.bit_length() - x.numerator.bit_length())
    shift += shift & 1
    return low + Fraction(1, 1 << (shift // 2))
