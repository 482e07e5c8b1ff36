# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""One ONNX node with its operands, and how shapes repeat.

Every attribute of a node must have been read, so that nothing that changes the meaning passes in silence.
"""

import struct
from fractions import Fraction
from itertools import product

from . import onnx
from .errors import Refused, Unchecked

HARMLESS = {"momentum", "ratio", "seed", "storage_order", "consumed_inputs"}


class Call:
    """A node with its operands; attributes are ticked off as they are read."""

    def __init__(self, net, node, inputs, opset):
        self.net, self.node, self.inputs, self.opset = net, node, inputs, opset
        self.left = {a.name: a for a in node.attributes}
        if len(self.left) != len(node.attributes) or any(a.reference for a in node.attributes):
            raise Unchecked("an operator's attributes are there twice, or refer to others")

    def attribute(self, name, field, kind, default):
        a = self.left.pop(name, None)
        if a is None:
            return default
        if a.type not in (kind, 0, None):
            raise Refused(f"the attribute {name} has another type")
        value = a[field] if field in a else None
        return value if value is not None else {"f": 0.0, "i": 0, "s": b""}[field]

    def int(self, name, default):
        return self.attribute(name, "i", 2, default)

    def ints(self, name, default=None):
        return self.attribute(name, "ints", 7, default)

    def text(self, name, default):
        value = self.attribute(name, "s", 3, default.encode())
        return value.decode("utf-8", "replace")

    def number(self, name, default):
        """As the single-precision float that it is stored as."""
        value = self.attribute(name, "f", 1, None)
        if value is None:
            return default
        if value != value or value in (float("inf"), float("-inf")):
            raise Refused(f"the attribute {name} is not finite")
        return Fraction(value)

    def value(self, k):
        if k >= len(self.inputs) or self.inputs[k] is None:
            raise Refused("an operator lacks an operand")
        return self.inputs[k]

    def has(self, k):
        return k < len(self.inputs) and self.inputs[k] is not None

    def computed(self, k):
        x = self.value(k)
        if not isinstance(x, onnx.Computed):
            raise Unchecked(f"{self.node.kind} of a constant")
        return x

    def constant(self, k, real=True):
        x = self.value(k)
        if not isinstance(x, onnx.Tensor) or x.real != real:
            raise Unchecked(f"{self.node.kind} of operands that are computed, or of another type")
        if any(isinstance(v, float) for v in x.values):
            raise Refused("a weight is not finite")
        return x

    def push(self, node, size, shape, named=True):
        return onnx.Computed(self.net.push(node, size, named), shape)


def strides(shape):
    return [onnx.volume(shape[k + 1:]) for k in range(len(shape))]


def broadcast(a, b):
    n = max(len(a), len(b))
    a, b = [1] * (n - len(a)) + list(a), [1] * (n - len(b)) + list(b)
    if any(x != y and 1 not in (x, y) for x, y in zip(a, b)):
        raise Refused("shapes do not fit each other")
    return [y if x == 1 else x for x, y in zip(a, b)]


def places(shape, target):
    """For every element of the target the one of the shape that is repeated there."""
    own = [1] * (len(target) - len(shape)) + list(shape)
    steps = [0 if d == 1 else s for d, s in zip(own, strides(own))]
    return [sum(i * s for i, s in zip(at, steps)) for at in product(*map(range, target))]


def single(x):
    """The single-precision float nearest to x."""
    return Fraction(struct.unpack("<f", struct.pack("<f", x))[0])
