# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""The commands as functions."""

from __future__ import annotations

import json
import os
from typing import Any, Callable, Optional

from . import _native
from ._arrays import array, npy, whole
from ._model import Model, native
from ._pair import Pair, finished
from ._rows import Rows
from ._tables import Checked, Table
from ._words import READING, words


def _opened(net: Any, example: Any, given: dict[str, Any]) -> tuple[_native.Model, list[str]]:
    """The network, and the words of everything that does not say how it is read."""
    reading = {name: given.pop(name) for name in READING if name in given}
    if given.get("device") is None and isinstance(net, Model):
        given["device"] = net.device
    return native(net, example, **reading), words(**given)


def bound(
    net: Any,
    x: Any = None,
    *,
    eps: Any = None,
    norm: Any = "inf",
    in_norm: Any = None,
    out_norm: Any = None,
    ball: Any = None,
    clip: Any = None,
    box: Any = None,
    vnnlib: Any = None,
    output: Any = "all",
    quantity: str = "lipschitz",
    method: str = "auto",
    time: Any = 60.0,
    gap: Any = None,
    splits: Optional[int] = None,
    device: Optional[str] = None,
    precision: str = "auto",
    threads: Optional[int] = None,
    memory: Any = None,
    seed: int = 0,
    require: Optional[str] = None,
    mean: Any = None,
    std: Any = None,
    input_shape: Any = None,
    output_name: Optional[str] = None,
    keep_softmax: bool = False,
    told: Optional[Callable[[float, float, str, int], None]] = None,
) -> Pair:
    """A proven pair for one region: lower <= L <= upper.

    `net`: a path, the bytes of a file, an onnx.ModelProto, a torch.nn.Module or a clarke.Model.
    `x`, `eps`: the centre and the radius of a ball of shape `ball` (the input norm), cut by `clip`;
    without them, everything. A float is the decimal that it prints as; Fraction(8, 255) or "8/255" is exact.
    `gap`: stop at upper <= gap * lower (1.01; 1 + 1e-9 where `method` is exact). `time`: seconds or "2m".
    `told(lower, upper, method, parts)` hears of improvements. Ctrl-C raises KeyboardInterrupt with the best pair
    in `.pair`. Every other word is that of `clarke bound --help`.
    """
    given = dict(locals())
    del given["net"], given["x"], given["told"]
    model, said = _opened(net, x, given)
    found, raised = _native.bound(model, said, None if x is None else npy(x), told)
    pair = Pair(found)
    finished(raised, "pair", pair)
    return pair


def layers(
    net: Any,
    *,
    norm: Any = 2,
    in_norm: Any = None,
    out_norm: Any = None,
    time: Any = 60.0,
    device: Optional[str] = None,
    precision: str = "auto",
    threads: Optional[int] = None,
    example: Any = None,
    input_shape: Any = None,
    output_name: Optional[str] = None,
    keep_softmax: bool = False,
) -> Table:
    """The norm of every linear layer, all methods side by side. `example`: a sample, where `net` is a module."""
    given = dict(locals())
    del given["net"], given["example"]
    model, said = _opened(net, example, given)
    text, raised = _native.layers(model, said)
    report = json.loads(text)
    for layer in report["layers"]:
        layer["upper"], layer["lower"] = (float(layer["norm"][end]) for end in ("upper", "lower"))
    table = Table(report, "layers", ("name", "kind", "lower", "upper", "seconds"))
    finished(raised, "table", table)
    return table


def compare(
    net: Any,
    x: Any = None,
    *,
    methods: Any = None,
    eps: Any = None,
    norm: Any = "inf",
    in_norm: Any = None,
    out_norm: Any = None,
    ball: Any = None,
    clip: Any = None,
    box: Any = None,
    vnnlib: Any = None,
    output: Any = "all",
    quantity: str = "lipschitz",
    time: Any = 60.0,
    gap: Any = None,
    splits: Optional[int] = None,
    device: Optional[str] = None,
    precision: str = "auto",
    threads: Optional[int] = None,
    memory: Any = None,
    seed: int = 0,
    mean: Any = None,
    std: Any = None,
    input_shape: Any = None,
    output_name: Optional[str] = None,
    keep_softmax: bool = False,
) -> Table:
    """Methods side by side on one problem, the smallest upper end first. `methods`: names [all that apply]."""
    given = dict(locals())
    del given["net"], given["x"]
    model, said = _opened(net, x, given)
    text, raised = _native.compare(model, said, None if x is None else npy(x))
    columns = ("method", "upper", "lower", "seconds", "peak_bytes", "note")
    table = Table(json.loads(text), "rows", columns)
    finished(raised, "table", table)
    return table


