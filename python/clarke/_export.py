# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""A PyTorch module as an ONNX file in memory.

The file holds the weights of the module and the operations of its forward pass, and nothing is computed from them on
the way: a proof is about the function in real numbers of exactly these weights, and an exporter that merges a batch
normalisation into a convolution rounds its weights, which moves the constant. So the exporters run without
optimisation and without constant folding, and the engine does that in exact arithmetic.
"""

from __future__ import annotations

import warnings
from typing import Optional

from ._errors import Error
from ._export_layers import culprit, layer_name, reason
from ._export_module import evaluated
from ._export_onnx import KINDS, first_choice, onnx_bytes
from ._export_run import Reading, reading

__all__ = ["export"]

# What a node of the operator Where has in its bytes. The engine has no such operator, and where one exporter writes
# Softplus by cases, for the sake of floats, the other has a node of that name.
_WHERE = b'"\x05Where'


def export(module, example, exporter: Optional[str] = None) -> bytes:
    """`module`, a torch.nn.Module, in eval mode as the bytes of an ONNX file with its weights inside.

    `example` is one sample, a numpy array or a tensor of floats with or without the batch axis; only its shape matters.
    The batch axis of the file is dynamic, or 1 where the exporter cannot do that. The module is left as it was.

    `exporter` is "torchscript" or "dynamo"; None tries the one that this version of PyTorch prefers, then the other.

    Weights stay in the floats that they are. Those of 16 bits become float32, which holds each of them. A float64
    module goes through TorchScript first, since the other exporter rounds its numbers to float32; what no exporter
    keeps in float64 is an error and not rounded, except that the epsilon of a batch normalisation is added to the
    variances in float64, as PyTorch does itself. Weights that a parametrization computes are what PyTorch computes.
    Versions of PyTorch without opset 20 write GELU out, with the square root of 2 in the type of the weights.

    An `Error` names the layer. So does one for a forward pass that looks at values of tensors: a trace of it would
    hold for the example alone.
    """
    import torch

    if not isinstance(module, torch.nn.Module):
        raise Error(f"the network is of type {type(module).__name__} and no torch.nn.Module")
    if isinstance(module, torch.jit.ScriptModule):
        raise Error("the network is a compiled ScriptModule", next="give the module that it was made from")
    if exporter not in (None, *KINDS):
        raise Error(f"no exporter is called {exporter!r}", "exporter", f"one of {', '.join(KINDS)}, or None")
    module = _unwrapped(module)
    with warnings.catch_warnings(), torch.no_grad(), evaluated(module) as net:
        warnings.simplefilter("ignore")
        found = reading(net, _sample(example))
        kinds = [exporter] if exporter else list(first_choice(found.dtype == torch.float64))
        if found.looks and exporter is None:
            kinds = [k for k in kinds if k == "dynamo"]
        if found.looks and "dynamo" not in kinds:
            raise _looks(found)
        return _exported(net, found, kinds)


def _exported(net, found: Reading, kinds: list) -> bytes:
    """The file of the first exporter that succeeds, or of the next one if that file is in cases and the next is not."""
    files, problems = [], []
    for kind in kinds:
        for dynamic in (True, False):
            try:
                files.append(onnx_bytes(net, (found.x,), kind, dynamic))
                break
            except Exception as problem:  # exporters raise whatever they like
                last = problem
        else:
            problems.append((kind, last))
        if files and _WHERE not in files[-1]:
            return files[-1]
    if files:
        return files[0]
    kind, problem = problems[0]
    if isinstance(problem, Error):
        raise problem
    if found.looks:
        raise _looks(found) from problem
    place, problem = culprit(net, found.x, lambda layer, args: onnx_bytes(layer, args, kind, False), problem)
    raise Error(
        f"the module cannot be exported to ONNX: {reason(problem)}",
        layer_name(net, place),
        "write the layer with other operators, or export the network yourself and give the file",
        "unsupported",
    ) from problem


def _looks(found: Reading) -> Error:
    return Error(
        f"the forward pass looks at values of tensors ({found.looks[0][1]}), which an exported graph cannot follow",
        found.looks[0][0],
        "write it without `if`, `float()` or `.item()` of tensors, or export the network yourself and give the file",
        "unsupported",
    )


def _unwrapped(module):
    """The module inside torch.compile and DataParallel."""
    while True:
        if hasattr(module, "_orig_mod"):
            module = module._orig_mod
        elif type(module).__name__ in ("DataParallel", "DistributedDataParallel"):
            module = module.module
        else:
            return module


def _sample(example):
    import torch

    try:
        x = torch.as_tensor(example)
    except (TypeError, ValueError, RuntimeError) as problem:
        raise Error(f"the sample is no array: {problem}", "example") from None
    if not x.is_floating_point():
        word = 'x.astype("float32")' if not isinstance(example, torch.Tensor) else "x.float()"
        raise Error(f"the sample has elements of type {str(x.dtype)[6:]}, and no floats", "example", word)
    return x.detach()
