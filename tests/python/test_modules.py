# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""torch modules as networks: the pairs are those of their files, and hold for the modules.

The files in tests/data/torch were written by a current version of PyTorch, see version.txt there.
"""

import copy
import functools
import subprocess
import sys

import numpy as np
import pytest

import clarke
from common import DATA

SMALL = ("dense", "conv", "residual", "smooth")
FILES = [DATA / "torch" / f"{name}.onnx" for name in ("conv", "dense", "residual")]


@pytest.fixture
def torch():
    """PyTorch on one thread, and from the same seed."""
    found = pytest.importorskip("torch")
    before = found.get_num_threads()
    found.set_num_threads(1)
    found.manual_seed(7)
    yield found
    found.set_num_threads(before)


@functools.lru_cache(maxsize=None)
def made(name):
    """A network that nothing was done to, and a sample."""
    import torch
    from current_torch import networks, trained
    from export_modules import ResNet18, settled

    torch.manual_seed(7)
    if name == "resnet18":
        return settled(ResNet18()), torch.rand(3, 32, 32)
    net, x, _ = trained(*networks()[name], steps=20)
    return net, x


def network(name):
    """The same in train mode, but for one layer."""
    net, x = made(name)
    net = copy.deepcopy(net).train()
    list(net.modules())[-1].eval()
    return net, x


def slope(net, x, norm):
    """The norm of the module's own Jacobian, in double precision."""
    import torch

    net = copy.deepcopy(net).double().eval()
    matrix = torch.autograd.functional.jacobian(lambda x: net(x[None])[0], x.double()).flatten(1)
    return float(matrix.abs().sum(1).max() if norm == "inf" else torch.linalg.matrix_norm(matrix, 2))


def ends(pair):
    """Both ends, bit for bit."""
    return pair.lower.hex(), pair.upper.hex()


def check(net, x, norm, eps, rounding):
    from clarke._export import export

    words = {"eps": eps, "norm": norm, "time": 0, "threads": 1}
    pair = clarke.bound(net, x, **words)
    assert 0 < pair.lower <= pair.upper < float("inf")
    steep = slope(net, x, norm)
    assert pair.upper >= steep * (1 - rounding)
    if eps == 0:
        assert pair.lower == pytest.approx(steep, rel=rounding) == pair.upper
    else:
        assert pair.lower >= steep * (1 - rounding)
    assert ends(clarke.bound(export(net, x), x, **words)) == ends(pair)


# Numbers such as the epsilon of a normalisation are float32 in a file and float64 in the module.
@pytest.mark.parametrize("eps", [0, "1/255"])
@pytest.mark.parametrize("norm", [2, "inf"])
@pytest.mark.parametrize("name", SMALL)
def test_pairs_are_those_of_the_file_and_of_the_module(torch, name, norm, eps):
    check(*network(name), norm, eps, 1e-6)


def test_a_resnet(torch):
    check(*network("resnet18"), "inf", 0, 1e-6)
    net, x = network("resnet18")
    pair = clarke.bound(net, x, eps=1e-5, time=0)
    assert slope(net, x, "inf") * (1 - 1e-6) <= pair.lower <= pair.upper < float("inf")


@pytest.mark.parametrize("name", SMALL)
def test_models(torch, name):
    net, x = network(name)
    model = clarke.Model(net, example=x)
    assert (model.input_shape, model.inputs, model.outputs) == (tuple(x.shape), x.numel(), 3)
    assert type(net).__name__ in repr(model)
    words = {"eps": 0.01, "norm": 2, "time": 0, "threads": 1}
    assert ends(clarke.bound(model, x, **words)) == ends(clarke.bound(net, x, **words))


@pytest.mark.parametrize("name", SMALL)
def test_rows(torch, name):
    from clarke._export import export

    net, x = network(name)
    X = torch.rand(6, *x.shape)
    with torch.no_grad():
        y = copy.deepcopy(net).eval()(X).argmax(1)
    y[4] = (y[4] + 1) % 3
    words = {"radius": True, "norm": 2, "time": 0, "threads": 1}
    rows = clarke.certify(net, X, y, **words)
    assert list(rows["correct"]) == [True] * 4 + [False, True]
    assert (rows["radius"][[0, 1, 2, 3, 5]] > 0).all() and not rows["radius"][4] > 0
    again = clarke.certify(export(net, x), X.numpy(), y.numpy(), **words)
    assert np.array_equal(rows["radius"], again["radius"], equal_nan=True)
    # The statement of a row is about the module.
    away = torch.randn_like(X)
    away = away / away.flatten(1).norm(dim=1).view(-1, *[1] * x.dim())
    far = torch.from_numpy(np.nan_to_num(rows["radius"]) * 0.999).float().view(-1, *[1] * x.dim())
    with torch.no_grad():
        moved = copy.deepcopy(net).eval()(X + far * away).argmax(1)
    assert list(moved[[0, 1, 2, 3, 5]]) == list(rows["predicted"][[0, 1, 2, 3, 5]])


