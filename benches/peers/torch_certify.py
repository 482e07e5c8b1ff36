# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Certified radii of MNIST images: a loop over images in plain PyTorch on the CPU, and clarke on the same images.

A baseline of our own, after CROWN (Zhang et al. 2018): every ReLU lies below its chord and above 0 or z, whichever
takes the smaller triangle. The arguments of every layer are those of intervals, cut with linear back-substitution to
the input, all rows of a layer at once; the last rows are the margins f_c - f_j of the label c. The margins' lines meet
the box, cut to [0, 1], or the 2-norm ball through the norms of their rows. A radius is searched for each image: doubled
or halved from a first guess until one that holds and one that fails are a factor of 2 apart, then bisected to 1 %.
Rounding is ignored, so the radii are not proven.

clarke is asked in turn with it, with the same number of threads: `certify --radius --time 0`, which are its linear
bounds of many images at once and nothing dearer, also to 1 %. Its 2-norm balls are cut to [0, 1] too. Its seconds are
those of the whole process, from start to exit; PyTorch's are those of the loop, without the import and the reading of
the network. The least of some runs counts on both sides.

Columns:
- network, norm, rows: what is asked; the first images of the test set, radii in units of the image.
- threads, dtype: threads of both, numbers of PyTorch.
- neurons: whose bounds are cut: those whose sign intervals leave `open`, or `all`. The radii are the same.
- correct: images whose class is their label. Medians and `share` are of these alone.
- torch_rows_per_s, torch_median_radius; clarke_rows_per_s, clarke_median_radius.
- ratio: rows per second, clarke's over PyTorch's.
- cpu_ratio: the same from processor seconds, which say more on a busy machine.
- share: of the images whose radius is with clarke at least PyTorch's over 1.01.

    pip install numpy onnx torch
    CLARKE_ZOO=folder/of/networks python benches/peers/torch_certify.py target/release/clarke --threads 2

PyTorch must have a fast BLAS: Debian's python3-torch takes the reference one unless libopenblas0-openmp is there.
"""

import argparse
import csv
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin stall each other on a busy machine

import numpy as np
import torch

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]
import real  # noqa: E402
from torch_linear import Relu, pair_up, read_layers  # noqa: E402

GUESS = {"inf": 0.02, "2": 0.25}
FINEST = 1e-6  # no smaller radius is tried


def mnist(folder):
    """Images in [0, 1], one a row, and labels."""
    with gzip.open(folder / "t10k-images-idx3-ubyte.gz") as data:
        levels = np.frombuffer(data.read(), np.uint8, offset=16)
    with gzip.open(folder / "t10k-labels-idx1-ubyte.gz") as data:
        labels = np.frombuffer(data.read(), np.uint8, offset=8)
    return torch.from_numpy(levels.reshape(len(labels), -1) / 255.0), torch.from_numpy(labels.astype(np.int64))


class Ball:
    """Upper bounds of linear functionals on the ball, cut to [0, 1] with norm inf."""

    def __init__(self, x, radius, norm):
        self.radius, self.norm, self.centre = radius, norm, x
        if norm == "inf":
            low, high = (x - radius).clamp_min(0), (x + radius).clamp_max(1)
            self.centre, self.half = (low + high) / 2, (high - low) / 2

    def spread(self, rows, absolute):
        """How far rows x leaves its value at the centre; `absolute` are known magnitudes or norms of the rows."""
        if self.norm == "inf":
            return (rows.abs() if absolute is None else absolute) @ self.half
        return self.radius * (rows.norm(dim=1) if absolute is None else absolute)


class Network:
    """Rows of margins for every class, and what all bounds need of the first layer."""

    def __init__(self, layers, norm):
        self.layers, self.norm = layers, norm
        last = layers[-1]
        everything = torch.arange(len(last.b))
        w = last.rows(everything)
        # Rows f_c - f_j, j other than c, and their constants.
        self.margins = [(w[c] - w[everything != c], last.b[c] - last.b[everything != c]) for c in everything]
        first = layers[0].rows(torch.arange(len(layers[0].b)))
        self.first = first, first.abs() if norm == "inf" else first.norm(dim=1)

    def value(self, x):
        for k, layer in enumerate(self.layers):
            x = layer.forward(x.clamp_min(0) if k else x) + layer.b
        return x


def tops(rows, relus, lines, layers, ball):
    """Upper bounds of functionals `rows` of what the last of the ReLUs gives."""
    constant = rows.new_zeros(len(rows))
    for n in range(len(relus) - 1, -1, -1):
        # Only lines above have a shift.
        constant += rows.clamp_min(0) @ relus[n].shift
        rows = torch.addcmul(rows * lines[0][n], rows.abs(), lines[1][n])
        constant += rows @ layers[n].b
        rows = layers[n].back(rows)
    return constant + rows @ ball.centre + ball.spread(rows, None)


def holds(net, label, ball, every):
    """Is the label proven to lead on the whole ball?"""
    layers, relus = net.layers, []
    rows, size = net.first
    centre, radius = rows @ ball.centre + layers[0].b, ball.spread(rows, size)
    low, high = centre - radius, centre + radius
    for k, layer in enumerate(layers[:-1]):
        if k:
            mid, rad = (low + high)[None] / 2, (high - low)[None] / 2
            centre, radius = layer.forward(mid)[0] + layer.b, layer.spread(rad)[0]
            low, high = centre - radius, centre + radius
            wanted = torch.arange(len(low)) if every else ((low < 0) & (high > 0)).nonzero()[:, 0]
            if len(wanted):
                rows = layer.rows(wanted)
                top = tops(torch.cat((rows, -rows)), relus, lines, layers, ball)
                b, m = layer.b[wanted], len(wanted)
                high[wanted] = torch.minimum(high[wanted], b + top[:m])
                low[wanted] = torch.maximum(low[wanted], b - top[m:])
        relus.append(Relu(low, high))
        lines = pair_up([(r.above, r.below) for r in relus])
        low, high = low.clamp_min(0), high.clamp_min(0)
    rows, constant = net.margins[label]
    return bool((constant - tops(-rows, relus, lines, layers, ball)).min() > 0)


def search(net, x, label, every):
    """The largest radius that holds, to 1 %; 0 where the label does not lead at x."""
    if int(net.value(x[None])[0].argmax()) != label:
        return 0.0
    low, high, radius = 0.0, float("inf"), GUESS[net.norm]
    while high > 1.01 * low and high > FINEST:
        if holds(net, label, Ball(x, radius, net.norm), every):
            low = radius
        else:
            high = radius
        radius = 2 * low if high == float("inf") else high / 2 if low == 0 else (low * high) ** 0.5
    return low


def loop(net, images, labels, every):
    """Radii, wall seconds and processor seconds."""
    with torch.inference_mode():
        search(net, images[0], int(labels[0]), every)  # warms up
        start = time.perf_counter(), time.process_time()
        radii = [search(net, x, int(c), every) for x, c in zip(images, labels)]
    return radii, time.perf_counter() - start[0], time.process_time() - start[1]


def ask(binary, path, folder, norm, rows, threads):
    """clarke's radii, 0 where it proves none, wall seconds and processor seconds."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "rows.jsonl"
        command = [str(binary), "certify", str(path), "--inputs", str(folder / "t10k-images-idx3-ubyte.gz")]
        command += ["--labels", str(folder / "t10k-labels-idx1-ubyte.gz"), "--rows", f"0..{rows}", "--scale", "unit"]
        command += ["--radius", "--norm", norm, "--clip", "0,1", "--time", "0", "--threads", str(threads)]
        command += ["--device", "cpu", "--quiet", "--out", str(out)]
        start = time.perf_counter()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            sys.exit(f"clarke ended with {child.returncode}: {' '.join(command)}")
        found = [json.loads(line) for line in out.read_text().splitlines()[1:]]
    radii = {row["row"]: (row["radius"] or 0.0) if row["correct"] else 0.0 for row in found}
    if sorted(radii) != list(range(rows)) or any(row["error"] for row in found):
        sys.exit("clarke did not finish every row")
    return [radii[k] for k in range(rows)], seconds, used.ru_utime + used.ru_stime


