#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Avant & Morgansen: local bounds around one input, layer norms of AlexNet; --long: CIFAR-10 and VGG-16.

    python3 benches/papers/avant.py --clarke PROGRAM --zoo FOLDER [--time SECONDS] [--long] [--write]
"""

import numpy as np
from common import Page, arguments

# The points of the figures that are asked (of 30).
POINTS = {"tiny": (0, 29), "mnist": (0, 1, 5, 29)}
LONG = {"cifar10": (0, 5)}
# Layer norms in the authors' data folder, convolutions only.
ALEXNET = ["9.05468", "14.97529", "12.13822", "14.32496", "16.60189"]
VGG = ["11.13697", "6.98336", "7.30996", "5.74586", "7.74287", "7.32300", "9.23022", "8.67719"]
VGG += ["11.22866", "15.18946", "10.48711", "13.88950", "17.92021"]
DATA = "their data folder"


def layers(page, name, label, published):
    net = page.zoo(name)
    said, _ = page.run(["layers", net], limit=300) if net else (None, 0)
    found = [layer for layer in said["layers"] if layer["kind"] == "conv"] if said else []
    for k, (layer, value) in enumerate(zip(found, published), 1):
        ends = layer["norm"]["lower"], layer["norm"]["upper"]
        if ends[0] == 0:
            continue  # the time was up
        by = min(((v, m) for m, v in layer["methods"].items() if "(lower)" not in m and v is not None))[1]
        page.row(f"{label}, norm of convolution {k}", DATA, "value", value, (*ends, by, layer["seconds"]))


def main():
    args = arguments(__doc__, 15).parse_args()
    page = Page(__file__, args)
    for name, points in (POINTS | LONG if args.long else POINTS).items():
        limit = args.time * (4 if name == "cifar10" else 1)
        known, net = page.zoo(f"avant/{name}.npz"), page.zoo(f"converted/avant_{name}.onnx")
        if not known or not net:
            continue
        known, centre = np.load(known), page.zoo(f"converted/avant_{name}_x0.npy")
        converged = known["ref_local_bound"] if "ref_local_bound" in known else None
        for k in points:
            radius, value = float(known["pub_local_eps"][k]), f"{float(known['pub_local_bound'][k]):.7g}"
            where = [net, "--input", centre, "--norm", "2", "--eps", repr(radius), "--quantity", "anchored"]
            formula = page.bound(*where, "--method", "avant", limit=limit)
            if formula and converged is not None:
                formula = (float(converged[k]), *formula[1:])
                page.row(f"{name}, ε = {radius:.4g}: the formula", DATA, "value", value, formula)
            page.row(f"{name}, ε = {radius:.4g}: the constant", DATA, "upper", value, page.bound(*where, limit=limit))
        if name == "tiny":
            # Their largest quotient of random pairs at the first radius.
            radius, value = float(known["pub_rand_eps"][0]), f"{float(known['pub_rand_bound'][0]):.6g}"
            where = [net, "--input", centre, "--norm", "2", "--eps", repr(radius), "--quantity", "anchored"]
            page.row(f"{name}, ε = {radius:.4g}: random quotients", DATA, "lower", value, page.bound(*where))
        if "ref_layer_norms" in known:
            total = float(np.prod(known["ref_layer_norms"]))
            product = page.bound(net, "--norm", "2", "--method", "product", limit=limit)
            value = f"{float(np.prod(known['pub_global_bound'])):.7g}"
            if product:
                page.row(f"{name}, R^n: product of norms", DATA, "value", value, (total, *product[1:]))
            page.row(f"{name}, R^n: the constant", DATA, "upper", value, page.bound(net, "--norm", "2", limit=limit))
    layers(page, "alexnet/alexnet_imagenet_features.onnx", "AlexNet", ALEXNET)
    if args.long:
        layers(page, "vgg16/vgg16_imagenet_features_f16.onnx", "VGG-16", VGG)
    page.finish()


if __name__ == "__main__":
    main()
