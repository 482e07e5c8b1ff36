# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Train small classifiers of digits with each penalty of clarke.torch, and let the engine certify what came out.

One network (64 -> 64 -> 32 -> 10, ReLU between, or with --conv two convolutions in front of a linear layer) is trained
from the same start without a penalty and with each of the four. `clarke.certify` then proves how far around held-out
samples the class cannot change. The table shows the accuracy on all held-out samples, and of the first ones the median
radius in the 2-norm, 0 for a sample that is misclassified or for which nothing is proven. The penalties only estimate,
the radii are proofs.

Without convolutions `lipbound` is `product`. A network that is trained longer without a penalty gains in accuracy and
loses in radius.

The digits are those of scikit-learn (UCI optical recognition of handwritten digits), pixels in [0, 1].

    pip install . scikit-learn torch onnx onnxscript    # PyTorch 1.13 needs neither of the last two
    python examples/train_lipschitz.py
"""

import argparse
import os
import time

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin stall each other on a busy machine

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

import clarke
import clarke.torch as penalties

SEED = 7
BATCH = 64
SHAPE = 1, 8, 8
# Weights of each penalty, dense and with convolutions: of a few tried with this seed on these samples, those with the
# largest radius within about 2 points of accuracy.
WEIGHTS = {
    "none": (0.0, 0.0),
    "product": (0.3, 0.07),
    "lipbound": (0.3, 0.03),
    "local product": (0.25, 0.08),
    "pairs": (0.25, 0.2),
}
# Radius of the balls of the local product, and distance of the points of a pair at the start.
EPS = 0.3


def digits():
    """Training samples and labels, held-out samples and labels."""
    pixels, labels = load_digits(return_X_y=True)
    parts = train_test_split(
        (pixels / 16).astype(np.float32).reshape(-1, *SHAPE), labels, test_size=400, random_state=SEED, stratify=labels
    )
    train_x, test_x, train_y, test_y = map(torch.from_numpy, parts)
    return train_x, train_y, test_x, test_y


def network(conv):
    if conv:
        body = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 8, 4, stride=2, padding=1))
        return nn.Sequential(body, nn.ReLU(), nn.Flatten(), nn.Linear(128, 10))
    head = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), head)


class Penalty:
    """One number for a network and a batch."""

    def __init__(self, name, train_x):
        self.name = name
        if name == "pairs":
            # Kept through the training: they follow the steepest place.
            some = train_x[torch.randperm(len(train_x))[:BATCH]]
            self.pairs = penalties.Pairs(some, some + EPS / 8 * torch.randn_like(some))

    def __call__(self, net, x):
        if self.name == "product":
            return penalties.product(net, SHAPE, steps=8)
        if self.name == "lipbound":
            return penalties.lipbound(net, SHAPE, steps=8)
        if self.name == "local product":
            return penalties.local_product(net, x[: BATCH // 8], EPS, steps=8).mean()
        self.pairs.ascend(net)
        return self.pairs.penalty(net)


def train(name, weight, data, args):
    torch.manual_seed(SEED)
    train_x, train_y = data
    net = network(args.conv)
    penalty = Penalty(name, train_x)
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    steps = args.epochs * (len(train_x) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(args.epochs):
        for batch in torch.randperm(len(train_x)).split(BATCH)[: len(train_x) // BATCH]:
            loss = nn.functional.cross_entropy(net(train_x[batch]), train_y[batch])
            if weight > 0:
                loss = loss + weight * penalty(net, train_x[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return net.eval()


def weights(text):
    """A penalty, and its weight where one is named."""
    name, _, value = text.partition("=")
    if name not in WEIGHTS:
        raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(WEIGHTS)}")
    return name, (float(value),) * 2 if value else WEIGHTS[name]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--penalty", action="append", type=weights, metavar="NAME[=WEIGHT]", help="default: all")
    parser.add_argument("--conv", action="store_true", help="convolutions instead of linear layers")
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--samples", type=int, default=100, help="held-out samples to certify")
    parser.add_argument("--time", default="300ms", help="of the engine for each sample; 0: linear bounds alone")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    train_x, train_y, test_x, test_y = digits()
    print("penalty           weight  accuracy  median radius  times   product  training   proofs")
    first = None
    for name, both in args.penalty or WEIGHTS.items():
        weight = both[args.conv]
        start = time.perf_counter()
        net = train(name, weight, (train_x, train_y), args)
        seconds = time.perf_counter() - start
        with torch.no_grad():
            accuracy = (net(test_x).argmax(1) == test_y).double().mean()
            product = penalties.product(net, SHAPE)
        some = test_x[: args.samples], test_y[: args.samples]
        rows = clarke.certify(net, *some, radius=True, norm=2, time=args.time, threads=args.threads)
        proofs = time.perf_counter() - start - seconds
        median = np.median(np.nan_to_num(rows["radius"]))
        first = median if first is None else first
        times = f"{median / first:.2f}" if first > 0 else "-"
        line = f"{name:<16}{weight:>8g}{100 * accuracy:>8.2f} %{median:>15.4f}{times:>7}{product:>10.3g}"
        print(f"{line}{seconds:>8.1f} s{proofs:>7.1f} s", flush=True)


if __name__ == "__main__":
    main()