def compared(torch_runs, clarke_runs):
    """The columns of figures."""
    ours, theirs = clarke_runs[0][0], torch_runs[0][0]
    pairs = [(a, b) for a, b in zip(ours, theirs) if a > 0 or b > 0]
    wall, cpu = ([min(run[k] for run in runs) for runs in (torch_runs, clarke_runs)] for k in (1, 2))
    median = [statistics.median(radii) for radii in zip(*pairs)]
    return {
        "correct": len(pairs),
        "torch_rows_per_s": f"{len(theirs) / wall[0]:.4g}",
        "torch_median_radius": f"{median[1]:.6g}",
        "clarke_rows_per_s": f"{len(ours) / wall[1]:.4g}",
        "clarke_median_radius": f"{median[0]:.6g}",
        "ratio": f"{wall[0] / wall[1]:.3g}",
        "cpu_ratio": f"{cpu[0] / cpu[1]:.3g}",
        "share": f"{sum(a >= b / 1.01 for a, b in pairs) / len(pairs):.4g}",
    }


def paths(parser, network):
    """The network's file and the folder of images."""
    zoo = os.environ.get("CLARKE_ZOO")
    if not zoo:
        parser.error("CLARKE_ZOO must name a folder of networks")
    file, images, units = real.NETWORKS[network]
    if (images, units) != ("mnist", "unit"):
        parser.error(f"{network} does not take MNIST images in [0, 1]")
    zoo = Path(zoo).resolve()
    return zoo / file, zoo.parent / "images" / "mnist"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("--network", default="mnist_256x2", help="as in benches/real.py")
    parser.add_argument("--rows", type=int, default=64, help="images")
    parser.add_argument("--norm", action="append", choices=["inf", "2"], help="default: both")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch and of clarke")
    parser.add_argument("--dtype", action="append", choices=["float32", "float64"], help="default: both")
    parser.add_argument("--neurons", action="append", choices=["open", "all"], help="default: both")
    parser.add_argument("--runs", type=int, default=1, help="runs of both in turn; the least time counts")
    args = parser.parse_args()
    path, folder = paths(parser, args.network)
    torch.set_num_threads(args.threads)
    images, labels = mnist(folder)
    columns = "network norm rows threads dtype neurons correct torch_rows_per_s torch_median_radius".split()
    columns += "clarke_rows_per_s clarke_median_radius ratio cpu_ratio share".split()
    out = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    out.writeheader()
    for norm in args.norm or ["inf", "2"]:
        plan = [(d, n) for d in args.dtype or ["float32", "float64"] for n in args.neurons or ["open", "all"]]
        ours, theirs = [], {way: [] for way in plan}
        for _ in range(args.runs):
            ours.append(ask(args.binary.resolve(), path, folder, norm, args.rows, args.threads))
            for way in plan:
                dtype = getattr(torch, way[0])
                net = Network(read_layers(path, torch.Size((1, 28, 28)), dtype), norm)
                theirs[way].append(loop(net, images[: args.rows].to(dtype), labels[: args.rows], way[1] == "all"))
        for way in plan:
            row = {"network": args.network, "norm": norm, "rows": args.rows, "threads": args.threads}
            out.writerow(row | {"dtype": way[0], "neurons": way[1]} | compared(theirs[way], ours))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
