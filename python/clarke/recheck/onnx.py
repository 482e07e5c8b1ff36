# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""ONNX files as networks of exact fractions: which nodes matter, in which order, and what constants they hold.

The network is the real-valued function that the file's numbers define. Meaning: the operator schemas of ONNX, opsets 7
to 24. Whatever is not known to mean what is computed here (an attribute, a type, a shape) is left to others.
"""

import struct
from fractions import Fraction

from . import operators
from .errors import Refused, Unchecked
from .exact import ZERO
from .net import Linear, Net, reads
from .proto import decoded

FLOATS = {1: ("f", 4, "floats"), 11: ("d", 8, "doubles")}
INTEGERS = {6: ("i", 4, "int32s"), 7: ("q", 8, "int64s")}


class Tensor:
    def __init__(self, shape, values, real):
        self.shape, self.values, self.real = shape, values, real


class Computed:
    def __init__(self, node, shape):
        self.node, self.shape = node, shape


def volume(shape):
    out = 1
    for d in shape:
        out *= d
    return out


def tensor(message):
    """A stored constant."""
    kinds = {**FLOATS, **INTEGERS}
    if message.type not in kinds or message.location or message.segment is not None:
        raise Unchecked("a constant of the network is of another type, or in another file")
    code, size, field = kinds[message.type]
    shape = list(message.dims)
    if any(d < 0 for d in shape) or volume(shape) > 1 << 20:
        raise Unchecked("a constant of the network is too large")
    values = message[field]
    if message.raw:
        if values or len(message.raw) != volume(shape) * size:
            raise Refused("a constant of the network has another length than its shape")
        values = struct.unpack(f"<{volume(shape)}{code}", message.raw)
    if len(values) != volume(shape):
        raise Refused("a constant of the network has another length than its shape")
    real = message.type in FLOATS
    if real and any(v != v or v in (float("inf"), float("-inf")) for v in values):
        # Only ends of clips may be infinite: they stay floats.
        return Tensor(shape, list(values), real)
    return Tensor(shape, [Fraction(v) for v in values] if real else list(values), real)


def plan(graph, name):
    """The nodes that reach the output, in the order of the file where that is one, and the input's name."""
    stored = {t.name: t for t in graph.stored}
    makers = {}
    for k, node in enumerate(graph.nodes):
        for out in filter(None, node.outputs):
            if out in makers or out in stored:
                raise Refused(f"the network defines {out!r} twice")
            makers[out] = k
    if len(stored) != len(graph.stored):
        raise Refused("the network defines a constant twice")
    given = {v.name: v for v in graph.inputs if v.name not in stored}
    needed, inputs, open_, seen = set(), [], [name], {name}
    while open_:
        at = open_.pop()
        if at in makers:
            needed.add(makers[at])
            more = set(filter(None, graph.nodes[makers[at]].inputs)) - seen
            seen |= more
            open_ += more
        elif at in given:
            inputs.append(at)
        elif at not in stored:
            raise Refused(f"the network reads {at!r}, which nothing defines")
    if len(inputs) != 1:
        raise Unchecked("the network has not one input")
    return ordered(graph, makers, needed), given[inputs[0]], stored


def ordered(graph, makers, needed):
    order, waiting = [], sorted(needed)
    while waiting:
        done = set(order)
        ready = [k for k in waiting if all(makers.get(i) in done for i in graph.nodes[k].inputs if i in makers)]
        if not ready:
            raise Refused("the network's graph has a circle")
        order.append(ready[0])
        waiting.remove(ready[0])
    return order


def output(graph, name):
    if name is not None:
        if name not in [v.name for v in graph.outputs]:
            raise Refused("the network has no output of that name")
        return name
    if len(graph.outputs) != 1:
        raise Unchecked("the network has several outputs")
    return graph.outputs[0].name


def input_shape(value, given):
    kind = value.type and value.type.tensor
    if kind and kind.element not in (None, 0, 1, 11):
        raise Unchecked("the network's input is no float")
    if not (kind and kind.shape):
        if given is None:
            raise Refused("the network's input has no shape")
        return list(given)
    dims = [d.size if d.size and d.size > 0 else None for d in kind.shape.dims]
    if given is not None and len(given) != len(dims):
        raise Refused("the input's shape is not that of the network")
    shape = []
    for k, d in enumerate(dims):
        batch = k == 0 and len(dims) > 1
        wanted = given[k] if given is not None else (d if d is not None else 1 if batch else None)
        if wanted is None or (d is not None and wanted != d and not batch):
            raise Refused("the input's shape is not that of the network")
        shape.append(wanted)
    if len(shape) > 1 and shape[0] != 1:
        raise Unchecked("the network's input is a batch of several samples")
    return shape


def load(data, source):
    """The network in a file's bytes; `source` says how it is to be read."""
    model = decoded("Model", data)
    if model.graph is None:
        raise Refused("the network's file holds no graph")
    opsets = [o.version for o in model.opsets if (o.domain or "") in ("", "ai.onnx")]
    if len(opsets) != 1 or not 7 <= (opsets[0] or 0) <= 24 or model.functions or model.graph.sparse:
        raise Unchecked("the network's file uses another opset, functions or sparse constants")
    graph = model.graph
    name = output(graph, source["output_name"])
    order, given, stored = plan(graph, name)
    shape = input_shape(given, source["input_shape"])
    if not 0 < volume(shape) <= 4096 or len(shape) > 5:
        raise Unchecked("the network has too many inputs")
    values = {given.name: Computed(0, shape)}
    net = Net(volume(shape))
    net.shape = shape[1:] if len(shape) > 1 and shape[0] == 1 else shape
    for k in order:
        node = graph.nodes[k]
        inputs = []
        for i in node.inputs:
            if i and i not in values:
                values[i] = tensor(stored[i])
            inputs.append(values[i] if i else None)
        last = node.outputs[0] == name and not source["keep_softmax"]
        values[node.outputs[0]] = operators.apply(net, node, inputs, opsets[0], last)
    if not isinstance(values[name], Computed):
        raise Refused("the network's output does not depend on its input")
    return fused(pruned(net, values[name].node))


def fused(net):
    """A constant added right behind a layer without bias, whose sums nothing else reads, becomes its bias."""
    place = list(range(len(net.nodes)))
    for k, node in enumerate(net.nodes):
        if isinstance(node, Linear):
            node.rows = [[(place[i], j, w) for i, j, w in row] for row in node.rows]
        elif node is not None:
            node.read = place[node.read]
        if getattr(node, "kind", None) != "bias":
            continue
        before = next(iter(reads(node)), 0)
        layer = net.nodes[before]
        users = sum(before in reads(other) for other in net.nodes[:k + 1]) + \
            sum(before in {place[i] for i in reads(other)} for other in net.nodes[k + 1:])
        if getattr(layer, "kind", None) == "affine" and not layer.biased and users == 1:
            layer.biased, layer.constants = True, [c + s for c, s in zip(layer.constants, node.constants)]
            place[k] = before
    return pruned(net, place[-1])


def pruned(net, last):
    """Only what the output needs, the output last."""
    alive = {0, last}
    for k in range(last, 0, -1):
        if k in alive:
            alive |= reads(net.nodes[k])
    place = {k: i for i, k in enumerate(sorted(alive))}
    out = Net(net.inputs)
    out.shape = net.shape
    for k in sorted(alive - {0}):
        node = net.nodes[k]
        if hasattr(node, "rows"):
            node.rows = [[(place[i], j, w) for i, j, w in row] for row in node.rows]
        else:
            node.read = place[node.read]
        out.push(node, net.sizes[k], k in net.labels)
    return out
