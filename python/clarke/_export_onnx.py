# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""The two exporters of PyTorch, told to change nothing and to be quiet."""

from __future__ import annotations

import inspect
import io
import math

import torch

from ._errors import Error
from ._export_quiet import forget, no_output, quiet

KINDS = ("torchscript", "dynamo")
# The last one that TorchScript can write, in which GELU is a node: before, it is written out with √2 as a float of the
# weights' type. Versions that do not know it write the other one.
OPSETS = (20, 13)
# Operators whose outputs have the element type of their first input, as far as casts may need them.
_SAME_TYPE = ("Abs", "Add", "Clip", "Div", "Elu", "Exp", "Identity", "Log", "Max", "Min", "Mul", "Neg", "Relu")
_SAME_TYPE += ("Reshape", "Sigmoid", "Softplus", "Sqrt", "Sub", "Tanh", "Transpose", "Unsqueeze")


def first_choice(double: bool) -> tuple:
    """The exporters of this version in the order to try: dynamo first where it is the default, but not for float64."""
    default = inspect.signature(torch.onnx.export).parameters.get("dynamo")
    if default is None:
        return KINDS[:1]
    return KINDS[::-1] if default.default is True and not double else KINDS


def onnx_bytes(net, args: tuple, kind: str, dynamic: bool) -> bytes:
    """The module as a file; `dynamic` leaves the first axis of the only argument open."""
    try:
        with quiet():
            return _torchscript(net, args, dynamic) if kind == "torchscript" else _dynamo(net, args, dynamic)
    except Exception as problem:
        forget(problem)
        raise


def _torchscript(net, args: tuple, dynamic: bool) -> bytes:
    file = io.BytesIO()
    options = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    if dynamic:
        options.update(input_names=["x"], dynamic_axes={"x": {0: "batch"}})
    # Not EVAL, which would merge batch normalisations into the weights before them.
    options.update(training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False, verbose=False)
    for opset in OPSETS:
        try:
            with no_output():
                torch.onnx.export(net, args, file, opset_version=opset, **options)
            break
        except ValueError as problem:
            if opset == OPSETS[-1] or not str(problem).startswith("Unsupported ONNX opset"):
                raise
    return file.getvalue()


def _dynamo(net, args: tuple, dynamic: bool) -> bytes:
    if "dynamo" not in inspect.signature(torch.onnx.export).parameters:
        what = f"PyTorch {torch.__version__} has no such exporter"
        raise Error(what, 'exporter="dynamo"', "take exporter=None", "unsupported")
    options = {}
    if dynamic:
        # A batch of one would be taken for a constant.
        args = (torch.cat([args[0], args[0]]),)
        options["dynamic_shapes"] = ({0: torch.export.Dim("batch")},)
    program = torch.onnx.export(net, args, dynamo=True, optimize=False, verbose=False, **options)
    model = program.model_proto
    _plain(model)
    if any(t.dtype == torch.float64 for t in (*net.parameters(), *net.buffers())):
        _unrounded(model)
    return model.SerializeToString()


def _plain(model):
    """Nodes get the path of their layer for a name, CastLike becomes Cast, and notes for debugging go."""
    graph = model.graph
    types = {v.name: v.type.tensor_type.elem_type for v in (*graph.input, *graph.value_info, *graph.output)}
    types.update((t.name, t.data_type) for t in graph.initializer)
    names: set = set()
    for node in graph.node:
        notes = {p.key: p.value for p in node.metadata_props}
        # A list of the paths around it, outermost first, as Python writes it; the last is the operation's own.
        scopes = notes.get("pkg.torch.onnx.name_scopes", "").strip("[]").split(", ")[:-1]
        path = scopes[-1].strip("'\"") if scopes else ""
        path = "" if path.startswith("_empty_nn_module_stack") else path
        stem = name = f"/{path}/{node.op_type}" if path else f"/{node.op_type}"
        count = 0
        while name in names:
            count += 1
            name = f"{stem}_{count}"
        names.add(name)
        node.name = name
        del node.metadata_props[:]
        node.doc_string = ""
        if node.op_type in _SAME_TYPE and node.input[0] in types:
            types.setdefault(node.output[0], types[node.input[0]])
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            types[node.output[0]] = node.attribute[0].t.data_type
        if node.op_type == "Cast":
            types[node.output[0]] = node.attribute[0].i
        if node.op_type == "CastLike" and types.get(node.input[1]):
            to = types[node.output[0]] = types[node.input[1]]
            del node.input[1:], node.attribute[:]
            node.op_type = "Cast"
            node.attribute.add(name="to", i=to, type=2)
    for values in (graph.input, graph.value_info, graph.output):
        for value in values:
            del value.metadata_props[:]


def _unrounded(model):
    """Refuses a file of a float64 module with numbers in float32 that look rounded: this exporter puts them there."""
    import onnx

    for node in model.graph.node:
        tensors = [a.t for a in node.attribute if a.type == a.TENSOR and a.t.data_type == onnx.TensorProto.FLOAT]
        numbers = [a.f for a in node.attribute if a.type == a.FLOAT and a.name != "momentum"]
        numbers += [float(v) for t in tensors for v in onnx.numpy_helper.to_array(t).ravel()]
        for v in numbers:
            # A number such as 0.5 or 6 ends long before the last bit.
            if math.isfinite(v) and math.frexp(v)[0] * 2**12 % 1:
                raise Error(
                    f"this exporter rounds a number of a float64 module to float32: {v!r}",
                    node.name,
                    'take exporter="torchscript" or a float32 module',
                    "unsupported",
                )
