# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""What is known of the values of a graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Optional, Union

from torch import Tensor

from ._conv import Conv
from ._dense import Dense

Map = Union[Dense, Conv]
# The norm of diag(slopes) W diag(live) for a map W, either diagonal None where it is 1.
Norm = Callable[[Map, Optional[Tensor], Optional[Tensor]], Tensor]


@dataclass
class State:
    """What is known of a value of the graph, for a batch of balls.

    It lies between `low` and `high`, infinite where nothing is known, or (the input alone) in the 2-norm ball of radius
    `ball` around `low` = `high`. `length` bounds its Jacobian; with a `map` pending, that of the map's argument.
    `live` is 0 for features of the map's argument, or without a map of the value itself, that are constant.
    """

    low: Tensor
    high: Tensor
    length: Tensor
    map: Optional[Map] = None
    live: Optional[Tensor] = None
    ball: Optional[float] = None
