# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""A convolution as a map."""

from __future__ import annotations

import math
from typing import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._gram import gram, root

# A map is written out if its shorter side and its entries are at most these.
ORDER, ENTRIES = 256, 1 << 24
# Grid of a symbol: points for every tap and at least, as in the engine.
PER_TAP, POINTS = 16, 48


class Conv:
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
            both = (0, 0) if isinstance(module.padding, str) else module.padding
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
        back = F.conv_transpose2d(
            units, self.weight, None, self.stride, output_padding=rest, groups=self.groups, dilation=self.dilation
        )
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
        return root(square.amax()) / factor
