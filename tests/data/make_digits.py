# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Train the small digit classifier that the tests use and write it beside this script.

Makes digits.onnx (64 -> 64 -> 32 -> 10 with ReLU between, float32, opset 13,
input "x" of shape [N, 64], output "logits" of shape [N, 10]), digits.npy (the
first 100 held-out images, pixels in [0, 1], float32) and digits_labels.npy
(their classes, int64). The data set is the one that scikit-learn ships
(sklearn.datasets.load_digits: UCI optical recognition of handwritten digits).

    pip install numpy scikit-learn onnx
    python tests/data/make_digits.py [OUTPUT_FOLDER]

The seed is fixed and the training single-threaded; another scikit-learn or BLAS
may still round differently and give slightly different weights.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

SEED = 7
WIDTHS = (64, 32)


def build(weights, biases):
    """The chain Gemm, Relu, Gemm, Relu, Gemm as an ONNX model; weights are (in, out)."""
    nodes, tensors, name = [], [], "x"
    for k, (w, b) in enumerate(zip(weights, biases), start=1):
        last = k == len(weights)
        out = "logits" if last else f"z{k}"
        tensors.append(numpy_helper.from_array(np.ascontiguousarray(w.T, np.float32), f"W{k}"))
        tensors.append(numpy_helper.from_array(b.astype(np.float32), f"b{k}"))
        nodes.append(helper.make_node("Gemm", [name, f"W{k}", f"b{k}"], [out], name=f"gemm{k}", transB=1))
        name = out
        if not last:
            name = f"a{k}"
            nodes.append(helper.make_node("Relu", [out], [name], name=f"relu{k}"))
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", weights[0].shape[0]])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", weights[-1].shape[1]])],
        tensors,
    )
    model = helper.make_model(graph, producer_name="clarke", opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    pixels, labels = load_digits(return_X_y=True)
    pixels = (pixels / 16).astype(np.float32)
    train_x, test_x, train_y, test_y = train_test_split(
        pixels, labels, test_size=400, random_state=SEED, stratify=labels
    )
    with threadpool_limits(1):  # the order of the sums, and so the weights, must not depend on the cores
        net = MLPClassifier(WIDTHS, alpha=1e-3, max_iter=300, random_state=SEED).fit(train_x, train_y)

    model = build(net.coefs_, net.intercepts_)
    logits = ReferenceEvaluator(model).run(None, {"x": test_x})[0]
    accuracy = (logits.argmax(axis=1) == test_y).mean()
    print(f"accuracy on {len(test_y)} held-out images: {accuracy:.4f}")
    if accuracy < 0.96:
        sys.exit("accuracy below 0.96: nothing written")
    onnx.save(model, folder / "digits.onnx")
    np.save(folder / "digits.npy", test_x[:100])
    np.save(folder / "digits_labels.npy", test_y[:100].astype(np.int64))


if __name__ == "__main__":
    main()
