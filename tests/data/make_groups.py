# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Trains groups/*.npz: regression networks with relus, sorts and reflections on generated tables.

Shapes are those of two tables on which exact constants are published (wine 11-24-24-1, bike 13-20-16-8-3); here
inputs are normal numbers, targets a random smooth function of them with noise. Adam on the mean square, in numpy
alone; other versions of it give other weights.
"""

import pathlib

import numpy as np

NETWORKS = {
    "wine-relu": ([11, 24, 24, 1], "relu"),
    "wine-groupsort2": ([11, 24, 24, 1], "groupsort:2"),
    "wine-groupsort4": ([11, 24, 24, 1], "groupsort:4"),
    "wine-fullsort": ([11, 24, 24, 1], "fullsort"),
    "bike-relu": ([13, 20, 16, 8, 3], "relu"),
    "bike-groupsort4": ([13, 20, 16, 8, 3], "groupsort:4"),
    "small-householder": ([4, 8, 6, 3], "householder"),
    "small-groupsort3": ([4, 6, 6, 3], "groupsort:3"),
}
ROWS, EPOCHS, BATCH, RATE, DECAY = 1600, 120, 32, 3e-3, 1e-4


def table(random, inputs, outputs):
    x = random.standard_normal((ROWS, inputs))
    inner = random.standard_normal((inputs, 6)) / np.sqrt(inputs)
    outer = random.standard_normal((6, outputs))
    return x, np.tanh(2 * x @ inner) @ outer + 0.2 * random.standard_normal((ROWS, outputs))


class Relu:
    def __call__(self, z):
        self.on = z > 0
        return z * self.on

    def back(self, g):
        return g * self.on


class Sort:
    """Groups of consecutive features in ascending order."""

    def __init__(self, size):
        self.size = size

    def __call__(self, z):
        z = z.reshape(len(z), -1, self.size)
        self.order = np.argsort(z, axis=2)
        return np.take_along_axis(z, self.order, 2).reshape(len(z), -1)

    def back(self, g):
        out = np.empty_like(g).reshape(self.order.shape)
        np.put_along_axis(out, self.order, g.reshape(self.order.shape), 2)
        return out.reshape(g.shape)


class Householder:
    """Pairs reflected to one side of a line through the origin; the lines stay as they are drawn."""

    def __init__(self, random, width):
        angle = random.uniform(0, np.pi, width // 2)
        self.v = np.stack([np.cos(angle), np.sin(angle)], 1)

    def __call__(self, z):
        z = z.reshape(len(z), -1, 2)
        across = (z * self.v).sum(2, keepdims=True)
        self.off = across < 0
        return (z - 2 * self.v * across * self.off).reshape(len(z), -1)

    def back(self, g):
        g = g.reshape(len(g), -1, 2)
        across = (g * self.v).sum(2, keepdims=True)
        return (g - 2 * self.v * across * self.off).reshape(len(g), -1)


def activation(name, random, width):
    kind, _, size = name.partition(":")
    if kind == "householder":
        return Householder(random, width)
    return Relu() if kind == "relu" else Sort(int(size or width))


def gradient(weights, acts, x, y):
    """Of the mean square by all weights and biases, and the mean square."""
    seen, z = [x], x
    for k, (w, b) in enumerate(weights):
        z = z @ w.T + b
        z = acts[k](z) if k < len(acts) else z
        seen.append(z)
    g = 2 * (z - y) / y.size
    out = []
    for k in reversed(range(len(weights))):
        g = acts[k].back(g) if k < len(acts) else g
        out.append((g.T @ seen[k] + DECAY * weights[k][0], g.sum(0)))
        g = g @ weights[k][0]
    return out[::-1], ((z - y) ** 2).mean()


def train(widths, name, random):
    x, y = table(random, widths[0], widths[-1])
    pairs = list(zip(widths, widths[1:]))
    weights = [(random.standard_normal((o, i)) * np.sqrt(1 / i), np.zeros(o)) for i, o in pairs]
    acts = [activation(name, random, o) for _, o in pairs[:-1]]
    first = [[np.zeros_like(p) for p in pair] for pair in weights]
    second = [[np.zeros_like(p) for p in pair] for pair in weights]
    step, loss = 0, 0.0
    for _ in range(EPOCHS):
        order, loss = random.permutation(ROWS), 0.0
        for rows in order.reshape(-1, BATCH):
            step += 1
            found, value = gradient(weights, acts, x[rows], y[rows])
            loss += value * BATCH / ROWS
            for pair, g, m, v in zip(weights, found, first, second):
                for k in range(2):
                    m[k] = 0.9 * m[k] + 0.1 * g[k]
                    v[k] = 0.999 * v[k] + 0.001 * g[k] ** 2
                    mean, size = m[k] / (1 - 0.9**step), v[k] / (1 - 0.999**step)
                    pair[k][...] -= RATE * mean / (np.sqrt(size) + 1e-8)
    return weights, acts, loss / y.var()


def main():
    folder = pathlib.Path(__file__).parent / "groups"
    folder.mkdir(exist_ok=True)
    for seed, (file, (widths, name)) in enumerate(NETWORKS.items()):
        weights, acts, left = train(widths, name, np.random.default_rng(seed))
        print(file, f"variance left: {left:.3f}")
        arrays = {}
        for k, (w, b) in enumerate(weights, 1):
            arrays[f"W{k}"], arrays[f"b{k}"] = w, b
            if k <= len(acts):
                arrays[f"act{k}"] = np.array(name)
            if k <= len(acts) and name == "householder":
                arrays[f"v{k}"] = acts[k - 1].v
        np.savez(folder / f"{file}.npz", **arrays)


if __name__ == "__main__":
    main()
