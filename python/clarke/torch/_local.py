# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""The product on balls."""

from __future__ import annotations

from typing import Optional

from torch import Tensor, nn

from ._gram import STEPS, gram
from ._state import Map, State
from ._walk import Walk


def local_product(module: nn.Module, x: Tensor, eps: float, *, ball: str | int = 2, steps: int = STEPS) -> Tensor:
    """Bounds on the Lipschitz constants in the balls of radius `eps` around the samples `x`, one for each.

    `ball` is 2, or "inf" for boxes; norms of inputs and outputs are 2-norms all the same. A layer's matrix loses the
    rows of neurons that are constant on the ball, and the next one their columns. Convolutions too large to be written
    out keep them all.
    """
    if str(ball) not in ("2", "inf"):
        raise ValueError(f"ball must be 2 or 'inf', not {ball!r}")

    def norm(map: Map, slopes: Optional[Tensor], live: Optional[Tensor]) -> Tensor:
        if not map.is_small():
            return map.norm(steps) * (1 if slopes is None else slopes.amax(1))
        matrix = map.written()[None]
        if slopes is not None:
            matrix = matrix * slopes[:, :, None]
        if live is not None:
            matrix = matrix * live[:, None, :]
        return gram(matrix, steps)

    radius = 0.0 if str(ball) == "2" else eps
    start = State(x - radius, x + radius, x.new_ones(len(x)), ball=eps if str(ball) == "2" else None)
    return Walk(module, norm, True).run(start)
