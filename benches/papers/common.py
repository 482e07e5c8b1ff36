# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""What the pages of this folder share: asking clarke, networks as files, and tables of published against proven.

A page is PAGE.md with a table between two markers, PAGE.py that makes it, and PAGE.csv with the same rows unrounded.
`--write` replaces both; without it the CSV goes to standard output.
"""

import argparse
import csv
import datetime
import decimal
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

BEGIN, END = "<!-- table: written by {} -->", "<!-- end of table -->"
COLUMNS = ["case", "source", "claim", "published", "lower", "upper", "by", "seconds", "verdict"]
HEADS = ["case", "published by", "as", "published", "clarke lower", "clarke upper", "method", "seconds", "verdict"]


def arguments(doc, limit):
    """The flags that every page has; `limit` is the default of --time."""
    ask = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--clarke", default="target/release/clarke", help="the program (default: %(default)s)")
    zoo = os.environ.get("CLARKE_ZOO")
    zoo = zoo and pathlib.Path(zoo)
    ask.add_argument("--zoo", type=pathlib.Path, default=zoo, help="folder of real networks [CLARKE_ZOO]")
    ask.add_argument("--time", type=float, default=limit, help="seconds for each case (default: %(default)s)")
    ask.add_argument("--threads", type=int, default=1, help="(default: %(default)s)")
    ask.add_argument("--long", action="store_true", help="the cases that need minutes, too")
    ask.add_argument("--write", action="store_true", help="replace the table of the page and its CSV")
    return ask


def significant(value, digits, up):
    """A decimal of so many digits that is not below (up) or not above the value."""
    if not np.isfinite(value):
        return "∞"
    if value == 0:
        return "0"
    rounding = decimal.ROUND_CEILING if up else decimal.ROUND_FLOOR
    exact = decimal.Decimal(value)
    if len(repr(value).replace(".", "").lstrip("0")) <= digits:
        return f"{value:.{digits}g}"
    with decimal.localcontext(decimal.Context(prec=digits, rounding=rounding)):
        text = +exact
    return f"{text:f}" if -4 < text.adjusted() < 10 else f"{text:e}"


def verdict(claim, published, lower, upper):
    """What the ends say of a published figure, which stands for itself within half of its last digit.

    Claims: `exact` and `value` (of a norm or a formula), `upper`, `lower`; `compare` for other networks or methods.
    """
    if not published:
        return ""
    text = decimal.Decimal(published)
    half = float(decimal.Decimal(1).scaleb(text.as_tuple().exponent) / 2)
    value = float(text)
    if claim == "compare":
        return f"clarke's upper / it: {upper / value:.4g}"
    if value + half < lower and claim != "lower":
        share = f"{(1 - value / lower) * 100:.2g} %" if value > 0.5 * lower else f"a factor {lower / value:.3g}"
        return f"**too low** by {share} at least"
    if value - half > upper:
        above = f"a factor {value / upper:.3g}" if value > 1.1 * upper else f"{(value / upper - 1) * 100:.2g} %"
        return f"above clarke's by {above}" if claim == "upper" else f"**too high** by {above} at least"
    if claim == "lower":
        return "true" if value + half <= lower else "not refuted"
    if claim == "upper":
        return "not refuted; clarke proves no more" if upper > 1.01 * lower else "true, and tight"
    return "agrees" if upper <= 1.01 * lower else "not refuted"


class Page:
    """The rows of a page, shown as they come."""

    def __init__(self, script, args, digits=6):
        self.script, self.args, self.digits, self.rows = pathlib.Path(script), args, digits, []
        self.began = time.monotonic()
        self.scratch = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.scratch.name)

    def zoo(self, name):
        """A file of the zoo; none, with a word on standard error, where it is missing."""
        path = self.args.zoo / name if self.args.zoo else None
        if path and path.exists():
            return path
        print(f"left out: {name} (--zoo or CLARKE_ZOO names the folder)", file=sys.stderr)
        return None

    def run(self, words, limit=None):
        """The JSON that clarke gives, and the seconds it took; none where it refuses."""
        limit = self.args.time if limit is None else limit
        command = [self.args.clarke, *map(str, words), "--time", f"{limit:g}s", "--threads", str(self.args.threads)]
        began = time.monotonic()
        ran = subprocess.run([*command, "--format", "json", "-q"], capture_output=True, text=True, check=False)
        seconds = time.monotonic() - began
        if ran.returncode not in (0, 5):
            print(" ".join(map(str, words)), ran.stderr.strip().split("\n")[0], sep=": ", file=sys.stderr)
            return None, seconds
        return json.loads(ran.stdout), seconds

    def methods(self):
        """The names that this program knows."""
        said = subprocess.run([self.args.clarke, "methods"], capture_output=True, text=True, check=True).stdout
        return {line.split()[0] for line in said.split("\n") if line and not line.startswith(" ")}

    def bound(self, net, *flags, limit=None):
        """Lower, upper, method of the upper end, seconds; none where clarke refuses."""
        said, seconds = self.run(["bound", net, *flags], limit)
        if said is None:
            return None
        ends = [float(said[end]["value"]) if said[end]["value"] is not None else np.inf for end in ("lower", "upper")]
        return *ends, said["upper"]["method"] or "none", seconds

    def row(self, case, source, claim, published, found):
        if found is None:
            return
        lower, upper, by, seconds = found
        said = verdict(claim, published, lower, upper)
        self.rows.append([case, source, claim, published, lower, upper, by, round(seconds, 2), said])
        print(*self.rows[-1], sep=" | ", file=sys.stderr, flush=True)

    def heading(self):
        model = "unknown"
        if pathlib.Path("/proc/cpuinfo").exists():
            lines = pathlib.Path("/proc/cpuinfo").read_text().split("\n")
            model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
        taken = time.monotonic() - self.began
        threads = f"{self.args.threads} thread{'s' * (self.args.threads != 1)} of {os.cpu_count()} cores"
        tool = subprocess.run([self.args.clarke, "--version"], capture_output=True, text=True, check=True).stdout.strip()
        limit = f"`--time {self.args.time:g}`{' `--long`' * self.args.long}"
        return f"{datetime.date.today()}, {model}, {threads}, {tool}, {limit}, {taken:.0f} s in all."

    def finish(self):
        out = open(self.script.with_suffix(".csv"), "w", newline="") if self.args.write else sys.stdout
        table = csv.writer(out, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows(self.rows)
        if not self.args.write:
            return
        out.close()
        lines = [self.heading(), "", "| " + " | ".join(HEADS) + " |", "|" + " --- |" * len(HEADS)]
        for case, source, claim, published, lower, upper, by, seconds, said in self.rows:
            ends = significant(lower, self.digits, False) if lower else "–", significant(upper, self.digits, True)
            cells = [case, source, claim, published or "–", *ends, f"`{by}`", f"{seconds:.2f}", said]
            lines.append("| " + " | ".join(cells) + " |")
        page = self.script.with_suffix(".md")
        begin = BEGIN.format(self.script.name)
        head, rest = page.read_text().split(begin)
        tail = rest.split(END)[1]
        page.write_text(head + begin + "\n\n" + "\n".join(lines) + "\n\n" + END + tail)


def mlp(path, weights, biases=None, **more):
    """A fully connected network as .npz: relu between the layers unless `more` names other functions."""
    arrays = {f"W{k}": w for k, w in enumerate(weights, 1)}
    arrays |= {f"b{k}": b for k, b in enumerate(biases or [np.zeros(len(w)) for w in weights], 1)}
    np.savez(path, **arrays, **more)
    return path


def he(widths, seed, bias=0.1):
    """Weights N(0, 2 / fan-in), biases `bias` times N(0, 1), layer by layer, from numpy's default generator."""
    random = np.random.default_rng(seed)
    weights, biases = [], []
    for fan_in, fan_out in zip(widths, widths[1:]):
        weights.append(random.standard_normal((fan_out, fan_in)) * np.sqrt(2 / fan_in))
        biases.append(bias * random.standard_normal(fan_out))
    return weights, biases


def conv_net(path, shape, layers):
    """An ONNX file: a chain of ("conv", kernel, stride, pad), ("relu",), ("flat",) and ("dense", weights, biases)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants, last = [], [], "x"
    for k, (kind, *rest) in enumerate(layers):
        name = f"t{k}"
        given = [last]
        for j, array in enumerate(a for a in rest if isinstance(a, np.ndarray)):
            constants.append(numpy_helper.from_array(array.astype(np.float32), f"c{k}_{j}"))
            given.append(f"c{k}_{j}")
        if kind == "conv":
            _, stride, pad = rest
            sides = {"strides": [stride] * 2, "pads": [pad] * 4, "kernel_shape": list(rest[0].shape[2:])}
            nodes.append(helper.make_node("Conv", given, [name], **sides))
        elif kind == "dense":
            nodes.append(helper.make_node("Gemm", given, [name], transB=1))
        else:
            nodes.append(helper.make_node({"relu": "Relu", "flat": "Flatten"}[kind], given, [name]))
        last = name
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, *shape])]
    ends.append(helper.make_tensor_value_info(last, TensorProto.FLOAT, None))
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path
