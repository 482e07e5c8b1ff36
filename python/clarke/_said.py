# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Errors of the engine, whose words are those of the command line, in words of Python."""

from __future__ import annotations

import re

from ._errors import Error

#: Flags that have another name here.
_NAMES = {"input": "x", "center": "x", "inputs": "X", "labels": "y", "out": "journal", "net": "net"}


def _keyword(found: "re.Match[str]") -> str:
    name = found[1].replace("-", "_")
    name = _NAMES.get(name, name)
    return f"{name}=" if found[2] else name


def keywords(text: str) -> str:
    """--eps 0.1 as eps=0.1, --eps alone as eps."""
    text = re.sub(r"--([a-z][a-z-]*)(?:( )(?=[-\d\"'(]))?", _keyword, text)
    text = text.replace("x and x", "x").replace("x or x", "x")
    return re.sub(r"`clarke (?:[A-Za-z]+ )?(?:--help|-h)`", "help(clarke)", text)


def native(what: str, where: str, following: str, kind: str) -> Error:
    """What the engine raises."""
    return Error(keywords(what), keywords(where), keywords(following), kind)
