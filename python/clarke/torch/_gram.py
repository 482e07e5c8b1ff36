# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Norms of matrices by Gram iteration."""

from __future__ import annotations

import torch
from torch import Tensor

STEPS = 12


def gram(matrix: Tensor, steps: int = STEPS) -> Tensor:
    """‖M‖₂ from above, for every matrix of a batch: tr((MᴴM)^(2^steps))^(1 / 2^(steps + 1)).

    Too large by a factor of at most rank^(1 / 2^(steps + 1)). After Delattre et al. 2023: a matrix is divided by its
    Frobenius norm before it is squared, and the logarithms of these are kept.
    """
    if matrix.shape[-2] < matrix.shape[-1]:
        matrix = matrix.mH
    log = matrix.real.new_zeros(matrix.shape[:-2])
    for _ in range(steps):
        size = frobenius(matrix)
        matrix = matrix / size[..., None, None]
        matrix = matrix.mH @ matrix
        log = 2 * (log + size.log())
    return ((log + frobenius(matrix).log()) / 2.0**steps).exp()


def frobenius(matrix: Tensor) -> Tensor:
    return root((matrix * matrix.conj()).real.sum((-2, -1)))


def root(square: Tensor) -> Tensor:
    """Never 0: almost so where the square is, with the gradient 0."""
    return square.clamp_min(torch.finfo(square.dtype).tiny).sqrt()
