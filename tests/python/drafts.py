# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Certificates put together by hand, and the small networks that they are about."""

import base64
import copy
import hashlib
import json
import struct

from networks import Builder, mlp


def number(x):
    bits = struct.pack(">d", x).hex()
    text = {float("inf"): "inf", float("-inf"): "-inf"}.get(x, "NaN" if x != x else x)
    return {"value": text, "bits": bits}


def box(lo, hi, centre=None):
    return {"kind": "box", "lo": lo, "hi": hi, "centre": centre}


def ball(centre, radius, norm, clip=None):
    return {"kind": "ball", "centre": centre, "radius": radius, "norm": norm, "clip": clip}


class Draft:
    """Of a network on the box [-1, 1]^n in the norm inf, shown by what is derived of the whole of it."""

    def __init__(self, data, inputs, upper):
        self.file = {
            "schema": "clarke.certificate/2", "version": "0.1.0",
            "net": {"name": "net.onnx", "sha256": "", "bytes": "", "input_shape": None, "keep_softmax": False,
                    "mean": None, "std": None},
            "region": box([-1.0] * inputs, [1.0] * inputs),
            "quotient": {"in_norm": "inf", "out_norm": "inf", "output": "all", "quantity": "lipschitz"},
            "upper": number(upper), "lower": number(0.0), "witness": None,
            "proof": {"rule": "tree", "kinks": False, "parts": ["bounded"]},
        }
        self.network(data)

    def put(self, place, value):
        """Another value in a place such as `net/std`; of a copy, as everything here."""
        made = copy.deepcopy(self)
        *way, last = place.split("/")
        at = made.file
        for key in way:
            at = at[key]
        at[last] = value
        return made

    def network(self, data):
        self.file["net"]["bytes"] = base64.b64encode(data).decode()
        self.file["net"]["sha256"] = hashlib.sha256(data).hexdigest()
        return self

    def upper(self, x):
        return self.put("upper", number(x))

    def lower(self, x, witness):
        return self.put("lower", number(x)).put("witness", witness)

    def parts(self, *parts):
        return self.put("proof/parts", list(parts))

    def region(self, region):
        return self.put("region", region)

    def norms(self, p, q):
        return self.put("quotient/in_norm", p).put("quotient/out_norm", q)

    def everywhere(self, reach=4.0):
        return self.region({"kind": "global"}).put("proof/reach", reach)

    def text(self):
        return json.dumps(self.file)


def relu():
    return mlp([([[1.0]], [0.0]), ([[1.0]], [0.0])])


def steep():
    """100 x_0 + x_1."""
    return mlp([([[100.0, 1.0]], [0.0])])


def identity():
    """relu(x) − relu(−x), which is x; the slopes of its neurons allow 2."""
    return mlp([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, -1.0]], [0.0])])


def rows():
    """(relu(x), 3 relu(x))."""
    return mlp([([[1.0]], [0.0]), ([[1.0], [3.0]], [0.0, 0.0])])


def bent():
    """Slope 1 below 0, 1/2 above."""
    return mlp([([[1.0], [-1.0]], [0.0, 0.0]), ([[0.5, -1.0]], [0.0])])


def ten():
    return mlp([([[1.0]], [0.0]), ([[10.0]], [0.0])])


def corner():
    """relu(x_0 + x_1 − 1.1), which is 0 on the unit ball of the norm 1."""
    return mlp([([[1.0, 1.0]], [-1.1]), ([[1.0]], [0.0])])


def maximum():
    """max(x_0, 2 x_1)."""
    made = Builder([1, 2], "d").dense([[1.0, 0.0], [0.0, 2.0]], [0.0, 0.0])
    made.then("Reshape", made.stored([3], [1, 1, 2], "q")).then("MaxPool", kernel_shape=[2])
    return made.then("Flatten").bytes()


def piece(x, u):
    return {"kind": "piece", "x": x, "u": u}


def inside(x, u):
    return {"kind": "inside", "x": x, "u": u}


def pair(x, y):
    return {"kind": "pair", "x": x, "y": y}


def kink(feature, at, above, below, node=1):
    return {"kink": [node, feature, at, above, below]}


def quarters(leaf):
    """The identity divided by the signs of x and of −x: of four parts two have no interior."""
    void = {"refuted": ["1", "1"]}
    parts = [kink(0, 0.0, 1, 2), kink(1, 0.0, 3, 4), kink(1, 0.0, 5, 6), void, leaf, leaf, void]
    return Draft(identity(), 1, 1.01).parts(*parts)
