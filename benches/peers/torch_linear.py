# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Time linear propagation of local Lipschitz bounds in plain PyTorch on the CPU, and clarke on the same problem.

A baseline of our own, after Shi et al. 2022: the bounds of every ReLU's argument on a box are those of intervals, cut
with linear back-substitution (CROWN: max(z, 0) below its chord and above 0 or z, whichever takes the smaller triangle)
where intervals leave its sign open. The Clarke Jacobian then goes through the gradient's own graph: where a slope
between 0 and 1 meets a gradient G, max(0, G) and min(0, G) are replaced by their chords, and functionals are carried
from the gradient by a layer's arguments to the output, again only where intervals leave a sign open. Inf to inf, the
magnitudes of a row are replaced by their chords too, and their sum is one functional more; 2 to 2, every entry is
bounded and the norm is that of the magnitudes, or of the centres plus that of the radii. Rounding is ignored, so the
bounds are not proven. Batches go through conv2d, conv_transpose2d and matrix products.

clarke is asked right after, with the same number of threads: its own linear propagation alone, then everything it has,
for several limits of time. Its seconds are wall seconds of the whole process, from start to exit; PyTorch's are those
of the bound alone, the least of some runs after a warm-up, without the import and the reading of the network.

Columns:
- network, norm, eps, image: what is asked; the norm from inputs to outputs, the region a box also with norm 2. All in
  units of the image.
- dtype, threads: PyTorch's; clarke has as many threads.
- open: ReLUs whose slope is not fixed on the box, of how many.
- torch_upper, torch_s: the baseline's bound and seconds.
- clarke_lower: the largest lower end that clarke has proven in any of its runs. A bound below it ends the script.
- linear_upper, linear_s, linear_ratio: clarke's linear propagation alone (--method jacobian-linear), torch_s over its
  seconds. Where few ReLUs are open it leaves the entries of a row as intervals gave them, and is then looser.
- upper@T, s@T: the upper end and seconds of `clarke bound --time T`.
- tight_at, tight_s, tight_ratio: the least T whose upper end is at most torch_upper (1 + 1e-6), its seconds, and
  torch_s over these; empty where there is none.

    pip install numpy onnx torch
    CLARKE_ZOO=folder/of/networks python benches/peers/torch_linear.py target/release/clarke --threads 2

