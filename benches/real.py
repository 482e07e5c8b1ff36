# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Both ends of trained networks at the radii people use: how tight, how long, how much memory.

The networks are those of the folder that CLARKE_ZOO names, the images those of `images` beside it (MNIST as IDX,
CIFAR-10 as CSV, two photographs). Every case is one `clarke bound`, with the options that its user would give; with
--binary2 a second build is asked right after the first, so that both see the machine in the same state.

A row is written as soon as it is known, to --out or to standard output; progress and the summary go to standard error.

Columns:
- case, network, norm, eps: what is asked. The norm is that of inputs and outputs; eps a radius in pixel units, those
  of an image in [0, 1], or a radius in the network's `own` ones, or `global`, or the file of a box.
- image: row of the data set, `-` where the region has none.
- lower, upper, ratio: the proven ends, upper over lower. They are in pixel units, in grey levels for networks that
  take those, in the network's own for `own` radii; the ratio is free of them.
- verdict: tight <= 1.02, useful <= 2, weak <= 10, vacuous above; none where there is no finite upper end.
- upper_method, lower_method: what gave the ends; `exit N` or `killed` where there was no answer.
- seconds, cpu_seconds, megabytes: wall and processor time and largest resident memory of the whole process. The
  memory is never less than that of this script.
- binary, limit: who was asked, and the --time it was given.
- prototype, asked: what a prototype without rounding reached for image 0, and the ratio that is asked for, if any.

    CLARKE_ZOO=folder/of/networks python benches/real.py target/release/clarke --out real.csv
    CLARKE_ZOO=folder/of/networks python benches/real.py NEW --binary2 OLD --short --time 10
