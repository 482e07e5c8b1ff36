#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Shi et al.: local constants from inf to inf by linear bounds on the Clarke Jacobian, on networks of their kinds.

    python3 benches/papers/shi.py --clarke PROGRAM [--time SECONDS] [--long] [--write]
"""

import numpy as np
from common import Page, arguments, conv_net, he, mlp

RUN = "their code, run on such a network"
# Widths, radius, then over the best lower bound, on another network of that shape: naive product of row norms,
# interval Jacobian, linear bound, and their branch and bound.
SHAPES = [
    ([16, 64, 64, 10], 0.01, (128.8, 1.046, 1.0, 1.0)),
    ([16, 64, 64, 10], 0.03, (125.4, 2.552, 1.123, 1.004)),
    ([16, 32, 32, 32, 32, 32, 10], 0.01, (22272, 21.9, 1.122, 1.016)),
]
LONG = [([784, 256, 256, 10], 0.01, (331.3, 54.3, 17.3, 16.4))]
NAMES = [("product", "product"), ("interval", "jacobian-interval"), ("linear", "jacobian-linear"), ("BaB", "auto")]


def main():
    args = arguments(__doc__, 20).parse_args()
    page = Page(__file__, args)
    for widths, radius, published in SHAPES + LONG * args.long:
        net, centre = mlp(page.folder / "net.npz", *he(widths, 3)), page.folder / "x.npy"
        np.save(centre, np.random.default_rng(4).uniform(0, 1, widths[0]))
        where = [net, "--input", centre, "--eps", str(radius), "--norm", "inf"]
        best = page.bound(*where)
        for (name, method), value in zip(NAMES, published):
            found = best if method == "auto" else page.bound(*where, "--method", method)
            if found and best:
                found = best[0] / best[0], found[1] / best[0], *found[2:]
            case = f"{'-'.join(map(str, widths))}, ε = {radius}, {name} / best lower end"
            page.row(case, RUN, "compare", f"{value:.4g}", found)

    # Their MNIST networks by shape: 784-20-20-10, and two convolutions of 8 channels, 4 x 4 (stride 1, no padding).
    centre = page.folder / "image.npy"
    np.save(centre, np.random.default_rng(5).uniform(0, 1, 784))
    net = mlp(page.folder / "small.npz", *he([784, 20, 20, 10], 6))
    for radius in ("1/255", "8/255"):
        where = [net, "--input", centre, "--eps", radius, "--norm", "inf", "--clip", "0,1"]
        page.row(f"MNIST shape 784-20-20-10, ε = {radius}", "–", "", "", page.bound(*where))
        page.row("the same, their relaxation", "–", "", "", page.bound(*where, "--method", "jacobian-linear"))
    if args.long:
        random = np.random.default_rng(7)
        drawn = lambda *shape: random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        layers = [("conv", drawn(8, 1, 4, 4), 1, 0), ("relu",), ("conv", drawn(8, 8, 4, 4), 1, 0), ("relu",), ("flat",)]
        layers += [("dense", drawn(100, 3872), np.zeros(100)), ("relu",), ("dense", drawn(10, 100), np.zeros(10))]
        net = conv_net(page.folder / "conv.onnx", [1, 28, 28], layers)
        np.save(centre, np.random.default_rng(5).uniform(0, 1, (1, 28, 28)))
        where = [net, "--input", centre, "--eps", "1/255", "--norm", "inf", "--clip", "0,1"]
        page.row("MNIST shape conv 8-8, 100, 10, ε = 1/255", "–", "", "", page.bound(*where, limit=3 * args.time))
    page.finish()


if __name__ == "__main__":
    main()
