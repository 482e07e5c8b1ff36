#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Which upper ends have a certificate that the checker accepts: every method on small networks.

    python3 benches/certificates.py --zoo FOLDER [--clarke PROGRAM] [--time SECONDS] [--out TABLE.csv]

FOLDER holds the networks of CASES. A line per network, region and method: what the certificate rests on, or why it
can only be run again.
"""

import argparse
import csv
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import numpy as np

NETS = [
    ("converted/lipbab_iris_net_4x5x5x3.npz", None),
    ("converted/lipbab_SDnet_10x15x10x3.npz", None),
    ("converted/lipbab_SDnet_10x30x30x30x3.npz", None),
    ("converted/avant_tiny.onnx", "converted/avant_tiny_x0.npy"),
    ("vnncomp2021-acasxu/ACASXU_run2a_1_1_batch_2000.onnx", None),
    ("converted/lipsdp_mnist.npz", None),
    ("vnncomp2020-nln/tansig_200_100_50.onnx", None),
    ("converted/avant_mnist.onnx", "converted/avant_mnist_x0.npy"),
]
REGIONS = [
    ("inf .01", ["--norm", "inf", "--eps", "0.01"]),
    ("2 .01", ["--norm", "2", "--eps", "0.01"]),
    ("2 .01 anchored", ["--norm", "2", "--eps", "0.01", "--quantity", "anchored"]),
    ("point", ["--norm", "2", "--eps", "0"]),
    ("2 everywhere", ["--norm", "2"]),
    ("inf everywhere", ["--norm", "inf"]),
]


def methods(clarke):
    table = json.loads(subprocess.run([clarke, "methods", "--format", "json"], capture_output=True, check=True).stdout)
    rows = table["methods"] if isinstance(table, dict) else table
    layer = {"layer", "search"}
    return [r["name"] for r in rows if r["scope"].lower() not in layer and r["proves"].lower() in ("upper", "both")]


def inputs(clarke, net, folder):
    seen = json.loads(
        subprocess.run([clarke, "inspect", net, "--format", "json"], capture_output=True, check=True).stdout
    )
    shape = seen.get("input_shape") or seen["inputs"]
    path = folder / "x.npy"
    np.save(path, np.random.default_rng(7).uniform(0.2, 0.8, shape).astype(np.float32))
    return str(path)


def one(clarke, net, where, method, seconds, folder):
    proof = folder / "proof.json"
    proof.unlink(missing_ok=True)
    command = [clarke, "bound", net, *where, "--method", method, "--time", str(seconds), "--threads", "1", "-q"]
    began = time.monotonic()
    run = subprocess.run(
        [*command, "--format", "json", "--certificate", str(proof)], capture_output=True, text=True, check=False
    )
    took = time.monotonic() - began
    if run.returncode not in (0, 5) or not proof.exists():
        return None
    found = json.loads(run.stdout)
    if found["upper"]["method"] in (None, "none") or not isinstance(found["upper"]["value"], (int, float)):
        return None
    began = time.monotonic()
    check = subprocess.run([clarke, "check", str(proof), "--net", net, "--format", "json"], capture_output=True, text=True)
    checked = time.monotonic() - began
    said = json.loads(check.stdout)
    status = said.get("verdict", "")
    rule = json.loads(proof.read_text())["proof"]
    text = rule.get("text") or said.get("reason") or ", ".join(said.get("rules", []))
    text = re.sub(r"\s+", " ", text)
    return [found["upper"]["method"], found["upper"]["value"], status, text, round(took, 2), round(checked, 2)]


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--zoo", type=pathlib.Path, required=True)
    ask.add_argument("--clarke", default="target/release/clarke")
    ask.add_argument("--time", type=float, default=5)
    ask.add_argument("--methods", help="names, separated by commas (default: all)")
    ask.add_argument("--out", type=pathlib.Path)
    args = ask.parse_args()
    out = open(args.out, "x", newline="") if args.out else sys.stdout
    rows = csv.writer(out)
    rows.writerow(["network", "region", "method", "by", "upper", "status", "rests on", "seconds", "check"])
    count = {}
    names = args.methods.split(",") if args.methods else [*methods(args.clarke), "auto"]
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        for net, centre in NETS:
            path = str(args.zoo / net)
            x = str(args.zoo / centre) if centre else inputs(args.clarke, path, folder)
            for name, flags in REGIONS:
                where = flags if "everywhere" in name else [*flags, "--input", x]
                for method in names:
                    found = one(args.clarke, path, where, method, args.time, folder)
                    if found:
                        rows.writerow([pathlib.Path(net).stem, name, method, *found])
                        out.flush()
                        count[found[2]] = count.get(found[2], 0) + 1
    print(count, file=sys.stderr)


if __name__ == "__main__":
    main()