PyTorch must have a fast BLAS: Debian's python3-torch takes the reference one unless libopenblas0-openmp is there.
"""

import argparse
import csv
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin stall each other on a busy machine

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import helper, numpy_helper

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import real  # noqa: E402

CASES = [
    "cifar_base_kw inf 2/255",
    "cifar_base_kw 2 2/255",
    "random_conv inf 0.01",
    "random_conv 2 0.01",
    "mnist_256x4 inf 2/255",
    "mnist_256x4 2 2/255",
]


class Dense:
    def __init__(self, w, b):
        self.w, self.b, self.w_abs = w.contiguous(), b, w.abs()

    def forward(self, x):
        return x @ self.w.T

    def back(self, y):
        return y @ self.w

    def spread(self, radius):
        return radius @ self.w_abs.T

    def spread_back(self, radius):
        return radius @ self.w_abs

    def rows(self, wanted):
        return self.w[wanted]

    def columns(self, wanted):
        return self.w.T[wanted]


class Conv:
    def __init__(self, w, b, stride, pad, shape):
        self.w, self.w_abs, self.shape = w, w.abs(), shape
        self.options = {"stride": stride, "padding": pad}
        self.out = F.conv2d(w.new_zeros(1, *shape), w, **self.options).shape[1:]
        # Rows and columns at the border that no kernel reaches.
        rest = [
            shape[1 + i] - ((self.out[1 + i] - 1) * stride[i] - 2 * pad[i] + w.shape[2 + i]) for i in range(2)
        ]
        self.back_options = {"output_padding": rest, **self.options}
        self.b = b.repeat_interleave(self.out[1] * self.out[2])
        self.all_columns = None

    def forward(self, x):
        return F.conv2d(x.view(-1, *self.shape), self.w, **self.options).flatten(1)

    def back(self, y):
        return F.conv_transpose2d(y.view(-1, *self.out), self.w, **self.back_options).flatten(1)

    def spread(self, radius):
        return F.conv2d(radius.view(-1, *self.shape), self.w_abs, **self.options).flatten(1)

    def spread_back(self, radius):
        return F.conv_transpose2d(radius.view(-1, *self.out), self.w_abs, **self.back_options).flatten(1)

    def rows(self, wanted):
        units = self.w.new_zeros(len(wanted), math.prod(self.out))
        units[torch.arange(len(wanted)), wanted] = 1
        return self.back(units)

    def columns(self, wanted):
        if self.all_columns is None:
            self.all_columns = self.forward(torch.eye(math.prod(self.shape), dtype=self.w.dtype))
        return self.all_columns[wanted]


def read_layers(path, shape, dtype):
    """Layers with a ReLU between any two."""
    graph = onnx.load(path).graph
    arrays = {t.name: numpy_helper.to_array(t).astype(np.float64) for t in graph.initializer}
    tensors = {name: torch.from_numpy(array).to(dtype) for name, array in arrays.items()}
    layers, ops = [], []
    for node in graph.node:
        if node.op_type == "Flatten":
            continue
        ops.append("Relu" if node.op_type == "Relu" else "layer")
        if node.op_type == "Relu":
            continue
        attrs = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        w = tensors[node.input[1]]
        if node.op_type == "Gemm":
            assert not attrs.get("transA", 0) and attrs.get("alpha", 1.0) == attrs.get("beta", 1.0) == 1.0
            w = w if attrs.get("transB", 0) else w.T
        else:
            assert node.op_type == "Conv" and attrs.get("group", 1) == 1 and set(attrs.get("dilations", [1])) == {1}
        b = tensors[node.input[2]] if len(node.input) > 2 else w.new_zeros(len(w))
        if node.op_type == "Gemm":
            layers.append(Dense(w, b))
        else:
            pads = attrs.get("pads", [0] * 4)
            assert pads[:2] == pads[2:]
            layers.append(Conv(w, b, attrs.get("strides", [1, 1]), pads[:2], shape))
            shape = layers[-1].out
    assert ops == (["layer", "Relu"] * len(layers))[:-1], f"not a chain with ReLUs: {ops}"
    return layers


class Relu:
    """Bounds of its argument, slopes, and the lines above and below."""

    def __init__(self, low, high):
        self.low, self.high = low, high
        self.open, self.dead = (low < 0) & (high > 0), high <= 0
        fixed = (~self.open & ~self.dead).to(low.dtype)
        chord = high / (high - low)
        self.above = torch.where(self.open, chord, fixed)
        self.shift = torch.where(self.open, -low * chord, torch.zeros_like(low))
        self.below = torch.where(self.open, (high > -low).to(low.dtype), fixed)
        # Slopes of the gradient.
        self.least, self.most = fixed, (~self.dead).to(low.dtype)


def pair_up(layers):
    """max(c, 0) f + min(c, 0) g = c (f + g)/2 + |c| (f - g)/2: one pass without branches."""
    return [(f + g) / 2 for f, g in layers], [(f - g) / 2 for f, g in layers]


def chunks(wanted, size):
    return wanted.split(size) if len(wanted) else []


def arguments(layers, low, high, chunk):
    """A Relu for every layer but the last."""
    mid, rad = (low + high) / 2, (high - low) / 2
    box_mid, box_rad, relus = mid, rad, []
    for k, layer in enumerate(layers[:-1]):
        centre = layer.forward(mid[None])[0] + layer.b
        radius = layer.spread(rad[None])[0]
        low, high = centre - radius, centre + radius
        if k:
            lines = pair_up([(r.above, r.below) for r in relus])
            for wanted in chunks(((low < 0) & (high > 0)).nonzero()[:, 0], chunk):
                rows = layer.rows(wanted)
                rows = torch.cat((rows, -rows))
                constant = rows.new_zeros(len(rows))
                for n in range(k - 1, -1, -1):
                    # Only lines above have a shift.
                    constant += rows.clamp_min(0) @ relus[n].shift
                    rows = torch.addcmul(rows * lines[0][n], rows.abs(), lines[1][n])
                    constant += rows @ layers[n].b
                    rows = layers[n].back(rows)
                top = constant + rows @ box_mid + rows.abs() @ box_rad
                b, m = layer.b[wanted], len(wanted)
                high[wanted] = torch.minimum(high[wanted], b + top[:m])
                low[wanted] = torch.maximum(low[wanted], b - top[m:])
        relus.append(Relu(low, high))
        low, high = low.clamp_min(0), high.clamp_min(0)
        mid, rad = (low + high) / 2, (high - low) / 2
    return relus


def without_dead(layers, relus):
    """Drops neurons that are 0 on all of the box and lie between two dense layers."""
    layers, relus = list(layers), list(relus)
    for k, relu in enumerate(relus):
        if isinstance(layers[k], Dense):
            keep = (~relu.dead).nonzero()[:, 0]
            layers[k] = Dense(layers[k].w[keep], layers[k].b[keep])
            layers[k + 1] = Dense(layers[k + 1].w[:, keep], layers[k + 1].b)
            relus[k] = Relu(relu.low[keep], relu.high[keep])
    return layers, relus


class Chords:
    """max(s G) and min(s G) over the slopes s of a ReLU, for G in [low, high]: lines above both."""

    def __init__(self, relu, low, high):
        zero = torch.zeros_like(low)
        width = (high - low).clamp_min(torch.finfo(low.dtype).tiny)
        both = (low < 0) & (high > 0)
        over = torch.where(both, high / width, (low >= 0).to(low.dtype))
        under = torch.where(both, -low / width, (low < 0).to(low.dtype))
        shift = torch.where(both, -low * high / width, zero)
        over, under = (torch.where(relu.open, v, relu.least) for v in (over, under))
        shift = torch.where(relu.open, shift, zero)
        # max(0, G) <= over G + shift and, below, min(0, G) >= under G - shift.
        self.mean, self.half, self.shift = (over + under) / 2, (over - under) / 2, shift


def carried(c, k, layers, chords, value):
    """Upper bounds of functionals c of what layer k's output is multiplied with in the gradient."""
    constant = 0
    for n in range(k, len(layers) - 1):
        size = c.abs()
        constant = constant + size @ chords[n].shift
        c = (c * chords[n].mean).addcmul_(size, chords[n].half)
        if n + 2 < len(layers):
            c = layers[n + 1].forward(c)
    return constant + c @ value


