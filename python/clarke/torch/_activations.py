# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Activations, and which modules and calls they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass
class Activation:
    """A function of single numbers that never falls, and its largest slope on an interval."""

    value: Callable[[Tensor], Tensor]
    steepest: Callable[[Tensor, Tensor], Tensor]


def _relu() -> Activation:
    return Activation(torch.relu, lambda low, high: (high > 0).to(low.dtype))


def _clipped(least: float, most: float) -> Activation:
    def steepest(low: Tensor, high: Tensor) -> Tensor:
        return ((high > least) & (low < most)).to(low.dtype)

    return Activation(lambda x: x.clamp(least, most), steepest)


def _leaky(slope: float = 0.01) -> Activation:
    if not 0 <= slope <= 1:
        raise TypeError(f"clarke.torch: no rule for a leaky ReLU of slope {slope}")
    return Activation(
        lambda x: F.leaky_relu(x, slope),
        lambda low, high: torch.where(high > 0, torch.ones_like(low), torch.full_like(low, slope)),
    )


def _tanh() -> Activation:
    # The steepest place is the one nearest to 0.
    return Activation(torch.tanh, lambda low, high: 1 - torch.tanh(low.maximum(high.clamp_max(0.0))).square())


def _sigmoid() -> Activation:
    def steepest(low: Tensor, high: Tensor) -> Tensor:
        value = torch.sigmoid(low.maximum(high.clamp_max(0.0)))
        return value * (1 - value)

    return Activation(torch.sigmoid, steepest)


OF_MODULE = {
    nn.ReLU: lambda m: _relu(),
    nn.ReLU6: lambda m: _clipped(0.0, 6.0),
    nn.Hardtanh: lambda m: _clipped(m.min_val, m.max_val),
    nn.LeakyReLU: lambda m: _leaky(m.negative_slope),
    nn.Tanh: lambda m: _tanh(),
    nn.Sigmoid: lambda m: _sigmoid(),
}
# What fx says where a function or a method of a tensor is called.
OF_CALL = {
    **dict.fromkeys((torch.relu, F.relu, "relu", torch.relu_), lambda *a: _relu()),
    **dict.fromkeys((torch.tanh, F.tanh, "tanh"), lambda *a: _tanh()),
    **dict.fromkeys((torch.sigmoid, F.sigmoid, "sigmoid"), lambda *a: _sigmoid()),
    F.relu6: lambda *a: _clipped(0.0, 6.0),
    F.leaky_relu: lambda slope=0.01, inplace=False: _leaky(slope),
}
CALL_OPTIONS = {"negative_slope": "slope", "inplace": None}
