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

from ._gram import gram
from ._lipbound import lipbound
from ._local import local_product
from ._pairs import Pairs
from ._product import product

__all__ = ["Pairs", "gram", "lipbound", "local_product", "product"]
