# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""The functions say what the commands say, number for number."""

import json
import struct
from fractions import Fraction

import numpy as np
import pytest

import clarke
from common import INPUTS, NET, X, Y, printed, program, same

#: Words in Python and on the command line.
ASKED = [
    ({"eps": 0.02}, ["--eps", "0.02"]),
    ({"eps": "8/255"}, ["--eps", "8/255"]),
    ({"eps": Fraction(8, 255), "norm": 2}, ["--eps", "8/255", "--norm", "2"]),
    ({"eps": 0.1, "norm": 1, "out_norm": float("inf")}, ["--eps", "0.1", "--norm", "1", "--out-norm", "inf"]),
    ({"eps": 0.05, "norm": 2.0, "clip": (0, 1)}, ["--eps", "0.05", "--norm", "2", "--clip", "0,1"]),
    ({"eps": 0.02, "output": 3}, ["--eps", "0.02", "--output", "3"]),
    ({"eps": 0.02, "output": (9, 3)}, ["--eps", "0.02", "--output", "9-3"]),
    ({"eps": 0.02, "output": "9-3", "quantity": "anchored"}, ["--eps", "0.02", "--output", "9-3", "--quantity", "anchored"]),
    ({"eps": 0.02, "method": "product-local"}, ["--eps", "0.02", "--method", "product-local"]),
    ({"eps": 0.02, "mean": [0.5], "std": [0.25]}, ["--eps", "0.02", "--mean", "0.5", "--std", "0.25"]),
    ({"eps": 0.005, "method": "exact"}, ["--eps", "0.005", "--method", "exact"]),
    ({"eps": 0.02, "ball": 2, "norm": "inf"}, ["--eps", "0.02", "--ball", "2", "--norm", "inf"]),
    ({"eps": np.float64(0.02), "seed": 7}, ["--eps", "0.02", "--seed", "7"]),
    ({"eps": 0.02, "memory": 1 << 30}, ["--eps", "0.02", "--memory", "1GiB"]),
    ({"eps": 0.02, "require": "L<=150"}, ["--eps", "0.02", "--require", "L<=150"]),
]


@pytest.mark.parametrize("time", [0, 60])
@pytest.mark.parametrize("words, flags", ASKED, ids=lambda w: " ".join(w) if isinstance(w, list) else "")
def test_bound_is_the_command(words, flags, time):
    pair = clarke.bound(NET, X[7], time=time, threads=1, **words)
    said = printed("bound", NET, "--input", f"{INPUTS}#7", "--threads", 1, "--time", time, *flags)
    assert same(pair.report) == same(said)
    assert (pair.lower, pair.upper, pair.exact) == (said["lower"]["value"], said["upper"]["value"], said["exact"])
    assert 0 < pair.lower <= pair.upper < float("inf") and pair.gap >= 1


def test_everywhere():
    pair = clarke.bound(NET, norm=2, time=0)
    assert same(pair.report) == same(printed("bound", NET, "--norm", 2, "--time", 0))


@pytest.mark.parametrize("other", [lambda x: x.reshape(1, 64), lambda x: x.astype("float64"), lambda x: x.tolist()])
def test_the_same_sample_in_other_clothes(other):
    one, two = (clarke.bound(NET, x, eps=0.02, time=0) for x in (X[7], other(X[7])))
    assert (one.lower, one.upper) == (two.lower, two.upper)


def test_networks():
    content = open(NET, "rb").read()
    model = clarke.Model(NET)
    assert (model.inputs, model.outputs, model.input_shape) == (64, 10, (64,))
    pairs = [clarke.bound(net, X[7], eps=0.02, time=0) for net in (NET, content, model, model.on("cpu"))]
    assert len({(pair.lower, pair.upper, pair.report["net"]["sha256"]) for pair in pairs}) == 1


