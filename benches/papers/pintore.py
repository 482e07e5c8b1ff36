#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Pintore & Despres: the bounds K*, K1, K2 and K4 on two closed forms, random matrices and convolutional networks.

    python3 benches/papers/pintore.py --clarke PROGRAM --zoo FOLDER [--time SECONDS] [--long] [--write]
"""

import numpy as np
from common import Page, arguments, he, mlp

# What stands for the bounds of the paper; seqlip is for l2 only.
BOUNDS = [("K1", "combettes-pesquet"), ("K2", "seqlip"), ("K4", "absolute-product")]
BOUNDS += [("own", "abs-subset"), ("own", "product")]
NETS = ["vnncomp2021-verivital/Convnet_maxpool.onnx", "marabou/cnn_max_mninst2.onnx"]


def hats(levels):
    """The hat function composed with itself: slopes of ±2^levels, so that the constant is 2^levels."""
    weights, biases = [np.ones((3, 1))], [np.array([0, -0.5, -1.0])]
    inner = np.tile([[2.0, -4.0, 2.0]], (3, 1))
    for _ in range(levels - 1):
        weights.append(inner)
        biases.append(biases[0])
    return weights + [inner[:1]], biases + [np.zeros(1)]


def square(levels):
    """x minus the sum of hats over 4^k: interpolates x^2 on [0, 1], the steepest slope is 2 − 2^−levels."""
    first = np.array([[1.0], [1.0], [1.0], [1.0], [-1.0]])
    shift = np.array([0, -0.5, -1.0, 0, 0])
    weights, biases = [first], [shift]
    for k in range(1, levels + 1):
        hat = np.array([2.0, -4.0, 2.0, 0, 0])
        kept = np.array([0, 0, 0, 1.0, -1.0]) - hat / 4.0**k
        last = k == levels
        weights.append(kept[None] if last else np.array([hat, hat, hat, kept, -kept]))
        biases.append(np.zeros(1) if last else shift)
    return weights, biases


def rows(page, label, net, norm, truth, known, weights=()):
    """The bounds, then both ends; K* is a product of numpy's norms, as `product` chooses norms between layers."""
    if len(weights):
        product = float(np.prod([np.linalg.norm(w, {"1": 1, "2": 2, "inf": np.inf}[norm]) for w in weights]))
        page.row(f"{label}, norm {norm}, K*", known, "compare", truth, (0.0, product, "numpy, unproven", 0.0))
    for name, method in BOUNDS:
        if method != "seqlip" or norm == "2":
            found = page.bound(net, "--norm", norm, "--method", method)
            if found and found[2] == method:
                found = 0.0, *found[1:]
                name = f"own `{method}`" if name == "own" else name
                page.row(f"{label}, norm {norm}, {name}", known, "compare", truth, found)
    page.row(f"{label}, norm {norm}", known, "exact" if truth else "", truth, page.bound(net, "--norm", norm))


def main():
    args = arguments(__doc__, 10).parse_args()
    page = Page(__file__, args)
    for label, (weights, biases), truth in (
        ("hat, 5 times", hats(5), "32"),
        ("x² from 6 hats", square(6), "1.984375"),
    ):
        net = mlp(page.folder / "closed.npz", weights, biases)
        rows(page, label, net, "inf", truth, "closed form", weights)
    for seed in (1, 2) if args.long else (1,):
        weights, biases = he([10, 20, 20, 20, 5], seed)
        net = mlp(page.folder / f"{seed}.npz", weights, biases)
        for norm in ("1", "2", "inf"):
            rows(page, f"random 10-20-20-20-5, seed {seed}", net, norm, "", "–", weights)
    for name in NETS:
        net = page.zoo(name)
        for norm in ("1", "inf") if net else ():
            rows(page, name.split("/")[1].removesuffix(".onnx"), net, norm, "", "–")
    page.finish()


if __name__ == "__main__":
    main()
