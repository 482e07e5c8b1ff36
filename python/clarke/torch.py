# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Lipschitz penalties for training in PyTorch: differentiable estimates, no proofs.

What they train is proved by the engine afterwards (`clarke bound`, `clarke certify`). Norms are 2-norms of inputs and
outputs. Rounding is ignored; in exact arithmetic all but the pairs are upper bounds.

- `product`: products of layer norms along the graph (AutoLip, Scaman & Virmaux 2018), every norm by Gram iteration
  (Delattre et al. 2023). A convolution is written out where that is small, else it is a part of a circular one, whose
  matrices are those of its frequencies.
- `lipbound`: the same product, convolutions by their symbol on a grid, "LipBound" (Araujo et al. 2021).
- `local_product`: the product on balls, one for each sample, rows and columns of neurons that are constant there left
  out (Huang et al. 2021). Neurons are bounded by intervals, those of the first layer of a 2-norm ball exactly.
- `Pairs`: pairs of points that climb the difference quotient (CLIP, Bungert et al. 2021), a lower estimate.

The first three follow the graph that `torch.fx` traces: Linear, Conv2d, activations with monotone values, reshapes and
sums. Anything else is a TypeError that names it.

    penalty = clarke.torch.product(net, (1, 28, 28)).log()
    (loss + 0.1 * penalty).backward()
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, replace
from typing import Callable, Optional, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

__all__ = ["Pairs", "gram", "lipbound", "local_product", "product"]

STEPS = 12
# A map is written out if its shorter side and its entries are at most these.
ORDER, ENTRIES = 256, 1 << 24
# Grid of a symbol: points for every tap and at least, as in the engine.
PER_TAP, POINTS = 16, 48


def gram(matrix: Tensor, steps: int = STEPS) -> Tensor:
    """‖M‖₂ from above, for every matrix of a batch: tr((MᴴM)^(2^steps))^(1 / 2^(steps + 1)).

    Too large by a factor of at most rank^(1 / 2^(steps + 1)). After Delattre et al. 2023: a matrix is divided by its
    Frobenius norm before it is squared, and the logarithms of these are kept.
    """
    if matrix.shape[-2] < matrix.shape[-1]:
        matrix = matrix.mH
    log = matrix.real.new_zeros(matrix.shape[:-2])
    for _ in range(steps):
        size = _frobenius(matrix)
        matrix = matrix / size[..., None, None]
        matrix = matrix.mH @ matrix
        log = 2 * (log + size.log())
    return ((log + _frobenius(matrix).log()) / 2.0**steps).exp()


def _frobenius(matrix: Tensor) -> Tensor:
    return _root((matrix * matrix.conj()).real.sum((-2, -1)))


@dataclass
class _Dense:
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


