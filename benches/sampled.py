# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Confront a table of benches/real.py with the steepness of its networks at random points, in float64 with PyTorch.

Every case's network and region are built again as benches/real.py describes them; the networks are read by
tests/data/reference_jacobians.py. Of the points some are spread over the region, some lie at its corners or faces or on
the sphere, some near the centre; of a case without a region they are normal, of many scales, around grey and around
images. All are drawn a ten-thousandth of the way to a point inside, so that they are no kinks, and never leave the
region or the clip. The Jacobian's norm at such a point is at most the constant, whatever proved the upper end. With up
to 16 outputs it is that of the whole Jacobian; else a power step picks a row (inf) or a combination of rows of length
1 (2), and its norm counts, which is at most the Jacobian's. Inputs that a box fixes are no part of it.

A sampled value above the upper end by more than 1e-9 of it, which rounding cannot explain, is a contradiction, and the
script then ends with 1. So is a lower end or a sampled value of a region above the upper end of the same network and
norm without one. An upper end of a region above that one is only loose, and reported.

Columns:
- case, network, norm, eps, image, lower, upper, binary, limit: as in the table.
- points: how many were seen. It is less than --points where --limit ended a case.
- sampled: the largest norm, in the units of the table.
- place: of the point that has it.
- over_lower, over_upper: the sampled value over either end. Over the lower one it says, if above 1, that the lower end
  can be better.
- verdict: `below` the lower end, `between` the ends, or `contradiction`.
- seconds: of the sampling, wall.

    pip install numpy onnx torch
    CLARKE_ZOO=folder/of/networks python benches/sampled.py benches/results/TABLE.csv --out sampled.csv
