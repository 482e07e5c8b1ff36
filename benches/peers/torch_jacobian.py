# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Time an interval Clarke Jacobian of a ReLU multilayer perceptron in plain PyTorch (float64, CPU).

A baseline of our own: for a batch of images with an L-infinity ball around
each, activation intervals go forward and the Jacobian's enclosure goes
backward, both as centre and radius with two matrix products a layer, and the
bound is the largest row sum of magnitudes (inf to inf). Rounding is ignored,
so the bounds are not proven.

Prints CSV: network,batch,threads,eps,min_ms,median_ms,ms_per_image,mean_bound.

    pip install numpy onnx torch
    CLARKE_ZOO=folder/of/networks python benches/peers/torch_jacobian.py --threads 2
    python benches/peers/torch_jacobian.py --network NET.onnx --images IMAGES.gz

The network must be a chain of Flatten, Gemm and Relu (default: the zoo's MNIST
256x4), the images a gzipped IDX file of 28 x 28 pixels, divided by 255 (default:
images/mnist/t10k-images-idx3-ubyte.gz beside the zoo).
"""

import argparse
import gzip
import os
import statistics
import time
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper

NETWORK = "vnncomp2021-mnistfc/mnist-net_256x4.onnx"
IMAGES = "images/mnist/t10k-images-idx3-ubyte.gz"


def read_layers(path):
    """[(W, |W|, b)] with W of shape out x in."""
    graph = onnx.load(path).graph
    tensors = {t.name: torch.from_numpy(numpy_helper.to_array(t).astype(np.float64)) for t in graph.initializer}
    layers, ops = [], []
    for node in graph.node:
        if node.op_type == "Flatten":
            continue
        ops.append(node.op_type)
        if node.op_type == "Gemm":
            attrs = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            assert not attrs.get("transA", 0) and attrs.get("alpha", 1.0) == attrs.get("beta", 1.0) == 1.0
            w, b = tensors[node.input[1]], tensors[node.input[2]]
            w = (w if attrs.get("transB", 0) else w.T).contiguous()
            layers.append((w, w.abs(), b))
    assert ops == (["Gemm", "Relu"] * len(layers))[:-1], f"not a ReLU multilayer perceptron: {ops}"
    return layers


def read_images(path, count):
    with gzip.open(path) as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784)[:count]
    return torch.from_numpy((pixels.astype(np.float32) / np.float32(255)).astype(np.float64))


def bounds(layers, images, eps):
    """For each image a bound on the inf-to-inf norm of the Jacobian over its ball."""
    centre, radius = images, torch.full_like(images, eps)
    slopes = []
    for w, w_abs, b in layers[:-1]:
        centre, radius = torch.addmm(b, centre, w.T), radius @ w_abs.T
        low, high = centre - radius, centre + radius
        slopes.append(((low > 0).double().unsqueeze(1), (high >= 0).double().unsqueeze(1)))
        low, high = low.clamp_min(0), high.clamp_min(0)
        centre, radius = (high + low) / 2, (high - low) / 2
    centre = layers[-1][0].expand(len(images), -1, -1)
    radius = torch.zeros_like(centre)
    for (w, w_abs, _), (low, high) in zip(reversed(layers[:-1]), reversed(slopes)):
        left, right = centre - radius, centre + radius
        # The slopes are in [0, 1]: an uncertain one joins 0 to the column.
        left = torch.minimum(left * low, left * high)
        right = torch.maximum(right * low, right * high)
        centre, radius = (right + left) / 2 @ w, (right - left) / 2 @ w_abs
    return (centre.abs() + radius).sum(2).amax(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    zoo = os.environ.get("CLARKE_ZOO")
    parser.add_argument("--network", default=zoo and Path(zoo) / NETWORK)
    parser.add_argument("--images", default=zoo and Path(zoo).parent / IMAGES)
    parser.add_argument("--eps", type=float, default=0.001, help="radius of the balls")
    parser.add_argument("--batch", type=int, action="append", help="images at once (default: 1 and 100)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=15)
    args = parser.parse_args()
    if not args.network or not args.images:
        parser.error("give --network and --images, or set CLARKE_ZOO")
    torch.set_num_threads(args.threads)
    layers = read_layers(args.network)
    print("network,batch,threads,eps,min_ms,median_ms,ms_per_image,mean_bound")
    with torch.inference_mode():
        for batch in args.batch or [1, 100]:
            images = read_images(args.images, batch)
            for _ in range(3):
                found = bounds(layers, images, args.eps)
            times = []
            for _ in range(max(args.runs, 7)):
                start = time.perf_counter()
                bounds(layers, images, args.eps)
                times.append((time.perf_counter() - start) * 1e3)
            print(
                f"{Path(args.network).name},{batch},{args.threads},{args.eps},{min(times):.4f},"
                f"{statistics.median(times):.4f},{min(times) / batch:.4f},{found.mean().item():.17g}",
                flush=True,
            )


if __name__ == "__main__":
    main()
