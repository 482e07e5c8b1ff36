# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Spectral norms of a network's convolutions by Gram iteration in PyTorch on the CPU, for comparison.

Prints CSV: layer,in_channels,out_channels,input,kernel,stride,estimate,steps,seconds. The method is that of
Delattre et al. 2023 for circular padding: the kernel's discrete Fourier transform at the layer's own size, then
repeated squaring of every symbol with a rescaling, in float32 and without any control of rounding. A stride is
handled by its phases, as more input channels. What comes out is an estimate for a circular layer, not a bound for
the zero-padded one. Frequencies are taken in chunks of at most --memory MiB, which costs no time.

    pip install numpy onnx torch
    python benches/peers/torch_gram.py --threads 2 --steps 6 network.onnx
"""

import argparse
import time

import numpy as np
import onnx
import torch
from onnx import numpy_helper, shape_inference


def convolutions(path):
    """(name, weight, input height and width, stride, groups) of every convolution."""
    model = shape_inference.infer_shapes(onnx.load(path))
    graph = model.graph
    weights = {i.name: i for i in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    values = list(graph.value_info) + list(graph.input) + list(graph.output)
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}

    def constant(name):
        if name in weights:
            return numpy_helper.to_array(weights[name])
        node = makers[name]
        if node.op_type == "Cast":
            return constant(node.input[0])
        return numpy_helper.to_array(node.attribute[0].t)

    for node in graph.node:
        if node.op_type != "Conv":
            continue
        options = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        weight = torch.tensor(np.array(constant(node.input[1]), dtype=np.float32))
        yield (
            node.name or node.output[0],
            weight,
            shapes[node.input[0]][2:],
            list(options.get("strides", [1, 1])),
            options.get("group", 1),
        )


def phases(weight, stride):
    """The kernel of the stride-1 layer on inputs sorted by their phase."""
    (sy, sx), (out, ins, ky, kx) = stride, weight.shape
    padded = torch.zeros(out, ins, -(-ky // sy) * sy, -(-kx // sx) * sx)
    padded[:, :, :ky, :kx] = weight
    parts = padded.reshape(out, ins, padded.shape[2] // sy, sy, padded.shape[3] // sx, sx)
    return parts.permute(0, 1, 3, 5, 2, 4).reshape(out, ins * sy * sx, parts.shape[2], parts.shape[4])


def gram(weight, size, steps, entries):
    """The largest norm of a symbol, after `steps` squarings."""
    symbols = torch.fft.rfft2(weight, s=size)
    out, ins = symbols.shape[:2]
    flat = symbols.permute(2, 3, 0, 1).reshape(-1, out, ins)
    if out < ins:
        flat = flat.transpose(1, 2)
    best = 0.0
    for part in flat.split(max(1, entries // min(out, ins) ** 2)):
        m, log = part, torch.zeros(len(part))
        for _ in range(steps):
            scale = torch.linalg.matrix_norm(m).clamp_min(1e-30)
            m = m / scale[:, None, None]
            m = m.conj().transpose(1, 2) @ m
            log = 2 * (log + scale.log())
        end = torch.linalg.matrix_norm(m).clamp_min(1e-30).log()
        best = max(best, float(((end + log) / 2**steps).exp().max()))
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--memory", type=int, default=256)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print("layer,in_channels,out_channels,input,kernel,stride,estimate,steps,seconds")
    with torch.inference_mode():
        for name, weight, size, stride, groups in convolutions(args.network):
            started = time.perf_counter()
            size_out = [-(-n // s) for n, s in zip(size, stride)]
            parts = [phases(w, stride) for w in weight.chunk(groups)]
            size_out = [max(n, k) for n, k in zip(size_out, parts[0].shape[2:])]
            found = max(gram(p, size_out, args.steps, args.memory * 2**17) for p in parts)
            seconds = time.perf_counter() - started
            out, ins, ky, kx = weight.shape
            print(
                f"{name},{ins * groups},{out},{size[0]}x{size[1]},{ky}x{kx},{stride[0]},"
                f"{found:.6f},{args.steps},{seconds:.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
