# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Global constants of small trained networks with relus and sorts, as far as the exact search comes in a time.

Prints CSV: network,act,norm,limit_s,threads,lower,upper,gap,upper_by,parts,status,wall_s,cpu_s,cpu,cores. The gap is
upper / lower - 1, times are of the whole process. Networks are those of tests/data/make_groups.py.

    python benches/groups.py target/release/clarke --time 600 wine-relu bike-relu
"""

import argparse
import csv
import json
import os
import pathlib
import resource
import subprocess
import sys
import time

import numpy

FOLDER = pathlib.Path(__file__).parent.parent / "tests" / "data" / "groups"


def processor():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("clarke")
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--time", type=int, default=600)
    parser.add_argument("--norm", default="2")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    out = csv.writer(sys.stdout, lineterminator="\n")
    names = "network,act,norm,limit_s,threads,lower,upper,gap,upper_by,parts,status,wall_s,cpu_s,cpu,cores"
    out.writerow(names.split(","))
    for name in args.networks:
        path = FOLDER / f"{name}.npz"
        command = [args.clarke, "bound", str(path), "--norm", args.norm, "--method", "exact", "--quiet"]
        command += ["--time", f"{args.time}s", "--threads", str(args.threads), "--format", "json"]
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        lower, upper = found["lower"]["value"], found["upper"]["value"]
        act = str(numpy.load(path)["act1"])
        row = [name, act, args.norm, args.time, args.threads, lower, upper, f"{upper / lower - 1:.3g}"]
        row += [found["upper"]["method"], found["nodes"], found["status"], f"{wall:.1f}", f"{used:.1f}"]
        out.writerow([*row, processor(), os.cpu_count()])
        sys.stdout.flush()


main()
