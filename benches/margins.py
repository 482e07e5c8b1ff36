# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""The steepest margin by one search, and by a search for every margin.

Prints CSV. All with --method exact on one thread, each in a process of its own; seconds are those of bounds and search
that a report names, so that starting a process counts for neither side. The networks are LipBaB's (converted to .npz)
on the boxes of its paper, and the digits network of the repository on balls.

    python benches/margins.py --clarke target/release/clarke --zoo NETS
"""

import argparse
import json
import pathlib
import subprocess

LIPBAB = [
    ("iris_net_4x5x5x3", 3, ["0,1"]),
    ("SDnet_10x15x10x3", 3, ["0,0.1"]),
    ("SDnet_10x20x15x10x3", 3, ["0,0.1"]),
    ("SDnet_10x30x30x30x3", 3, ["0,0.1"]),
]
DATA = pathlib.Path(__file__).parents[1] / "tests" / "data"
COLUMNS = ("network", "region", "in_norm", "output", "margins", "lower", "upper", "largest_lower", "largest_upper",
           "agree", "seconds", "singles_seconds", "share")


def problems(zoo):
    for name, classes, clips in LIPBAB:
        for clip in clips:
            for norm in ("1", "2", "inf"):
                path = zoo / "converted" / f"lipbab_{name}.npz"
                yield f"lipbab_{name}", clip, norm, classes, [str(path), f"--clip={clip}"]
    for row, norm, eps in ((0, "inf", "0.01"), (0, "inf", "0.02"), (7, "inf", "0.02"), (0, "2", "0.1"), (0, "1", "0.2")):
        region = ["--input", f"{DATA / 'digits.npy'}#{row}", "--eps", eps]
        yield "digits", f"#{row} {eps}", norm, 10, [str(DATA / "digits.onnx"), *region]


def asked(program, words, norm, output):
    command = [program, "bound", *words, "--in-norm", norm, "--output", output, "--method", "exact", "--threads", "1"]
    command += ["--device", "cpu", "--time", "600s", "--quiet", "--format", "json"]
    found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
    seconds = found["seconds"]["bound"] + found["seconds"]["search"]
    return found["lower"]["value"], found["upper"]["value"], found["exact"], seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--clarke", required=True)
    parser.add_argument("--zoo", type=pathlib.Path, required=True)
    args = parser.parse_args()
    print(",".join(COLUMNS))
    for name, region, norm, classes, words in problems(args.zoo):
        pairs = [(i, j) for i in range(classes) for j in range(i + 1, classes)]
        single = {pair: asked(args.clarke, words, norm, "{}-{}".format(*pair)) for pair in pairs}
        label = classes - 1
        for output, own in (("pairs", pairs), (f"margins:{label}", [p for p in pairs if label in p])):
            lower, upper, exact, seconds = asked(args.clarke, words, norm, output)
            most = [max(single[p][end] for p in own) for end in (0, 1)]
            total = sum(single[p][3] for p in own)
            near = abs(lower - most[0]) <= 1e-9 * most[0] and abs(upper - most[1]) <= 1e-9 * most[1]
            agree = exact and near and all(single[p][2] for p in own)
            row = (name, f'"{region}"', norm, output, len(own), lower, upper, *most, "yes" if agree else "no",
                   f"{seconds:.4f}", f"{total:.4f}", f"{seconds / total:.3f}")
            print(*row, sep=",", flush=True)


if __name__ == "__main__":
    main()
