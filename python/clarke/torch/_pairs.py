# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Pairs of points that climb."""

from __future__ import annotations

from typing import Callable, Optional

import torch
from torch import Tensor

from ._gram import root


class Pairs:
    """Pairs (x, y) of a batch of points each that climb ‖f(x) − f(y)‖ / ‖x − y‖.

    As in CLIP they are kept through the training: some steps of ascent for every step of the weights, which are then
    punished for the largest quotient.

        pairs = Pairs(x, x + 0.1 * torch.randn_like(x))
        pairs.ascend(net)
        (loss + 0.1 * pairs.penalty(net)).backward()
    """

    def __init__(self, x: Tensor, y: Tensor, *, step: float = 0.2, clip: Optional[tuple[float, float]] = None):
        """`step` is the first step's length over the distance of a pair; `clip` bounds all coordinates."""
        self.x, self.y, self.clip = x.detach().clone(), y.detach().clone(), clip
        self.steps = torch.full_like(self.x.flatten(1)[:, 0], step)
        if bool((_length(self.x - self.y) == 0).any()):
            raise ValueError("the points of a pair must differ")

    def quotients(self, f: Callable[[Tensor], Tensor]) -> Tensor:
        """One for each pair, with gradients for what f is made of."""
        return _quotients(f, self.x, self.y)

    def penalty(self, f: Callable[[Tensor], Tensor]) -> Tensor:
        """The largest quotient."""
        return self.quotients(f).amax()

    def ascend(self, f: Callable[[Tensor], Tensor], count: int = 1) -> None:
        """Moves both points along the gradient. A pair that would lose stays, and its next step is half as long."""
        for _ in range(count):
            with torch.enable_grad():
                x, y = self.x.clone().requires_grad_(), self.y.clone().requires_grad_()
                before = _quotients(f, x, y)
                slopes = torch.autograd.grad(before.sum(), (x, y))
            with torch.no_grad():
                size = (_length(slopes[0]).square() + _length(slopes[1]).square()).sqrt().clamp_min(1e-30)
                factor = _spread(self.steps * _length(self.x - self.y) / size, self.x)
                moved = [p + factor * s for p, s in zip((self.x, self.y), slopes)]
                if self.clip is not None:
                    moved = [p.clamp(*self.clip) for p in moved]
                better = (_quotients(f, *moved) > before) & (_length(moved[0] - moved[1]) > 0)
                self.x, self.y = (torch.where(_spread(better, p), m, p) for m, p in zip(moved, (self.x, self.y)))
                self.steps = torch.where(better, self.steps * 1.1, self.steps / 2).clamp(1e-6, 1.0)


def _length(x: Tensor) -> Tensor:
    return x.flatten(1).norm(dim=1)


def _spread(each: Tensor, like: Tensor) -> Tensor:
    return each.view(-1, *(1 for _ in like.shape[1:]))


def _quotients(f: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> Tensor:
    away = (f(x) - f(y)).flatten(1).square().sum(1)
    return root(away) / _length(x - y)
