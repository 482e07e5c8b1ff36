# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""From keywords to the words of the command line, whose names and defaults they have."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import Any, Optional

from ._errors import Error

#: How the network is read: words of a model, not of what is asked about it.
READING = ("mean", "std", "input_shape", "output_name", "keep_softmax")


def _number(value: Any) -> Optional[str]:
    """A number as it prints: 0.1 is the decimal 0.1, as on the command line. None for anything else."""
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(float(value))
    # numpy's numbers, and torch's with one element.
    item = getattr(value, "item", None)
    return _number(item()) if callable(item) and getattr(value, "size", 1) in (1,) else None


def _list(name: str, value: Any) -> str:
    return ",".join(text(name, v) for v in value)


def _norm(name: str, value: Any) -> str:
    """2, 2.0, inf and their names."""
    number = _number(value)
    if number is None:
        raise _wrong(name, value)
    return number[:-2] if number.endswith(".0") else number


def _output(name: str, value: Any) -> str:
    """3, or (3, 5) for the margin of 3 over 5; "margins:3" and "pairs" as they are."""
    if isinstance(value, (tuple, list)) and len(value) == 2:
        return "-".join(text(name, v) for v in value)
    return _scalar(name, value)


def _radii(name: str, value: Any) -> str:
    """0.02, or (1e-4, 0.1) for a sweep."""
    if isinstance(value, (tuple, list)) and len(value) == 2:
        return "..".join(text(name, v) for v in value)
    return _scalar(name, value)


def _rows(name: str, value: Any) -> str:
    if isinstance(value, range) and value.step == 1:
        return f"{value.start}..{value.stop}"
    return _scalar(name, value)


def _size(name: str, value: Any) -> str:
    """Bytes."""
    number = _number(value)
    return _scalar(name, value) if number is None else f"{number}b"


def _scalar(name: str, value: Any) -> str:
    number = _number(value)
    if number is None:
        raise _wrong(name, value)
    return number


def _wrong(name: str, value: Any) -> Error:
    return Error(
        f"{name} is {type(value).__name__} {value!r:.80}, which says nothing here",
        name,
        f"see help(clarke): {name} is a number or text",
    )


_SPECIAL = {
    "norm": _norm,
    "in_norm": _norm,
    "out_norm": _norm,
    "ball": _norm,
    "output": _output,
    "eps": _radii,
    "rows": _rows,
    "memory": _size,
}


def text(name: str, value: Any) -> str:
    """A value as one word."""
    if isinstance(value, str):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if name in _SPECIAL:
        return _SPECIAL[name](name, value)
    if isinstance(value, (tuple, list)) or getattr(value, "ndim", 0) == 1:
        return _list(name, value)
    return _scalar(name, value)


def words(**given: Any) -> list[str]:
    """None and False say nothing, True is a flag without a value."""
    out = []
    for name, value in given.items():
        flag = "--" + name.replace("_", "-")
        if value is None or value is False:
            continue
        out.append(flag if value is True else f"{flag}={text(name, value)}")
    return out
