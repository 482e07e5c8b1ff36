# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Runs of a module before its export: which axis is the batch, and what it does that no file can say."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from ._errors import Error
from ._export_layers import hooked, layer_name, reason

# Layers whose inputs have so many axes more than their name says, the batch and the channels.
_RANKED = re.compile(r"(Conv|ConvTranspose|Pool|BatchNorm|InstanceNorm)([123])d$")
# What makes numbers of Python from tensors.
_LOOKS = ("__bool__", "__float__", "__int__", "__index__", "__array__", "item", "tolist", "numpy")
# Functions whose numbers become attributes of a node, which are float32, and those that have such numbers in them.
_ATTRIBUTES = ("leaky_relu", "leaky_relu_", "elu", "elu_", "celu", "celu_", "batch_norm")
_FIXED = ("selu", "selu_", "hardsigmoid", "hardswish")


@dataclass
class Reading:
    """A run of the module that went well: its input with the batch axis, and what was seen.

    `looks` and `rounded` are pairs of a layer and what it did.
    """

    x: torch.Tensor
    looks: list = field(default_factory=list)
    rounded: list = field(default_factory=list)
    unbatched: bool = False
    steps: int = 0

    @property
    def dtype(self):
        return self.x.dtype


class _Watch(TorchFunctionMode):
    """Notes calls of functions, with the layer on top of the stack."""

    def __init__(self, net: nn.Module, found: Reading):
        super().__init__()
        self.net, self.found, self.stack, self.double = net, found, [], found.x.dtype == torch.float64

    def before(self, layer, args):
        self.stack.append(layer)
        self.found.steps += 1
        ranked = _RANKED.search(type(layer).__name__)
        if ranked and args and isinstance(args[0], torch.Tensor):
            flat = ranked[0] == "BatchNorm1d" and args[0].dim() == 2
            self.found.unbatched |= args[0].dim() != int(ranked[2]) + 2 and not flat

    def after(self, layer, args, out):
        self.stack.pop()

    def where(self) -> str:
        return layer_name(self.net, self.stack[-1] if self.stack else self.net)

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(function, "__name__", "")
        if name in _LOOKS:
            self.found.looks.append((self.where(), name))
        if self.double and name in _ATTRIBUTES + _FIXED:
            numbers = (*args[:6], *args[7:], *(v for k, v in kwargs.items() if k != "momentum"))
            numbers = [v for v in numbers if isinstance(v, float) and not _is_float32(v)]
            if name in _FIXED or numbers:
                self.found.rounded.append((self.where(), f"{name} {numbers[0] if numbers else ''}".strip()))
        return function(*args, **kwargs)


def _is_float32(v: float) -> bool:
    return struct.unpack("f", struct.pack("f", v))[0] == v


def reading(net: nn.Module, x: torch.Tensor) -> Reading:
    """The sample as the module takes it, by trying: with an axis for the batch in front of it, and as it is.

    What a layer for batches gets without one counts as misread, like an output whose batch is not one.
    """
    tensors = [t for t in (*net.parameters(), *net.buffers()) if t.is_floating_point()]
    x = x.to(tensors[0].device, tensors[0].dtype) if tensors else x
    shapes = [(1, *x.shape), tuple(x.shape)]
    if x.dim() and x.shape[0] == 1:
        shapes.reverse()
    good, bad = [], []
    for shape in shapes:
        found = Reading(x.reshape(shape))
        watch = _Watch(net, found)
        try:
            with hooked(net, watch.before, watch.after), watch:
                out = net(found.x.clone())
        except Exception as problem:  # whatever a forward pass raises
            bad.append((found.steps, watch.where(), problem))
            continue
        out = out[0] if isinstance(out, (tuple, list)) and out else out
        batch = not isinstance(out, torch.Tensor) or out.dim() > 0 and out.shape[0] == 1
        good.append((found.unbatched or not batch, found))
    if good:
        return _exact(min(good, key=lambda pair: pair[0])[1])
    _, where, problem = max(bad, key=lambda one: one[0])
    shape = ", ".join(map(str, x.shape))
    raise Error(
        f"the module does not run on a sample of shape ({shape}): {reason(problem)}",
        where,
        "give one sample as the module takes it, with or without the batch axis",
    ) from problem


def _exact(found: Reading) -> Reading:
    if found.rounded:
        where, what = found.rounded[0]
        raise Error(
            f"ONNX keeps a number of this function as float32, which would round it: {what}",
            where,
            "export the module in float32 (module.float()), or take a number that float32 holds",
            "unsupported",
        )
    return found