@pytest.mark.parametrize("name", ["conv", "unexportable"])
def test_a_module_is_left_as_it_was(torch, name):
    from export_modules import Unexportable

    net, x = network("conv") if name == "conv" else (Unexportable().train(), torch.rand(3, 8, 8))
    list(net.modules())[-1].eval()
    state = {key: value.clone() for key, value in net.state_dict().items()}
    flags = [m.training for m in net.modules()]
    assert True in flags and False in flags
    for ask in (
        lambda: clarke.bound(net, x, eps=0.01, time=0),
        lambda: clarke.Model(net, example=x),
        lambda: clarke.certify(net, x[None], radius=True, time=0),
    ):
        if name == "conv":
            ask()
        else:
            with pytest.raises(clarke.Error):
                ask()
        assert [m.training for m in net.modules()] == flags
        assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())
        assert all(p.requires_grad and p.grad is None for p in net.parameters())


@pytest.mark.parametrize("name", SMALL)
def test_samples_in_other_clothes(torch, name):
    net, x = network(name)
    others = (x, x[None], x.numpy(), x[None].numpy(), x.double(), x.clone().requires_grad_())
    pairs = {ends(clarke.bound(net, one, eps=0.01, time=0, threads=1)) for one in others}
    assert len(pairs) == 1


def test_errors_name_the_layer(torch):
    from export_modules import Branching, Broken, Unexportable

    x = torch.rand(3, 8, 8)
    for net, layer, kind in (
        (Unexportable(), "features.3 (FractionalMaxPool2d)", "unsupported"),
        (Broken(), "head (Linear)", "input"),
        (Branching(), "choice (Choice)", "unsupported"),
    ):
        for ask in (
            lambda: clarke.bound(net, x, eps=0.01, time=0),
            lambda: clarke.Model(net, example=x),
            lambda: clarke.certify(net, x[None], radius=True, time=0),
            lambda: clarke.layers(net, example=x, time=0),
        ):
            with pytest.raises(clarke.Error) as caught:
                ask()
            assert (caught.value.where, caught.value.kind) == (layer, kind)
            assert caught.value.what and caught.value.next
    with pytest.raises(clarke.Error, match="example=x"):
        clarke.bound(network("dense")[0], norm=2, time=0)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_files_of_a_current_version(file):
    x, y = (np.load(file.with_suffix(f".{what}.npy")) for what in ("input", "expected"))
    model = clarke.Model(file)
    assert (model.input_shape, model.outputs) == (x.shape, y.size)
    pair = clarke.bound(model, x, eps=0.01, norm=2, time=0)
    assert 0 < pair.lower <= pair.upper < float("inf")
    assert np.allclose(pair.output["lower"], y, 1e-5, 1e-5) and np.allclose(pair.output["upper"], y, 1e-5, 1e-5)
    assert pair.output["class"] == y.argmax()


@pytest.mark.parametrize("name", SMALL)
def test_exporters_agree(torch, name):
    """All that this version of PyTorch has."""
    from clarke._export import export
    from clarke._export_onnx import first_choice

    net, x = network(name)
    kinds = first_choice(False)
    assert kinds and set(kinds) <= {"torchscript", "dynamo"}
    files = [export(net, x, kind) for kind in kinds]
    for norm in (2, "inf"):
        assert len({ends(clarke.bound(file, x, eps=0.02, norm=norm, time=0, threads=1)) for file in files}) == 1


def test_torch_is_imported_where_it_is_used(torch):
    code = "import sys, clarke; clarke.bound, clarke.Model, clarke.Rows; assert 'torch' not in sys.modules\n"
    code += "import clarke.torch; import torch; from torch import nn\n"
    code += "assert torch is sys.modules['torch'] is not clarke.torch and not hasattr(clarke.torch, 'nn')\n"
    code += "assert all(hasattr(clarke.torch, name) for name in ('Pairs', 'gram', 'lipbound', 'local_product', 'product'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
