#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""LipMIP (Jordan & Dimakis): exact local constants of random and small networks, and where the program errs.

    python3 benches/papers/lipmip.py --clarke PROGRAM --zoo FOLDER [--time SECONDS] [--long] [--write]
"""

import numpy as np
from common import Page, arguments, he, mlp

RUN = "LipMIP, run"
# Widths, radius of the box around 0; one output, so that the norm inf on inputs makes the l1 norm of the gradient.
RANDOM = [([2, 50, 50, 1], 0.1), ([6, 24, 24, 24, 1], 0.03), ([10, 32, 32, 1], 0.03)]
LONG = [([10, 32, 32, 1], 0.1)]


def main():
    args = arguments(__doc__, 20).parse_args()
    page = Page(__file__, args, 9)
    # f(x) = 10 relu(x1) − 0.6 relu(−x1) + 0.7 relu(x2 + 2): gradients in [0.6, 10] and [0.7, 0.7].
    inner, outer = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]]), np.array([[10.0, -0.6, 0.7]])
    net = mlp(page.folder / "argmax.npz", [inner, outer], [np.array([0.0, 0.0, 2.0]), np.zeros(1)])
    box = ["--center", "0,0", "--eps", "1", "--ball", "inf", "--norm", "1", "--method", "exact"]
    page.row("2-3-1, gradients [0.6, 10] and [0.7, 0.7], norm 1", RUN, "exact", "0.7", page.bound(net, *box))

    line = mlp(page.folder / "line.npz", [np.array([[1.0], [-1.0]]), np.array([[1.0, -1.0]])])
    box = ["--center", "0", "--eps", "1", "--norm", "inf", "--method", "exact"]
    page.row("relu(x) − relu(−x), [−1, 1]", RUN, "exact", "2", page.bound(line, *box))

    net = page.zoo("converted/lipbab_SDnet_10x30x30x30x3.npz")
    if net:
        box = ["--center", ",".join(["0.05"] * 10), "--eps", "0.05", "--norm", "inf", "--method", "exact"]
        page.row("synthetic 10-30-30-30-3, [0, 0.1]^10, norm inf", RUN, "exact", "39.110374", page.bound(net, *box))

    for widths, radius in RANDOM + LONG * args.long:
        net = mlp(page.folder / "random.npz", *he(widths, 1))
        box = ["--center", ",".join(["0"] * widths[0]), "--eps", str(radius), "--norm", "inf", "--method", "exact"]
        shape = "-".join(map(str, widths))
        page.row(f"random {shape}, radius {radius}, norm inf", "–", "", "", page.bound(net, *box, limit=args.time))

    net = page.zoo("converted/lipsdp_mnist.npz")
    if net:
        centre = page.folder / "grey.npy"
        np.save(centre, np.full(784, 0.5))
        for radius in ("0.01", "0.1"):
            where = ["--input", centre, "--eps", radius, "--norm", "inf", "--output", "0", "--clip", "0,1"]
            page.row(f"MNIST 784-50-10, output 0, grey ± {radius}, norm inf", "–", "", "", page.bound(net, *where))
    page.finish()


if __name__ == "__main__":
    main()
