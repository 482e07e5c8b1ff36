# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""lipopt on networks of growing size: seconds and the bound, beside what `auto` proves in the same time.

The networks are those of random weights that tests/data/make_seeded.py writes, each on all of R^n and on the box
[-RADIUS, RADIUS]^n, from the norm inf to the only output. Every row is two runs of `clarke bound`, one after the other.

Columns:
- network, neurons, radius: widths and seed; hidden neurons; `all` for R^n.
- free: neurons whose slope is open there.
- lipopt, seconds: its bound and its time alone; empty with `note` where it refuses.
- auto, auto_lower, auto_seconds, auto_method: both ends of `auto`, and what gave the upper one.
- ratio: lipopt over auto.

    python tests/data/make_seeded.py NETS 4-6-1 4-12-1 4-6-6-1
    python benches/lipopt.py target/release/clarke NETS/*.npz --time 60 > lipopt.csv
"""

import argparse
import json
import math
import pathlib
import subprocess
import sys
import time

COLUMNS = "network,neurons,radius,free,lipopt,seconds,auto,auto_lower,auto_seconds,auto_method,ratio,note"


def bound(program, path, method, radius, seconds, threads):
    """The report of one run, and its seconds."""
    command = [program, "bound", path, "--method", method, "--quiet", "--format", "json"]
    command += ["--time", f"{seconds}s", "--threads", str(threads)]
    if radius != "all":
        command += [f"--clip=-{radius},{radius}"]
    started = time.monotonic()
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if run.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit {run.returncode}")
    return json.loads(run.stdout), time.monotonic() - started


def row(arguments, path, radius):
    """One network and region."""
    widths = path.stem.split("_")[0].split("-")
    neurons = sum(map(int, widths[1:-1]))
    means = radius, arguments.time, arguments.threads
    own, seconds = bound(arguments.program, path, "lipopt", *means)
    auto, auto_seconds = bound(arguments.program, path, "auto", *means)
    upper, best = own["upper"]["value"], auto["upper"]["value"]
    silent = [w["text"] for w in own["warnings"] if w["code"].startswith("method-")]
    found = math.isfinite(float(upper)) and not silent
    return [
        path.stem, neurons, radius, own["net"]["free_neurons"],
        f"{upper:.9g}" if found else "", f"{seconds:.2f}",
        f"{best:.9g}", f"{auto['lower']['value']:.9g}", f"{auto_seconds:.2f}", auto["upper"]["method"],
        f"{upper / best:.6f}" if found else "", "; ".join(silent).replace(",", ";"),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the clarke to run")
    parser.add_argument("networks", nargs="+", type=pathlib.Path, help="files of make_seeded.py")
    parser.add_argument("--radius", default="0.5", help="of the box [%(default)s]")
    parser.add_argument("--time", type=int, default=60, help="seconds a run [%(default)s]")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    print(COLUMNS, flush=True)
    for path in arguments.networks:
        for radius in ("all", arguments.radius):
            print(*row(arguments, path, radius), sep=",", flush=True)


if __name__ == "__main__":
    main()