def test_pairs():
    pair = clarke.bound(NET, X[7], eps=0.02, time=20)
    assert pair.method == pair.report["upper"]["method"] and pair.quality["word"] == "tight"
    assert pair.witness.shape == (64,) and abs(pair.witness - X[7]).max() <= 0.02 * (1 + 1e-9)
    assert pair.output["class"] == int(Y[7])
    low, high = (float(end) for end in pair.claim.split(" <= L <= "))
    assert low <= pair.lower <= pair.upper <= high
    assert "<svg" in pair._repr_html_() and pair.plot()._repr_svg_().startswith("<svg")


def test_certificates(tmp_path):
    from clarke.recheck import recheck

    pair = clarke.bound(NET, X[7], eps=0.001, norm=2, output=(9, 3), method="exact")
    pair.certify(tmp_path / "proof.json")
    assert clarke.check(tmp_path / "proof.json") and pair.report["certificate"].endswith("proof.json")
    assert program("check", tmp_path / "proof.json")
    text = (tmp_path / "proof.json").read_text()
    assert recheck(text)
    said = clarke.check(tmp_path / "proof.json").report
    assert said["upper"]["value"] == pair.upper and said["lower"]["value"] == pair.lower
    # A smaller upper end is another claim.
    claim = json.loads(text)
    forged = struct.unpack(">d", bytes.fromhex(claim["upper"]["bits"]))[0] * 0.9
    claim["upper"] = {"value": forged, "bits": struct.pack(">d", forged).hex()}
    (tmp_path / "forged.json").write_text(json.dumps(claim))
    found = clarke.check(tmp_path / "forged.json")
    assert not found and not found.accepted and found.reason


def test_regions():
    model = clarke.Model(NET)
    pairs = model.at(X[:5], eps=0.02, norm=2, clip=(0, 1)).bound(time=0, output=(9, 3))
    alone = [clarke.bound(NET, x, eps=0.02, norm=2, clip=(0, 1), time=0, output=(9, 3)) for x in X[:5]]
    for one, two in zip(pairs, alone):
        # Analysed together and alone: sums of other lengths, so the last digits may differ.
        assert one.lower <= two.upper and two.lower <= one.upper
        assert one.upper == pytest.approx(two.upper, rel=1e-9)


def test_progress():
    heard = []
    clarke.bound(NET, X[7], eps=0.05, norm=2, time=2, told=lambda *news: heard.append(news))
    assert heard and all(low <= high and isinstance(by, str) for low, high, by, _ in heard)


def test_layers():
    table = clarke.layers(NET, time=0)
    said = printed("layers", NET, "--time", 0)
    norms = [[layer[k] for k in ("name", "norm", "shape")] for layer in said["layers"]]
    assert [[layer[k] for k in ("name", "norm", "shape")] for layer in table] == norms
    assert table["lower"] <= table["upper"] and "gemm1" in repr(table)


def test_compare():
    asked = ["product", "jacobian-linear", "pattern"]
    table = clarke.compare(NET, X[7], eps=0.02, methods=asked, time=5, threads=1)
    said = printed(
        "compare", NET, "--input", f"{INPUTS}#7", "--eps", 0.02, "--methods", ",".join(asked), "--time", 5, "--threads", 1
    )
    assert same(table.report) == same(said)
    assert len(table.to_pandas()) == 3 if _has("pandas") else len(table) == 3


def test_sweep(tmp_path):
    table = clarke.sweep(NET, X[7], eps=(1e-3, 0.05), points=4, time=0, threads=1)
    said = printed(
        "sweep", NET, "--input", f"{INPUTS}#7", "--eps", "0.001..0.05", "--points", 4, "--time", 0, "--threads", 1
    )
    assert same(table.report) == same(said)
    assert table["upper"] == sorted(table["upper"]) and table["lower"] == sorted(table["lower"])
    table.plot(tmp_path / "s.svg")
    assert (tmp_path / "s.svg").read_text().startswith("<svg")


def _has(module):
    from importlib.util import find_spec

    return find_spec(module) is not None
