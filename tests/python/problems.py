# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Random small questions for `clarke bound`, the same for the same seed."""

import random
import struct

from networks import Builder

METHODS = ["auto"] * 8 + ["exact"] * 4 + [
    "jacobian-interval", "jacobian-linear", "jacobian-ibp", "product-local", "product", "scaled-gain", "layered-gain",
    "lipsdp", "abs-subset", "avant", "partition", "eclipse-fast", "seqlip", "combettes-pesquet", "absolute-product",
]


def npy(lo, hi):
    """A 2 x n array of doubles: NumPy's format 1.0."""
    head = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, %d), }" % len(lo)
    head += " " * (63 - (len(head) + 10) % 64) + "\n"
    start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode()
    return start + struct.pack(f"<{2 * len(lo)}d", *lo, *hi)


def numbers(r, count, scale):
    if r.random() < 0.15:
        return [float(r.randint(-2, 2)) for _ in range(count)]
    return [r.gauss(0.0, scale) for _ in range(count)]


def layer(r, inputs, outputs):
    rows = [numbers(r, inputs, inputs**-0.5 * 1.4) for _ in range(outputs)]
    return rows, numbers(r, outputs, 0.4)


def activation(r, made, relu_only):
    pick = 0 if relu_only else r.choice([0, 0, 0, 0, 1, 2, 3])
    if pick == 0:
        made.then("Relu")
    elif pick == 1:
        made.then("LeakyRelu", alpha=r.choice([0.1, 0.25, -0.5]))
    elif pick == 2:
        made.then("Abs")
    else:
        made.then("Clip", made.stored([], [-0.5]), made.stored([], [1.0]))


def perceptron(r, relu_only):
    n = r.randint(1, 4)
    kind = r.choice("ffd")
    made = Builder([1, n], kind)
    width = n
    for _ in range(r.choice([1, 1, 2, 2, 3])):
        next_width = r.randint(2, 6)
        made.dense(*layer(r, width, next_width), style=r.choice(["gemm", "gemm", "add", "sub"]))
        activation(r, made, relu_only)
        width = next_width
    made.dense(*layer(r, width, r.randint(1, 3)), style=r.choice(["gemm", "add"]))
    return made, n


def picture(r, relu_only):
    """A convolution, perhaps normalised or pooled, and a dense layer."""
    side, channels = r.choice([3, 4]), r.randint(1, 2)
    made = Builder([1, 1, side, side])
    kernel = r.choice([2, 3])
    pad = r.choice([0, 1]) if kernel == 3 else 0
    made.then("Conv", made.stored([channels, 1, kernel, kernel], numbers(r, channels * kernel * kernel, 0.6)),
              made.stored([channels], numbers(r, channels, 0.3)), strides=[r.choice([1, 2])] * 2, pads=[pad] * 4)
    size = conv_size(made, side, kernel, pad)
    if r.random() < 0.3:
        own = [made.stored([channels], [abs(v) + 0.5 for v in numbers(r, channels, 0.5)]) for _ in range(4)]
        made.then("BatchNormalization", *own)
    activation(r, made, relu_only)
    if size >= 2 and r.random() < 0.4:
        pool = "AveragePool" if relu_only or r.random() < 0.5 else "MaxPool"
        made.then(pool, kernel_shape=[2, 2], strides=[1, 1])
        size -= 1
    made.then("Flatten") if r.random() < 0.6 else made.then("Reshape", made.stored([2], [1, -1], "q"))
    made.dense(*layer(r, channels * size * size, r.randint(1, 2)))
    return made, side * side


def conv_size(made, side, kernel, pad):
    """The stride is read back from what was written last."""
    step = 2 if b"strides@\x02@\x02" in made.nodes[-1] else 1
    return (side + 2 * pad - kernel) // step + 1


def region(r, n, options):
    """Files that the options name, and the options."""
    files = {}
    text = r.random() < 0.4
    centre = [r.choice(["0.1", "1/3", "-0.5", "0"]) if text else repr(r.gauss(0.0, 0.7)) for _ in range(n)]
    pick = r.choice(["box", "ball", "ball", "ball", "ball", "clip", "global", "global"])
    if pick == "box":
        lo = [r.gauss(0.0, 0.7) for _ in range(n)]
        hi = [v if r.random() < 0.15 else v + abs(r.gauss(0.0, 1.0)) for v in lo]
        files["box.npy"] = npy(lo, hi)
        options += ["--box", "box.npy"]
        if r.random() < 0.3:
            options += ["--center=" + ",".join(repr(a if a == b else 0.5 * a + 0.5 * b) for a, b in zip(lo, hi))]
    elif pick == "ball":
        options += ["--center=" + ",".join(centre), "--eps", r.choice(["0.3", "8/255", "1", "0.05", "2", "1e-3"])]
        if r.random() < 0.7:
            options += ["--ball", r.choice(["1", "2", "inf"])]
        if r.random() < 0.25:
            options += ["--clip=-1,1"]
            options[0] = "--center=" + ",".join(r.choice(["0.1", "1/3", "-0.5", "1", "-1"]) for _ in range(n))
        if r.random() < 0.15:
            options += ["--quantity", "anchored"]
    elif pick == "clip":
        options += ["--clip=-1,1"]
    return files, options


def problem(seed, relu_only=False):
    """The bytes of a network, files beside it, and options."""
    r = random.Random(seed)
    made, n = (picture if r.random() < 0.15 else perceptron)(r, relu_only)
    files, options = region(r, n, [])
    for side in ["--in-norm", "--out-norm"]:
        options += [side, r.choice(["1", "2", "inf"])]
    if r.random() < 0.15:
        options += ["--output", "0"]
    if r.random() < 0.15:
        options += ["--mean", "0.1307", "--std", "0.3081"]
    options += ["--method", r.choice(METHODS)]
    return made.bytes(), files, options
