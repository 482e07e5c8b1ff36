# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Results that are lists of rows, and pictures."""

from __future__ import annotations

import os
from html import escape
from typing import Any, Iterator, Sequence


class Picture:
    """An SVG."""

    def __init__(self, svg: str) -> None:
        self.svg = svg

    def kept(self, path: Any) -> "Picture":
        """The same, written to a file if one is named."""
        if path is not None:
            with open(os.fspath(path), "w", encoding="utf-8") as file:
                file.write(self.svg)
        return self

    save = kept

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<clarke.Picture of {len(self.svg)} bytes: save('FILE.svg') writes it>"


def page(head: str, rows: Sequence[Sequence[str]], picture: str = "") -> str:
    """A heading, a table and a picture for a notebook."""
    cell = "style='text-align:left;padding:.1em 1em .1em 0'"
    body = "".join("<tr>" + "".join(f"<td {cell}>{escape(str(c))}</td>" for c in row) + "</tr>" for row in rows)
    return f"<div><p><b>{escape(head)}</b></p><table>{body}</table><div style='max-width:640px'>{picture}</div></div>"


def frame(rows: Sequence[dict[str, Any]]) -> Any:
    """pandas' table of them."""
    import pandas

    return pandas.DataFrame(list(rows))


class Table(Sequence[dict]):
    """Rows of a command, each a dict; `report` is the whole of its JSON."""

    def __init__(self, report: dict[str, Any], key: str, columns: Sequence[str], svg: str = "") -> None:
        self.report, self.rows, self._columns, self._svg = report, report[key], columns, svg

    def __getitem__(self, index: Any) -> Any:
        """A row by its number, a column by its name."""
        return [row.get(index) for row in self.rows] if isinstance(index, str) else self.rows[index]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict]:
        return iter(self.rows)

    def to_pandas(self) -> Any:
        """A pandas.DataFrame."""
        return frame(self.rows)

    def plot(self, path: Any = None) -> Picture:
        """The picture of the command, written to `path` if that is given."""
        if not self._svg:
            raise TypeError("there is no picture of this table: sweep has one")
        return Picture(self._svg).kept(path)

    def _cells(self) -> list[list[str]]:
        def text(row: dict, name: str) -> str:
            value = row.get(name)
            return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)

        return [list(self._columns), *([text(row, name) for name in self._columns] for row in self.rows)]

    def __repr__(self) -> str:
        cells = self._cells()
        widths = [max(len(row[k]) for row in cells) for k in range(len(self._columns))]
        return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip() for row in cells)

    def _repr_html_(self) -> str:
        return page(self.report["schema"], self._cells(), self._svg)


class Checked:
    """What the checker says of a certificate; true where it is accepted."""

    def __init__(self, report: dict[str, Any]) -> None:
        self.report = report

    @property
    def accepted(self) -> bool:
        """Was the claim derived again?"""
        return self.report["accepted"]

    @property
    def reason(self) -> str:
        """Why not."""
        return self.report.get("reason") or ""

    def __bool__(self) -> bool:
        return self.accepted

    def __repr__(self) -> str:
        said = "accepted" if self.accepted else f"{self.report['verdict']}: {self.reason}"
        return f"<clarke.Checked {said}>"
