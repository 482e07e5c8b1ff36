# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Networks: from whatever a program holds to one that is read once."""

from __future__ import annotations

import os
import sys
from typing import Any, Callable, Optional

from . import _native
from ._arrays import array, npy
from ._errors import Error
from ._pair import Pair, finished
from ._words import words


def _bytes(net: Any, example: Any) -> Optional[tuple[str, bytes]]:
    """A name and the bytes of a file; None for anything that is no network in memory."""
    if isinstance(net, (bytes, bytearray, memoryview)):
        return "network", bytes(net)
    if hasattr(net, "SerializeToString"):
        return "model.onnx", net.SerializeToString()
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(net, torch.nn.Module):
        if example is None:
            raise Error(
                "a torch module is exported with a sample of its input, and there is none",
                type(net).__name__,
                "give x, or write clarke.Model(module, example=x)",
            )
        from ._export import export

        return f"{type(net).__name__}.onnx", export(net, example)
    return None


def native(net: Any, example: Any = None, **reading: Any) -> _native.Model:
    """The engine's network of a path, bytes, an onnx.ModelProto, a torch module or a `Model`."""
    said = words(**reading)
    if isinstance(net, Model):
        if said:
            raise Error(
                "the network is read already", said[0].split("=")[0].lstrip("-"), "say it where the Model is made"
            )
        return net._native
    if isinstance(net, (str, os.PathLike)):
        return _native.Model(os.fspath(net), None, said)
    held = _bytes(net, example)
    if held is None:
        raise Error(
            f"{type(net).__name__} is no network",
            "net",
            "give a path, the bytes of a file, an onnx.ModelProto, a torch module or a clarke.Model",
        )
    return _native.Model(held[0], held[1], said)


class Model:
    """A network that is read once, and whose weights are brought to a device once.

    `net` is a path, the bytes of a file, an `onnx.ModelProto` or a `torch.nn.Module` (exported in eval mode
    with `example` as a sample of its input). `mean`, `std`: (x - mean) / std per channel in front of it.
    """

    def __init__(
        self,
        net: Any,
        *,
        example: Any = None,
        mean: Any = None,
        std: Any = None,
        input_shape: Any = None,
        output_name: Optional[str] = None,
        keep_softmax: bool = False,
    ) -> None:
        self._native = native(
            net,
            example,
            mean=mean,
            std=std,
            input_shape=input_shape,
            output_name=output_name,
            keep_softmax=keep_softmax,
        )
        self._device: Optional[str] = None

    def on(self, device: str) -> "Model":
        """The same network, on `auto`, `cpu`, `gpu` or `gpu:N` for what is asked of it."""
        other = object.__new__(Model)
        other._native, other._device = self._native, device
        return other

    @property
    def device(self) -> str:
        """Where it is asked, unless a call says otherwise."""
        return self._device or "auto"

    @property
    def name(self) -> str:
        """Of its file."""
        return self._native.name

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Axes of one sample."""
        return tuple(self._native.input_shape)

    @property
    def inputs(self) -> int:
        """Numbers of a sample."""
        return self._native.inputs

    @property
    def outputs(self) -> int:
        """Numbers that it gives."""
        return self._native.outputs

    @property
    def sha256(self) -> str:
        """Of the bytes that it was read from."""
        return self._native.sha256

    def at(self, X: Any, *, eps: Any, norm: Any = "inf", clip: Any = None, device: Optional[str] = None) -> "Regions":
        """Balls of radius `eps` around the rows of `X`, analysed together."""
        shape = array(X, "X").shape
        if len(shape) < 1:
            raise Error("X has no rows", "X", "give one sample a row")
        where = words(eps=eps, ball=norm, clip=clip, device=device or self._device)
        return Regions(_native.Regions(self._native, where, npy(X, "X")), norm)

    def __repr__(self) -> str:
        return f"clarke.Model({self.name!r}, {'x'.join(map(str, self.input_shape))} -> {self.outputs})"


class Regions:
    """Many regions of one network."""

    def __init__(self, regions: _native.Regions, norm: Any) -> None:
        self._native, self._norm = regions, norm

    def __len__(self) -> int:
        return len(self._native)

    def bound(
        self,
        *,
        norm: Any = None,
        in_norm: Any = None,
        out_norm: Any = None,
        output: Any = "all",
        quantity: str = "lipschitz",
        method: str = "auto",
        time: Any = 60.0,
        gap: Any = None,
        memory: Any = None,
        seed: int = 0,
        told: Optional[Callable[[int, float, float], None]] = None,
    ) -> list[Pair]:
        """The pair of every region, each within `time`; `told(region, lower, upper)` hears of improvements."""
        asked = words(
            norm=self._norm if norm is None else norm,
            in_norm=in_norm,
            out_norm=out_norm,
            output=output,
            quantity=quantity,
            method=method,
            time=time,
            gap=gap,
            memory=memory,
            seed=seed,
        )
        pairs, raised = self._native.bound(asked, told)
        found = [Pair(pair) for pair in pairs]
        finished(raised, "pairs", found)
        return found