"""

import argparse
import csv
import gzip
import math
import os
import pathlib
import re
import sys
import tempfile
import time
import zlib

import numpy as np
import torch

import real

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "data"))
import reference_jacobians  # noqa: E402

COLUMNS = (
    "case,network,norm,eps,image,lower,upper,points,sampled,place,over_lower,over_upper,verdict,seconds,binary,limit"
).split(",")
ROUNDING = 1e-9  # what float64 is allowed, relative
INWARD = 1e-4  # of the way to a point inside
WHOLE = 16  # outputs up to which the whole Jacobian is taken
LARGEST_BATCH, LARGEST_JACOBIAN = 512, 1 << 25  # points at once, and entries of their Jacobians
QUICK = 0.5  # seconds: a batch that needs less is followed by one of twice the points
IMAGES = 20  # of the data set, around which points without a region are drawn


class Network(reference_jacobians.Network):
    """Takes points of the table's units, one a row, and gives logits, one a row."""

    def __init__(self, path, units):
        super().__init__(path)
        self.inputs = math.prod(self.shape)
        if any(op == "Reshape" for op, *_ in self.nodes):
            self.flatten()
        mean, std = units or ("0", "1")
        mean, std = (torch.tensor([float(v) for v in w.split(",")], dtype=torch.float64) for w in (mean, std))
        self.mean, self.std = (v.repeat_interleave(self.inputs // len(v)) for v in (mean, std))

    def flatten(self):
        """Targets of reshapes are for a batch of 1: what only flattens is a flattening."""
        point = torch.rand(self.inputs, dtype=torch.float64)
        with torch.no_grad():
            before = self(point)[0]
            self.nodes = [("Flatten", {}, n[2][:1], n[3]) if n[0] == "Reshape" else n for n in self.nodes]
            if not torch.equal(self(point)[0], before):
                sys.exit("sampled.py: a reshape does more than flatten")

    def values(self, x):
        self.shape[0] = len(x)
        return self((x - self.mean) / self.std)[0].view(len(x), -1)


class Box:
    """Points between two corners."""

    places = ("uniform", "corner", "face", "near")

    def __init__(self, low, high, centre):
        self.low, self.high, self.centre, self.free = low, high, centre, (high > low).double()

    def uniform(self, count, random):
        return self.low + (self.high - self.low) * torch.rand(count, len(self.low), **random)

    def draw(self, place, count, random):
        x = self.uniform(count, random)
        if place == "near":
            return self.centre + 10 ** (-4 * torch.rand(count, 1, **random)) * (x - self.centre)
        # How many coordinates are at an end, and how many of these at the upper one, differs from point to point.
        share, up = torch.rand(2, count, 1, **random)
        ends = torch.where(torch.rand(*x.shape, **random) < up, self.high, self.low)
        if place == "corner":
            return ends
        return torch.where(torch.rand(*x.shape, **random) < share, ends, x) if place == "face" else x


class Ball:
    """Points of a 2-norm ball and of a box that has its centre."""

    places = ("uniform", "sphere", "sparse", "corner", "inner", "near")

    def __init__(self, centre, radius, low, high):
        self.centre, self.radius, self.low, self.high = centre, radius, low, high
        self.free = torch.ones_like(centre)

    def at(self, away, depth):
        """Moves that would leave the box are reflected, and what still leaves it is cut: no point gets farther."""
        away = away * (self.radius * depth / away.norm(dim=1, keepdim=True).clamp_min(1e-300))
        leaves = (self.centre + away < self.low) | (self.centre + away > self.high)
        return torch.minimum(torch.maximum(self.centre + torch.where(leaves, -away, away), self.low), self.high)

    def uniform(self, count, random):
        depth = torch.rand(count, 1, **random) ** (1 / len(self.centre))
        return self.at(torch.randn(count, len(self.centre), **random), depth)

    def draw(self, place, count, random):
        if place == "uniform":
            return self.uniform(count, random)
        away = torch.randn(count, len(self.centre), **random)
        share, depth = torch.rand(2, count, 1, **random)
        if place == "sparse":
            kept = torch.rand(*away.shape, **random) < len(self.centre) ** -share
            away = torch.where(kept, away, 1e-3 * away)
        elif place == "corner":
            away = torch.where(torch.rand(*away.shape, **random) < share, 1.0, -1.0).double()
        return self.at(away, {"inner": depth, "near": 10 ** (-4 * depth)}.get(place, torch.ones_like(depth)))

    def has(self, x):
        return bool(((x - self.centre).norm(dim=1) <= self.radius * (1 + ROUNDING / 2)).all())


class Everything:
    places = ("normal", "around")

    def __init__(self, images):
        self.images, self.free = images, torch.ones_like(images[0])

    def draw(self, place, count, random):
        away = torch.randn(count, len(self.free), **random) * 10 ** (5 * torch.rand(count, 1, **random) - 2)
        if place == "normal":
            return 0.5 + away
        return self.images[torch.randint(len(self.images), (count,), generator=random["generator"])] + away

    def uniform(self, count, random):
        return self.draw("normal", count, random)


def box_of(path):
    """The box of a VNN-LIB file that has nothing but plain bounds of inputs."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt") as file:
        text = re.sub(r";.*", "", file.read())
    found = re.findall(r"\(assert\s*\(\s*([<>]=)\s+X_(\d+)\s+([-+.\deE]+)\s*\)\s*\)", text)
    count = len(re.findall(r"declare-const\s+X_", text))
    if len(found) + count != text.count("X_"):
        sys.exit(f"sampled.py: {path.name} is more than a box")
    low, high = torch.full((2, count), math.inf, dtype=torch.float64) * torch.tensor([[-1.0], [1.0]])
    for sign, name, bound in found:
        side, better = (high, min) if sign == "<=" else (low, max)
        side[int(name)] = better(side[int(name)].item(), float(bound))
    return low, high


def levels(case, inputs, image):
    """An image in the units of the table."""
    grey = torch.tensor(list(inputs.levels(case.images, image)[1]), dtype=torch.float64)
    return grey if case.units == "raw" else grey / 255


def region_of(case, inputs, image, path, count):
    """Smaller than the region by its billionth, so that rounding leads no point out."""
    if case.eps.endswith((".vnnlib", ".vnnlib.gz")):
        low, high = box_of(path.with_name(case.eps))
        middle, half = (low + high) / 2, (high - low) / 2 * (1 - ROUNDING)
        return Box(middle - half, middle + half, middle)
    if case.eps == "global":
        grey = torch.full((1, count), 0.5, dtype=torch.float64)
        return Everything(torch.stack([levels(case, inputs, i) for i in range(IMAGES)]) if case.images else grey)
    radius, low, high = case.radius(), 0, 1
    if case.own:
        centre, low, high = np.load(inputs.normalised(case, image)), -math.inf, math.inf
        centre = torch.from_numpy(centre.astype(np.float64)).flatten()
    else:
        centre = levels(case, inputs, image)
        if case.units == "raw":
            radius, high = 255 * radius, 255
    radius *= 1 - ROUNDING
    low, high = (torch.full_like(centre, v) for v in (low, high))
    if case.norm == "2":
        return Ball(centre, radius, low, high)
    return Box(torch.maximum(centre - radius, low), torch.minimum(centre + radius, high), centre)


class Steepness:
    """Norms of Jacobians, each a lower estimate."""

    def __init__(self, net, free, norm, random):
        self.net, self.free, self.norm, self.random = net, free, norm, random
        self.rows = None  # the combination that was the longest so far

    def at(self, x):
        x.requires_grad_(True)
        y = self.net.values(x)
        return self.whole(x, y) if y.shape[1] <= WHOLE else self.largest_rows(x, y)

    def back(self, x, y, rows):
        return torch.autograd.grad(y, x, rows, retain_graph=True)[0] * self.free

    def whole(self, x, y):
        units = torch.eye(y.shape[1], dtype=torch.float64)
        rows = (self.back(x, y, unit.expand_as(y)) for unit in units)
        if self.norm == "inf":
            return torch.stack([row.abs().sum(1) for row in rows]).amax(0)
        jacobian = torch.stack(list(rows), 1)
        return torch.linalg.eigvalsh(jacobian @ jacobian.mT)[:, -1].clamp_min(0).sqrt()

    def chosen(self, rows):
        """The largest entry alone, or length 1."""
        if self.norm == "2":
            return rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-300)
        return torch.zeros_like(rows).scatter_(1, rows.abs().argmax(1, keepdim=True), 1)

    def largest_rows(self, x, y):
        if self.rows is None:
            self.rows = self.chosen(torch.randn(1, y.shape[1], **self.random))
        rows, found = self.rows.expand_as(y), []
        for step in range(2):
            if step:
                # Along the input that the rows see best; what the outputs do then is only a choice of rows.
                along = found[0] if self.norm == "2" else found[0].sign()
                size = 1e-6 * math.sqrt(x.shape[1]) / along.norm(dim=1, keepdim=True).clamp_min(1e-300)
                with torch.no_grad():
                    rows = self.chosen(self.net.values(x + size * along) - y)
            found.append(self.back(x, y, rows))
        sizes = torch.stack([row.norm(dim=1, p=2 if self.norm == "2" else 1) for row in found])
        self.rows = rows[sizes[1].argmax()][None]
        return sizes.amax(0)


def sample(case, inputs, image, net, path, args):
    """Points seen, the largest norm, its place, and seconds."""
    start = time.monotonic()
    generator = torch.Generator().manual_seed(args.seed + zlib.crc32(f"{case.name} {image}".encode()))
    random = {"generator": generator, "dtype": torch.float64}
    region = region_of(case, inputs, image, path, net.inputs)
    if len(region.free) != net.inputs:
        sys.exit(f"sampled.py: {case.name}: {len(region.free)} numbers for {net.inputs} inputs")
    steepness = Steepness(net, region.free, case.norm, random)
    most = max(1, min(LARGEST_BATCH, LARGEST_JACOBIAN // (WHOLE * net.inputs)))
    seen, turn, batch, best, where, last = 0, 0, 1, 0.0, "", 0.0
    while seen < args.points and (not seen or time.monotonic() - start + last < args.limit):
        began = time.monotonic()
        place = region.places[turn % len(region.places)]
        count = min(batch, args.points - seen)
        x = region.draw(place, count, random)
        x = x + INWARD * (region.uniform(count, random) - x)
        if not isinstance(region, Everything):
            x = torch.minimum(torch.maximum(x, region.low), region.high)
        if isinstance(region, Ball) and not region.has(x):
            sys.exit(f"sampled.py: {case.name}: a point is not in the ball")
        found = steepness.at(x).max().item()
        if not math.isfinite(found):
            sys.exit(f"sampled.py: {case.name}: the norm is {found}")
        if found > best:
            best, where = found, place
        seen, turn, last = seen + count, turn + 1, time.monotonic() - began
        # Every place has had its turn before the batch grows.
        if turn % len(region.places) == 0 and last < QUICK:
            batch = min(2 * batch, most)
    return seen, best, where, time.monotonic() - start


def verdict(value, lower, upper):
    if value > upper * (1 + ROUNDING):
        return "contradiction"
    return "between" if value > lower * (1 + ROUNDING) else "below"


def compared(case, row, found):
    """The columns of a row of the table."""
    seen, best, where, seconds = found
    lower, upper = float(row["lower"]), float(row["upper"])
    return {name: row[name] for name in ("case", "network", "norm", "eps", "image", "binary", "limit")} | {
        "lower": row["lower"],
        "upper": row["upper"],
        "points": seen,
        "sampled": repr(best),
        "place": where,
        "over_lower": f"{real.ratio(best, lower):.6g}",
        "over_upper": f"{real.ratio(best, upper):.6g}",
        "verdict": verdict(best, lower, upper),
        "seconds": f"{seconds:.1f}",
    }


def against_global(rows, cases):
    """Contradictions between regions and no region; reports upper ends that are only loose."""
    wrong = loose = pairs = 0
    for whole in (row for row in rows if row["eps"] == "global"):
        key = cases[whole["case"]].net, whole["norm"], whole["binary"], whole["limit"]
        top = float(whole["upper"])
        for row in rows:
            case = cases[row["case"]]
            if row is whole or case.own or (case.net, row["norm"], row["binary"], row["limit"]) != key:
                continue
            pairs += 1
            for what in ("lower", "sampled"):
                if float(row[what]) > top * (1 + ROUNDING):
                    wrong += 1
                    real.say(f"contradiction: {row['case']}: {what} {row[what]} above the global upper end {top}")
            if float(row["upper"]) > top:
                loose += 1
                real.say(f"loose: {row['case']}: upper end {row['upper']} above the global one {top}")
    real.say(f"{pairs} regions have a global case of their network and norm: {loose} upper ends above the global one")
    return wrong


def summary(rows, cases, points):
    real.say()
    wrong = [row for row in rows if row["verdict"] == "contradiction"]
    above = [row for row in rows if row["verdict"] == "between"]
    real.say(f"{len(rows)} cases, {sum(row['points'] for row in rows)} points, {len(wrong)} contradictions")
    for name in ("over_lower", "over_upper"):
        known = [(float(row[name]), row["case"]) for row in rows if float(row[name]) < math.inf]
        if known:
            real.say(f"largest {name}: {max(known)[0]:.6g} ({max(known)[1]})")
    few = [row for row in rows if row["points"] < points]
    real.say(f"the limit ended {len(few)} cases: " + ", ".join(f"{row['case']} {row['points']}" for row in few))
    for word, some in (("contradiction", wrong), ("above the lower end", above)):
        for row in some:
            real.say(f"{word}: {row['case']} {row['image']}: {row['sampled']} in [{row['lower']}, {row['upper']}]")
    return len(wrong) + against_global(rows, cases)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=pathlib.Path, help="written by benches/real.py")
    parser.add_argument("--points", type=int, default=10000, help="of each case (default: 10000)")
    parser.add_argument("--limit", type=float, default=60, metavar="SECONDS", help="of each case (default: 60)")
    parser.add_argument("--only", default="", metavar="SUBSTRING", help="cases whose name has it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    parser.add_argument("--out", type=pathlib.Path, metavar="CSV", help="write there, not to standard output")
    args = parser.parse_args()
    if not os.environ.get("CLARKE_ZOO"):
        parser.error("CLARKE_ZOO must name a folder of networks")
    if args.points < 1:
        parser.error("--points must be at least 1")
    zoo = pathlib.Path(os.environ["CLARKE_ZOO"]).resolve()
    torch.set_num_threads(args.threads)
    cases = {case.name: case for case in real.CASES}
    with open(args.table, newline="") as file:
        table = [row for row in csv.DictReader(file) if args.only in row["case"]]
    unknown = sorted({row["case"] for row in table} - set(cases))
    if unknown or not table:
        parser.error(f"benches/real.py knows no case {unknown[0]}" if unknown else "no case has that in its name")
    for row in table:
        if real.failed(row):
            row["lower"], row["upper"] = "0.0", "inf"
    try:
        file = open(args.out, "x", newline="") if args.out else sys.stdout
    except FileExistsError:
        parser.error(f"{args.out} exists")
    known, rows, name, code = {}, [], None, 0
    with tempfile.TemporaryDirectory() as folder:
        inputs, out = real.Inputs(zoo, pathlib.Path(folder)), csv.DictWriter(file, COLUMNS, lineterminator="\n")
        out.writeheader()
        try:
            for number, row in enumerate(table, 1):
                case, image = cases[row["case"]], int(row["image"]) if row["image"] != "-" else None
                units = case.units if isinstance(case.units, tuple) and not case.own else None
                if (case.name, image) not in known:
                    if (case.net, units) != name:
                        path = inputs.random_network() if case.images == "random" else zoo / case.file
                        name, net = (case.net, units), Network(path, units)
                    known[case.name, image] = sample(case, inputs, image, net, path, args)
                row = compared(case, row, known[case.name, image])
                out.writerow(row)
                file.flush()
                rows.append(row)
                real.say(
                    f"{number:>3}/{len(table):<3} {case.name[:36]:<36} {row['points']:>6} {row['sampled'][:10]:>10} "
                    f"{row['over_lower']:>9} {row['over_upper']:>11} {row['verdict']:<13} {row['seconds']:>5} s"
                )
        except KeyboardInterrupt:
            real.say("interrupted: what is written stays")
            code = 130
    return 1 if summary(rows, cases, args.points) else code


if __name__ == "__main__":
    sys.exit(main())