"""

import argparse
import array
import csv
import gzip
import json
import math
import os
import pathlib
import random
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

# Means and deviations of images in [0, 1].
OVAL = "0.485,0.456,0.406", "0.225,0.225,0.225"
RESNET = "0.4914,0.4822,0.4465", "0.2471,0.2435,0.2616"
SIGMOID = "0.4914,0.4822,0.4465", "0.2023,0.1994,0.2010"
AVANT_CIFAR = "0.4914,0.4822,0.4465", "0.2470,0.2435,0.2616"
AVANT_MNIST = "0.1307", "0.3081"
IMAGENET = "0.485,0.456,0.406", "0.229,0.224,0.225"

# Name: file, images, and what the network takes: `unit` [0, 1], `raw` 0..255, or normalised by (mean, std).
ACASXU = "vnncomp2021-acasxu/ACASXU_run2a_%s_batch_2000.onnx"
NETWORKS = {
    "mnist_256x2": ("vnncomp2021-mnistfc/mnist-net_256x2.onnx", "mnist", "unit"),
    "mnist_256x4": ("vnncomp2021-mnistfc/mnist-net_256x4.onnx", "mnist", "unit"),
    "mnist_256x6": ("vnncomp2021-mnistfc/mnist-net_256x6.onnx", "mnist", "unit"),
    "cifar_base_kw": ("vnncomp2021-oval21/cifar_base_kw.onnx", "cifar", OVAL),
    "cifar_deep_kw": ("vnncomp2021-oval21/cifar_deep_kw.onnx", "cifar", OVAL),
    "resnet_2b": ("vnncomp2021-cifar10_resnet/resnet_2b.onnx", "cifar", RESNET),
    "resnet_4b": ("vnncomp2021-cifar10_resnet/resnet_4b.onnx", "cifar", RESNET),
    "vgglike": ("cifar10-vgglike/cifar10_vgglike_bn_maxpool.onnx", "cifar", "raw"),
    "acasxu_1_1": (ACASXU % "1_1", None, "unit"),
    "acasxu_1_9": (ACASXU % "1_9", None, "unit"),
    "acasxu_3_3": (ACASXU % "3_3", None, "unit"),
    "sigmoid_6x200": ("vnncomp2021-eran/ffnnSIGMOID__Point_6x200.onnx", "mnist", "unit"),
    "conv_small_sigmoid": ("abcrown/cifar_conv_small_sigmoid.onnx", "cifar", SIGMOID),
    "tansig_200_100_50": ("vnncomp2020-nln/tansig_200_100_50.onnx", "mnist", "raw"),
    "convnet_maxpool": ("vnncomp2021-verivital/Convnet_maxpool.onnx", "mnist", "unit"),
    "convnet_avgpool": ("vnncomp2021-verivital/Convnet_avgpool.onnx", "mnist", "unit"),
    "opt-mnist": ("onnx-zoo/opt-mnist.onnx", "mnist", "raw"),
    "resnet8": ("mlperf-tiny/mlperf_tiny_resnet8.onnx", "cifar", "raw"),
    "cartpole": ("vnncomp2022-regression-control/cartpole.onnx", None, "unit"),
    "cifar10_small": ("vnncomp2021-marabou-cifar10/cifar10_small.onnx", "cifar-last", "unit"),
    "alexnet": ("alexnet/alexnet_imagenet_features.onnx", "photo-224", IMAGENET),
    "vgg16": ("vgg16/vgg16_imagenet_features_f16.onnx", "photo-224", IMAGENET),
    "tumor_vgg16": ("vgg16/tumor_vgg16_f16.onnx", "photo-240-last", "unit"),
    "avant_cifar10": ("converted/avant_cifar10.onnx", "cifar", AVANT_CIFAR),
    "avant_mnist": ("converted/avant_mnist.onnx", "mnist", AVANT_MNIST),
    "random_conv": ("random_conv.onnx", "random", "unit"),  # of no folder: written here
}
# Where published figures are around a point that comes with the network, that point is image 0.
CENTRES = {
    "avant_cifar10": "converted/avant_cifar10_x0.npy",
    "avant_mnist": "converted/avant_mnist_x0.npy",
}

# Network, norm, region[, ratio of the prototype, ratio asked for]; * marks the short list. A region is a radius in
# pixel units, a radius in the network's `own` units (without a clip), `global`, or a VNN-LIB file beside the network.
RADII = """
mnist_256x2 inf 2/255
mnist_256x2 inf 8/255
mnist_256x2 inf 0.1
mnist_256x2 2 0.1 1.0 1.02 *
mnist_256x2 2 0.5
mnist_256x2 2 global
mnist_256x4 inf 2/255 *
mnist_256x4 inf 8/255
mnist_256x4 inf 0.1
mnist_256x4 2 0.1
mnist_256x4 2 0.5
mnist_256x4 2 global
mnist_256x6 inf 2/255
mnist_256x6 inf 8/255
mnist_256x6 inf 0.1
mnist_256x6 2 0.1
mnist_256x6 2 0.5
mnist_256x6 2 global
cifar_base_kw inf 1/255
cifar_base_kw inf 2/255 1.18 1.2 *
cifar_base_kw inf 8/255
cifar_base_kw 2 0.1 1.74 1.8 *
cifar_base_kw 2 0.5 4.2 4.3
cifar_deep_kw inf 1/255
cifar_deep_kw inf 2/255
cifar_deep_kw inf 8/255
cifar_deep_kw 2 0.1 2.4 2.5 *
cifar_deep_kw 2 0.5
resnet_2b inf 1/255
resnet_2b inf 2/255
resnet_2b inf 8/255
resnet_2b 2 0.1 24 25 *
resnet_2b 2 0.5
resnet_2b 2 global
resnet_4b inf 1/255
resnet_4b inf 2/255
resnet_4b inf 8/255
resnet_4b 2 0.1 1700 2500                  # a fifteenth of the product of norms, 198 283, over lower 5.3
resnet_4b 2 0.5
resnet_4b 2 global
vgglike inf 1/255
vgglike inf 8/255
vgglike 2 0.1 7e5 7e5 *                    # 7 000 times below 5e9, that of the product of norms
vgglike 2 0.5
acasxu_1_1 inf prop_1.vnnlib
acasxu_1_1 inf prop_3.vnnlib *
acasxu_1_9 inf prop_4.vnnlib
acasxu_3_3 inf prop_2.vnnlib
sigmoid_6x200 inf 2/255 *
sigmoid_6x200 inf 8/255
sigmoid_6x200 2 0.1
sigmoid_6x200 2 0.5
conv_small_sigmoid inf 1/255
conv_small_sigmoid inf 8/255
conv_small_sigmoid 2 0.1
conv_small_sigmoid 2 0.5
tansig_200_100_50 inf 1/255
tansig_200_100_50 inf 8/255
tansig_200_100_50 2 0.5
convnet_maxpool inf 2/255 *
convnet_maxpool 2 0.5
convnet_avgpool inf 2/255
convnet_avgpool 2 0.5
opt-mnist inf 2/255
opt-mnist 2 0.1
resnet8 inf 1/255
resnet8 2 0.1
cartpole inf cartpole_case_unsafe_0.vnnlib.gz
cifar10_small inf 2/255
alexnet inf 1/255
alexnet 2 0.1
vgg16 inf 1/255
tumor_vgg16 inf 1/255
"""
TARGETS = """
avant_cifar10 2 0.001-own 1.003 1.05 *
avant_cifar10 2 0.01-own 1.43 1.7 *
avant_mnist 2 0.001-own 1.03 1.05 *
avant_mnist 2 0.01-own 1.07 1.1 *
avant_mnist 2 0.1-own 1.63 1.7 *
avant_mnist 2 0.5-own 240 300
resnet_2b 2 0.006 1.05 1.1 *
resnet_2b 2 0.03 1.67 1.8 *
resnet_4b 2 0.006 1.05 1.1
resnet_4b 2 0.03 2.8 3 *
random_conv inf 0.01 1.37 1.4              # the same shape as the prototype's, other random weights
random_conv inf 0.03 1.87 2
alexnet 2 0.0001-own                       # asked for: 100 times below the product of norms
alexnet 2 0.01-own                         # 5 times
vgg16 2 0.0001-own
vgg16 2 0.01-own
"""

# Large networks at small radii, asked for with --large only; the figure that is asked for is against the product of layer
# norms, `--method product`.
LARGE = """
alexnet 2 0.0001-own
alexnet 2 0.001-own
alexnet 2 0.01-own
alexnet inf 0.00001-own
alexnet inf 0.0001-own
tumor_vgg16 2 0.0001
tumor_vgg16 2 0.001
tumor_vgg16 2 0.01
tumor_vgg16 inf 0.00001
tumor_vgg16 inf 0.0001
"""

# The photographs' crops: file, and where in its free room they lie from left and top.
CROPS = [("chelsea.png", 0.5, 0.5), ("coffee.png", 0.5, 0.5), ("coffee.png", 0.0, 0.0)]

COLUMNS = (
    "case,network,norm,eps,image,lower,upper,ratio,verdict,upper_method,lower_method,seconds,cpu_seconds,megabytes,"
    "binary,limit,prototype,asked"
).split(",")
VERDICTS = {"tight": 1.02, "useful": 2, "weak": 10, "vacuous": math.inf, "none": math.nan}


class Case:
    def __init__(self, part, line):
        words = line.split("#")[0].split()
        self.part, self.short = part, words[-1] == "*"
        self.net, self.norm, self.eps, *ratios = words[:-1] if self.short else words
        self.prototype, self.asked = ratios or ("", "")
        self.own = self.eps.endswith("-own")
        self.name = f"{self.net} {'linf' if self.norm == 'inf' else 'l' + self.norm} {self.eps}"
        self.file, self.images, self.units = NETWORKS[self.net]
        self.centred = self.images is not None and self.eps != "global"

    def radius(self):
        top, _, bottom = self.eps.removesuffix("-own").partition("/")
        return float(top) / float(bottom or 1)

    def command(self, zoo, inputs, image):
        """The arguments behind the name of the binary."""
        file = inputs.random_network() if self.images == "random" else zoo / self.file
        words = ["bound", str(file), "--norm", self.norm]
        if isinstance(self.units, tuple) and not self.own:
            # Radius, clip and bound are then in the units of the image, before the normalisation.
            words += ["--mean", self.units[0], "--std", self.units[1]]
        if self.eps.endswith((".vnnlib", ".vnnlib.gz")):
            return words + ["--vnnlib", str(file.with_name(self.eps))]
        if not self.centred:
            return words
        if self.own:
            words += ["--input", str(inputs.normalised(self, image)), "--eps", repr(self.radius())]
        elif self.units == "raw":
            words += ["--input", str(inputs.bytes(self.images, image)), "--scale", "raw"]
            words += ["--eps", repr(255 * self.radius()), "--clip", "0,255"]
        else:
            words += ["--input", str(inputs.bytes(self.images, image)), "--scale", "unit"]
            words += ["--eps", repr(self.radius()), "--clip", "0,1"]
        return words


CASES = [
    Case(part, line)
    for part, lines in (("radii", RADII), ("targets", TARGETS), ("large", LARGE))
    for line in lines.splitlines()
    if line
]


class Inputs:
    """Writes what the cases need into a folder, each file once."""

    def __init__(self, zoo, folder):
        self.zoo, self.folder = zoo, folder
        self.images = zoo.parent / "images"

    def bytes(self, kind, image):
        """A file of 8-bit grey levels."""
        path = self.folder / f"{kind}-{image}.npy"
        if not path.exists():
            shape, levels = self.levels(kind, image)
            write_npy(path, "|u1", shape, bytes(levels))
        return path

    def normalised(self, case, image):
        """A file of what the network takes, (x / 255 - mean) / std per channel."""
        if image == 0 and case.net in CENTRES:
            return self.zoo / CENTRES[case.net]
        path = self.folder / f"{case.net}-{image}.npy"
        if not path.exists():
            shape, levels = self.levels(case.images, image)
            mean, std = ([float(v) for v in words.split(",")] for words in case.units)
            plane = len(levels) // len(mean)
            values = [(v / 255 - mean[i // plane]) / std[i // plane] for i, v in enumerate(levels)]
            write_npy(path, "<f4", shape, little(values))
        return path

    def levels(self, kind, image):
        """Shape and grey levels, channels first unless the kind says last."""
        name, *words = kind.split("-")
        if name == "mnist":
            with gzip.open(self.images / "mnist" / "t10k-images-idx3-ubyte.gz") as data:
                magic, count, height, width = struct.unpack(">4i", data.read(16))
                if magic != 2051 or image >= count:
                    sys.exit(f"real.py: there is no MNIST image {image}")
                data.seek(16 + image * height * width)
                return (1, height, width), data.read(height * width)
        if name == "random":
            stream = random.Random(image)
            return (1, 28, 28), bytes(stream.randrange(256) for _ in range(784))
        if name == "cifar":
            side = 32
            with gzip.open(self.images / "cifar10" / "cifar10_test_first100.csv.gz", "rt") as data:
                lines = data.read().splitlines()
            if image >= len(lines):
                sys.exit(f"real.py: there is no CIFAR-10 image {image}")
            levels = bytes(int(v) for v in lines[image].split(",")[1:])
        else:
            side = int(words[0])
            if image >= len(CROPS):
                sys.exit(f"real.py: there is no photograph {image}")
            levels = self.crop(side, *CROPS[image])
        if words[-1:] == ["last"]:
            return (side, side, 3), levels
        return (3, side, side), b"".join(levels[channel::3] for channel in range(3))

    def crop(self, side, name, left, top):
        width, height, levels = read_png(self.images / "photos" / name)
        x, y = int((width - side) * left), int((height - side) * top)
        starts = (3 * ((y + row) * width + x) for row in range(side))
        return b"".join(levels[start : start + 3 * side] for start in starts)

    def random_network(self):
        path = self.folder / "random_conv.onnx"
        if not path.exists():
            path.write_bytes(random_onnx())
        return path


def little(values):
    """float32, low byte first."""
    numbers = array.array("f", values)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def write_npy(path, kind, shape, data):
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data)


def read_png(path):
    """Width, height and the levels of an 8-bit RGB picture, pixel after pixel."""
    data, at, packed = path.read_bytes(), 8, b""
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IHDR":
            width, height, *form = struct.unpack_from(">2I5B", data, at + 8)
            if form != [8, 2, 0, 0, 0]:
                sys.exit(f"real.py: {path.name} is not plain 8-bit RGB")
        elif kind == b"IDAT":
            packed += data[at + 8 : at + 8 + length]
        at += length + 12
    rows, stride = zlib.decompress(packed), 3 * width
    above, out = bytes(stride), bytearray()
    for start in range(0, len(rows), stride + 1):
        rule, row = rows[start], bytearray(rows[start + 1 : start + 1 + stride])
        for i in range(stride if rule else 0):
            left, corner = (row[i - 3], above[i - 3]) if i >= 3 else (0, 0)
            up = above[i]
            if rule == 4:  # Paeth: the neighbour nearest to left + up - corner
                guess = left + up - corner
                add = min((left, up, corner), key=lambda v: abs(guess - v))
            else:
                add = (left, up, (left + up) // 2)[rule - 1]
            row[i] = (row[i] + add) & 255
        out += row
        above = row
    return width, height, bytes(out)


def random_onnx():
    """conv 16 and conv 32 (4x4, stride 2, padding 1), 100 and 10 neurons on 1x28x28: He weights, no biases."""

    def varint(n):
        low, n = n & 127, n >> 7
        return bytes([low | 128]) + varint(n) if n else bytes([low])

    def field(number, value):
        if isinstance(value, int):
            return varint(8 * number) + varint(value)
        value = value.encode() if isinstance(value, str) else value
        return varint(8 * number + 2) + varint(len(value)) + value

    def ints(name, values):
        return field(5, field(1, name) + b"".join(field(8, v) for v in values) + field(20, 7))

    def node(kind, inputs, output, attributes=b""):
        names = b"".join(field(1, name) for name in inputs)
        return field(1, names + field(2, output) + field(4, kind) + attributes)

    def value(number, name, shape):
        sizes = b"".join(field(1, field(1, size)) for size in shape)
        return field(number, field(1, name) + field(2, field(1, field(1, 1) + field(2, sizes))))

    stream, graph, weights, last = random.Random(0), b"", b"", "x"
    for step, shape in enumerate([(16, 1, 4, 4), (32, 16, 4, 4), (100, 1568), (10, 100)]):
        inputs = math.prod(shape[1:])
        data = little([stream.gauss(0, math.sqrt(2 / inputs)) for _ in range(shape[0] * inputs)])
        sizes = b"".join(field(1, size) for size in shape)
        weights += field(5, sizes + field(2, 1) + field(8, f"w{step}") + field(9, data))
        if step == 2:
            graph += node("Flatten", [last], "flat")
            last = "flat"
        if len(shape) == 4:
            graph += node("Conv", [last, f"w{step}"], f"z{step}", ints("strides", [2, 2]) + ints("pads", [1] * 4))
        else:
            transposed = field(5, field(1, "transB") + field(3, 1) + field(20, 2))
            graph += node("Gemm", [last, f"w{step}"], f"z{step}", transposed)
        last = f"z{step}"
        if step < 3:
            graph += node("Relu", [last], f"a{step}")
            last = f"a{step}"
    graph += field(2, "random") + weights + value(11, "x", (1, 1, 28, 28)) + value(12, last, (1, 10))
    return field(1, 8) + field(7, graph) + field(8, field(2, 13))


def ask(binary, words, limit, folder):
    """What one binary says, its times and memory, as columns; the last of its complaints where it says nothing."""
    command = [str(binary), *words, "--time", f"{limit:g}s", "--format", "json", "--quiet"]
    killed = []
    with open(folder / "stdout", "w+b") as out, open(folder / "stderr", "w+b") as err:
        started = time.monotonic()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)

        def kill():
            killed.append(True)
            child.kill()

        # A binary that forgets its limit must not hold up the table.
        timer = threading.Timer(120 + 4 * limit, kill)
        timer.start()
        try:
            _, status, used = os.wait4(child.pid, 0)
        except KeyboardInterrupt:
            child.kill()
            os.wait4(child.pid, 0)
            child.returncode = -signal.SIGKILL
            raise
        finally:
            timer.cancel()
        seconds = time.monotonic() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        said, complaint = out.read(), err.read().decode(errors="replace").strip()
    row = {
        "seconds": f"{seconds:.2f}",
        "cpu_seconds": f"{used.ru_utime + used.ru_stime:.2f}",
        "megabytes": f"{used.ru_maxrss / (1e6 if sys.platform == 'darwin' else 1e6 / 1024):.1f}",
    }
    try:
        answer = json.loads(said)
        upper, lower = answer["upper"], answer["lower"]
        high, low = end(upper, math.inf), end(lower, 0.0)
        methods = upper.get("method") or "", lower.get("method") or ""
    except (ValueError, KeyError, AttributeError, TypeError):
        reason = "killed" if killed else f"exit {child.returncode}"
        high, low, methods = math.inf, 0.0, (reason, reason)
        complaint = complaint or reason
    else:
        complaint = ""
    quotient = ratio(high, low)
    row |= {
        "lower": repr(low),
        "upper": repr(high),
        "ratio": f"{quotient:.6g}",
        "verdict": next(word for word, most in VERDICTS.items() if word == "none" or quotient <= most)
        if high < math.inf
        else "none",
        "upper_method": methods[0],
        "lower_method": methods[1],
    }
    return row, complaint


def end(side, missing):
    value = side.get("value")
    return missing if value is None else float(value)


def ratio(upper, lower):
    if upper == lower:
        return 1.0
    return upper / lower if lower > 0 else math.inf


def failed(row):
    return row["upper_method"] == "killed" or row["upper_method"].startswith("exit ")


def key(row):
    return row["case"], row["image"], row["binary"], row["limit"]


def say(text=""):
    print(text, file=sys.stderr, flush=True)


def summary(plan, rows, labels, limit):
    """Counts of verdicts, and what differs between two binaries."""
    known = {key(row): row for row in rows}  # of several the last one
    seen = [(case, label, known.get((case.name, image, label, limit))) for case, image in plan for label in labels]
    say()
    say(f"{'':<26}{'tight':>7}{'useful':>7}{'weak':>7}{'vacuous':>8}{'none':>6}{'seconds':>10}{'MB':>8}")
    for label in labels:
        for part in ("radii", "targets", "large"):
            mine = [row for case, who, row in seen if row and who == label and case.part == part]
            if not mine:
                continue
            count = [sum(row["verdict"] == word for row in mine) for word in VERDICTS]
            seconds = sum(float(row["seconds"]) for row in mine)
            memory = max(float(row["megabytes"]) for row in mine)
            say(
                f"{label[:17]:<17} {part:<8}{count[0]:>7}{count[1]:>7}{count[2]:>7}{count[3]:>8}{count[4]:>6}"
                f"{seconds:>10.0f}{memory:>8.0f}"
            )
        goals = [row for _, who, row in seen if row and who == label and row["asked"]]
        reached = sum(float(row["ratio"]) <= float(row["asked"]) for row in goals)
        broken = sum(failed(row) for _, who, row in seen if row and who == label)
        if goals:
            say(f"  the ratio asked for is reached in {reached} of {len(goals)}")
        if broken:
            say(f"  no answer in {broken}")
    if len(labels) < 2:
        return
    better, worse, same = [], [], 0
    for case, image in plan:
        new, old = (known.get((case.name, image, label, limit)) for label in labels)
        if not new or not old:
            continue
        a, b = float(new["ratio"]), float(old["ratio"])
        change = 1.0 if a == b else a / b if b > 0 else math.inf
        entry = (change, case.name, image, new, old)
        if change < 1 / 1.02:
            better.append(entry)
        elif change > 1.02:
            worse.append(entry)
        else:
            same += 1
    say(f"\n{labels[0]} against {labels[1]}: {len(better)} better by more than 2 %, {len(worse)} worse, {same} alike")
    for word, entries in (("worse", sorted(worse, reverse=True, key=first)), ("better", sorted(better, key=first))):
        if entries:
            say(f"\n{word:<34}{'image':>5}{'ratio':>10}{'before':>10}{'upper':>10}{'lower':>10}")
        for _, name, image, new, old in entries:
            ends = "".join(f"{times(new[side], old[side]):>10}" for side in ("upper", "lower"))
            say(f"{name[:34]:<34}{image:>5}{float(new['ratio']):>10.4g}{float(old['ratio']):>10.4g}{ends}")


def first(entry):
    return entry[0]


def times(new, old):
    new, old = float(new), float(old)
    return f"x{new / old:.3g}" if old > 0 and old < math.inf else "-"


def interrupt(*_):
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--binary2", type=pathlib.Path, metavar="OTHER", help="what the first one is compared with")
    parser.add_argument("--time", type=float, default=60, help="seconds for each run (default: 60)")
    parser.add_argument("--short", action="store_true", help="one image of some cases of every kind")
    parser.add_argument("--large", action="store_true", help="large networks at small radii, and nothing else")
    parser.add_argument("--only", metavar="SUBSTRING", help="cases whose name, or network's file, has it")
    parser.add_argument("--images", default="0,1,2", help="rows of the data sets (default: 0,1,2)")
    parser.add_argument("--out", type=pathlib.Path, metavar="CSV", help="write there, not to standard output")
    parser.add_argument("--resume", action="store_true", help="ask only for rows that --out lacks or that failed")
    args = parser.parse_args()
    zoo = os.environ.get("CLARKE_ZOO")
    if not zoo:
        parser.error("CLARKE_ZOO must name a folder of networks")
    if args.resume and not args.out:
        parser.error("--resume needs --out")
    zoo = pathlib.Path(zoo).resolve()
    binaries = [binary.resolve() for binary in (args.binary, args.binary2) if binary]
    for binary in binaries:
        if not os.access(binary, os.X_OK) or not binary.is_file():
            parser.error(f"{binary} is no program")
    labels = [binary.name for binary in binaries]
    if len(set(labels)) < len(labels):
        labels = [f"{i + 1}:{label}" for i, label in enumerate(labels)]
    try:
        images = [int(word) for word in args.images.split(",")]
    except ValueError:
        images = []
    if not images or min(images) < 0:
        parser.error("--images takes numbers from 0, separated by commas")
    if args.short:
        images = images[:1]
    parts = ("large",) if args.large else ("radii", "targets")
    cases = [case for case in CASES if case.part in parts and (case.short or not args.short)]
    if args.only:
        cases = [case for case in cases if args.only in case.name or args.only in case.file]
    if not cases:
        parser.error("no case has that in its name")
    plan = [(case, str(image)) for case in cases for image in (images if case.centred else "-")]

    limit, rows = f"{args.time:g}", []
    if args.out and args.out.exists() and args.out.stat().st_size:
        if not args.resume:
            parser.error(f"{args.out} exists: --resume goes on with it")
        with open(args.out, newline="") as old:
            reader = csv.DictReader(old)
            if reader.fieldnames != COLUMNS:
                parser.error(f"{args.out} has other columns")
            rows = [row for row in reader if None not in row.values()]
    done = {key(row) for row in rows if not failed(row)}
    todo = [
        (case, image, binary, label)
        for case, image in plan
        for binary, label in zip(binaries, labels)
        if (case.name, image, label, limit) not in done
    ]

    signal.signal(signal.SIGTERM, interrupt)
    code, file = 0, open(args.out, "a", newline="") if args.out else sys.stdout
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        inputs, out = Inputs(zoo, folder), csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if not args.out or not args.out.stat().st_size:
            out.writeheader()
        try:
            for number, (case, image, binary, label) in enumerate(todo, 1):
                words = case.command(zoo, inputs, int(image) if case.centred else None)
                row, complaint = ask(binary, words, args.time, folder)
                row |= {"case": case.name, "network": pathlib.Path(case.file).stem, "norm": case.norm}
                row |= {"eps": case.eps, "image": image, "binary": label, "limit": limit}
                row |= {"prototype": case.prototype, "asked": case.asked}
                out.writerow(row)
                file.flush()
                rows.append(row)
                say(
                    f"{number:>3}/{len(todo):<3} {case.name[:32]:<32} {image:>2} {label[:10]:<10} "
                    f"{float(row['ratio']):>9.4g} {row['verdict']:<7} {float(row['seconds']):>5.1f} s"
                )
                for line in complaint.splitlines()[:4]:
                    say(f"        {line[:72]}")
        except KeyboardInterrupt:
            say("interrupted: what is written stays")
            code = 130
    summary(plan, rows, labels, limit)
    return code


if __name__ == "__main__":
    sys.exit(main())
