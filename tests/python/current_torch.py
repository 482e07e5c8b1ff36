# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Both exporters of the current PyTorch give one network: the engine's pairs agree bit for bit.

    pip install torch onnx onnxscript numpy
    CLARKE=target/release/clarke python tests/python/current_torch.py FOLDER

Trains four small networks on synthetic data (seconds, fixed seeds), exports each through `clarke._export` with both
exporters, and writes NAME.dynamo.onnx, NAME.torchscript.onnx, NAME.input.npy (one sample), NAME.expected.npy (what the
module computes) and version.txt into FOLDER. Each file must give the expected output, and both files of a network the
same `lower` and `upper` in the norms 2 and inf. The exit code is 1 if something differs.

tests/data/torch has the files NAME.dynamo.onnx of a run, as NAME.onnx, and their samples.
"""

import importlib.util
import json
import os
import pathlib
import shlex
import subprocess
import sys

import numpy as np
import torch
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parents[2]
if importlib.util.find_spec("clarke") is None:
    sys.path.insert(0, str(ROOT / "python"))

from clarke._export import export  # noqa: E402

ENGINE = shlex.split(os.environ.get("CLARKE", "")) or [str(ROOT / "target" / "release" / "clarke")]


class Normalised(nn.Module):
    """(x − mean) / std per channel."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.49, 0.48, 0.45]))
        self.register_buffer("std", torch.tensor([0.25, 0.24, 0.26]))

    def forward(self, x):
        return (x - self.mean[:, None, None]) / self.std[:, None, None]


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels),
        )

    def forward(self, x):
        return torch.relu(x + self.body(x))


def networks():
    """Name: a network, and the shape of a sample."""
    return {
        "dense": (nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3)), (6,)),
        "smooth": (nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 12), nn.GELU(), nn.Linear(12, 3)), (6,)),
        "conv": (
            nn.Sequential(
                Normalised(), nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.LeakyReLU(0.1), nn.MaxPool2d(2),
                nn.Conv2d(6, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(24, 3),
            ),
            (3, 8, 8),
        ),
        "residual": (
            nn.Sequential(
                nn.Conv2d(1, 4, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), Residual(4),
                nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3),
            ),
            (1, 8, 8),
        ),
    }


def trained(net, shape, steps=150):
    """Learns which of three random directions a sample points to the most."""
    x = torch.rand(512, *shape)
    labels = (x.flatten(1) @ torch.randn(x[0].numel(), 3)).argmax(1)
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    net.train()
    for step in range(steps):
        part = slice(step % 8 * 64, step % 8 * 64 + 64)
        loss = nn.functional.cross_entropy(net(x[part]), labels[part])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return net, x[0], loss.item()


def pair(file, x, expected, norm):
    """Both ends in the hexadecimal digits of the floats."""
    words = [*ENGINE, "bound", file, "--input", x, "--eps", "0.02", "--norm", norm, "--expect", expected]
    words += ["--expect-tolerance", "1e-5", "--time", "0", "--device", "cpu", "--threads", "1", "--format", "json"]
    done = subprocess.run([*map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{file}: {done.stderr}")
    report = json.loads(done.stdout)
    return report["lower"]["hex"], report["upper"]["hex"]


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "version.txt").write_text(f"torch {torch.__version__}\n")
    torch.manual_seed(7)
    torch.set_num_threads(1)
    agree = True
    for name, (net, shape) in networks().items():
        net, sample, loss = trained(net, shape)
        x, expected = folder / f"{name}.input.npy", folder / f"{name}.expected.npy"
        pairs = {}
        for exporter in ("dynamo", "torchscript"):
            file = folder / f"{name}.{exporter}.onnx"
            file.write_bytes(export(net, sample, exporter))
            if not net.training:
                raise SystemExit(f"{name}: the export left the module in eval mode")
            net.eval()
            np.save(x, sample.numpy())
            np.save(expected, net(sample[None]).detach()[0].numpy())
            net.train()
            pairs[exporter] = [pair(file, x, expected, norm) for norm in ("2", "inf")]
        same = pairs["dynamo"] == pairs["torchscript"]
        agree &= same
        print(f"{name}: loss {loss:.3f}, pairs {'agree' if same else 'DIFFER'}: {pairs['dynamo']}")
        if not same:
            print(f"  torchscript: {pairs['torchscript']}")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
