# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""The layers of a module: their names, their calls, and the one that an exporter cannot export."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Callable

import torch
from torch import nn


def layer_name(net: nn.Module, layer: nn.Module) -> str:
    kind = type(layer).__name__
    name = next((name for name, m in net.named_modules() if m is layer), "")
    return f"{name} ({kind})" if name else f"{kind}, outside its layers" if any(net.children()) else kind


@contextmanager
def hooked(net: nn.Module, before: Callable, after: Callable):
    handles = []
    try:
        for m in dict.fromkeys(net.modules()):
            handles += [m.register_forward_pre_hook(before), m.register_forward_hook(after)]
        yield
    finally:
        for handle in handles:
            handle.remove()


def culprit(net: nn.Module, x: torch.Tensor, attempt: Callable, problem: Exception):
    """The innermost layer whose own export fails in the same way, and how: layers get the inputs that they had."""
    inputs: dict = {}

    def before(layer, args):
        if layer not in inputs and args and all(isinstance(a, torch.Tensor) for a in args):
            inputs[layer] = tuple(a.detach().clone() for a in args)

    with hooked(net, before, lambda *_: None):
        net(x.clone())
    place, inside = net, True
    while inside:
        inside = False
        for child in _called(place, inputs):
            try:
                attempt(child, inputs[child])
            except Exception as found:  # exporters raise whatever they like
                if type(found) is type(problem):
                    place, problem, inside = child, found, True
                    break
    return place, problem


def _called(layer: nn.Module, inputs: dict):
    """The nearest layers inside that were run: containers such as ModuleList are not."""
    for child in layer.children():
        if child in inputs:
            yield child
        else:
            yield from _called(child, inputs)


def reason(problem: BaseException) -> str:
    """The first line of what began it, or of the exporter's own words about it."""
    while problem.__cause__ is not None:
        problem = problem.__cause__
    lines = [line.strip() for line in str(problem).splitlines()]
    text = next((line for line in lines if line), type(problem).__name__)
    # What exporters add for those who develop them.
    for end in (". Please feel free", "  [Caused by", " [Caused by", " Please open"):
        text = text.split(end)[0]
    return text if len(text) < 300 else text[:297] + "..."
