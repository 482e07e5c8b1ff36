# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""A linear layer as a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from torch import Tensor

from ._gram import gram


@dataclass
class Dense:
    """x ↦ x Wᵀ + b."""

    weight: Tensor
    bias: Optional[Tensor]

    def apply(self, x: Tensor, weight: Tensor) -> Tensor:
        return x @ weight.T

    def offset(self) -> Tensor | float:
        return 0.0 if self.bias is None else self.bias

    def is_small(self) -> bool:
        return True

    def written(self) -> Tensor:
        return self.weight

    def norm(self, steps: int) -> Tensor:
        return gram(self.weight, steps)

    def lipbound(self, steps: int, rows: bool) -> Tensor:
        return self.norm(steps)
