# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Protobuf messages of ONNX models as plain Python values.

Wire format: https://protobuf.dev/programming-guides/encoding; field numbers: onnx.proto of ONNX 1.16. A field that is
not read here is passed over, as the format wants; one of the wrong wire type is an error. Where a single field occurs
twice, the last one counts; a message that is there twice would have to be merged and is refused.
"""

import struct

from .errors import Refused, Unchecked

# Tag: name, kind. Kinds: int, float, text, bytes, or a message's name; a list where the field repeats.
SCHEMA = {
    "Model": {7: ("graph", "Graph"), 8: ("opsets", ["Opset"]), 25: ("functions", ["Anything"])},
    "Anything": {},
    "Opset": {1: ("domain", "text"), 2: ("version", "int")},
    "Graph": {1: ("nodes", ["Node"]), 5: ("stored", ["Tensor"]), 11: ("inputs", ["Value"]),
              12: ("outputs", ["Value"]), 15: ("sparse", ["Anything"])},
    "Node": {1: ("inputs", ["text"]), 2: ("outputs", ["text"]), 3: ("name", "text"), 4: ("kind", "text"),
             5: ("attributes", ["Attribute"]), 7: ("domain", "text")},
    "Attribute": {1: ("name", "text"), 2: ("f", "float"), 3: ("i", "int"), 4: ("s", "bytes"), 5: ("t", "Tensor"),
                  7: ("floats", ["float"]), 8: ("ints", ["int"]), 20: ("type", "int"), 21: ("reference", "text")},
    "Tensor": {1: ("dims", ["int"]), 2: ("type", "int"), 3: ("segment", "Anything"), 4: ("floats", ["float"]),
               5: ("int32s", ["int"]), 7: ("int64s", ["int"]), 8: ("name", "text"), 9: ("raw", "bytes"),
               10: ("doubles", ["double"]), 14: ("location", "int")},
    "Value": {1: ("name", "text"), 2: ("type", "Type")},
    "Type": {1: ("tensor", "TensorType")},
    "TensorType": {1: ("element", "int"), 2: ("shape", "Shape")},
    "Shape": {1: ("dims", ["Dimension"])},
    "Dimension": {1: ("size", "int"), 2: ("parameter", "text")},
}
WIRES = {"int": 0, "float": 5, "double": 1}


class Message(dict):
    """A field that is not there is None, or an empty list."""

    def __getattr__(self, name):
        return self.get(name)


def varint(data, at):
    value = 0
    for k in range(10):
        if at >= len(data):
            raise Refused("the network's file is cut short")
        byte = data[at]
        at += 1
        value |= (byte & 127) << (7 * k)
        if byte < 128:
            return value & (1 << 64) - 1, at
    raise Refused("the network's file holds a number that does not end")


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def take(data, at, size):
    if at + size > len(data):
        raise Refused("the network's file is cut short")
    return data[at:at + size], at + size


def fields(data):
    """Tag, wire type and raw value of every field."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        tag, wire = key >> 3, key & 7
        if wire == 0:
            value, at = varint(data, at)
        elif wire in (1, 5):
            value, at = take(data, at, 8 if wire == 1 else 4)
        elif wire == 2:
            size, at = varint(data, at)
            value, at = take(data, at, size)
        else:
            raise Refused(f"the network's file holds a field of wire type {wire}")
        yield tag, wire, value


def scalar(kind, value):
    if kind == "int":
        return signed(value)
    return struct.unpack("<f" if kind == "float" else "<d", value)[0]


def packed(kind, data):
    if kind == "int":
        at, out = 0, []
        while at < len(data):
            value, at = varint(data, at)
            out.append(signed(value))
        return out
    size = 4 if kind == "float" else 8
    if len(data) % size:
        raise Refused("the network's file is cut short")
    return [scalar(kind, data[k:k + size]) for k in range(0, len(data), size)]


def values(kind, wire, value):
    """What one occurrence of a field holds."""
    if kind in WIRES:
        if wire == WIRES[kind]:
            return [scalar(kind, value)]
        if wire == 2:
            return packed(kind, value)
    elif wire == 2:
        if kind == "bytes":
            return [value]
        if kind == "text":
            try:
                return [value.decode("utf-8")]
            except UnicodeDecodeError:
                raise Refused("the network's file holds a text that is none") from None
        return [decoded(kind, value)]
    raise Refused("the network's file holds a field of another kind than it should")


def decoded(name, data):
    schema = SCHEMA[name]
    out = Message({field: [] for field, kind in schema.values() if isinstance(kind, list)})
    for tag, wire, value in fields(data):
        if tag not in schema:
            continue
        field, kind = schema[tag]
        many = isinstance(kind, list)
        found = values(kind[0] if many else kind, wire, value)
        if many:
            out[field].extend(found)
        elif len(found) != 1 or (kind in SCHEMA and field in out):
            raise Unchecked(f"the network's file holds the field {field} more than once")
        else:
            out[field] = found[0]
    return out