class _Conv:
    """A convolution with zero padding of inputs of one shape; axes are (height, width)."""

    def __init__(self, module: nn.Conv2d, shape: Sequence[int]):
        if module.padding_mode != "zeros":
            raise TypeError(f"clarke.torch: no rule for {module.padding_mode} padding of a convolution")
        self.weight, self.bias, self.shape = module.weight, module.bias, tuple(shape)
        self.stride, self.dilation, self.groups = module.stride, module.dilation, module.groups
        self.kernel = module.kernel_size
        spans = [d * (k - 1) for d, k in zip(self.dilation, self.kernel)]
        if module.padding == "same":
            # PyTorch puts the odd one behind.
            self.pads = [(s // 2, s - s // 2) for s in spans]
        else:
            both = (0, 0) if module.padding == "valid" else module.padding
            self.pads = [(p, p) for p in both]
        self.padded = [n + sum(p) for n, p in zip(self.shape[1:], self.pads)]
        sizes = [(n - span - 1) // s + 1 for n, span, s in zip(self.padded, spans, self.stride)]
        if min(sizes) < 1:
            raise TypeError(f"clarke.torch: a kernel of {self.kernel} does not fit into {self.shape}")
        self.out = (module.out_channels, *sizes)

    def apply(self, x: Tensor, weight: Tensor) -> Tensor:
        x = F.pad(x, (*self.pads[1], *self.pads[0]))
        return F.conv2d(x, weight, None, self.stride, 0, self.dilation, self.groups)

    def offset(self) -> Tensor | float:
        return 0.0 if self.bias is None else self.bias[:, None, None]

    def is_small(self) -> bool:
        sides = math.prod(self.shape), math.prod(self.out)
        return min(sides) <= ORDER and sides[0] * sides[1] <= ENTRIES

    def written(self) -> Tensor:
        """The matrix, through the shorter of its sides."""
        ins, outs = math.prod(self.shape), math.prod(self.out)
        if ins <= outs:
            units = torch.eye(ins, dtype=self.weight.dtype, device=self.weight.device)
            return self.apply(units.view(ins, *self.shape), self.weight).flatten(1).T
        units = torch.eye(outs, dtype=self.weight.dtype, device=self.weight.device).view(outs, *self.out)
        # Rows and columns behind the last place of the kernel.
        rest = [
            n - (m - 1) * s - d * (k - 1) - 1
            for n, m, s, d, k in zip(self.padded, self.out[1:], self.stride, self.dilation, self.kernel)
        ]
        options = {"stride": self.stride, "groups": self.groups, "dilation": self.dilation}
        back = F.conv_transpose2d(units, self.weight, None, output_padding=rest, **options)
        top, left = self.pads[0][0], self.pads[1][0]
        return back[:, :, top : top + self.shape[1], left : left + self.shape[2]].flatten(1)

    def symbol(self, weight: Tensor, stride: Sequence[int], points: Sequence[int]) -> Tensor:
        """The matrices of half the frequencies, (groups, points, points / 2 + 1, out, in · stride²).

        Inputs of one phase of the stride are a channel of their own, which meets every stride-th tap. The weights are
        real, so that the other half has the conjugate matrices.
        """
        after = [-k % s for k, s in zip(weight.shape[2:], stride)]
        weight = F.pad(weight, (0, after[1], 0, after[0]))
        outs, ins, height, width = weight.shape
        places = height // stride[0], stride[0], width // stride[1], stride[1]
        parts = weight.reshape(self.groups, outs // self.groups, ins, *places)
        parts = parts.permute(0, 1, 2, 4, 6, 3, 5).flatten(2, 4)
        return torch.fft.rfft2(parts, s=tuple(points)).permute(0, 3, 4, 1, 2)

    def period(self, axis: int) -> int:
        """A circle of which the axis is a part: no tap meets an input from another turn.

        Output o meets block b of the stride through tap b − o, blocks b0..b1 hold inputs; on a circle of N also through
        b − o + jN, which is no tap if N > b1 and N > (taps − 1) − b0 + (outputs − 1).
        """
        stride, before, outs = self.stride[axis], self.pads[axis][0], self.out[1 + axis]
        taps = -(-(self.dilation[axis] * (self.kernel[axis] - 1) + 1) // stride)
        first, last = before // stride, (self.shape[1 + axis] - 1 + before) // stride
        return max(last + 1, taps + outs - 1 - first, outs, taps)

    def norm(self, steps: int) -> Tensor:
        if self.is_small():
            return gram(self.written(), steps)
        sizes = [d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel)]
        spread = self.weight.new_zeros(*self.weight.shape[:2], *sizes)
        spread[:, :, :: self.dilation[0], :: self.dilation[1]] = self.weight
        symbol = self.symbol(spread, self.stride, [self.period(0), self.period(1)])
        return gram(symbol, steps).amax()

    def lipbound(self, steps: int, rows: bool) -> Tensor:
        """The Frobenius norm of the symbol at its largest, or by `rows` of outputs, each at its own largest.

        The largest of all frequencies is at most that of N points over cos(π (taps − 1) / (2N)), axis by axis.
        """
        # A dilated axis falls apart into maps without dilation.
        common = [math.gcd(s, d) for s, d in zip(self.stride, self.dilation)]
        stride = [s // g for s, g in zip(self.stride, common)]
        taps = [-(-k // s) for k, s in zip(self.kernel, stride)]
        points = [1 if t == 1 else max(PER_TAP * t, POINTS) for t in taps]
        symbol = self.symbol(self.weight, stride, points)
        each = (symbol * symbol.conj()).real.sum(-1)  # groups, frequencies, outputs
        square = each.amax((1, 2)).sum(-1) if rows else each.sum(-1).amax((1, 2))
        factor = math.prod(math.cos(math.pi * (t - 1) / (2 * n)) for t, n in zip(taps, points))
        return _root(square.amax()) / factor


def _root(square: Tensor) -> Tensor:
    """Never 0: almost so where the square is, with the gradient 0."""
    return square.clamp_min(torch.finfo(square.dtype).tiny).sqrt()


@dataclass
class _Activation:
    """A function of single numbers that never falls, and its largest slope on an interval."""

    value: Callable[[Tensor], Tensor]
    steepest: Callable[[Tensor, Tensor], Tensor]


def _relu() -> _Activation:
    return _Activation(torch.relu, lambda low, high: (high > 0).to(low.dtype))


def _clipped(least: float, most: float) -> _Activation:
    def steepest(low: Tensor, high: Tensor) -> Tensor:
        return ((high > least) & (low < most)).to(low.dtype)

    return _Activation(lambda x: x.clamp(least, most), steepest)


def _leaky(slope: float = 0.01) -> _Activation:
    if not 0 <= slope <= 1:
        raise TypeError(f"clarke.torch: no rule for a leaky ReLU of slope {slope}")
    return _Activation(
        lambda x: F.leaky_relu(x, slope),
        lambda low, high: torch.where(high > 0, torch.ones_like(low), torch.full_like(low, slope)),
    )


def _tanh() -> _Activation:
    # The steepest place is the one nearest to 0.
    return _Activation(torch.tanh, lambda low, high: 1 - torch.tanh(low.maximum(high.clamp_max(0.0))).square())


def _sigmoid() -> _Activation:
    def steepest(low: Tensor, high: Tensor) -> Tensor:
        value = torch.sigmoid(low.maximum(high.clamp_max(0.0)))
        return value * (1 - value)

    return _Activation(torch.sigmoid, steepest)


_OF_MODULE = {
    nn.ReLU: lambda m: _relu(),
    nn.ReLU6: lambda m: _clipped(0.0, 6.0),
    nn.Hardtanh: lambda m: _clipped(m.min_val, m.max_val),
    nn.LeakyReLU: lambda m: _leaky(m.negative_slope),
    nn.Tanh: lambda m: _tanh(),
    nn.Sigmoid: lambda m: _sigmoid(),
}
# What fx says where a function or a method of a tensor is called.
_OF_CALL = {
    **dict.fromkeys((torch.relu, F.relu, "relu", torch.relu_), lambda *a: _relu()),
    **dict.fromkeys((torch.tanh, F.tanh, "tanh"), lambda *a: _tanh()),
    **dict.fromkeys((torch.sigmoid, F.sigmoid, "sigmoid"), lambda *a: _sigmoid()),
    F.relu6: lambda *a: _clipped(0.0, 6.0),
    F.leaky_relu: lambda slope=0.01, inplace=False: _leaky(slope),
}
_CALL_OPTIONS = {"negative_slope": "slope", "inplace": None}
_RESHAPES = (torch.flatten, torch.reshape, "flatten", "reshape", "view", "contiguous")
_SAME = (nn.Identity, nn.Dropout, nn.Dropout2d)
_SUMS = (operator.add, operator.iadd, torch.add, "add", "add_")
# Sizes, which reshapes take.
_SIZES = (getattr, operator.getitem, "size", "dim", operator.mul, math.prod)


@dataclass
class _State:
    """What is known of a value of the graph, for a batch of balls.

    It lies between `low` and `high`, infinite where nothing is known, or (the input alone) in the 2-norm ball of radius
    `ball` around `low` = `high`. `length` bounds its Jacobian; with a `map` pending, that of the map's argument.
    `live` is 0 for features of the map's argument, or without a map of the value itself, that are constant.
    """

    low: Tensor
    high: Tensor
    length: Tensor
    map: Optional[_Dense | _Conv] = None
    live: Optional[Tensor] = None
    ball: Optional[float] = None


_Norm = Callable[["_Dense | _Conv", Optional[Tensor], Optional[Tensor]], Tensor]


class _Walk:
    """Follows a graph; `norm` gives ‖diag(slopes) W diag(live)‖ of a map, either diagonal None where it is 1."""

    def __init__(self, module: nn.Module, norm: _Norm, bounded: bool):
        self.module, self.norm, self.bounded = module, norm, bounded

    def run(self, start: _State) -> Tensor:
        values: dict = {}
        graph = fx.Tracer().trace(self.module)
        for node in graph.nodes:
            if node.op == "output":
                last = values.get(node.args[0]) if isinstance(node.args[0], fx.Node) else None
                if not isinstance(last, _State):
                    raise TypeError("clarke.torch: no rule for several outputs")
                return self.settled(last).length
            values[node] = start if node.op == "placeholder" and not values else self.node(node, values)
        raise TypeError("clarke.torch: the network has no output")

    def node(self, node: fx.Node, values: dict):
        args = fx.node.map_arg(node.args, lambda n: values[n])
        kwargs = fx.node.map_arg(node.kwargs, lambda n: values[n])
        if node.op == "call_module":
            return self.layer(self.module.get_submodule(node.target), *args)
        if node.op in ("call_function", "call_method"):
            return self.call(node.target, args, kwargs)
        raise TypeError(f"clarke.torch: no rule for {node.op} {node.target}")

    def layer(self, module: nn.Module, x: _State) -> _State:
        for kind, activation in _OF_MODULE.items():
            if isinstance(module, kind):
                return self.activated(x, activation(module))
        if isinstance(module, nn.Linear):
            if x.low.dim() != 2:
                raise TypeError(f"clarke.torch: no rule for Linear on inputs of shape {tuple(x.low.shape[1:])}")
            return self.mapped(x, _Dense(module.weight, module.bias))
        if isinstance(module, nn.Conv2d):
            return self.mapped(x, _Conv(module, x.low.shape[1:]))
        if isinstance(module, (nn.Flatten, nn.Unflatten)):
            return self.reshaped(x, module)
        if isinstance(module, _SAME):
            return x
        raise TypeError(f"clarke.torch: no rule for {type(module).__name__}")

    def call(self, target, args: tuple, kwargs: dict):
        states = [a for a in args if isinstance(a, _State)]
        if target in _SUMS and len(states) == 2 == len(args) and not kwargs:
            return self.added(*states)
        plain = len(states) == 1 and states[0] is args[0]
        if target in _OF_CALL and plain:
            options = {_CALL_OPTIONS.get(k, k): v for k, v in kwargs.items() if _CALL_OPTIONS.get(k, k)}
            return self.activated(states[0], _OF_CALL[target](*args[1:], **options))
        if target is F.dropout and plain:
            return states[0]
        act = getattr(Tensor, target) if isinstance(target, str) else target
        if target in _RESHAPES and plain:
            return self.reshaped(states[0], lambda x: act(x, *args[1:], **kwargs))
        if target in _SIZES:
            found = act(*(a.low if isinstance(a, _State) else a for a in args), **kwargs)
            if not isinstance(found, Tensor):
                return found
        raise TypeError(f"clarke.torch: no rule for {getattr(target, '__name__', target)}")

    def settled(self, x: _State) -> _State:
        """Without a pending map."""
        if x.map is None:
            return x
        return replace(x, length=x.length * self.norm(x.map, None, x.live), map=None, live=None)

    def mapped(self, x: _State, map: _Dense | _Conv) -> _State:
        x = self.settled(x)
        low, high = self.enclosed(map, x)
        return _State(low, high, x.length, map, x.live)

    def activated(self, x: _State, f: _Activation) -> _State:
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
        return _State(low, high, length, None, live)

    def reshaped(self, x: _State, act: Callable[[Tensor], Tensor]) -> _State:
        """Features keep their order, so that slopes and live features need not be moved."""
        return replace(x, low=act(x.low), high=act(x.high))

    def added(self, x: _State, y: _State) -> _State:
        x, y = self.settled(x), self.settled(y)
        if x.ball is not None or y.ball is not None:
            x, y = (replace(s, low=s.low - (s.ball or 0), high=s.high + (s.ball or 0)) for s in (x, y))
        return _State(x.low + y.low, x.high + y.high, x.length + y.length)

    def enclosed(self, map: _Dense | _Conv, x: _State) -> tuple[Tensor, Tensor]:
        """Bounds of what the map gives."""
        if not self.bounded:
            value = map.apply(torch.zeros_like(x.low), map.weight)
            return torch.full_like(value, -math.inf), torch.full_like(value, math.inf)
        centre = map.apply((x.low + x.high) / 2, map.weight) + map.offset()
        if x.ball is None:
            radius = map.apply((x.high - x.low) / 2, map.weight.abs())
        else:
            radius = x.ball * _root(map.apply(torch.ones_like(x.low[:1]), map.weight.square()))
        return centre - radius, centre + radius


def _everywhere(module: nn.Module, shape: Sequence[int], norm: _Norm) -> Tensor:
    like = next(module.parameters(), torch.zeros(()))
    low = torch.full((1, *shape), -math.inf, dtype=like.dtype, device=like.device)
    return _Walk(module, norm, False).run(_State(low, -low, low.new_ones(1)))[0]


def product(module: nn.Module, input_shape: Sequence[int], *, steps: int = STEPS) -> Tensor:
    """A bound on the Lipschitz constant on all of R^n: layer norms multiply, branches that meet in a sum add.

    `input_shape` is that of one sample, without the batch. `steps` squarings for every norm (see `gram`).
    """

    def norm(map: _Dense | _Conv, slopes: Optional[Tensor], live: Optional[Tensor]) -> Tensor:
        # Without a region every neuron is live, and a slope is the same for all.
        return map.norm(steps) * (1 if slopes is None else slopes.amax(1))

    return _everywhere(module, input_shape, norm)


def lipbound(module: nn.Module, input_shape: Sequence[int], *, rows: bool = False, steps: int = STEPS) -> Tensor:
    """The product with LipBound for convolutions (the engine's `toeplitz`, with `rows` its `toeplitz-rows`).

    It takes no squarings and does not depend on the size of the image; linear layers go by Gram iteration.
    """

    def norm(map: _Dense | _Conv, slopes: Optional[Tensor], live: Optional[Tensor]) -> Tensor:
        return map.lipbound(steps, rows) * (1 if slopes is None else slopes.amax(1))

    return _everywhere(module, input_shape, norm)


def local_product(module: nn.Module, x: Tensor, eps: float, *, ball: str | int = 2, steps: int = STEPS) -> Tensor:
    """Bounds on the Lipschitz constants in the balls of radius `eps` around the samples `x`, one for each.

    `ball` is 2, or "inf" for boxes; norms of inputs and outputs are 2-norms all the same. A layer's matrix loses the
    rows of neurons that are constant on the ball, and the next one their columns. Convolutions too large to be written
    out keep them all.
    """
    if str(ball) not in ("2", "inf"):
        raise ValueError(f"ball must be 2 or 'inf', not {ball!r}")

    def norm(map: _Dense | _Conv, slopes: Optional[Tensor], live: Optional[Tensor]) -> Tensor:
        if not map.is_small():
            return map.norm(steps) * (1 if slopes is None else slopes.amax(1))
        matrix = map.written()[None]
        if slopes is not None:
            matrix = matrix * slopes[:, :, None]
        if live is not None:
            matrix = matrix * live[:, None, :]
        return gram(matrix, steps)

    radius = 0.0 if str(ball) == "2" else eps
    start = _State(x - radius, x + radius, x.new_ones(len(x)), ball=eps if str(ball) == "2" else None)
    return _Walk(module, norm, True).run(start)


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
    return _root(away) / _length(x - y)
