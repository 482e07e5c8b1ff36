# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Avant & Morgansen's networks at the radii of their figures: their formula, proven, and all methods together.

Every row holds, for one network and one radius, the converged value of their formula without rounding (`ref_local_bound`
of the network's .npz), what `--method avant` proves, and both ends of `auto`, all for `--quantity anchored`, l2.

    CLARKE_ZOO=folder/of/networks python benches/avant.py target/release/clarke --time 60 > avant.csv
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

import numpy


def ask(binary, zoo, name, radius, method, limit):
    """Both ends, the method of the upper one, wall seconds."""
    folder = zoo / "converted"
    words = [binary, "bound", folder / f"avant_{name}.onnx", "--input", folder / f"avant_{name}_x0.npy", "--norm", "2"]
    words += ["--quantity", "anchored", "--eps", repr(radius), "--method", method, "--time", str(limit)]
    started = time.monotonic()
    ran = subprocess.run([*words, "--format", "json", "--quiet"], capture_output=True, text=True)
    seconds = time.monotonic() - started
    if ran.returncode != 0:
        sys.exit(f"{name} {radius} {method}: {ran.stderr}")
    pair = json.loads(ran.stdout)
    return float(pair["lower"]["value"]), float(pair["upper"]["value"]), pair["upper"]["method"], seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--time", type=float, default=60, help="seconds for each run (default: 60)")
    parser.add_argument("--networks", default="mnist,cifar10", help="which (default: mnist,cifar10)")
    parser.add_argument("--points", default="0-29", help="which of the 30 radii (default: 0-29)")
    args = parser.parse_args()
    zoo = pathlib.Path(os.environ["CLARKE_ZOO"])
    first, last = (int(k) for k in args.points.split("-"))
    print("network,point,radius,reference,avant,avant_seconds,auto_lower,auto_upper,auto_by,auto_seconds,limit")
    for name in args.networks.split(","):
        known = numpy.load(zoo / "avant" / f"{name}.npz")
        pairs = zip(known["pub_local_eps"], known["ref_local_bound"])
        for k, (radius, reference) in list(enumerate(pairs))[first : last + 1]:
            _, avant, _, short = ask(args.binary, zoo, name, float(radius), "avant", args.time)
            lower, upper, by, long = ask(args.binary, zoo, name, float(radius), "auto", args.time)
            row = [name, k, float(radius), float(reference), avant, f"{short:.2f}", lower, upper, by, f"{long:.2f}"]
            print(*row, f"{args.time:g}", sep=",", flush=True)


if __name__ == "__main__":
    main()
