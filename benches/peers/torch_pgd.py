# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Attack every certified radius of clarke from just inside, with projected gradient descent in PyTorch.

clarke certifies the radii of MNIST images as in torch_certify.py. Each is then attacked at 0.999 of it: several
restarts from random points of the ball, many steps down the least margin f_c - max f_j of the label c, along the sign
of the gradient (inf) or its direction (2), every step projected to the ball and cut to [0, 1]. All images and restarts
are one batch in float32; the best point of each image is evaluated again in float64, its distance as well. A
contradiction is a point no farther than the radius, in [0, 1], where the label does not lead: one is one too many, and
the script then ends with 1.

Columns:
- network, norm, rows: what is asked; the first images of the test set.
- attacked: images with a radius above 0. The others are misclassified, or linear bounds prove nothing for them.
- steps, restarts: of each attack.
- contradictions: images for which there is one.
- least_margin, median_margin: over the images, the margin that the attack leaves.
- twice: the part of the images for which the same attack at twice the radius finds another class, which shows
  that the attack is no weak one.
- seconds: of the attack at 0.999, wall.

    pip install numpy onnx torch
    CLARKE_ZOO=folder/of/networks python benches/peers/torch_pgd.py target/release/clarke --threads 2
"""

import argparse
import csv
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
import torch_certify  # noqa: E402  (and with it the settings of threads)
from torch_linear import read_layers  # noqa: E402

INSIDE = 0.999


class Attack:
    """Images with labels and radii, one a row, and the network in the images' numbers."""

    def __init__(self, layers, images, labels, radii, norm):
        self.net = torch_certify.Network(layers, norm)
        self.x, self.labels, self.radii, self.norm = images, labels, radii[:, None], norm

    def margins(self, x):
        """f_c - max f_j over the other classes j."""
        out = self.net.value(x)
        own = out.gather(1, self.labels[:, None])
        return own[:, 0] - out.scatter(1, self.labels[:, None], -torch.inf).amax(1)

    def inside(self, x):
        """Projects to the ball, then to [0, 1]: the centre lies in there, so no point leaves the ball again."""
        away = x - self.x
        if self.norm == "inf":
            away = torch.minimum(torch.maximum(away, -self.radii), self.radii)
        else:
            away = away * (self.radii / away.norm(dim=1, keepdim=True).clamp_min(1e-30)).clamp_max(1)
        return (self.x + away).clamp(0, 1)

    def start(self):
        if self.norm == "inf":
            return self.inside(self.x + self.radii * (2 * torch.rand_like(self.x) - 1))
        away = torch.randn_like(self.x)
        depth = torch.rand(len(away), 1, dtype=away.dtype) ** (1 / away.shape[1])
        return self.inside(self.x + self.radii * depth * away / away.norm(dim=1, keepdim=True))

    def run(self, steps):
        """The best points of one restart and their margins."""
        x = self.start()
        best, least = x.clone(), torch.full_like(x[:, 0], torch.inf)
        for step in range(steps + 1):
            with torch.enable_grad():
                x.requires_grad_(True)
                margins = self.margins(x)
                (slope,) = torch.autograd.grad(margins.sum(), x)
            margins, x = margins.detach(), x.detach()
            better = margins < least
            best[better], least[better] = x[better], margins[better]
            if self.norm == "inf":
                slope = slope.sign()
            else:
                slope = slope / slope.norm(dim=1, keepdim=True).clamp_min(1e-30)
            # Large steps first: the border is reached within a few.
            size = 0.5 * self.radii * (1 - step / (steps + 1)) + 0.01 * self.radii
            x = self.inside(x - size * slope)
        return best, least


def attacked(path, images, labels, radii, norm, args):
    """Margins of the best points in float64."""
    layers = read_layers(path, torch.Size((1, 28, 28)), torch.float32)
    many = args.restarts
    inner = INSIDE * radii.repeat(many).float()
    attack = Attack(layers, images.float().repeat(many, 1), labels.repeat(many), inner, norm)
    best, least = attack.run(args.steps)
    least = least.view(many, -1).argmin(0)
    best = best.view(many, len(images), -1)[least, torch.arange(len(images))].double()
    exact = Attack(read_layers(path, torch.Size((1, 28, 28)), torch.float64), images, labels, radii, norm)
    away = (best - images).norm(dim=1, p=float(norm))
    fair = (away <= radii) & (best >= 0).all(1) & (best <= 1).all(1)
    if not fair.all():
        sys.exit("torch_pgd.py: float32 is too coarse for these radii: a point has left its ball")
    return exact.margins(best)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("--network", default="mnist_256x2", help="as in benches/real.py")
    parser.add_argument("--rows", type=int, default=1000, help="images")
    parser.add_argument("--norm", action="append", choices=["inf", "2"], help="default: both")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--restarts", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch and of clarke")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    path, folder = torch_certify.paths(parser, args.network)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    images, labels = (t[: args.rows] for t in torch_certify.mnist(folder))
    columns = "network norm rows attacked steps restarts contradictions least_margin median_margin twice".split()
    out = csv.DictWriter(sys.stdout, [*columns, "seconds"], lineterminator="\n")
    out.writeheader()
    total = 0
    for norm in args.norm or ["inf", "2"]:
        radii = torch_certify.ask(args.binary.resolve(), path, folder, norm, args.rows, args.threads)[0]
        radii = torch.tensor(radii, dtype=torch.float64)
        some = radii > 0
        start = time.perf_counter()
        margins = attacked(path, images[some], labels[some], radii[some], norm, args)
        seconds = time.perf_counter() - start
        outside = attacked(path, images[some], labels[some], 2 * radii[some], norm, args)
        count = int((margins <= 0).sum())
        row = {"network": args.network, "norm": norm, "rows": args.rows, "attacked": int(some.sum())}
        row |= {"steps": args.steps, "restarts": args.restarts, "contradictions": count}
        row |= {"least_margin": f"{margins.min():.6g}", "median_margin": f"{margins.median():.6g}"}
        row |= {"twice": f"{(outside <= 0).double().mean():.4g}", "seconds": f"{seconds:.1f}"}
        out.writerow(row)
        sys.stdout.flush()
        total += count
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
