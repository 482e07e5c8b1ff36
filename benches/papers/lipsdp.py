#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""LipSDP, SeqLip, ECLipsE and Combettes-Pesquet, global and l2: LipSDP's MNIST network, and networks of known kinds.

    python3 benches/papers/lipsdp.py --clarke PROGRAM --zoo FOLDER [--time SECONDS] [--write]
"""

import numpy as np
from common import Page, arguments, he, mlp

README = "LipSDP's README"
METHODS = ["product", "combettes-pesquet", "eclipse-fast", "lipsdp", "seqlip", "absolute-product", "auto"]
# Random networks by `he`: widths, then what an SDP solver (Clarabel) gave for LipSDP-Neuron, not rounded outward.
SEEDED = [
    ([10, 20, 20, 1], 1, "4.197897"),
    ([10, 12, 12, 5], 2, "6.951157"),
    ([8, 14, 3], 3, "2.828148"),
    ([6, 10, 10, 10, 4], 4, "8.363580"),
]
# ECLipsE's figure for networks of 80 neurons a layer: layers, and ECLipsE-Fast and ECLipsE over the product of norms.
ECLIPSE = [(2, "0.92", "0.84"), (10, "0.91", "0.83"), (20, "0.88", "0.77")]


def main():
    args = arguments(__doc__, 5).parse_args()
    page = Page(__file__, args)
    mnist = page.zoo("converted/lipsdp_mnist.npz")
    if mnist:
        for method in METHODS:
            page.row(f"MNIST 784-50-10, `{method}`", "–", "", "", page.bound(mnist, "--norm", "2", "--method", method))
        best = page.bound(mnist, "--norm", "2", "--gap", "1.0001", limit=6 * args.time)
        page.row("MNIST 784-50-10, Network-dec-vars (5)", README, "upper", "24.365", best)
        page.row("MNIST 784-50-10, Network-rand (5)", README, "upper", "24.320", best)

    # All weights positive, in the shape of random_weights.mat: the map with all neurons on is the steepest.
    random = np.random.default_rng(5)
    widths = [2, 10, 30, 20, 2]
    weights = [np.abs(random.standard_normal((o, i))) * np.sqrt(1 / i) for i, o in zip(widths, widths[1:])]
    net, truth = mlp(page.folder / "positive.npz", weights), np.linalg.norm(np.linalg.multi_dot(weights[::-1]), 2)
    for method in METHODS[:4] + METHODS[5:]:
        found = page.bound(net, "--norm", "2", "--method", method)
        page.row(f"positive 2-10-30-20-2, `{method}`", "all-on map", "compare", f"{truth:.6g}", found)

    for widths, seed, value in SEEDED:
        net = mlp(page.folder / f"{seed}.npz", *he(widths, seed))
        shape = "-".join(map(str, widths))
        for method, claim in (("lipsdp", "compare"), ("auto", "upper")):
            found = page.bound(net, "--norm", "2", "--method", method)
            page.row(f"random {shape}, `{method}`", "SDP solver", claim, value, found)

    for depth, fast, full in ECLIPSE:
        random = np.random.default_rng(depth)
        widths = [4] + [80] * (depth - 1) + [1]
        for kind in ("Gaussian", "positive"):
            weights = [random.standard_normal((o, i)) / np.sqrt(i) for i, o in zip(widths, widths[1:])]
            if kind == "positive":
                weights = [np.abs(w) for w in weights]
            net = mlp(page.folder / f"{kind}{depth}.npz", weights)
            product = np.prod([np.linalg.norm(w, 2) for w in weights])
            for method, value in (("eclipse-fast", fast), ("lipsdp", full), ("auto", full)):
                found = page.bound(net, "--norm", "2", "--method", method)
                if found:
                    found = found[0] / product, found[1] / product, *found[2:]
                case = f"{depth} layers of 80, {kind}, `{method}` / product"
                page.row(case, "figure, read by eye", "compare", value, found)
    page.finish()


if __name__ == "__main__":
    main()
