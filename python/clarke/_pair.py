# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""A proven pair."""

from __future__ import annotations

import json
import os
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from functools import cached_property
from typing import Any, Optional

from . import _native
from ._tables import Picture, page


def finished(raised: Any, name: str, found: Any) -> None:
    """Raises what ended the work early, with what was found by then."""
    if raised is not None:
        setattr(raised, name, found)
        raised.__cause__ = None
        raise raised


def down(x: float, digits: int = 6) -> str:
    """Not above x."""
    return format(Context(digits, ROUND_FLOOR).create_decimal(repr(float(x))), "g")


def up(x: float, digits: int = 6) -> str:
    """Not below x."""
    return format(Context(digits, ROUND_CEILING).create_decimal(repr(float(x))), "g")


class Pair:
    """lower <= L <= upper, both proven with the rounding of the computation included."""

    def __init__(self, native: _native.Pair) -> None:
        self._native = native

    @property
    def lower(self) -> float:
        """L is at least this."""
        return self._native.lower

    @property
    def upper(self) -> float:
        """L is at most this."""
        return self._native.upper

    @property
    def gap(self) -> float:
        """upper / lower."""
        return self.upper / self.lower if self.lower > 0 else (1.0 if self.upper == 0 else float("inf"))

    @property
    def exact(self) -> bool:
        """Do both ends agree to a relative 1e-9?"""
        return self._native.exact

    @cached_property
    def report(self) -> dict[str, Any]:
        """What `clarke bound --format json` prints."""
        return json.loads(self._native.json)

    @property
    def quality(self) -> dict[str, Any]:
        """What the pair is worth: a verdict, and a sentence that says why."""
        return self.report["quality"]

    @property
    def method(self) -> str:
        """What the upper end rests on."""
        return self.report["upper"]["method"]

    @property
    def output(self) -> Optional[dict[str, Any]]:
        """The network's values at the sample, enclosed, and its class."""
        return self.report.get("output")

    @property
    def witness(self) -> Any:
        """The point behind the lower end, or the two points; None where there is none."""
        import numpy as np

        found = self.report["lower"].get("witness")
        if found is None:
            return None
        x = np.array(found["x"], dtype=np.float64)
        y = found.get("y")
        return x if y is None else (x, np.array(y, dtype=np.float64))

    def certify(self, path: Any, *, time: float = 60.0) -> "Pair":
        """Writes a certificate, which `clarke.check` and `python -m clarke.recheck` derive again.

        The ends move to what the checker derives, which differs in the last digits at most.
        """
        path = os.fspath(path)
        text, raised = self._native.certify(path, float(time))
        beside = f"{path}.part"
        with open(beside, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(beside, path)
        self.__dict__.pop("report", None)
        finished(raised, "pair", self)
        return self

    def plot(self, path: Any = None) -> Picture:
        """Both ends against time."""
        return Picture(self._native.picture).kept(path)

    @property
    def claim(self) -> str:
        """The pair in one line."""
        return f"{down(self.lower)} <= L <= {up(self.upper)}"

    def __repr__(self) -> str:
        verdict = "exact" if self.exact else f"gap {up(self.gap, 4)}"
        return f"<clarke.Pair {self.claim}, {verdict}, {self.method}>"

    def _repr_html_(self) -> str:
        quotient = self.report["quotient"]
        facts = [
            ("L ≤", up(self.upper), self.method),
            ("L ≥", down(self.lower), self.report["lower"]["method"]),
            ("gap", "1" if self.exact else up(self.gap, 4), self.quality.get("text", "")),
        ]
        words = f"L of {quotient['output']} from ‖·‖{quotient['in_norm']} to ‖·‖{quotient['out_norm']}, proved"
        return page(words, facts, self._native.picture)