def jacobian(layers, relus, every, chunk):
    """Ends of the Jacobian's entries, all refined or only those of open sign, and the lines of every output."""
    last = len(layers) - 1
    low = high = layers[last].rows(torch.arange(len(layers[last].b)))
    values, lines = low, [[None] * last for _ in low]
    for k in range(last - 1, -1, -1):
        relu = relus[k]
        for i in range(len(values)):
            lines[i][k] = Chords(relu, low[i], high[i])
        low = torch.minimum(low * relu.least, low * relu.most)
        high = torch.maximum(high * relu.least, high * relu.most)
        mid, rad = layers[k].back((low + high) / 2), layers[k].spread_back((high - low) / 2)
        low, high = mid - rad, mid + rad
        refined = (low < 0) & (high > 0)
        if k == last - 1:
            continue  # a single product with slopes: intervals are as good
        if k:
            refined &= relus[k - 1].open
        elif every:
            refined[:] = True
        for i in range(len(values)):
            for wanted in chunks(refined[i].nonzero()[:, 0], chunk):
                c = layers[k].columns(wanted)
                top = carried(torch.cat((c, -c)), k, layers, lines[i], values[i])
                high[i, wanted] = torch.minimum(high[i, wanted], top[: len(wanted)])
                low[i, wanted] = torch.maximum(low[i, wanted], -top[len(wanted) :])
    return low, high, lines, values


def bound(layers, low, high, scale, norm, chunk):
    """A bound on the Jacobian's norm, its columns multiplied by `scale`; and how many ReLUs are open."""
    relus = arguments(layers, low, high, chunk)
    count = sum(int(r.open.sum()) for r in relus)
    layers, relus = without_dead(layers, relus)
    low, high, lines, values = jacobian(layers, relus, norm == "2", chunk)
    size = torch.maximum(low.abs(), high.abs()) * scale
    if norm == "2":
        parts = (low + high) / 2 * scale, (high - low) / 2 * scale
        return min(spectral(size), sum(map(spectral, parts))), count
    sums = size.sum(1)
    # |J| below its chord, and the sum carried in one piece.
    both = (low < 0) & (high > 0)
    width = torch.where(both, high - low, torch.ones_like(low))
    slope = torch.where(both, (high + low) / width, torch.where(low >= 0, 1.0, -1.0).to(low.dtype)) * scale
    shift = torch.where(both, -2 * high * low / width, torch.zeros_like(low)) @ scale
    c = layers[0].forward(slope)
    for i in range(len(sums)):
        whole = shift[i] + carried(c[i : i + 1], 0, layers, lines[i], values[i])[0]
        sums[i] = torch.minimum(sums[i], whole)
    return sums.max().item(), count


def spectral(matrix):
    matrix = matrix.double()
    return math.sqrt(max(torch.linalg.eigvalsh(matrix @ matrix.T)[-1].item(), 0))


