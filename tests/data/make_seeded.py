# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Writes seeded/1.npz ... seeded/5.npz: networks of random weights whose global bounds are known.

Weights are normal with variance 2 / fan-in, biases 0.1 times normal, drawn layer by layer (weights
first) from numpy's default generator with the network's number as its seed. Needs numpy. For others, with
seeds 1 to 3 each, as FOLDER/WIDTHS_SEED.npz:

    python tests/data/make_seeded.py FOLDER 10-32-32-1 6-24-24-24-1 5-16-16-16-3
"""

import pathlib
import sys

import numpy as np

WIDTHS = {
    1: [10, 20, 20, 1],
    2: [10, 12, 12, 5],
    3: [8, 14, 3],
    4: [6, 10, 10, 10, 4],
    5: [50, 100, 100, 10],
}


def write(path, widths, seed):
    random = np.random.default_rng(seed)
    arrays = {}
    for k, (fan_in, fan_out) in enumerate(zip(widths, widths[1:]), 1):
        arrays[f"W{k}"] = random.standard_normal((fan_out, fan_in)) * np.sqrt(2 / fan_in)
        arrays[f"b{k}"] = 0.1 * random.standard_normal(fan_out)
    np.savez(path, **arrays)


def main(folder=None, *shapes):
    own = pathlib.Path(folder) if folder else pathlib.Path(__file__).parent / "seeded"
    own.mkdir(parents=True, exist_ok=True)
    if folder is None:
        for seed, widths in WIDTHS.items():
            write(own / f"{seed}.npz", widths, seed)
    for shape in shapes:
        for seed in (1, 2, 3):
            write(own / f"{shape}_{seed}.npz", [int(w) for w in shape.split("-")], seed)


main(*sys.argv[1:])
