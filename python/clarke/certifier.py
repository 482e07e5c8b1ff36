# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""`certify` as an object that travels: for Ray Data, Dask and Spark, where workers of other machines call it."""

from __future__ import annotations

import os
from typing import Any, Iterator, Optional

from ._calls import certify
from ._errors import Error
from ._model import Model, _bytes
from ._rows import COLUMNS, Rows


class Certifier:
    """Called with a batch of samples, gives what is proven of each.

    `net` as for `clarke.certify`, with every word that it takes. The network travels inside, unless its weights
    lie in files of their own: then its path must lead to it everywhere.

    A batch is a dict of arrays or a pandas.DataFrame with the columns `input` and, if they are there, `label` and
    any others, which are handed on (a `key`, so that rows of a repeated block can be told from new ones).
    """

    def __init__(
        self,
        net: Any,
        *,
        example: Any = None,
        input: str = "input",
        label: str = "label",
        mean: Any = None,
        std: Any = None,
        input_shape: Any = None,
        output_name: Optional[str] = None,
        keep_softmax: bool = False,
        **words: Any,
    ) -> None:
        if words.keys() & {"journal", "rows", "shard", "progress"}:
            raise Error("a part of a job has no journal, rows or shards of its own", "Certifier", "leave them out")
        if isinstance(net, Model):
            raise Error("a Model is open in this process", "net", "give what the Model was made of")
        self._reading = {
            "mean": mean,
            "std": std,
            "input_shape": input_shape,
            "output_name": output_name,
            "keep_softmax": keep_softmax,
        }
        self._words, self._input, self._label = words, input, label
        held = _bytes(net, example)
        self._model: Optional[Model] = Model(held[1] if held else net, **self._reading)
        self._net = held[1] if held else self._travelling(os.fspath(net))

    def _travelling(self, path: str) -> Any:
        """The bytes of the file, if they are all of the network."""
        with open(path, "rb") as file:
            content = file.read()
        try:
            alone = Model(content, **self._reading).sha256
        except Error:
            return path
        return content if self._model is not None and alone == self._model.sha256 else path

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_model": None}

    def rows(self, X: Any, y: Any = None) -> Rows:
        """The same as `clarke.certify`."""
        if self._model is None:
            self._model = Model(self._net, **self._reading)
        return certify(self._model, X, y, **self._words)

    def __call__(self, batch: Any) -> Any:
        """A dict of columns, or a DataFrame, with the columns of `Rows` in the place of `input`."""
        import numpy as np

        is_frame = hasattr(batch, "columns") and hasattr(batch, "iloc")
        names = list(batch.columns) if is_frame else list(batch)
        if self._input not in names:
            raise Error(
                f"the batch has no column {self._input!r}", "input", f"it has {', '.join(map(str, names))}: name one with input="
            )
        column = batch[self._input]
        X = np.stack([np.asarray(x) for x in column]) if len(column) else None
        y = batch[self._label] if self._label in names else None
        found: dict[str, Any] = {n: batch[n] for n in names if n not in (self._input, self._label)}
        own = [n for n in COLUMNS if n not in ("key", "row")]
        rows = None if X is None else self.rows(X, None if y is None else np.asarray(y))
        found.update((name, [] if rows is None else rows[name]) for name in own)
        if not is_frame:
            return {name: np.asarray(values) for name, values in found.items()}
        import pandas

        return pandas.DataFrame({name: list(values) for name, values in found.items()}, index=batch.index)

    def partitions(self, batches: Iterator[Any]) -> Iterator[Any]:
        """For Spark's mapInPandas: one after the other."""
        return map(self, batches)