def timed(case, inputs, image, path, args, dtype):
    """Bound, seconds, open ReLUs and all of them."""
    shape, levels = inputs.levels(case.images, image)
    shape = torch.Size(shape[-3:] if len(shape) >= 3 else (1, *shape))
    x = torch.tensor(list(levels), dtype=torch.float64) / 255
    mean, std = case.units if isinstance(case.units, tuple) else ("0", "1")
    mean, std = (torch.tensor([float(v) for v in w.split(",")], dtype=torch.float64) for w in (mean, std))
    mean, std = (v.repeat_interleave(len(x) // len(v)) for v in (mean, std))
    ends = [((x + r).clamp(0, 1) - mean) / std for r in (-case.radius(), case.radius())]
    low, high, scale = (v.to(dtype) for v in (*ends, 1 / std))
    layers = read_layers(path, shape, dtype)
    times = []
    with torch.inference_mode():
        for run in range(args.runs + 1):
            for layer in layers:
                layer.all_columns = None
            start = time.perf_counter()
            found = bound(layers, low, high, scale, case.norm, args.chunk)
            times.append(time.perf_counter() - start)
    return found[0], min(times[1:]), found[1], sum(len(layer.b) for layer in layers[:-1])


def ask(binary, words, limit, args, *more):
    """Both ends and wall seconds."""
    command = [str(binary), *words, *more, "--threads", str(args.threads), "--time", f"{limit:g}s"]
    command += ["--format", "json", "--quiet"]
    start = time.perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120 + 4 * limit)
    seconds = time.perf_counter() - start
    try:
        answer = json.loads(done.stdout)
        return real.end(answer["upper"], math.inf), real.end(answer["lower"], 0.0), seconds
    except (ValueError, KeyError):
        complaint = done.stderr.decode(errors="replace")[-500:]
        sys.exit(f"torch_linear.py: clarke ended with {done.returncode}: {complaint}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch and of clarke")
    parser.add_argument("--dtype", action="append", choices=["float32", "float64"], help="default: both")
    parser.add_argument("--case", action="append", help="network, norm and radius as in benches/real.py")
    parser.add_argument("--image", type=int, default=0, help="row of the data set")
    parser.add_argument("--times", default="0.05,0.1,0.2,0.5,1,1.5,2,5,10", help="limits for clarke, in seconds")
    parser.add_argument("--runs", type=int, default=3, help="timed runs of each bound; the least time counts")
    parser.add_argument("--chunk", type=int, default=256, help="functionals at once")
    args = parser.parse_args()
    zoo = os.environ.get("CLARKE_ZOO")
    if not zoo:
        parser.error("CLARKE_ZOO must name a folder of networks")
    torch.set_num_threads(args.threads)
    limits = [float(word) for word in args.times.split(",")]
    columns = "network norm eps image dtype threads open torch_upper torch_s clarke_lower".split()
    columns += ["linear_upper", "linear_s", "linear_ratio"]
    columns += [f"{what}@{limit:g}" for limit in limits for what in ("upper", "s")]
    columns += ["tight_at", "tight_s", "tight_ratio"]
    out = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    out.writeheader()
    with tempfile.TemporaryDirectory() as folder:
        inputs = real.Inputs(Path(zoo).resolve(), Path(folder))
        for line in args.case or CASES:
            case = real.Case("radii", line)
            if case.own or not case.centred or case.units == "raw" or case.norm not in ("inf", "2"):
                parser.error(f"not a box around an image in [0, 1] with norm inf or 2: {line}")
            words = case.command(inputs.zoo, inputs, args.image) + ["--ball", "inf"]
            dtypes = args.dtype or ["float32", "float64"]
            found = [timed(case, inputs, args.image, words[1], args, getattr(torch, dtype)) for dtype in dtypes]
            linear = min(
                (ask(args.binary, words, 60, args, "--method", "jacobian-linear") for _ in range(args.runs)),
                key=lambda answer: answer[2],
            )
            answers = [ask(args.binary, words, limit, args) for limit in limits]
            lower = max(answer[1] for answer in answers)
            for dtype, (upper, seconds, count, neurons) in zip(dtypes, found):
                for name, end in [("PyTorch", upper), ("linear", linear[0])] + [("clarke", a[0]) for a in answers]:
                    if end < lower * (1 - 1e-5 * (name == "PyTorch")):
                        sys.exit(f"torch_linear.py: {line}: {name}'s upper end {end} is below the lower one {lower}")
                row = {"network": case.net, "norm": case.norm, "eps": case.eps, "image": args.image}
                row |= {"dtype": dtype, "threads": args.threads, "open": f"{count}/{neurons}"}
                row |= {"torch_upper": f"{upper:.9g}", "torch_s": f"{seconds:.4f}", "clarke_lower": f"{lower:.9g}"}
                row |= {"linear_upper": f"{linear[0]:.9g}", "linear_s": f"{linear[2]:.4f}"}
                row |= {"linear_ratio": f"{seconds / linear[2]:.2f}"}
                for limit, answer in zip(limits, answers):
                    row |= {f"upper@{limit:g}": f"{answer[0]:.9g}", f"s@{limit:g}": f"{answer[2]:.4f}"}
                tight = [(t, a[2]) for t, a in zip(limits, answers) if a[0] <= upper * (1 + 1e-6)]
                if tight:
                    limit, needed = min(tight)
                    row |= {"tight_at": f"{limit:g}", "tight_s": f"{needed:.4f}"}
                    row |= {"tight_ratio": f"{seconds / needed:.2f}"}
                out.writerow(row)
                sys.stdout.flush()


if __name__ == "__main__":
    main()
