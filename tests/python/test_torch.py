# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""The penalties of clarke.torch against the engine's numbers of the same formulas, truth, and finite differences.

    CLARKE=target/release/clarke python tests/python/test_torch.py

Skipped without PyTorch, and what asks the engine without the program that CLARKE names; with CLARKE_REQUIRE_ALL=1
both are failures.
"""

import importlib.util
import itertools
import json
import math
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
if importlib.util.find_spec("clarke") is None:
    # The package of this tree is enough for the penalties.
    sys.path.insert(0, str(ROOT / "python"))
ENGINE = pathlib.Path(os.environ.get("CLARKE", ROOT / "target" / "release" / "clarke"))
REQUIRED = os.environ.get("CLARKE_REQUIRE_ALL") == "1"

try:
    import torch
except ImportError:
    if REQUIRED:
        raise
    raise unittest.SkipTest("PyTorch is not installed") from None

import torch.nn.functional as F
from torch import nn

import clarke.torch as penalties
from clarke.torch._conv import Conv

STEPS = 18  # enough for 1e-5
CLOSE = 1e-4


def number(n):
    low, n = n & 127, n >> 7
    return bytes([low | 128]) + number(n) if n else bytes([low])


def field(key, value):
    """A field of a protocol buffer: a whole number, a text or bytes."""
    if isinstance(value, int):
        return number(8 * key) + number(value)
    value = value.encode() if isinstance(value, str) else value
    return number(8 * key + 2) + number(len(value)) + value


def attributes(**lists):
    each = (field(1, name) + b"".join(field(8, v) for v in values) + field(20, 7) for name, values in lists.items())
    return b"".join(field(5, one) for one in each)


def onnx(net, shape):
    """A chain of Conv2d, Linear, ReLU, Tanh and Flatten as an ONNX model in double precision."""
    nodes, weights, last = b"", b"", "x"
    with torch.no_grad():
        sizes = net(torch.zeros(1, *shape)).shape

    def tensor(name, values):
        nonlocal weights
        data = struct.pack(f"<{values.numel()}d", *values.flatten().tolist())
        dims = b"".join(field(1, n) for n in values.shape)
        weights += field(5, dims + field(2, 11) + field(8, name) + field(9, data))
        return name

    def value(key, name, dims):
        dims = b"".join(field(1, field(1, n)) for n in dims)
        return field(key, field(1, name) + field(2, field(1, field(1, 11) + field(2, dims))))

    for k, layer in enumerate(m for m in net.modules() if not isinstance(m, nn.Sequential)):
        kind, inputs, more = {"ReLU": "Relu"}.get(type(layer).__name__, type(layer).__name__), [last], b""
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            inputs += [tensor(f"w{k}", layer.weight), tensor(f"b{k}", layer.bias)]
        if isinstance(layer, nn.Linear):
            kind, more = "Gemm", field(5, field(1, "transB") + field(3, 1) + field(20, 2))
        if isinstance(layer, nn.Conv2d):
            kind, pads = "Conv", layer.padding * 2
            more = attributes(strides=layer.stride, pads=pads, dilations=layer.dilation)
            more += field(5, field(1, "group") + field(3, layer.groups) + field(20, 2))
        last = f"z{k}"
        nodes += field(1, b"".join(field(1, n) for n in inputs) + field(2, last) + field(4, kind) + more)
    graph = nodes + field(2, "net") + weights + value(11, "x", (1, *shape)) + value(12, last, sizes)
    return field(1, 8) + field(7, graph) + field(8, field(2, 13))


def npy(values):
    shape, data = tuple(values.shape), struct.pack(f"<{values.numel()}d", *values.flatten().tolist())
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def ask(command, net, shape, *words, x=None):
    """What the engine says of a network."""
    if not ENGINE.is_file():
        if REQUIRED:
            raise AssertionError(f"there is no {ENGINE}: CLARKE must name the program")
        raise unittest.SkipTest(f"there is no {ENGINE}: CLARKE names the program")
    with tempfile.TemporaryDirectory() as folder:
        model, point = pathlib.Path(folder, "net.onnx"), pathlib.Path(folder, "x.npy")
        model.write_bytes(onnx(net, shape))
        if x is not None:
            point.write_bytes(npy(x))
            words += ("--input", str(point))
        command = [str(ENGINE), command, str(model), *words, "--device", "cpu", "--format", "json", "--quiet"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    if done.returncode:
        raise AssertionError(done.stderr.decode(errors="replace"))
    return json.loads(done.stdout)


def matrix_at(net, x):
    return torch.autograd.functional.jacobian(lambda x: net(x).flatten(), x).flatten(1)


def mlp(*widths):
    layers = [layer for a, b in zip(widths, widths[1:]) for layer in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def small_cnn():
    """Nested, for inputs (2, 6, 6)."""
    body = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 6, 3, stride=2, padding=1), nn.ReLU())
    return nn.Sequential(body, nn.Flatten(), nn.Sequential(nn.Linear(54, 8), nn.ReLU(), nn.Linear(8, 3)))


def free_one_neuron_a_layer(net, x):
    """Shifts biases so that the argument of one neuron of every layer is 0 at x."""
    layers = [m for m in net.modules() if not isinstance(m, nn.Sequential)]
    with torch.no_grad():
        for layer, after in zip(layers, layers[1:]):
            if isinstance(after, nn.ReLU):
                layer.bias[0] -= layer(x).flatten()[0]
            x = layer(x)


class Residual(nn.Module):
    """Functions and methods instead of modules, and a sum, for inputs (2, 5, 5)."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(3, 2, 3, padding=1)
        self.last = nn.Linear(50, 3)

    def forward(self, x):
        y = x + self.second(F.relu(self.first(x)))
        y = torch.relu(y).view(y.size(0), -1)
        return torch.tanh(self.last(F.dropout(y, 0.5, self.training)))


