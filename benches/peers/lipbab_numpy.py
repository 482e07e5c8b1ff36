# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Local Lipschitz constants of relu networks by branch and bound in NumPy, for comparison.

The search is that of LipBaB (Bhowmick, D'Souza, Raghavan 2021): a node is an activation pattern with undecided
neurons and the half-spaces of those that were decided; the worst node is taken, its first undecided neuron in
layer order is fixed both ways, its pre-activation being an affine function of the input there; children without
interior are found by a linear programme (HiGHS) and dropped. Bounds of later pre-activations are symbolic (affine
in the input and in one fresh variable per undecided neuron), the Jacobian is bounded by interval products. All of it
in whole matrices instead of loops over neurons. Plain floating point: nothing here is proven.

Prints CSV: network,radius,norm,lower,upper,nodes,seconds (of this process, all threads).

    pip install numpy scipy
    python benches/peers/lipbab_numpy.py --lo 0 --hi 0.1 --norm inf --time 100 network.npz
"""

import argparse
import heapq
import itertools
import time

import numpy as np
from scipy.optimize import linprog


def layers(path):
    data = np.load(path)
    count = sum(1 for name in data if name.startswith("W"))
    return [(data[f"W{k}"].astype(float), data[f"b{k}"].astype(float)) for k in range(1, count + 1)]


def norm(matrix, p):
    if p == "2":
        return np.linalg.norm(matrix, 2)
    return np.abs(matrix).sum(0 if p == "1" else 1).max()


class Search:
    def __init__(self, net, lo, hi, p):
        self.net, self.lo, self.hi, self.p = net, lo, hi, p

    def largest(self, forms, constants):
        """Of affine forms on the box."""
        return np.maximum(forms, 0) @ self.hi + np.minimum(forms, 0) @ self.lo + constants

    def statuses(self, fixed):
        """1, 0 or -1 (undecided) of all neurons, by symbolic bounds under what is fixed."""
        n = len(self.lo)
        forms, constants, noise = np.eye(n), np.zeros(n), np.zeros((n, 0))
        ranges = np.zeros((2, 0))
        found, exact = [], None
        for k, (w, b) in enumerate(self.net[:-1]):
            forms, constants, noise = w @ forms, w @ constants + b, w @ noise
            far = np.maximum(noise, 0) @ ranges[1] + np.minimum(noise, 0) @ ranges[0]
            near = np.maximum(noise, 0) @ ranges[0] + np.minimum(noise, 0) @ ranges[1]
            high = self.largest(forms, constants) + far
            low = -self.largest(-forms, -constants) + near
            status = np.where(low >= 0, 1, np.where(high <= 0, 0, -1))
            status = np.where(fixed[k] >= 0, fixed[k], status)
            if exact is None and (status < 0).any():
                exact = (k, forms, constants)
            found.append(status)
            on, free = status == 1, np.flatnonzero(status < 0)
            # An undecided neuron is a fresh variable between 0 and its largest value.
            forms, constants, noise = forms * on[:, None], constants * on, noise * on[:, None]
            fresh = np.zeros((len(status), len(free)))
            fresh[free, np.arange(len(free))] = 1
            noise = np.hstack([noise, fresh])
            ranges = np.hstack([ranges, np.vstack([np.zeros(len(free)), np.maximum(high[free], 0)])])
        return found, exact

    def jacobian(self, statuses):
        """Centre and radius of the product of weights and slopes, from the output side."""
        centre, radius = self.net[-1][0], np.zeros_like(self.net[-1][0])
        for (w, _), status in zip(reversed(self.net[:-1]), reversed(statuses)):
            low, high = (status == 1).astype(float), (status != 0).astype(float)
            # The hull of [centre - radius, centre + radius] and slopes in [low, high].
            a, z = centre - radius, centre + radius
            corners = np.stack([a * low, a * high, z * low, z * high])
            a, z = corners.min(0), corners.max(0)
            centre, radius = (a + z) / 2 @ w, (z - a) / 2 @ np.abs(w)
        return centre, radius

    def bound(self, statuses):
        centre, radius = self.jacobian(statuses)
        upper = norm(np.abs(centre) + radius, self.p)
        if self.p == "2":
            upper = min(upper, norm(centre, "2") + norm(radius, "2"))
        return upper

    def inside(self, rows, sides):
        """A point deep inside all half-spaces, or None."""
        if not rows:
            return (self.lo + self.hi) / 2
        a, b = np.array(rows), np.array(sides)
        lengths = np.linalg.norm(a, axis=1)
        n = len(self.lo)
        found = linprog(
            np.r_[np.zeros(n), -1],
            A_ub=np.c_[-a, lengths],
            b_ub=b,
            bounds=[*zip(self.lo, self.hi), (0, None)],
            method="highs",
        )
        return found.x[:n] if found.status == 0 and found.x[n] > 1e-11 else None

    def steepness(self, x):
        product = np.eye(len(x))
        for w, b in self.net[:-1]:
            x, product = w @ x + b, w @ product
            product, x = product * (x > 0)[:, None], np.maximum(x, 0)
        return norm(self.net[-1][0] @ product, self.p)

    def run(self, limit, gap):
        order = itertools.count()
        fixed = [np.full(len(b), -1) for _, b in self.net[:-1]]
        statuses, exact = self.statuses(fixed)
        lower = self.steepness((self.lo + self.hi) / 2)
        heap = [(-self.bound(statuses), next(order), statuses, exact, [], [])]
        nodes, best = 1, 0.0
        while heap and time.process_time() < limit:
            if -heap[0][0] <= lower * (1 + gap):
                break
            bound, _, statuses, exact, rows, sides = heapq.heappop(heap)
            if exact is None:
                best = max(best, -bound)
                continue
            k, forms, constants = exact
            j = np.flatnonzero(statuses[k] < 0)[0]
            for on in (1, 0):
                sign = 1 if on else -1
                more, offsets = [*rows, sign * forms[j]], [*sides, sign * constants[j]]
                x = self.inside(more, offsets)
                if x is None:
                    continue
                nodes += 1
                lower = max(lower, self.steepness(x))
                child = [s.copy() for s in statuses]
                child[k][j] = on
                # Later layers are bounded again; this one keeps what is decided.
                again = [s if i <= k else np.full(len(s), -1) for i, s in enumerate(child)]
                found, exact_child = self.statuses(again)
                upper = min(-bound, self.bound(found))
                if upper > lower:
                    heapq.heappush(heap, (-upper, next(order), found, exact_child, more, offsets))
        upper = max(lower, best, -heap[0][0] if heap else 0.0)
        return lower, upper, nodes


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--lo", type=float, required=True)
    parser.add_argument("--hi", type=float, required=True)
    parser.add_argument("--norm", choices=["1", "2", "inf"], default="inf")
    parser.add_argument("--time", type=float, default=100, help="seconds of processor time per network")
    parser.add_argument("--gap", type=float, default=1e-9)
    args = parser.parse_args()
    print("network,lo,hi,norm,lower,upper,nodes,seconds")
    for path in args.networks:
        net = layers(path)
        n = net[0][0].shape[1]
        started = time.process_time()
        search = Search(net, np.full(n, args.lo), np.full(n, args.hi), args.norm)
        lower, upper, nodes = search.run(started + args.time, args.gap)
        name = path.rsplit("/", 1)[-1].removesuffix(".npz")
        seconds = time.process_time() - started
        print(f"{name},{args.lo},{args.hi},{args.norm},{float(lower)!r},{float(upper)!r},{nodes},{seconds:.2f}", flush=True)


main()
