# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Modules of PyTorch as ONNX bytes: the engine computes what the module computes, and failures name the layer.

    CLARKE=target/release/clarke pytest tests/python/test_export.py

Skipped without PyTorch, and what asks the engine without the program that CLARKE names; with CLARKE_REQUIRE_ALL=1
both are failures. The files in tests/data/torch were written by the exporter of a current version, see version.txt
there and current_torch.py.
"""

import copy
import importlib.util
import importlib.util
import json
import os
import pathlib
import pickle
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data" / "torch"
# The package that is installed, else the one of this tree, which is enough for an export.
FOLDERS = [str(ROOT / "tests" / "python")] + ([] if importlib.util.find_spec("clarke") else [str(ROOT / "python")])
sys.path[:0] = FOLDERS
# The program that CLARKE names, else the one that was built here, else the one in the installed package.
BUILT = ROOT / "target" / "release" / "clarke"
ENGINE = shlex.split(os.environ.get("CLARKE", "")) or [str(BUILT)]
if not shutil.which(ENGINE[0]) and importlib.util.find_spec("clarke._native"):
    ENGINE = [sys.executable, "-m", "clarke"]
REQUIRED = os.environ.get("CLARKE_REQUIRE_ALL") == "1"

from clarke._errors import Error  # noqa: E402

try:
    import torch
except ImportError:
    if REQUIRED:
        raise
    torch = None

if torch is not None:
    import torch.nn.functional as F
    from torch import nn

    from clarke._export import export
    from clarke._export_onnx import first_choice
    from export_modules import (
        Branching, Broken, Joined, Normalised, Residual, ResNet18, Silent, Slope, Unexportable, conv, dense, settled,
    )

    KINDS = sorted(first_choice(False))

needs_torch = unittest.skipIf(torch is None, "PyTorch is not installed")
needs_engine = unittest.skipUnless(shutil.which(ENGINE[0]) or REQUIRED, f"there is no {ENGINE[0]}")


def bound(file, x, expected, *more):
    words = [*ENGINE, "bound", file, "--input", x, "--eps", "0", "--expect", expected, "--time", "0", *more]
    return subprocess.run([*map(str, words), "--format", "json"], capture_output=True, text=True)


class Errors(unittest.TestCase):
    def test_lines_are_what_where_next(self):
        self.assertEqual(str(Error("a", "b", "c")), "a\nwhere: b\nnext: c")
        self.assertEqual(str(Error("a")), "a")
        self.assertEqual(Error("a").kind, "input")

    def test_it_survives_pickle(self):
        again = pickle.loads(pickle.dumps(Error("a", "b", "c", "check")))
        self.assertEqual((again.what, again.where, again.next, again.kind), ("a", "b", "c", "check"))


@needs_engine
class Committed(unittest.TestCase):
    def test_files_of_the_current_exporter_give_their_outputs(self):
        names = sorted(DATA.glob("*.onnx"))
        self.assertGreaterEqual(len(names), 3)
        for file in names:
            with self.subTest(file.stem):
                x, expected = file.with_suffix(".input.npy"), file.with_suffix(".expected.npy")
                done = bound(file, x, expected, "--expect-tolerance", "1e-5")
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_comparison_can_fail(self):
        with tempfile.TemporaryDirectory() as folder:
            wrong = pathlib.Path(folder) / "wrong.npy"
            np.save(wrong, np.load(DATA / "dense.expected.npy") + np.float32(0.01))
            self.assertNotEqual(bound(DATA / "dense.onnx", DATA / "dense.input.npy", wrong).returncode, 0)


@needs_torch
@needs_engine
class Values(unittest.TestCase):
    def check(self, net, shape, tolerance="1e-5", like=None):
        """The engine's output at a random sample is the module's, for every exporter, and the pairs are the same."""
        net = settled(net)
        dtype = next((like or net).parameters()).dtype
        x = torch.rand(shape, dtype=dtype)
        with torch.no_grad():
            y = (like or net).eval()(x[None])[0]
        net.train()
        pairs = {}
        with tempfile.TemporaryDirectory() as folder:
            file, sample, expected = (pathlib.Path(folder) / name for name in ("net.onnx", "x.npy", "y.npy"))
            np.save(sample, x.numpy())
            np.save(expected, y.numpy())
            for kind in KINDS:
                file.write_bytes(export(net, x.numpy(), kind))
                done = bound(file, sample, expected, "--expect-tolerance", tolerance)
                self.assertEqual(done.returncode, 0, f"{kind}: {done.stderr}")
                report = json.loads(done.stdout)
                pairs[report["lower"]["hex"], report["upper"]["hex"]] = kind
        self.assertEqual(len(pairs), 1, pairs)

    def test_dense(self):
        self.check(dense(), (6,))

    def test_conv_with_mean_and_std(self):
        self.check(conv(), (3, 8, 8))

    def test_residual(self):
        self.check(nn.Sequential(Normalised(), Residual(3), Residual(3), nn.Flatten(), nn.Linear(108, 4)), (3, 6, 6))

    def test_resnet18(self):
        self.check(ResNet18(), (3, 32, 32), "1e-4")

    def test_smooth(self):
        layers = [nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 8), nn.SiLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3)]
        self.check(nn.Sequential(*layers), (6,))

    def test_computed_weights(self):
        weight, spectral = torch.nn.utils.weight_norm, torch.nn.utils.parametrizations.spectral_norm
        net = nn.Sequential(weight(nn.Linear(6, 8)), nn.ReLU(), spectral(nn.Linear(8, 3)))
        before = net.state_dict()
        self.check(net, (6,))
        self.assertEqual(list(net.state_dict()), list(before))
        self.assertEqual(type(net[2]).__name__, "ParametrizedLinear")
        self.assertEqual(len(net[0]._forward_pre_hooks), 1)

    def test_float64_keeps_its_bits(self):
        # 1e-13 is less than float32 can tell, and tells slopes and epsilons that were rounded to it.
        self.check(conv().double(), (3, 8, 8), "1e-13")
        self.check(nn.Sequential(nn.Linear(6, 8), nn.LeakyReLU(0.01), nn.Linear(8, 3)).double(), (6,), "1e-13")

    def test_scalars_of_float64_keep_their_bits(self):
        net = Slope(lambda x: x * 0.1 + 0.3).double()
        x = np.random.default_rng(3).random(6)
        with tempfile.TemporaryDirectory() as folder:
            file, sample, expected = (pathlib.Path(folder) / name for name in ("net.onnx", "x.npy", "y.npy"))
            file.write_bytes(export(net, x))
            np.save(sample, x)
            np.save(expected, net(torch.from_numpy(x)[None]).detach()[0].numpy())
            done = bound(file, sample, expected, "--expect-tolerance", "1e-13")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_half_weights_are_exact_in_float32(self):
        net = dense()
        self.check(copy.deepcopy(net).half(), (6,), like=copy.deepcopy(net).half().float())


@needs_torch
class Modules(unittest.TestCase):
    def test_everything_is_put_back(self):
        for net, shape in ((conv().double(), (3, 8, 8)), (Broken(), (3, 8, 8))):
            net.train()
            net.body[2].eval()
            flags = [m.training for m in net.modules()]
            state = {name: value.clone() for name, value in net.state_dict().items()}
            kinds = [type(m) for m in net.modules()]
            try:
                export(net, np.zeros(shape))
            except Error:
                self.assertIsInstance(net, Broken)
            self.assertEqual([m.training for m in net.modules()], flags)
            self.assertEqual([type(m) for m in net.modules()], kinds)
            self.assertEqual(net.body[2].eps, 1e-5)
            for name, value in net.state_dict().items():
                self.assertTrue(torch.equal(value, state[name]), name)
            self.assertFalse(any(m._forward_hooks or m._forward_pre_hooks for m in net.modules()))

    def test_normalisations_are_not_merged(self):
        for kind in KINDS:
            file = export(conv(), np.zeros((3, 8, 8), np.float32), kind)
            self.assertIn(b"BatchNormalization", file)
            self.assertIn(settled(conv()).body[1].weight.detach().numpy().tobytes(), file)

    def test_nodes_have_the_path_of_their_layer(self):
        for kind in KINDS:
            self.assertIn(b"/body.1/Conv", export(conv(), np.zeros((3, 8, 8)), kind))

    def test_samples_with_and_without_the_batch(self):
        flat = nn.Sequential(nn.Flatten(), nn.Linear(784, 3))
        pool = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1))
        for shape in ((28, 28), (1, 28, 28), (1, 1, 28, 28)):
            export(flat, torch.zeros(shape), "torchscript")
        for net, shapes in ((pool, [(1, 8, 8), (1, 1, 8, 8)]), (dense(), [(6,), (1, 6)])):
            files = {export(net, np.zeros(shape, np.float32), "torchscript") for shape in shapes}
            self.assertEqual(len(files), 1)

    def test_the_batch_is_dynamic(self):
        self.assertIn(b"batch", export(dense(), np.zeros(6), "torchscript"))

    def test_nothing_is_printed(self):
        code = "import sys; sys.path[:0] = sys.argv[1:]; import torch, numpy; from clarke._export import export\n"
        code += "from export_modules import *\nfrom clarke._errors import Error\n"
        code += "export(conv(), numpy.zeros((3, 8, 8)))\n"
        code += "for net in (Unexportable(), Broken(), Branching()):\n"
        code += "    try: export(net, numpy.zeros((3, 8, 8)))\n    except Error: pass\n"
        code += "    else: raise SystemExit('no error')\n"
        words = [sys.executable, "-c", code, *FOLDERS]
        done = subprocess.run(words, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))


@needs_torch
class Failures(unittest.TestCase):
    def fails(self, net, x, kind=None):
        with self.assertRaises(Error) as caught:
            export(net, x, kind)
        return caught.exception

    def test_a_layer_that_cannot_be_exported_is_named(self):
        for kind in KINDS:
            error = self.fails(Unexportable(), np.zeros((3, 8, 8)), kind)
            self.assertEqual(error.where, "features.3 (FractionalMaxPool2d)")
            self.assertIn("fractional_max_pool2d", error.what)
            self.assertEqual(error.kind, "unsupported")

    def test_an_export_after_a_failure_works(self):
        for _ in range(3):
            kept = self.fails(Unexportable(), np.zeros((3, 8, 8)), "torchscript")
            export(conv(), np.zeros((3, 8, 8)), "torchscript")
        self.assertIsNotNone(kept)

    def test_a_layer_that_does_not_run_is_named(self):
        error = self.fails(Broken(), np.zeros((3, 8, 8)))
        self.assertEqual(error.where, "head (Linear)")
        self.assertIn("(3, 8, 8)", error.what)

    def test_branches_on_values_are_refused(self):
        error = self.fails(Branching(), np.zeros((3, 8, 8)))
        self.assertEqual(error.where, "choice (Choice)")
        self.assertIn("__bool__", error.what)

    def test_numbers_of_float64_are_not_rounded(self):
        for function in (F.leaky_relu, F.hardsigmoid, lambda x: F.elu(x, 0.3)):
            self.assertIn("float32", self.fails(Slope(function).double(), np.zeros(6)).what)
        export(Slope(lambda x: F.leaky_relu(x, 0.25)).double(), np.zeros(6))
        if "dynamo" in KINDS:
            error = self.fails(Slope(lambda x: x * 0.1).double(), np.zeros(6), "dynamo")
            self.assertIn("float32", error.what)

    def test_samples_that_are_none(self):
        self.assertIn("int64", self.fails(dense(), np.zeros(6, np.int64)).what)
        self.assertEqual(self.fails(dense(), np.zeros(6, np.int64)).next, 'x.astype("float32")')
        self.assertEqual(self.fails(dense(), torch.zeros(6, dtype=torch.long)).next, "x.float()")
        self.assertEqual(self.fails(dense(), "abc").where, "example")

    def test_networks_that_are_none(self):
        self.assertIn("int", self.fails(3, np.zeros(6)).what)
        self.assertIn("ScriptModule", self.fails(torch.jit.trace(dense(), torch.zeros(1, 6)), np.zeros(6)).what)
        self.assertEqual(self.fails(Joined(), np.zeros(6)).where, "Joined")
        silent = self.fails(Silent(), np.zeros(6))
        self.assertIn("AssertionError", silent.what)
        self.assertEqual(self.fails(dense(), np.zeros(6), "onnx").where, "exporter")


if __name__ == "__main__":
    unittest.main()
