# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""The graph of a module, layer by layer."""

from __future__ import annotations

import math
import operator
from dataclasses import replace
from typing import Any, Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from ._activations import CALL_OPTIONS, OF_CALL, OF_MODULE, Activation
from ._conv import Conv
from ._dense import Dense
from ._gram import root
from ._state import Map, Norm, State

RESHAPES = (torch.flatten, torch.reshape, "flatten", "reshape", "view", "contiguous")
SAME = (nn.Identity, nn.Dropout, nn.Dropout2d)
SUMS = (operator.add, operator.iadd, torch.add, "add", "add_")
# Sizes, which reshapes take.
SIZES = (getattr, operator.getitem, "size", "dim", operator.mul, math.prod)


class Walk:
    """Follows a graph; `norm` gives ‖diag(slopes) W diag(live)‖ of a map, either diagonal None where it is 1."""

    def __init__(self, module: nn.Module, norm: Norm, bounded: bool):
        self.module, self.norm, self.bounded = module, norm, bounded

    def run(self, start: State) -> Tensor:
        values: dict = {}
        graph = fx.Tracer().trace(self.module)
        for node in graph.nodes:
            if node.op == "output":
                last = values.get(node.args[0]) if isinstance(node.args[0], fx.Node) else None
                if not isinstance(last, State):
                    raise TypeError("clarke.torch: no rule for several outputs")
                return self.settled(last).length
            values[node] = start if node.op == "placeholder" and not values else self.node(node, values)
        raise TypeError("clarke.torch: the network has no output")

    def node(self, node: fx.Node, values: dict) -> Any:
        args: Any = fx.node.map_arg(node.args, lambda n: values[n])
        kwargs: Any = fx.node.map_arg(node.kwargs, lambda n: values[n])
        if node.op == "call_module":
            return self.layer(self.module.get_submodule(str(node.target)), *args)
        if node.op in ("call_function", "call_method"):
            return self.call(node.target, args, kwargs)
        raise TypeError(f"clarke.torch: no rule for {node.op} {node.target}")

    def layer(self, module: nn.Module, x: State) -> State:
        for kind, activation in OF_MODULE.items():
            if isinstance(module, kind):
                return self.activated(x, activation(module))
        if isinstance(module, nn.Linear):
            if x.low.dim() != 2:
                raise TypeError(f"clarke.torch: no rule for Linear on inputs of shape {tuple(x.low.shape[1:])}")
            return self.mapped(x, Dense(module.weight, module.bias))
        if isinstance(module, nn.Conv2d):
            return self.mapped(x, Conv(module, x.low.shape[1:]))
        if isinstance(module, (nn.Flatten, nn.Unflatten)):
            return self.reshaped(x, module)
        if isinstance(module, SAME):
            return x
        raise TypeError(f"clarke.torch: no rule for {type(module).__name__}")

    def call(self, target: Any, args: tuple, kwargs: dict) -> Any:
        states = [a for a in args if isinstance(a, State)]
        if target in SUMS and len(states) == 2 == len(args) and not kwargs:
            return self.added(*states)
        plain = len(states) == 1 and states[0] is args[0]
        if target in OF_CALL and plain:
            options = {CALL_OPTIONS.get(k, k): v for k, v in kwargs.items() if CALL_OPTIONS.get(k, k)}
            return self.activated(states[0], OF_CALL[target](*args[1:], **options))
        if target is F.dropout and plain:
            return states[0]
        act = getattr(Tensor, target) if isinstance(target, str) else target
        if target in RESHAPES and plain:
            return self.reshaped(states[0], lambda x: act(x, *args[1:], **kwargs))
        if target in SIZES:
            found = act(*(a.low if isinstance(a, State) else a for a in args), **kwargs)
            if not isinstance(found, Tensor):
                return found
        raise TypeError(f"clarke.torch: no rule for {getattr(target, '__name__', target)}")

    def settled(self, x: State) -> State:
        """Without a pending map."""
        if x.map is None:
            return x
        return replace(x, length=x.length * self.norm(x.map, None, x.live), map=None, live=None)

    def mapped(self, x: State, map: Map) -> State:
        x = self.settled(x)
        low, high = self.enclosed(map, x)
        return State(low, high, x.length, map, x.live)

    def activated(self, x: State, f: Activation) -> State:
        if x.ball is not None:
            x = replace(x, low=x.low - x.ball, high=x.high + x.ball, ball=None)
        slopes = f.steepest(x.low, x.high).flatten(1)
        live = (slopes > 0).to(slopes.dtype)
        if x.map is None:
            length = x.length * slopes.amax(1)
            live = live if x.live is None else live * x.live
        else:
            length = x.length * self.norm(x.map, slopes, x.live)
        low, high = (f.value(x.low), f.value(x.high)) if self.bounded else (x.low, x.high)
        return State(low, high, length, None, live)

    def reshaped(self, x: State, act: Callable[[Tensor], Tensor]) -> State:
        """Features keep their order, so that slopes and live features need not be moved."""
        return replace(x, low=act(x.low), high=act(x.high))

    def added(self, x: State, y: State) -> State:
        x, y = self.settled(x), self.settled(y)
        if x.ball is not None or y.ball is not None:
            x, y = (replace(s, low=s.low - (s.ball or 0), high=s.high + (s.ball or 0)) for s in (x, y))
        return State(x.low + y.low, x.high + y.high, x.length + y.length)

    def enclosed(self, map: Map, x: State) -> tuple[Tensor, Tensor]:
        """Bounds of what the map gives."""
        if not self.bounded:
            value = map.apply(torch.zeros_like(x.low), map.weight)
            return torch.full_like(value, -math.inf), torch.full_like(value, math.inf)
        centre = map.apply((x.low + x.high) / 2, map.weight) + map.offset()
        if x.ball is None:
            radius = map.apply((x.high - x.low) / 2, map.weight.abs())
        else:
            radius = x.ball * root(map.apply(torch.ones_like(x.low[:1]), map.weight.square()))
        return centre - radius, centre + radius


def everywhere(module: nn.Module, shape: Sequence[int], norm: Norm) -> Tensor:
    like = next(module.parameters(), torch.zeros(()))
    low = torch.full((1, *shape), -math.inf, dtype=like.dtype, device=like.device)
    return Walk(module, norm, False).run(State(low, -low, low.new_ones(1)))[0]
