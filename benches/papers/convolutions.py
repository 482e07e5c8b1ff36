#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Araujo et al. and Delattre et al.: spectral norms of convolutions, one layer at a time (needs the onnx package).

    python3 benches/papers/convolutions.py --clarke PROGRAM --zoo FOLDER [--time SECONDS] [--long] [--write]
"""

import numpy as np
from common import Page, arguments, conv_net

NOTEBOOK = "lip4conv's notebook"
# One random layer of 64 to 64 channels, 5 x 5, on 12 x 12: reference and differences to it as the notebook prints them.
RANDOM = [
    ("Sedghi, circular", 2, "83.092", "norm"),
    ("Gram, circular, 5 steps", 2, "83.118", "norm"),
    ("Gram, zero padding, 5 steps", 2, "86.43", "norm"),
    ("Singla & Feizi", 2, "177.06", "reshapes"),
    ("Araujo, 50 samples", 2, "356.72", "toeplitz"),
    ("Ryu, padding 1", 1, "77.561", "norm"),
]
# Layers of ResNet-18 by shape: channels, side, and there: Gram, Singla and Araujo over power iteration.
RESNET = [
    (64, 56, "1.0042", "1.560", "2.628"),
    (128, 28, "1.0067", "1.269", "4.496"),
    (256, 14, "1.0209", "1.246", "6.354"),
]
LONG = [(512, 7, "1.0852", "1.247", "6.295")]
REAL = [("mlperf-tiny/mlperf_tiny_resnet8.onnx", "ResNet-8"), ("alexnet/alexnet_imagenet_features.onnx", "AlexNet")]


def layer(page, kernel, side, pad):
    """What `layers` says of one convolution of stride 1."""
    net = conv_net(page.folder / "one.onnx", [kernel.shape[1], side, side], [("conv", kernel, 1, pad)])
    said, seconds = page.run(["layers", net])
    return (said["layers"][0], seconds) if said else (None, seconds)


def ends(found, seconds, method="norm", unit=1.0):
    """Both ends of the norm, or the upper end of one method, over `unit`."""
    upper = found["norm"]["upper"] if method == "norm" else found["methods"].get(method)
    if upper is None:
        return None
    rules = [(value, name) for name, value in found["methods"].items() if "(lower)" not in name and value is not None]
    name = min(rules)[1] if method == "norm" else method
    return found["norm"]["lower"] / unit, upper / unit, name, seconds


def circular(kernel, side):
    """The norm of the circular layer by a transform and singular values, in floats (Sedghi et al.)."""
    symbol = np.fft.fft2(kernel, (side, side), axes=(2, 3)).transpose(2, 3, 0, 1)
    return np.linalg.norm(symbol, 2, axis=(2, 3)).max()


def main():
    args = arguments(__doc__, 60).parse_args()
    page = Page(__file__, args)
    random = np.random.default_rng(12)
    kernel = random.standard_normal((64, 64, 5, 5)).astype(np.float32)
    found = {pad: layer(page, kernel, 12, pad) for pad in (2, 1)}
    for name, pad, value, method in RANDOM:
        if found[pad][0]:
            page.row(f"64×64×5×5, 12×12, {name}", NOTEBOOK, "compare", value, ends(*found[pad], method))

    # Where the circular norm at the layer's own side, which papers print, is not a bound for zero padding.
    taps = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]], np.float32)
    laplace = np.einsum("oi,rc->oirc", np.eye(4, dtype=np.float32), taps)
    for side in (9, 17, 33):
        value = f"{circular(laplace, side):.7g}"
        one = layer(page, laplace, side, 1)
        if one[0]:
            page.row(f"Laplacian, 4 channels, {side}×{side}", "circular norm", "upper", value, ends(*one))

    for channels, side, gram, singla, araujo in RESNET + LONG * args.long:
        kernel = (random.standard_normal((channels, channels, 3, 3)) * np.sqrt(2 / (9 * channels))).astype(np.float32)
        one, seconds = layer(page, kernel, side, 1)
        if one is None:
            continue
        truth = one["norm"]["lower"]
        figures = ("Gram", gram, "norm"), ("Singla", singla, "reshapes"), ("Araujo", araujo, "toeplitz")
        for name, value, method in figures:
            case = f"{channels}×{channels}×3×3, {side}×{side}, {name} / lower end"
            page.row(case, NOTEBOOK, "compare", value, ends(one, seconds, method, truth))

    for name, label in REAL if args.long else REAL[:1]:
        net = page.zoo(name)
        said, _ = page.run(["layers", net], 2 * args.time) if net else (None, 0)
        for k, one in enumerate(layer for layer in (said["layers"] if said else []) if layer["kind"] == "conv"):
            page.row(f"{label}, convolution {k + 1}", "–", "", "", ends(one, one["seconds"]))
    page.finish()


if __name__ == "__main__":
    main()
