# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Wrong inputs: what, where, next, in words of Python, and never a panic."""

import numpy as np
import pytest

import clarke
from common import NET, X, Y

x = X[7]
WRONG = {
    "negative radius": lambda: clarke.bound(NET, x, eps=-1),
    "no number": lambda: clarke.bound(NET, x, eps="a lot"),
    "radius of the wrong type": lambda: clarke.bound(NET, x, eps={"r": 1}),
    "no such norm": lambda: clarke.bound(NET, x, eps=0.1, norm=3),
    "no such method": lambda: clarke.bound(NET, x, eps=0.1, method="magic"),
    "no such output": lambda: clarke.bound(NET, x, eps=0.1, output=10),
    "no such device": lambda: clarke.bound(NET, x, eps=0.1, device="abacus"),
    "no such file": lambda: clarke.bound("nothing.onnx", x, eps=0.1),
    "no network": lambda: clarke.bound(b"nothing at all", x, eps=0.1),
    "no network type": lambda: clarke.bound(3, x, eps=0.1),
    "cut network": lambda: clarke.bound(open(NET, "rb").read()[:999], x, eps=0.1),
    "bytes that are 8 bit": lambda: clarke.bound(NET, (x * 16).astype(np.uint8), eps=0.1),
    "integers": lambda: clarke.bound(NET, (x * 16).astype(int), eps=0.1),
    "complex": lambda: clarke.bound(NET, x.astype(complex), eps=0.1),
    "text": lambda: clarke.bound(NET, "x.npy", eps=0.1),
    "nan": lambda: clarke.bound(NET, np.full(64, np.nan), eps=0.1),
    "wrong shape": lambda: clarke.bound(NET, x[:63], eps=0.1),
    "two samples": lambda: clarke.bound(NET, X[:2], eps=0.1),
    "no region": lambda: clarke.bound(NET, x),
    "no centre": lambda: clarke.bound(NET, eps=0.1),
    "clip upside down": lambda: clarke.bound(NET, x, eps=0.1, clip=(1, 0)),
    "clip of three": lambda: clarke.bound(NET, x, eps=0.1, clip=(0, 1, 2)),
    "gap below one": lambda: clarke.bound(NET, x, eps=0.1, gap=0.5),
    "time": lambda: clarke.bound(NET, x, eps=0.1, time=-3),
    "memory": lambda: clarke.bound(NET, x, eps=0.1, memory="lots"),
    "neither eps nor radius": lambda: clarke.certify(NET, X[:2]),
    "both": lambda: clarke.certify(NET, X[:2], eps=0.1, radius=True),
    "labels": lambda: clarke.certify(NET, X[:2], Y[:3], eps=0.1),
    "labels that are no numbers": lambda: clarke.certify(NET, X[:2], [0.5, 1], eps=0.1),
    "rows": lambda: clarke.certify(NET, X[:2], eps=0.1, rows=range(0, 9)),
    "a journal nowhere": lambda: clarke.certify(NET, X[:2], eps=0.1, journal="/nowhere/at/all.jsonl"),
    "radii upside down": lambda: clarke.sweep(NET, x, eps=(0.1, 0.01)),
    "read twice": lambda: clarke.bound(clarke.Model(NET), x, eps=0.1, mean=[0.5]),
    "no certificate": lambda: clarke.check("nothing.json"),
    "certificate of something": lambda: clarke.check(NET),
    "a model that should travel": lambda: clarke.Certifier(clarke.Model(NET), eps=0.1),
    "an unknown name of methods": lambda: clarke.compare(NET, x, eps=0.1, methods=["magic"]),
    "words of another call": lambda: clarke.Certifier(NET, eps=0.1, journal="x.jsonl"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong(name):
    with pytest.raises(clarke.Error) as caught:
        WRONG[name]()
    e = caught.value
    assert e.what and e.where and e.next, (e.what, e.where, e.next)
    assert "--" not in str(e) and "panic" not in str(e)


def test_errors_travel():
    import pickle

    with pytest.raises(clarke.Error) as caught:
        clarke.bound(NET, x, eps=-1)
    e = pickle.loads(pickle.dumps(caught.value))
    assert (e.what, e.where, e.next, e.kind) == (
        caught.value.what,
        caught.value.where,
        caught.value.next,
        caught.value.kind,
    )
