# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""A module as it is exported, and back again: in eval mode, with its weights as they are used."""

from __future__ import annotations

import copy
from contextlib import ExitStack, contextmanager

import torch
from torch import nn

from ._errors import Error

# Hooks of torch.nn.utils.weight_norm and spectral_norm, which compute a weight before every pass.
_HOOKS = ("WeightNorm", "SpectralNorm")
_SHORT = (torch.float16, torch.bfloat16)


@contextmanager
def evaluated(module: nn.Module):
    """The module in eval mode; everything is put back afterwards, also on failure.

    Weights that are computed from others (weight_norm, spectral_norm, parametrizations) are those that PyTorch
    computes. A module with floats of 16 bits is a copy in wider ones.
    """
    dtypes = {t.dtype for t in (*module.parameters(), *module.buffers()) if t.is_floating_point()}
    if dtypes & set(_SHORT):
        try:
            module = copy.deepcopy(module)
        except RuntimeError as problem:
            raise Error(f"the module has floats of 16 bits and no copy: {problem}", next="module.float()") from None
        module.double() if torch.float64 in dtypes else module.float()
    with ExitStack() as undo:
        for layer in dict.fromkeys(module.modules()):
            undo.callback(setattr, layer, "training", layer.training)
        module.eval()
        for layer in dict.fromkeys(module.modules()):
            _freeze(layer, undo)
        if torch.float64 in dtypes:
            for layer in dict.fromkeys(module.modules()):
                _widen(layer, undo)
        yield module


def _freeze(layer: nn.Module, undo: ExitStack):
    """Weights that are computed become parameters."""
    parts = getattr(layer, "parametrizations", None)
    if isinstance(parts, nn.ModuleDict):
        kind, values = type(layer), {name: getattr(layer, name) for name in parts}
        undo.callback(setattr, layer, "__class__", kind)
        layer.__class__ = kind.__bases__[0]
        for name, value in values.items():
            undo.callback(layer._parameters.pop, name)
            layer._parameters[name] = nn.Parameter(value.detach(), requires_grad=False)
    hooks = [(key, hook) for key, hook in layer._forward_pre_hooks.items() if type(hook).__name__ in _HOOKS]
    if hooks:
        saved = list(layer._forward_pre_hooks.items())
        undo.callback(lambda: (layer._forward_pre_hooks.clear(), layer._forward_pre_hooks.update(saved)))
    for key, hook in hooks:
        before = layer.__dict__.get(hook.name)
        hook(layer, ())
        value = layer.__dict__.pop(hook.name).detach()
        if before is not None:
            undo.callback(layer.__dict__.__setitem__, hook.name, before)
        undo.callback(layer._parameters.pop, hook.name)
        layer._parameters[hook.name] = nn.Parameter(value, requires_grad=False)
        del layer._forward_pre_hooks[key]


def _widen(layer: nn.Module, undo: ExitStack):
    """Numbers that ONNX keeps as float32 attributes become tensors."""
    if isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.running_var is not None:
        variance, eps = layer.running_var, layer.eps
        undo.callback(layer._buffers.__setitem__, "running_var", variance)
        undo.callback(setattr, layer, "eps", eps)
        # The sum that PyTorch forms itself.
        layer._buffers["running_var"], layer.eps = variance + eps, 0.0
    for name, child in layer._modules.items():
        if isinstance(child, nn.LeakyReLU):
            undo.callback(layer._modules.__setitem__, name, child)
            slope = nn.PReLU(1).double().eval()
            slope.weight.fill_(child.negative_slope)
            layer._modules[name] = slope
