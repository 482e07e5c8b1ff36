# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""The steepest margin by one search, and by a search for every margin.

Prints CSV. All with --method exact on one thread, each in a process of its own. Seconds are those of processor time that a
process took, start and import (some milliseconds, `start_seconds`) included, and the least of several runs where these
are short; `share` is the first by the second without what starting takes on either side. The networks are LipBaB's (converted to .npz)
on the boxes of its paper, and the digits network of the repository on balls.

    python benches/margins.py --clarke target/release/clarke --zoo NETS
"""

import argparse
import json
import pathlib
import resource
import subprocess

LIPBAB = [
    ("iris_net_4x5x5x3", 3, ["0,1"]),
    ("SDnet_10x15x10x3", 3, ["0,0.1"]),
    ("SDnet_10x20x15x10x3", 3, ["0,0.1"]),
    ("SDnet_10x30x30x30x3", 3, ["0,0.1"]),
]
DATA = pathlib.Path(__file__).parents[1] / "tests" / "data"
COLUMNS = ("network", "region", "in_norm", "output", "margins", "lower", "upper", "largest_lower", "largest_upper",
           "agree", "seconds", "singles_seconds", "start_seconds", "share")


def problems(zoo):
    for name, classes, clips in LIPBAB:
        for clip in clips:
            for norm in ("1", "2", "inf"):
                path = zoo / "converted" / f"lipbab_{name}.npz"
                yield f"lipbab_{name}", clip, norm, classes, [str(path), f"--clip={clip}"]
    for row, norm, eps in ((0, "inf", "0.01"), (0, "inf", "0.02"), (7, "inf", "0.02"), (0, "2", "0.1"), (0, "1", "0.2")):
        region = ["--input", f"{DATA / 'digits.npy'}#{row}", "--eps", eps]
        yield "digits", f"#{row} {eps}", norm, 10, [str(DATA / "digits.onnx"), *region]


# Runs of which the shortest counts, until they have taken so many seconds.
RUNS, ENOUGH = 5, 0.5


def asked(program, words, norm, output):
    """Both ends, whether they agree, and the seconds of the shortest run."""
    runs = [once(program, words, norm, output)]
    while len(runs) < RUNS and sum(run[3] for run in runs) < ENOUGH:
        runs.append(once(program, words, norm, output))
    return (*runs[0][:3], min(run[3] for run in runs))


def once(program, words, norm, output, method="exact"):
    command = [program, "bound", *words, "--in-norm", norm, "--output", output, "--method", method, "--threads", "1"]
    command += ["--device", "cpu", "--time", "600s", "--quiet", "--format", "json"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
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
        start = min(once(args.clarke, words, norm, "0", "centre")[3] for _ in range(RUNS))
        label = classes - 1
        for output, own in (("pairs", pairs), (f"margins:{label}", [p for p in pairs if label in p])):
            lower, upper, exact, seconds = asked(args.clarke, words, norm, output)
            most = [max(single[p][end] for p in own) for end in (0, 1)]
            total = sum(single[p][3] for p in own)
            share = (seconds - start) / (total - len(own) * start)
            near = abs(lower - most[0]) <= 1e-9 * most[0] and abs(upper - most[1]) <= 1e-9 * most[1]
            agree = exact and near and all(single[p][2] for p in own)
            row = (name, f'"{region}"', norm, output, len(own), lower, upper, *most, "yes" if agree else "no",
                   f"{seconds:.4f}", f"{total:.4f}", f"{start:.4f}", f"{share:.3f}")
            print(*row, sep=",", flush=True)


if __name__ == "__main__":
    main()
