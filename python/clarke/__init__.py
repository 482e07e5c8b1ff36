# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Proven bounds on how steep a neural network can be.

    import clarke
    pair = clarke.bound("digits.onnx", x, eps=0.02)
    assert pair.lower <= pair.upper          # both proven, rounding included

The functions are the commands of the program `clarke`: same names, same defaults, same JSON. Nothing is imported
before it is needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._calls import bound, certify, check, compare, layers, sweep
    from ._errors import Error
    from ._model import Model, Regions
    from ._pair import Pair
    from ._rows import Rows
    from ._tables import Checked, Picture, Table
    from .certifier import Certifier

    __version__: str

#: Where each name lives.
_HOME = {
    "bound": "_calls",
    "certify": "_calls",
    "check": "_calls",
    "compare": "_calls",
    "layers": "_calls",
    "sweep": "_calls",
    "Error": "_errors",
    "Model": "_model",
    "Regions": "_model",
    "Pair": "_pair",
    "Rows": "_rows",
    "Checked": "_tables",
    "Picture": "_tables",
    "Table": "_tables",
    "Certifier": "certifier",
}

__all__ = [
    "Certifier",
    "Checked",
    "Error",
    "Model",
    "Pair",
    "Picture",
    "Regions",
    "Rows",
    "Table",
    "bound",
    "certify",
    "check",
    "compare",
    "layers",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("clarke._native").VERSION
    if name not in _HOME:
        raise AttributeError(f"module 'clarke' has no attribute {name!r}")
    found = getattr(import_module(f"clarke.{_HOME[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME, "__version__"])
