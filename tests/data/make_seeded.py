# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Writes seeded/1.npz ... seeded/5.npz: networks of random weights whose global bounds are known.

Weights are normal with variance 2 / fan-in, biases 0.1 times normal, drawn layer by layer (weights
first) from numpy's default generator with the network's number as its seed. Needs numpy.
"""

import pathlib

import numpy as np

WIDTHS = {
    1: [10, 20, 20, 1],
    2: [10, 12, 12, 5],
    3: [8, 14, 3],
    4: [6, 10, 10, 10, 4],
    5: [50, 100, 100, 10],
}


def main():
    folder = pathlib.Path(__file__).parent / "seeded"
    folder.mkdir(exist_ok=True)
    for seed, widths in WIDTHS.items():
        random = np.random.default_rng(seed)
        arrays = {}
        for k, (fan_in, fan_out) in enumerate(zip(widths, widths[1:]), 1):
            arrays[f"W{k}"] = random.standard_normal((fan_out, fan_in)) * np.sqrt(2 / fan_in)
            arrays[f"b{k}"] = 0.1 * random.standard_normal(fan_out)
        np.savez(folder / f"{seed}.npz", **arrays)


main()
