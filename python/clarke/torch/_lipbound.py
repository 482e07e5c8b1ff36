# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""The product with LipBound."""

from __future__ import annotations

from typing import Optional, Sequence

from torch import Tensor, nn

from ._gram import STEPS
from ._state import Map
from ._walk import everywhere


def lipbound(module: nn.Module, input_shape: Sequence[int], *, rows: bool = False, steps: int = STEPS) -> Tensor:
    """The product with LipBound for convolutions (the engine's `toeplitz`, with `rows` its `toeplitz-rows`).

    It takes no squarings and does not depend on the size of the image; linear layers go by Gram iteration.
    """

    def norm(map: Map, slopes: Optional[Tensor], live: Optional[Tensor]) -> Tensor:
        return map.lipbound(steps, rows) * (1 if slopes is None else slopes.amax(1))

    return everywhere(module, input_shape, norm)
