# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Write reference_jacobians.csv: norms of the Jacobian of every real network of the zoo at one point.

Every network is read with the `onnx` package and evaluated in torch float64 by
the small interpreter below, sharing no code with clarke. Weights are taken as
the exact values of their float16 or float32 initialisers, and so is the input
x[i] = ((i * 7919) mod 256) / 255, rounded to float32. The outputs are first
compared with the zoo's reference_outputs.json; a final Softmax counts there,
but is left out of the Jacobian, which is about the logits. Derivatives come from reverse-mode autograd,
with the ReLU derivative 0 at 0 and a max pool following the first of its
largest entries; the entries are good to about 1e-12, relative to the largest.

Columns (p to q: the operator norm from the p-norm to the q-norm):
  network, inputs, outputs  path in the zoo and flat sizes
  norm_p_q                  norm of the whole Jacobian from p to q. Those from 2 or inf to 1 go
                            through all output signs, those from inf to 2 through all input
                            signs: empty where there are too many signs
  rows_p                    for the networks in BIG: the largest norm from p to p among the single
                            rows floor(k outputs / 16), k = 0..15 (all rows if at most 16)
  ties                      how many ReLU inputs at 0 and max-pool windows with two largest entries
                            (up to 1e-12 of the tensor's largest entry) there are whose choice
                            matters: if not 0, the Jacobian is one choice among several

    pip install numpy onnx torch
    CLARKE_ZOO=folder/of/networks python tests/data/reference_jacobians.py
    python tests/data/reference_jacobians.py --zoo FOLDER --only PART --out FILE --modulus 65521

--modulus M takes the input ((i * 7919) mod M) / (M - 1): a large prime avoids
the ties that the period of 256 makes in images whose rows are 224 or 240 wide.
Progress and the checks of each network (outputs, reverse against forward mode,
central differences) go to standard error.
"""

import argparse
import csv
import gc
import itertools
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.autograd.forward_ad as forward_ad
import torch.nn.functional as F
from onnx import helper, numpy_helper

BIG = {
    "alexnet/alexnet_imagenet_features.onnx",
    "vgg16/tumor_vgg16_f16.onnx",
    "vgg16/vgg16_imagenet_features_f16.onnx",
}
NORMS = ["1_1", "1_2", "1_inf", "2_2", "2_inf", "inf_inf"]
SIGN_NORMS = ["2_1", "inf_1", "inf_2"]
ROWS = ["1", "2", "inf"]
COLUMNS = (
    ["network", "inputs", "outputs"]
    + [f"norm_{n}" for n in NORMS]
    + [f"rows_{n}" for n in ROWS]
    + [f"norm_{n}" for n in SIGN_NORMS]
    + ["ties"]
)
TIE = 1e-12
MAX_SIGNS = 16


# ---------------------------------------------------------------- interpreter


class Ties:
    """Counts kinks that the point sits on, by the tangents of a forward-mode pass."""

    def __init__(self):
        self.count = 0

    def relu(self, x):
        x, dx = forward_ad.unpack_dual(x)
        if dx is not None:
            self.count += int(((x.abs() <= TIE * x.abs().max()) & (dx != 0)).sum())

    def pool(self, windows, near, first):
        dx = forward_ad.unpack_dual(windows).tangent
        if dx is not None:
            off = (dx - dx.gather(-1, first)).abs() > 1e-9 * dx.abs().max()
            self.count += int((near & off).any(-1).sum())


def tensor(array):
    """Floats of any width become float64 and integers int64, both exactly."""
    array = np.array(array)
    return torch.from_numpy(array.astype(np.int64 if array.dtype.kind in "iub" else np.float64))


def spatial_pads(attrs, size, kernel, strides, dilations):
    """[top, left, bottom, right] after auto_pad."""
    auto = attrs.get("auto_pad", b"NOTSET").decode()
    if auto == "NOTSET":
        return attrs.get("pads", [0, 0, 0, 0])
    if auto == "VALID":
        return [0, 0, 0, 0]
    begin, end = [], []
    for n, k, s, d in zip(size, kernel, strides, dilations):
        total = max(0, (-(-n // s) - 1) * s + (k - 1) * d + 1 - n)
        small, large = total // 2, total - total // 2
        begin.append(small if auto == "SAME_UPPER" else large)
        end.append(large if auto == "SAME_UPPER" else small)
    return begin + end


def padded(x, pads, value=0.0):
    top, left, bottom, right = pads
    return F.pad(x, [left, right, top, bottom], value=value) if any(pads) else x


def conv(attrs, x, w, b=None):
    kernel = list(w.shape[2:])
    assert attrs.get("kernel_shape", kernel) == kernel
    strides, dilations = attrs.get("strides", [1, 1]), attrs.get("dilations", [1, 1])
    x = padded(x, spatial_pads(attrs, x.shape[2:], kernel, strides, dilations))
    return F.conv2d(x, w, b, strides, 0, dilations, attrs.get("group", 1))


def windows_of(attrs, x, value):
    """The pool's windows in row-major order along a last axis."""
    kernel, strides = attrs["kernel_shape"], attrs.get("strides", [1, 1])
    assert not attrs.get("ceil_mode", 0) and attrs.get("dilations", [1, 1]) == [1, 1]
    x = padded(x, spatial_pads(attrs, x.shape[2:], kernel, strides, [1, 1]), value)
    return x.unfold(2, kernel[0], strides[0]).unfold(3, kernel[1], strides[1]).flatten(-2)


def max_pool(attrs, x, ties):
    windows = windows_of(attrs, x, float("-inf"))
    near = windows >= windows.amax(-1, keepdim=True) - TIE * x.detach().abs().max()
    first = near.to(torch.uint8).argmax(-1, keepdim=True)
    ties.pool(windows, near, first)
    return windows.gather(-1, first).squeeze(-1)


def average_pool(attrs, x):
    windows = windows_of(attrs, x, 0.0)
    if attrs.get("count_include_pad", 0):
        return windows.mean(-1)
    return windows.sum(-1) / windows_of(attrs, torch.ones_like(x[:1, :1]), 0.0).sum(-1)


def batch_norm(attrs, x, scale, bias, mean, var):
    assert not attrs.get("training_mode", 0) and attrs.get("spatial", 1)
    shape = [1, -1] + [1] * (x.dim() - 2)
    factor = scale / torch.sqrt(var + attrs.get("epsilon", float(np.float32(1e-5))))
    return (x - mean.view(shape)) * factor.view(shape) + bias.view(shape)


def gemm(attrs, a, b, c=None):
    a = a.T if attrs.get("transA", 0) else a
    b = b.T if attrs.get("transB", 0) else b
    y = attrs.get("alpha", 1.0) * (a @ b)
    return y if c is None else y + attrs.get("beta", 1.0) * c


def flatten(attrs, x):
    axis = attrs.get("axis", 1)
    axis += x.dim() if axis < 0 else 0
    return x.reshape(int(np.prod(x.shape[:axis])), -1)


def reshape(attrs, x, shape):
    assert not attrs.get("allowzero", 0)
    return x.reshape([x.shape[i] if n == 0 else n for i, n in enumerate(shape.tolist())])


def pad(attrs, x, pads=None, value=None):
    assert attrs.get("mode", b"constant") == b"constant"
    pads = attrs["pads"] if pads is None else pads.tolist()
    value = attrs.get("value", 0.0) if value is None else value.item()
    begin, end = pads[: x.dim()], pads[x.dim() :]
    last_first = [n for pair in reversed(list(zip(begin, end))) for n in pair]
    return F.pad(x, last_first, value=value)


def cut(attrs, x, starts, ends, axes=None, steps=None):
    axes = range(len(starts)) if axes is None else axes.tolist()
    steps = [1] * len(starts) if steps is None else steps.tolist()
    index = [slice(None)] * x.dim()
    for axis, start, end, step in zip(axes, starts.tolist(), ends.tolist(), steps):
        index[axis] = slice(start, end, step)
    return x[tuple(index)]


def gather(attrs, x, index):
    axis = attrs.get("axis", 0)
    picked = x.index_select(axis, torch.where(index < 0, index + x.shape[axis], index).flatten())
    return picked.reshape(list(x.shape[:axis]) + list(index.shape) + list(x.shape[axis + 1 :]))


def unsqueeze(attrs, x, axes=None):
    axes = attrs["axes"] if axes is None else axes.tolist()
    for axis in sorted(a + x.dim() + len(axes) if a < 0 else a for a in axes):
        x = x.unsqueeze(axis)
    return x


def cast(attrs, x):
    to = np.dtype(helper.tensor_dtype_to_np_dtype(attrs["to"]))
    assert to.kind in "if" and (to.kind == "f" or not x.is_floating_point())
    return x.double() if to.kind == "f" else x.long()


def softmax(attrs, x, opset):
    if opset >= 13:
        return F.softmax(x, attrs.get("axis", -1))
    return F.softmax(flatten({"axis": attrs.get("axis", 1)}, x), 1).reshape(x.shape)


OPS = {
    "Add": lambda a, x, y: x + y,
    "AveragePool": average_pool,
    "BatchNormalization": batch_norm,
    "Cast": cast,
    "Concat": lambda a, *xs: torch.cat(xs, a["axis"]),
    "Constant": lambda a: tensor(numpy_helper.to_array(a["value"])),
    "Conv": conv,
    "Div": lambda a, x, y: x / y,
    "Dropout": lambda a, x, *_: x,
    "Flatten": flatten,
    "Gather": gather,
    "Gemm": gemm,
    "Identity": lambda a, x: x,
    "MatMul": lambda a, x, y: x @ y,
    "Mul": lambda a, x, y: x * y,
    "Pad": pad,
    "Reshape": reshape,
    "Shape": lambda a, x: torch.tensor(x.shape),
    "Sigmoid": lambda a, x: torch.sigmoid(x),
    "Slice": cut,
    "Sub": lambda a, x, y: x - y,
    "Tanh": lambda a, x: torch.tanh(x),
    "Transpose": lambda a, x: x.permute(a.get("perm", list(range(x.dim()))[::-1])),
    "Unsqueeze": unsqueeze,
}


class Network:
    def __init__(self, path):
        model = onnx.load(path)
        self.opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
        graph = model.graph
        self.weights = {t.name: tensor(numpy_helper.to_array(t)) for t in graph.initializer}
        (source,) = [i for i in graph.input if i.name not in self.weights]
        (sink,) = graph.output
        self.input, self.output = source.name, sink.name
        # A symbolic or zero extent is the batch: 1.
        self.shape = [d.dim_value or 1 for d in source.type.tensor_type.shape.dim]
        self.nodes = [
            (n.op_type, {a.name: helper.get_attribute_value(a) for a in n.attribute}, list(n.input), n.output[0])
            for n in graph.node
        ]
        self.logits = self.output
        for op, _, names, out in self.nodes:
            if op == "Softmax" and out == self.output:
                self.logits = names[0]

    def __call__(self, x, ties=None):
        """The outputs before and after a final Softmax, flat."""
        ties = ties or Ties()
        values = dict(self.weights)
        values[self.input] = x.reshape(self.shape)
        left = {n: sum(n in names for _, _, names, _ in self.nodes) for _, _, _, n in self.nodes}
        for op, attrs, names, out in self.nodes:
            args = [values[n] if n else None for n in names]
            if op == "Relu":
                ties.relu(args[0])
                values[out] = args[0] * (args[0].detach() > 0)
            elif op == "MaxPool":
                values[out] = max_pool(attrs, args[0], ties)
            elif op == "Softmax":
                values[out] = softmax(attrs, args[0], self.opset)
            else:
                values[out] = OPS[op](attrs, *args)
            for n in set(names):
                left[n] = left.get(n, 0) - 1
                if left[n] == 0 and n != self.logits:
                    del values[n]
        return values[self.logits].flatten(), values[self.output].flatten()


# ---------------------------------------------------------------- measurements


def formula_input(size, modulus):
    i = np.arange(size, dtype=np.int64)
    x = (((i * 7919) % modulus) / (modulus - 1)).astype(np.float32)
    return torch.from_numpy(x.astype(np.float64))


def check_outputs(name, y, expected):
    y = y.detach().numpy()
    assert y.size == expected["output_size"], name
    first = np.array(expected["first"])
    worst = np.abs(y[: first.size] - first).max()
    limit = 1e-4 * (1 + np.abs(y).max())
    assert worst <= limit, f"{name}: outputs differ by {worst}"
    assert abs(y.sum() - expected["sum"]) <= 1e-4 * (1 + np.abs(y).sum()), f"{name}: sum"
    assert abs(np.linalg.norm(y) - expected["l2"]) <= 1e-4 * (1 + expected["l2"]), f"{name}: 2-norm"
    return worst


def jacobian_rows(y, x, rows):
    return torch.stack([torch.autograd.grad(y[r], x, retain_graph=True)[0] for r in rows])


def signs(n):
    """Every sign vector of length n up to a global sign, one a row."""
    return torch.tensor([(1.0,) + s for s in itertools.product((1.0, -1.0), repeat=n - 1)], dtype=torch.float64)


def norms(j):
    """The operator norms p to q by their closed forms."""
    found = {
        "1_1": j.abs().sum(0).max(),
        "1_2": j.norm(dim=0).max(),
        "1_inf": j.abs().max(),
        "2_2": torch.linalg.svdvals(j)[0],
        "2_inf": j.norm(dim=1).max(),
        "inf_inf": j.abs().sum(1).max(),
    }
    outputs, inputs = j.shape
    if outputs <= MAX_SIGNS:  # |J x|_1 is the largest s J x over signs s
        combined = signs(outputs) @ j
        found["2_1"] = combined.norm(dim=1).max()
        found["inf_1"] = combined.abs().sum(1).max()
    if inputs <= MAX_SIGNS:  # a convex function is largest at a corner
        found["inf_2"] = (j @ signs(inputs).T).norm(dim=0).max()
    elif outputs == 1:
        found["inf_2"] = found["inf_inf"]
    return {f"norm_{k}": f"{v.item():.17g}" for k, v in found.items()}


def row_norms(j):
    found = {"1": j.abs().max(), "2": j.norm(dim=1).max(), "inf": j.abs().sum(1).max()}
    return {f"rows_{k}": f"{v.item():.17g}" for k, v in found.items()}


def measure(name, zoo, expected, modulus):
    net = Network(zoo / name)
    assert net.shape == expected["input_shape"], name
    size = int(np.prod(net.shape))
    if modulus == 256:
        x = formula_input(size, 256)
        with torch.no_grad():
            worst = check_outputs(name, net(x)[1], expected)
    else:
        worst = float("nan")
    x = formula_input(size, modulus)
    direction = torch.randn(size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    ties = Ties()
    with torch.no_grad(), forward_ad.dual_level():
        tangent = forward_ad.unpack_dual(net(forward_ad.make_dual(x, direction), ties)[0]).tangent
    step = 1e-8
    with torch.no_grad():
        slope = (net(x + step * direction)[0] - net(x - step * direction)[0]) / (2 * step)

    x.requires_grad_(True)
    y = net(x)[0]
    outputs = y.numel()
    rows = range(outputs)
    if name in BIG and outputs > 16:
        rows = [k * outputs // 16 for k in range(16)]
    j = jacobian_rows(y, x, rows)
    scale = 1e-300 + tangent.abs().max()
    reverse = (j @ direction - tangent[list(rows)]).abs().max() / scale
    differences = (tangent - slope).abs().max() / scale
    print(
        f"{name}: outputs off by {worst:.1e}, reverse against forward mode {reverse:.1e}, "
        f"forward mode against differences {differences:.1e}, ties {ties.count}",
        file=sys.stderr,
        end="",
    )
    row = {"network": name, "inputs": size, "outputs": outputs, "ties": ties.count}
    return row | (row_norms(j) if name in BIG else norms(j))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", default=os.environ.get("CLARKE_ZOO"), help="folder of networks (default: $CLARKE_ZOO)")
    parser.add_argument("--out", default=Path(__file__).with_suffix(".csv"))
    parser.add_argument("--only", default="", help="only networks whose path holds this")
    parser.add_argument("--modulus", type=int, default=256, help="of the input formula")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    if not args.zoo:
        parser.error("no folder of networks: give --zoo or set CLARKE_ZOO")
    torch.set_num_threads(args.threads)
    zoo = Path(args.zoo)
    expected = json.loads((zoo / "reference_outputs.json").read_text())["nets"]
    with open(args.out, "w", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for name in sorted(n for n in expected if args.only in n):
            start = time.perf_counter()
            writer.writerow(measure(name, zoo, expected[name], args.modulus))
            out.flush()
            gc.collect()
            print(f", {time.perf_counter() - start:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
