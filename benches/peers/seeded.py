# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Networks of random weights that are hard for exact methods: clarke's search, and lipbab_numpy.py for comparison.

Prints CSV: network,radius,norm,tool,lower,upper,gap,parts,wall_s,cpu_s. The network's last number is its seed, the
region the box [-radius, radius]^n, gap is upper / lower - 1. Times are of the whole process, and both tools may use
--time seconds of processor time (clarke on --threads threads).

    python tests/data/make_seeded.py NETS 10-32-32-1 6-24-24-24-1 5-16-16-16-3 10-20-20-2 20-40-40-2
    python benches/peers/seeded.py --clarke target/release/clarke NETS
"""

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import time

# Widths, radius, norm; the first three are to be exact, the others leave gaps.
PROBLEMS = [
    ("10-32-32-1", 0.1, "inf"),
    ("6-24-24-24-1", 0.1, "inf"),
    ("5-16-16-16-3", 0.3, "2"),
    ("10-20-20-2", 0.3, "2"),
    ("6-24-24-24-1", 0.3, "2"),
    ("20-40-40-2", 0.05, "2"),
]
BASELINE = pathlib.Path(__file__).with_name("lipbab_numpy.py")


def processor(command):
    """Standard output, and the seconds that passed and that were used."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    out = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - started
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return out, wall, used


def clarke(program, path, radius, norm, seconds, threads):
    command = [program, "bound", path, f"--clip={-radius},{radius}", "--norm", norm, "--method", "exact", "--quiet"]
    command += ["--time", f"{seconds / threads:.0f}s", "--threads", str(threads), "--format", "json"]
    out, wall, used = processor(command)
    found = json.loads(out)
    return found["lower"]["value"], found["upper"]["value"], found["nodes"], wall, used


def baseline(path, radius, norm, seconds):
    command = [sys.executable, str(BASELINE), "--lo", str(-radius), "--hi", str(radius), "--norm", norm]
    out, wall, used = processor([*command, "--time", str(seconds), path])
    lower, upper, nodes = out.splitlines()[1].split(",")[4:7]
    return float(lower), float(upper), int(nodes), wall, used


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--clarke", help="the program; without it only the baseline runs")
    parser.add_argument("--no-baseline", action="store_true")
    parser.add_argument("--time", type=float, default=200, help="seconds of processor time per problem")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    print("network,radius,norm,tool,lower,upper,gap,parts,wall_s,cpu_s")
    for widths, radius, norm in PROBLEMS:
        for seed in range(1, args.seeds + 1):
            name = f"{widths}_{seed}"
            path = str(args.folder / f"{name}.npz")
            results = []
            if args.clarke:
                results.append(("clarke", clarke(args.clarke, path, radius, norm, args.time, args.threads)))
            if not args.no_baseline:
                results.append(("lipbab_numpy", baseline(path, radius, norm, args.time)))
            for tool, (lower, upper, parts, wall, used) in results:
                gap = upper / lower - 1
                print(f"{name},{radius},{norm},{tool},{lower!r},{upper!r},{gap:.3g},{parts},{wall:.1f},{used:.1f}",
                      flush=True)


main()
