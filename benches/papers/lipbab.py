#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""LipBaB and ExLipBaB: exact constants of LipBaB's released networks, and two on which exact tools go wrong.

    python3 benches/papers/lipbab.py --clarke PROGRAM --zoo FOLDER [--time SECONDS] [--long] [--write]
"""

import pathlib

import numpy as np
from common import Page, arguments, mlp

SCRIPT = "ExLipBaB's comparison script"
# Network, side of the box [0, side]^n, constants for the norms 1, 2 and inf as the script prints them.
RELEASED = [
    ("iris_net_4x5x5x3", 4, 1, "5.958048912394726", "6.771454513402937", "12.605085581416922"),
    ("SDnet_10x15x10x3", 10, 0.1, "10.41286850374477", "9.530716922306004", "16.274810805318676"),
    ("SDnet_10x20x15x10x3", 10, 0.1, "48.04897158493324", "40.05651016370293", "72.28569774866806"),
    ("SDnet_10x30x30x30x3", 10, 0.1, "19.369311332018757", "19.462799793264388", "39.11036425646691"),
]
# Networks of this repository on data sets that ExLipBaB's global runs use, too; what those took, shape and all.
TABLES = pathlib.Path(__file__).resolve().parents[2] / "tests/data/tables"
GLOBAL = [("iris", "4-6-6-3"), ("wine", "13-20-16-8-3"), ("diabetes", "10-24-24-1")]


def main():
    args = arguments(__doc__, 10).parse_args()
    page = Page(__file__, args, 12)
    for name, inputs, side, *published in RELEASED:
        net = page.zoo(f"converted/lipbab_{name}.npz")
        centre = ",".join([repr(side / 2)] * inputs)
        for norm, value in zip(("1", "2", "inf"), published):
            if net:
                where = ["--center", centre, "--eps", repr(side / 2), "--ball", "inf", "--norm", norm]
                found = page.bound(net, *where, "--method", "exact")
                page.row(f"{name}, [0, {side}]^{inputs}, norm {norm}", SCRIPT, "exact", value, found)

    # relu(x) - relu(-x) = x: the pattern (on, on) has slope 2, and its cell is the point 0.
    line = mlp(page.folder / "line.npz", [np.array([[1.0], [-1.0]]), np.array([[1.0, -1.0]])])
    box = ["--center", "0", "--eps", "1", "--method", "exact", "--norm"]
    page.row("relu(x) − relu(−x), [−1, 1]", "LipBaB, ExLipBaB, LipMIP, run", "exact", "2", page.bound(line, *box, "2"))
    # With biases of -1e-9 the halves x > 1e-9 and x < -1e-9 do not even touch.
    gap = mlp(
        page.folder / "gap.npz",
        [np.array([[1.0], [-1.0]]), np.array([[1.0, -1.0]])],
        [np.array([-1e-9, -1e-9]), np.zeros(1)],
    )
    page.row("the same, hyperplanes 2e-9 apart", "LipBaB, run", "exact", "2", page.bound(gap, *box, "2"))

    for name, shape in GLOBAL if args.long else GLOBAL[:1]:
        found = page.bound(TABLES / f"{name}.npz", "--norm", "2", "--method", "exact", limit=6 * args.time)
        page.row(f"own {name} {shape}, R^n, norm 2", "–", "", "", found)
    page.finish()


if __name__ == "__main__":
    main()