# Channels in and out, sizes of the input, and options of the convolution.
CONVOLUTIONS = [
    (2, 4, (6, 6), {"kernel_size": 3, "padding": 1}),
    (4, 2, (5, 7), {"kernel_size": 3}),
    (3, 5, (8, 6), {"kernel_size": 4, "stride": 2, "padding": 1}),
    (2, 3, (9, 8), {"kernel_size": 3, "dilation": 2, "padding": 2}),
    (4, 6, (6, 5), {"kernel_size": (3, 2), "padding": (1, 0), "groups": 2}),
    (3, 3, (8, 9), {"kernel_size": 5, "stride": 3, "padding": 2}),
    (2, 2, (8, 8), {"kernel_size": 3, "stride": 2, "dilation": 2, "padding": 2}),
    (5, 3, (4, 4), {"kernel_size": 1}),
]


class Case(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(1)
        torch.set_default_dtype(torch.float64)

    def tearDown(self):
        torch.set_default_dtype(torch.float32)

    def close(self, ours, theirs, what=""):
        self.assertLessEqual(abs(float(ours) / float(theirs) - 1), CLOSE, f"{what}: {float(ours)} and {theirs}")


class Engine(Case):
    """The same number from the same formula."""

    def test_norms_of_dense_layers(self):
        for ins, outs in [(30, 7), (7, 30), (40, 40), (12, 1)]:
            net = nn.Sequential(nn.Linear(ins, outs))
            layer = ask("layers", net, (ins,))["layers"][0]
            # A single row has no need of it.
            norm = layer["methods"].get("gram", layer["norm"]["upper"])
            self.close(penalties.product(net, (ins,), steps=STEPS), norm, (ins, outs))

    def test_norms_of_convolutions(self):
        for ins, outs, size, options in CONVOLUTIONS:
            net, shape = nn.Sequential(nn.Conv2d(ins, outs, **options)), (ins, *size)
            methods = ask("layers", net, shape)["layers"][0]["methods"]
            self.close(penalties.product(net, shape, steps=STEPS), methods["gram"], options)
            self.close(penalties.lipbound(net, shape), methods["toeplitz"], options)
            self.close(penalties.lipbound(net, shape, rows=True), methods["toeplitz-rows"], options)

    def test_norms_of_large_convolutions(self):
        """The engine takes the best of several circles, this one the least circle."""
        for ins, outs, side, options in [
            (3, 16, 32, {"kernel_size": 3, "padding": 1}),
            (8, 16, 16, {"kernel_size": 4, "stride": 2, "padding": 1}),
            (4, 8, 24, {"kernel_size": 3, "dilation": 2, "padding": 2}),
        ]:
            net, shape = nn.Sequential(nn.Conv2d(ins, outs, **options)), (ins, side, side)
            layer = ask("layers", net, shape)["layers"][0]
            norm = float(penalties.product(net, shape))
            self.assertGreaterEqual(norm, layer["norm"]["lower"] * (1 - 1e-9))
            self.assertGreaterEqual(norm, layer["methods"]["embedding"] * (1 - CLOSE))
            self.assertLessEqual(norm, layer["methods"]["embedding"] * 1.02, options)

    def test_products(self):
        for net, shape in [(mlp(20, 16, 12, 5), (20,)), (small_cnn(), (2, 6, 6))]:
            found = ask("bound", net, shape, "--norm", "2", "--method", "product")
            self.close(penalties.product(net, shape, steps=STEPS), found["upper"]["value"])

    def test_local_products(self):
        """The engine's neurons have linear bounds: those of one hidden layer are intervals, others are tighter."""
        hidden = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 6, 3, stride=2, padding=1))
        for net, shape, same, looser in [
            (mlp(20, 30, 5), (20,), (0.03, 0.3, 3.0), ()),
            (hidden, (2, 6, 6), (0.01, 0.1), ()),
            (mlp(20, 16, 12, 5), (20,), (1e-6,), (0.3,)),
            (small_cnn(), (2, 6, 6), (1e-6,), (0.1,)),
        ]:
            x = torch.rand(1, *shape)
            # The engine multiplies layers out that meet in fixed neurons only.
            free_one_neuron_a_layer(net, x)
            for ball, eps in itertools.product(("2", "inf"), same + looser):
                words = ("--norm", "2", "--ball", ball, "--eps", repr(eps), "--method", "product-local")
                upper = ask("bound", net, shape, *words, x=x)["upper"]["value"]
                ours = float(penalties.local_product(net, x, eps, ball=ball, steps=STEPS)[0])
                self.assertGreaterEqual(ours, upper * (1 - CLOSE), (ball, eps))
                if eps in same:
                    self.close(ours, upper, (ball, eps))

    def test_pairs_stay_below_what_is_proven(self):
        net = mlp(20, 16, 5)
        x = torch.rand(16, 20)
        pairs = penalties.Pairs(x, x + 0.1 * torch.randn_like(x))
        pairs.ascend(net, 50)
        upper = ask("bound", net, (20,), "--norm", "2", "--time", "2s")["upper"]["value"]
        self.assertLessEqual(float(pairs.penalty(net)), upper)
        self.assertGreaterEqual(float(pairs.penalty(net)), 0.3 * upper)


