#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Scaman & Virmaux: AutoLip and SeqLip on random networks, and the layers of AlexNet.

    python3 benches/papers/scaman.py --clarke PROGRAM --zoo FOLDER [--time SECONDS] [--long] [--write]
"""

from common import Page, arguments, he, mlp

POSTER = "poster, section 7"
# Layers: AutoLip, SeqLip, and the largest lower bound that the poster prints.
MLPS = {4: (33.04, 21.47, 6.56), 5: (134.4, 72.87, 7.1), 7: (294.6, 130.2, 6.51), 10: (19248.2, 2463.44, 17.1)}
# Norms of AlexNet's dense layers, as Avant & Morgansen print them: below the true norms, if at all.
DENSE = 5.93824 * 9.30029 * 6.67697


def main():
    args = arguments(__doc__, 10).parse_args()
    page = Page(__file__, args)
    for layers, (autolip, seqlip, least) in MLPS.items():
        net = mlp(page.folder / f"{layers}.npz", *he([2] + [20] * (layers - 1) + [1], layers))
        product = page.bound(net, "--norm", "2", "--method", "product")
        for name, method, value in (("SeqLip", "seqlip", seqlip), ("largest lower bound", "auto", least)):
            found = page.bound(net, "--norm", "2", "--method", method)
            if found and product:
                found = found[0] / product[1], found[1] / product[1], *found[2:]
            page.row(f"MLP of {layers} layers, {name} / AutoLip", POSTER, "compare", f"{value / autolip:.3g}", found)

    net = page.zoo("alexnet/alexnet_imagenet_features.onnx")
    said, seconds = page.run(["layers", net], 12 * args.time) if net else (None, 0)
    if said:
        lower = upper = 1.0
        for layer in said["layers"]:
            if layer["kind"] == "conv":
                lower, upper = lower * layer["norm"]["lower"], upper * layer["norm"]["upper"]
        page.row("AlexNet, convolutions only", "–", "", "", (lower, upper, "layers", seconds))
        total = lower * DENSE, upper * DENSE, "layers, printed dense norms", seconds
        page.row("AlexNet, all layers, AutoLip", POSTER, "value", "3.62e7", total)
        page.row("AlexNet, all layers, Greedy SeqLip", POSTER, "compare", "5.45e6", total)

    for name in ("mnist-net_256x2", "mnist-net_256x4") if args.long else ("mnist-net_256x2",):
        net = page.zoo(f"vnncomp2021-mnistfc/{name}.onnx")
        for method in ("product", "seqlip", "auto") if net else ():
            found = page.bound(net, "--norm", "2", "--method", method, limit=3 * args.time)
            page.row(f"MNIST {name.split('_')[1]}, `{method}`", "–", "", "", found)
    page.finish()


if __name__ == "__main__":
    main()
