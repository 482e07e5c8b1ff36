# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Certificates as files: the format `clarke.certificate/2`, read as something hostile.

Every object has exactly the fields of the format, no key is there twice, and no number is infinite.
"""

import base64
import binascii
import hashlib
import json
from pathlib import Path

from .errors import Refused, Unchecked
from .exact import end, is_number, written

SCHEMA = "clarke.certificate/2"
FIELDS = {
    "file": "schema version net region quotient upper lower witness proof",
    "net": "name sha256 bytes input_shape keep_softmax mean std external output_name",
    "external": "name sha256 bytes",
    "quotient": "in_norm out_norm output quantity",
    "number": "value bits",
    "ball": "kind centre radius norm clip",
    "box": "kind lo hi centre",
    "global": "kind",
    "tree": "rule kinks reach parts",
    "norms": "rule slopes links factors",
    "digest": "rule text",
    "piece": "kind x u",
    "inside": "kind x u",
    "pair": "kind x y",
}
# Fields that need not be there.
OPTIONAL = {"external", "output_name", "reach", "links"}
NULLABLE = {"bytes", "input_shape", "mean", "std", "clip", "witness", "output_name", "reach", "centre"}


def unique(pairs):
    out = dict(pairs)
    if len(out) != len(pairs):
        raise Refused("a key is there twice")
    return out


def no_constant(text):
    raise Refused(f"{text} is no number")


def parse(text):
    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=no_constant)
    except RecursionError:
        raise Refused("the certificate is nested too deeply") from None
    except ValueError as e:
        raise Refused(f"the certificate is no JSON: {e}") from None


def fields(value, kind):
    """An object with the fields of its kind."""
    names = FIELDS[kind].split()
    if not isinstance(value, dict):
        raise Refused(f"the {kind} is no object")
    for name in names:
        if name not in value and name not in OPTIONAL and name not in NULLABLE:
            raise Refused(f"the {kind} has no {name}")
    for name in value:
        if name not in names or (value[name] is None and name not in NULLABLE):
            raise Refused(f"the {kind} has an odd field {name}")
    return value


def word(value, what, among=None):
    if not isinstance(value, str) or (among and value not in among):
        raise Refused(f"the {what} is {value!r}")
    return value


def listed(value, what):
    if not isinstance(value, list):
        raise Refused(f"{what} is no list")
    return value


def numbers(value, what):
    return [written(v, what) for v in listed(value, what)]


def index(value, what):
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 64:
        raise Refused(f"{what} is no place")
    return value


class Certificate:
    """What a file says, each field of the kind that it should be; nothing is derived yet."""

    def __init__(self, text):
        file = fields(parse(text), "file")
        word(file["schema"], "schema", {SCHEMA})
        word(file["version"], "version")
        self.net = source(fields(file["net"], "net"))
        place = file["region"]
        kind = word(place.get("kind") if isinstance(place, dict) else None, "region", {"ball", "box", "global"})
        self.region = fields(place, kind)
        self.quotient = fields(file["quotient"], "quotient")
        for side in ("in_norm", "out_norm"):
            word(self.quotient[side], side, {"1", "2", "inf"})
        word(self.quotient["quantity"], "quantity", {"lipschitz", "anchored"})
        word(self.quotient["output"], "output")
        self.upper = end(fields(file["upper"], "number"), "the upper end")
        self.lower = end(fields(file["lower"], "number"), "the lower end")
        self.witness = witness(file.get("witness"))
        proof = file["proof"]
        rule = word(proof.get("rule") if isinstance(proof, dict) else None, "rule", {"tree", "norms", "digest"})
        self.proof = fields(proof, rule)


def source(net):
    word(net["name"], "network's name")
    word(net["sha256"], "digest")
    if not isinstance(net["keep_softmax"], bool):
        raise Refused("keep_softmax is neither true nor false")
    out = {"output_name": None, "external": [], "bytes": None, "input_shape": None, "mean": None, "std": None, **net}
    for name in ("bytes", "output_name"):
        if out[name] is not None:
            word(out[name], name)
    if out["input_shape"] is not None:
        out["input_shape"] = [index(d, "an axis") for d in listed(out["input_shape"], "the input's shape")]
    for name in ("mean", "std"):
        out[name] = None if out[name] is None else numbers(out[name], name)
    if listed(out["external"], "external"):
        raise Unchecked("the network's weights lie in other files")
    return out


def witness(value):
    if value is None:
        return None
    kind = word(value.get("kind") if isinstance(value, dict) else None, "witness", {"piece", "inside", "pair"})
    return fields(value, kind)


def network_bytes(net, outside=None):
    """The file that the network was read from: inside of the certificate, or at a place that somebody names."""
    if outside is not None:
        data = Path(outside).read_bytes()
    elif net["bytes"] is None:
        raise Unchecked("the certificate does not hold its network; name the file with --net")
    else:
        try:
            data = base64.b64decode(net["bytes"], validate=True)
        except (binascii.Error, ValueError):
            raise Refused("the network is damaged") from None
        if base64.b64encode(data).decode() != net["bytes"]:
            raise Refused("the network is damaged")
    if hashlib.sha256(data).hexdigest() != net["sha256"]:
        raise Refused("the network is not the one that the certificate names")
    if not net["name"].lower().endswith(".onnx"):
        raise Unchecked("the network is no .onnx file")
    return data


__all__ = ["Certificate", "index", "is_number", "listed", "network_bytes", "numbers"]