class Truth(Case):
    def test_convolutions_are_written_out(self):
        for ins, outs, size, options in CONVOLUTIONS + [(2, 3, (6, 5), {"kernel_size": 4, "padding": "same"})]:
            conv, shape = nn.Conv2d(ins, outs, **options), (ins, *size)
            ours = Conv(conv, shape).written()
            self.assertTrue(torch.allclose(ours, matrix_at(conv, torch.zeros(1, *shape))), options)

    def test_circles_bound_what_they_hold(self):
        for ins, outs, size, options in CONVOLUTIONS + [(2, 3, (6, 5), {"kernel_size": 4, "padding": "same"})]:
            map = Conv(nn.Conv2d(ins, outs, **options), (ins, *size))
            true = torch.linalg.matrix_norm(map.written(), 2)
            map.is_small = lambda: False
            self.assertGreaterEqual(float(map.norm(STEPS) / true), 1 - 1e-12, options)
            self.assertLessEqual(float(map.norm(STEPS) / true), 1.25, options)

    def test_jacobians_are_bounded(self):
        for net, shape in [(mlp(10, 16, 12, 5), (10,)), (small_cnn(), (2, 6, 6)), (Residual().eval(), (2, 5, 5))]:
            points = torch.randn(30, *shape)
            most = max(float(torch.linalg.matrix_norm(matrix_at(net, p[None]), 2)) for p in points)
            for bound in (penalties.product(net, shape), penalties.lipbound(net, shape)):
                self.assertLessEqual(most, float(bound))
            for eps, ball in [(0.1, 2), (0.02, "inf")]:
                bounds = penalties.local_product(net, points, eps, ball=ball)
                self.assertTrue(bool((bounds <= penalties.product(net, shape) * (1 + 1e-9)).all()))
                for p, bound in zip(points, bounds):
                    away = torch.randn_like(p)
                    away = away / away.norm() if ball == 2 else away.sign()
                    norm = torch.linalg.matrix_norm(matrix_at(net, (p + eps * away)[None]), 2)
                    self.assertLessEqual(float(norm), float(bound))

    def test_samples_of_a_batch_do_not_see_each_other(self):
        net, x = small_cnn(), torch.rand(4, 2, 6, 6)
        together = penalties.local_product(net, x, 0.05)
        for one, value in zip(x, together):
            self.assertTrue(torch.allclose(penalties.local_product(net, one[None], 0.05)[0], value))

    def test_forms_of_one_network(self):
        first, second = nn.Linear(6, 8), nn.Linear(8, 3)

        class Inner(nn.Module):
            def __init__(self):
                super().__init__()
                self.first = first

            def forward(self, x):
                return self.first(x.reshape(x.shape[0], -1)).relu()

        forms = [
            (nn.Sequential(nn.Flatten(), first, nn.ReLU(), second), (2, 3)),
            (nn.Sequential(nn.Sequential(first, nn.Sequential(nn.ReLU())), nn.Identity(), second), (6,)),
            (nn.Sequential(Inner(), nn.Dropout(), second), (3, 2, 1)),
        ]
        for f in (penalties.product, penalties.lipbound):
            values = {round(float(f(net, shape)), 12) for net, shape in forms}
            self.assertEqual(len(values), 1)
        x = torch.rand(2, 6)
        values = [penalties.local_product(net, x.view(2, *shape), 0.1) for net, shape in forms]
        self.assertTrue(torch.allclose(values[0], values[1]) and torch.allclose(values[0], values[2]))

    def test_slopes_of_activations(self):
        layer = nn.Linear(5, 4)
        norm = penalties.product(nn.Sequential(layer), (5,))
        for activation, slope in [(nn.ReLU6(), 1), (nn.LeakyReLU(0.2), 1), (nn.Tanh(), 1), (nn.Sigmoid(), 0.25)]:
            self.close(penalties.product(nn.Sequential(layer, activation), (5,)), slope * norm)
        net = nn.Sequential(layer, nn.ReLU6())
        with torch.no_grad():
            layer.bias.copy_(torch.tensor([-9.0, 9.0, -9.0, 9.0]))
        self.assertLess(float(penalties.local_product(net, torch.zeros(1, 5), 0.1)[0]), 1e-12)

    def test_constant_neurons_leave(self):
        net = mlp(3, 4, 2)
        with torch.no_grad():
            net[0].bias.copy_(torch.tensor([-100.0, 100.0, -100.0, 100.0]))
        live = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 2))
        with torch.no_grad():
            live[0].weight.copy_(net[0].weight[1::2])
            live[2].weight.copy_(net[2].weight[:, 1::2])
        self.close(penalties.local_product(net, torch.zeros(1, 3), 0.1)[0], penalties.product(live, (3,)))
        with torch.no_grad():
            net[0].bias.fill_(-100.0)
        self.assertLess(float(penalties.local_product(net, torch.zeros(1, 3), 0.1)[0]), 1e-12)

    def test_what_has_no_rule_is_named(self):
        for net, shape, word in [
            (nn.Sequential(nn.Conv2d(1, 1, 3), nn.BatchNorm2d(1)), (1, 5, 5), "BatchNorm2d"),
            (nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")), (1, 5, 5), "circular"),
            (nn.Sequential(nn.Linear(3, 3), nn.GELU()), (3,), "GELU"),
            (nn.Sequential(nn.Linear(3, 3)), (2, 3), "Linear"),
        ]:
            for f in (penalties.product, penalties.lipbound):
                with self.assertRaisesRegex(TypeError, word):
                    f(net, shape)

    def test_pairs_climb_to_the_norm_of_a_matrix(self):
        net = nn.Sequential(nn.Linear(8, 6))
        x = torch.rand(4, 8)
        pairs = penalties.Pairs(x, x + torch.randn(4, 8))
        last = pairs.quotients(net).detach()
        for _ in range(200):
            pairs.ascend(net)
            now = pairs.quotients(net).detach()
            self.assertTrue(bool((now >= last).all()))
            last = now
        norm = torch.linalg.matrix_norm(net[0].weight, 2)
        self.assertLessEqual(float(last.max()), float(norm) * (1 + 1e-9))
        self.assertGreaterEqual(float(last.max()), 0.99 * float(norm))

    def test_pairs_stay_in_their_box(self):
        pairs = penalties.Pairs(torch.rand(4, 8), torch.rand(4, 8), clip=(0, 1))
        pairs.ascend(mlp(8, 8, 3), 30)
        for p in (pairs.x, pairs.y):
            self.assertTrue(bool(((p >= 0) & (p <= 1)).all()))
        with self.assertRaises(ValueError):
            penalties.Pairs(torch.zeros(1, 2), torch.zeros(1, 2))


class Gradients(Case):
    def check(self, net, f):
        """gradcheck moves the entries of the weights themselves."""
        self.assertTrue(torch.autograd.gradcheck(lambda *_: f(net), tuple(net.parameters()), atol=1e-6))

    def test_products(self):
        for net, shape in [(mlp(5, 6, 4, 3), (5,)), (small_cnn(), (2, 6, 6)), (Residual(), (2, 5, 5))]:
            self.check(net, lambda net: penalties.product(net, shape))

    def test_circles(self):
        class Large(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(2, 3, 3, stride=2, padding=1)

        net = Large()
        map = Conv(net.conv, (2, 7, 7))
        map.is_small = lambda: False
        self.check(net, lambda net: map.norm(12))

    def test_lipbound(self):
        for rows in (False, True):
            self.check(small_cnn(), lambda net: penalties.lipbound(net, (2, 6, 6), rows=rows))

    def test_local_products(self):
        for net, shape in [(mlp(5, 6, 4, 3), (5,)), (Residual().eval(), (2, 5, 5))]:
            x = torch.rand(2, *shape)
            for ball in (2, "inf"):
                self.check(net, lambda net: penalties.local_product(net, x, 0.05, ball=ball))

    def test_pairs(self):
        net, x = mlp(5, 6, 3), torch.rand(4, 5)
        pairs = penalties.Pairs(x, x + 0.1 * torch.randn_like(x))
        pairs.ascend(net, 3)
        self.check(net, pairs.penalty)

    def test_zeros_have_gradients(self):
        net = mlp(4, 5, 3)
        with torch.no_grad():
            net[0].weight.zero_()
        x = torch.rand(2, 4)
        pairs = penalties.Pairs(x, x + 0.1)
        for f in (
            lambda: penalties.product(net, (4,)),
            lambda: penalties.local_product(net, x, 0.1).mean(),
            lambda: pairs.penalty(net),
        ):
            net.zero_grad()
            f().backward()
            for p in net.parameters():
                self.assertTrue(p.grad is None or bool(torch.isfinite(p.grad).all()))

    def test_single_precision_trains(self):
        torch.set_default_dtype(torch.float32)
        net, x = small_cnn(), torch.rand(3, 2, 6, 6)
        pairs = penalties.Pairs(x, x + 0.1 * torch.randn_like(x))
        for f in (
            lambda: penalties.product(net, (2, 6, 6)),
            lambda: penalties.lipbound(net, (2, 6, 6)),
            lambda: penalties.local_product(net, x, 0.01).mean(),
            lambda: pairs.penalty(net),
        ):
            before, optimizer = float(f()), torch.optim.Adam(net.parameters(), 3e-3)
            for _ in range(20):
                optimizer.zero_grad()
                f().log().backward()
                optimizer.step()
            self.assertLess(float(f()), before)
            self.assertTrue(math.isfinite(float(f())))


if __name__ == "__main__":
    unittest.main()
