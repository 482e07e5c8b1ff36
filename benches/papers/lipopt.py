#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""LiPopt (Latorre et al.): global constants from inf of random networks with one output, sparse and dense.

    python3 benches/papers/lipopt.py --clarke PROGRAM [--time SECONDS] [--write]
"""

import sys

import numpy as np
from common import Page, arguments, he, mlp

METHODS = ["lipopt", "product", "absolute-product", "abs-subset", "lipsdp", "auto"]
# Inputs, neurons, weights that stay in every row of the first layer.
SHAPES = [(10, 10, 10), (20, 20, 5), (40, 40, 5)]


def main():
    args = arguments(__doc__, 15).parse_args()
    page = Page(__file__, args)
    known = page.methods()
    if "lipopt" not in known:
        print("this clarke has no method lipopt: its rows are left out", file=sys.stderr)
    for inputs, neurons, kept in SHAPES:
        random = np.random.default_rng(inputs)
        weights, biases = he([inputs, neurons, 1], inputs)
        for row in weights[0]:
            row[random.permutation(inputs)[kept:]] = 0
        net = mlp(page.folder / "net.npz", weights, biases)
        for method in METHODS:
            found = page.bound(net, "--norm", "inf", "--method", method) if method in known | {"auto"} else None
            page.row(f"{inputs}-{neurons}-1, {kept} weights a row, `{method}`", "–", "", "", found)
    page.finish()


if __name__ == "__main__":
    main()
