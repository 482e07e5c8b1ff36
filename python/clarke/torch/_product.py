# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""The product of layer norms."""

from __future__ import annotations

from typing import Optional, Sequence

from torch import Tensor, nn

from ._gram import STEPS
from ._state import Map
from ._walk import everywhere


def product(module: nn.Module, input_shape: Sequence[int], *, steps: int = STEPS) -> Tensor:
    """A bound on the Lipschitz constant on all of R^n: layer norms multiply, branches that meet in a sum add.

    `input_shape` is that of one sample, without the batch. `steps` squarings for every norm (see `gram`).
    """

    def norm(map: Map, slopes: Optional[Tensor], live: Optional[Tensor]) -> Tensor:
        # Without a region every neuron is live, and a slope is the same for all.
        return map.norm(steps) * (1 if slopes is None else slopes.amax(1))

    return everywhere(module, input_shape, norm)
