# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Writes relu networks of random weights that are hard to search, SHAPE_SEED.npz, into a folder.

Weights are normal with variance 2 / fan-in, biases 0.1 times normal, drawn layer by layer (weights
first) from numpy's default generator.

    pip install numpy
    python benches/peers/seeded_mlps.py FOLDER
"""

import pathlib
import sys

import numpy as np

SHAPES = ["10-32-32-1", "6-24-24-24-1", "5-16-16-16-3", "10-20-20-2", "20-40-40-2"]


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for shape in SHAPES:
        widths = [int(w) for w in shape.split("-")]
        for seed in (1, 2, 3):
            random = np.random.default_rng(seed)
            arrays = {}
            for k, (fan_in, fan_out) in enumerate(zip(widths, widths[1:]), 1):
                arrays[f"W{k}"] = random.standard_normal((fan_out, fan_in)) * np.sqrt(2 / fan_in)
                arrays[f"b{k}"] = 0.1 * random.standard_normal(fan_out)
            np.savez(folder / f"{shape}_{seed}.npz", **arrays)


main(pathlib.Path(sys.argv[1]))
