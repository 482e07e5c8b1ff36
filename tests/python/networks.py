# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Small ONNX files and questions about them, written with nothing but the standard library.

The writer follows onnx.proto field by field: field numbers are those of the schema, wire types those of protobuf.
"""

import struct


def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(tag, value):
    """A number, a text, bytes, or the bytes of a message."""
    if isinstance(value, int):
        return varint(tag << 3) + varint(value)
    if isinstance(value, float):
        return varint(tag << 3 | 5) + struct.pack("<f", value)
    data = value.encode() if isinstance(value, str) else value
    return varint(tag << 3 | 2) + varint(len(data)) + data


def tensor(name, shape, values, kind="f"):
    """kind: f (float), d (double), q (int64)."""
    code = {"f": 1, "d": 11, "q": 7}[kind]
    dims = b"".join(field(1, d) for d in shape)
    raw = struct.pack(f"<{len(values)}{kind}", *values)
    return dims + field(2, code) + field(8, name) + field(9, raw)


def attribute(name, value):
    head = field(1, name)
    if isinstance(value, float):
        return head + field(2, value) + field(20, 1)
    if isinstance(value, int):
        return head + field(3, value) + field(20, 2)
    if isinstance(value, str):
        return head + field(4, value) + field(20, 3)
    if isinstance(value, bytes):
        return head + field(5, value) + field(20, 4)
    return head + b"".join(field(8, v) for v in value) + field(20, 7)


def node(kind, inputs, outputs, **attributes):
    body = b"".join(field(1, i) for i in inputs) + b"".join(field(2, o) for o in outputs)
    body += field(4, kind)
    return body + b"".join(field(5, attribute(k, v)) for k, v in attributes.items())


def value(name, shape):
    dims = b"".join(field(1, field(1, d)) for d in shape)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, dims)))


def model(nodes, tensors, input_shape, output="y", opset=13):
    graph = b"".join(field(1, n) for n in nodes) + field(2, "g")
    graph += b"".join(field(5, t) for t in tensors)
    graph += field(11, value("x", input_shape)) + field(12, value(output, [1]))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, opset))


class Builder:
    """A chain of operators, from `x` on."""

    def __init__(self, input_shape, kind="f"):
        self.shape, self.kind = list(input_shape), kind
        self.nodes, self.tensors, self.at = [], [], "x"

    def stored(self, shape, values, kind=None):
        name = f"t{len(self.tensors)}"
        self.tensors.append(tensor(name, shape, values, kind or self.kind))
        return name

    def then(self, kind, *more, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(node(kind, [self.at, *more], [name], **attributes))
        self.at = name
        return self

    def dense(self, rows, bias, style="gemm"):
        flat = [v for r in rows for v in r]
        if style == "gemm":
            w = self.stored([len(rows), len(rows[0])], flat)
            return self.then("Gemm", w, self.stored([len(bias)], bias), transB=1)
        columns = [r[j] for j in range(len(rows[0])) for r in rows]
        w = self.stored([len(rows[0]), len(rows)], columns)
        self.then("MatMul", w)
        sign = -1.0 if style == "sub" else 1.0
        return self.then("Sub" if style == "sub" else "Add", self.stored([len(bias)], [sign * b for b in bias]))

    def bytes(self, opset=13):
        return model(self.nodes, self.tensors, self.shape, self.at, opset)


def mlp(layers, kind="d", activation="Relu", **attributes):
    """Rows and biases of every layer, the activation between them."""
    made = Builder([1, len(layers[0][0][0])], kind)
    for k, (rows, bias) in enumerate(layers):
        if k:
            made.then(activation, **attributes)
        made.dense(rows, bias)
    return made.bytes()
