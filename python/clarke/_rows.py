# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""What `certify` found: a row for each sample."""

from __future__ import annotations

import json
import os
from functools import cached_property
from typing import Any, Iterator, Optional, Sequence

from . import _native
from ._tables import Picture, frame, page

#: Columns in the order of a table, and what stands for nothing in them.
FLOATS = ("radius", "margin", "upper", "seconds")
COLUMNS = (
    "key",
    "row",
    "label",
    "predicted",
    "correct",
    "verified",
    "radius",
    "margin",
    "runner_up",
    "upper",
    "method",
    "seconds",
    "status",
    "error",
)


class Rows(Sequence[dict]):
    """Rows of samples: `rows[3]` is the fourth as a dict, `rows["radius"]` a column as a numpy array."""

    def __init__(self, header: str, rows: Sequence[str], summary: str) -> None:
        self._header, self._lines, self._summary = header, list(rows), summary

    @cached_property
    def header(self) -> dict[str, Any]:
        """What was asked of which network, as in a journal."""
        return json.loads(self._header)

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """Each as in a journal."""
        return [json.loads(line) for line in self._lines]

    def __getitem__(self, index: Any) -> Any:
        return self._column(index) if isinstance(index, str) else self.rows[index]

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[dict]:
        return iter(self.rows)

    def _column(self, name: str) -> Any:
        """Nothing is nan in columns of floats; elsewhere it makes a column of objects with None."""
        import numpy as np

        if name not in COLUMNS and not any(name in row for row in self.rows):
            raise KeyError(f"{name!r}: the columns are {', '.join(COLUMNS)}")
        found = [row.get(name) for row in self.rows]
        if name in FLOATS:
            return np.array([float("nan") if v is None else v for v in found], dtype=np.float64)
        if any(v is None for v in found):
            return np.array(found, dtype=object)
        return np.array(found)

    def summary(self) -> dict[str, Any]:
        """Counts, certified accuracy, median radius, time."""
        return json.loads(self._summary)

    def to_pandas(self) -> Any:
        """A pandas.DataFrame with the columns of `COLUMNS`."""
        return frame([{name: row.get(name) for name in COLUMNS} for row in self.rows])

    def to_arrow(self) -> Any:
        """A pyarrow.Table with the same columns."""
        import pyarrow

        whole, yes, text = pyarrow.int64(), pyarrow.bool_(), pyarrow.string()
        types = dict.fromkeys(FLOATS, pyarrow.float64())
        types.update(row=whole, label=whole, predicted=whole, runner_up=whole, correct=yes, verified=yes)
        schema = pyarrow.schema([(name, types.get(name, text)) for name in COLUMNS])
        return pyarrow.Table.from_pylist([{name: row.get(name) for name in COLUMNS} for row in self.rows], schema)

    def plot(self, path: Any = None) -> Picture:
        """How many samples have which certified radius."""
        svg = _native.histogram(self._lines)
        if svg is None:
            raise ValueError("fewer than two different radii: there is nothing to draw")
        return Picture(svg).kept(path)

    def save(self, path: Any) -> None:
        """A journal, as `clarke certify -o` writes it."""
        with open(os.fspath(path), "w", encoding="utf-8") as file:
            file.writelines([self._header + "\n", *self._lines])

    def to_html(self, path: Optional[Any] = None) -> str:
        """The page of `clarke report`, written to `path` if that is given."""
        text = _native.page("clarke.certify", self._header, self._lines)
        if path is not None:
            with open(os.fspath(path), "w", encoding="utf-8") as file:
                file.write(text)
        return text

    def __repr__(self) -> str:
        facts = self.summary()
        return f"<clarke.Rows of {len(self)}: {facts['verified']} verified, {facts['refuted']} refuted, {facts['open']} open>"

    def _repr_html_(self) -> str:
        facts = [(name, value) for name, value in self.summary().items() if not isinstance(value, dict)]
        return page("certified samples", facts, _native.histogram(self._lines) or "")