def sweep(
    net: Any,
    x: Any,
    *,
    eps: Any,
    points: int = 20,
    norm: Any = "inf",
    in_norm: Any = None,
    out_norm: Any = None,
    ball: Any = None,
    clip: Any = None,
    output: Any = "all",
    quantity: str = "lipschitz",
    method: str = "auto",
    time: Any = 60.0,
    gap: Any = None,
    splits: Optional[int] = None,
    device: Optional[str] = None,
    precision: str = "auto",
    threads: Optional[int] = None,
    memory: Any = None,
    seed: int = 0,
    mean: Any = None,
    std: Any = None,
    input_shape: Any = None,
    output_name: Optional[str] = None,
    keep_softmax: bool = False,
) -> Table:
    """Both ends against the radius, from `eps[0]` to `eps[1]`; `.plot()` draws them."""
    given = dict(locals())
    del given["net"], given["x"]
    model, said = _opened(net, x, given)
    (text, svg), raised = _native.sweep(model, said, npy(x))
    columns = ("radius", "lower", "upper", "lower_method", "upper_method", "seconds")
    table = Table(json.loads(text), "rows", columns, svg)
    finished(raised, "table", table)
    return table


def certify(
    net: Any,
    X: Any,
    y: Any = None,
    *,
    eps: Any = None,
    radius: bool = False,
    norm: Any = "inf",
    clip: Any = None,
    rows: Any = None,
    shard: Optional[str] = None,
    time: Any = 10.0,
    total_time: Any = None,
    gap: Any = None,
    order: str = "rows",
    device: Optional[str] = None,
    precision: str = "auto",
    threads: Optional[int] = None,
    memory: Any = None,
    seed: int = 0,
    mean: Any = None,
    std: Any = None,
    input_shape: Any = None,
    output_name: Optional[str] = None,
    keep_softmax: bool = False,
    journal: Any = None,
    progress: bool = False,
) -> Rows:
    """For every row of `X` its class, by how much it leads, and how far: yes or no at `eps`, or with
    `radius=True` the largest radius that can be proven. `y`: labels.

    `journal`: a file to which rows go as they are finished; the same call goes on with it. `progress=True` shows
    a bar where tqdm is installed. Ctrl-C raises KeyboardInterrupt with what is finished in `.rows`.
    """
    given = dict(locals())
    del given["net"], given["X"], given["y"], given["progress"], given["journal"]
    given["out"] = None if journal is None else os.fspath(journal)
    labels, samples = whole(y), array(X, "X")
    model, said = _opened(net, samples[:1] if samples.ndim else None, given)
    bar = _Bar() if progress else None
    try:
        header, found, summary, raised = _native.certify(model, said, (npy(samples, "X"), labels), bar.told if bar else None)
    finally:
        if bar:
            bar.close()
    done = Rows(header, found, summary)
    finished(raised, "rows", done)
    return done


class _Bar:
    """tqdm's, where it is there."""

    def __init__(self) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            tqdm = None
        self._make: Any = tqdm
        self._bar: Any = None

    def told(self, done: int, whole: int, row: str) -> None:
        if self._make is None:
            return
        if self._bar is None:
            self._bar = self._make(total=whole, unit="row", initial=done - 1)
        self._bar.update(1)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def check(
    certificate: Any,
    *,
    net: Any = None,
    time: Any = None,
    memory: Any = None,
) -> Checked:
    """Derives the claim of a certificate again; `net`: the network's file, where the certificate does not hold it."""
    said = words(net=net, time=time, memory=memory)
    text, raised = _native.check(os.fspath(certificate), said)
    found = Checked(json.loads(text))
    finished(raised, "checked", found)
    return found
