# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Time float64 convolutions and matrix products in PyTorch on the CPU, for comparison.

Prints CSV: kind,shape,threads,min_ms,median_ms,gflops; the rate counts two
operations for each multiply-add (also those on zero padding) and goes by the
least time.

    pip install numpy torch
    python benches/peers/torch_conv.py --threads 1
    python benches/peers/torch_conv.py --threads 2 --conv 4,16,16x16,16,3,1,1 --matmul 1000x784x256

--conv takes N,Cin,HxW,Cout,kernel,stride,pad and --matmul rows x inner x columns,
each any number of times; given neither, a fixed list of both is timed.
"""

import argparse
import statistics
import time

import torch
import torch.nn.functional as F

CONVS = ["4,16,16x16,16,3,1,1", "16,32,32x32,64,3,1,1", "32,64,16x16,128,3,2,1", "1,64,56x56,128,3,1,1"]
MATMULS = ["256x256x256", "512x512x512", "1024x1024x1024", "1000x784x256"]


def conv_case(shape):
    n, c_in, size, c_out, kernel, stride, pad = shape.split(",")
    height, width = map(int, size.split("x"))
    n, c_in, c_out, kernel, stride, pad = map(int, (n, c_in, c_out, kernel, stride, pad))
    x = torch.randn(n, c_in, height, width, dtype=torch.float64)
    w = torch.randn(c_out, c_in, kernel, kernel, dtype=torch.float64)
    b = torch.randn(c_out, dtype=torch.float64)

    def run():
        return F.conv2d(x, w, b, stride, pad)

    return run, 2 * run().numel() * c_in * kernel * kernel


def matmul_case(shape):
    rows, inner, columns = map(int, shape.split("x"))
    a = torch.randn(rows, inner, dtype=torch.float64)
    b = torch.randn(inner, columns, dtype=torch.float64)
    return lambda: a @ b, 2 * rows * inner * columns


def seconds(run, runs, budget):
    """At least `runs` timings after warm-up, more while `budget` seconds last (200 at most)."""
    for _ in range(3):
        run()
    times = []
    while len(times) < runs or (sum(times) < budget and len(times) < 200):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=7, help="least number of timed runs")
    parser.add_argument("--conv", action="append", default=[])
    parser.add_argument("--matmul", action="append", default=[])
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    if not args.conv and not args.matmul:
        args.conv, args.matmul = CONVS, MATMULS
    cases = [("conv2d", s, conv_case) for s in args.conv] + [("matmul", s, matmul_case) for s in args.matmul]
    print("kind,shape,threads,min_ms,median_ms,gflops")
    with torch.inference_mode():
        for kind, shape, make in cases:
            run, flops = make(shape)
            times = seconds(run, max(args.runs, 7), 0.5)
            least = min(times)
            quoted = f'"{shape}"' if "," in shape else shape
            print(
                f"{kind},{quoted},{args.threads},{least * 1e3:.4f},{statistics.median(times) * 1e3:.4f},"
                f"{flops / least / 1e9:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
