# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Writes exports/: small networks as real exporters write them, with what onnxruntime computes.

    pip install torch onnx onnxscript onnxruntime scikit-learn skl2onnx
    python tests/data/make_exports.py torch skl        # files torch-*, skl-*
    python tests/data/make_exports.py torch            # under an old torch: files torch1-*

Every NAME.onnx (and NAME.onnx.data, where the exporter puts weights there) comes with NAME.json: the
exporter, an input of one sample, and what onnxruntime makes of it, output by output, flat. Weights are random
from a fixed seed; other versions of the exporters write other graphs of the same function. Stack traces,
which hold the folders of the machine, are taken out; nothing else is.
"""

import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

HERE = pathlib.Path(__file__).parent / "exports"


def strip(path):
    model = onnx.load(path, load_external_data=False)
    for node in model.graph.node:
        del getattr(node, "metadata_props", [])[:]
        node.doc_string = ""
    path.write_bytes(model.SerializeToString())
    data = path.with_name(path.name + ".data")
    if data.exists() and data.stat().st_size == 0:
        data.unlink()


def record(path, exporter, x):
    strip(path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    outputs = []
    for info, y in zip(session.get_outputs(), session.run(None, {session.get_inputs()[0].name: x})):
        if isinstance(y, list):  # skl2onnx's default: one dictionary per sample
            y = np.array([list(d.values()) for d in y])
        if y.dtype.kind in "fiu":
            outputs.append({"name": info.name, "values": [float(v) for v in np.asarray(y).ravel()]})
    entry = {"exporter": exporter, "input": [float(v) for v in x.ravel()], "outputs": outputs}
    path.with_suffix(".json").write_text(json.dumps(entry) + "\n")


def torch_models(torch):
    nn = torch.nn

    class TwoOutputs(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 3), nn.Linear(8, 2)

        def forward(self, x):
            h = torch.relu(self.body(x))
            return self.a(h), torch.softmax(self.b(h), 1)

    class HalfWeights(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.randn(5, 6).half())
            self.v = nn.Parameter(torch.randn(3, 5).half())

        def forward(self, x):
            return torch.relu(x @ self.w.float().T) @ self.v.float().T

    class HalfActivations(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 3)

        def forward(self, x):
            return self.b(torch.relu(self.a(x)).half().float())

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv, self.out = nn.Linear(4, 12), nn.Linear(4, 4)

        def forward(self, x):
            q, k, v = self.qkv(x).chunk(3, -1)
            return self.out(torch.softmax(q @ k.transpose(-1, -2) / 2, -1) @ v)

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)

        def forward(self, x):
            return torch.relu(x + self.norm(self.conv(x)))

    def mlp(act):
        return nn.Sequential(nn.Linear(6, 8), act, nn.Linear(8, 3))

    def deep():  # the middle matrix is large enough for PyTorch to put it into another file
        return nn.Sequential(
            nn.Linear(6, 20), nn.ReLU(), nn.Linear(20, 20), nn.Tanh(), nn.Linear(20, 3), nn.Softmax(1)
        )

    def cnn():
        net = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), Residual(),
            nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(), nn.Linear(16, 3),
        )
        for m in net.modules():
            if isinstance(m, nn.BatchNorm2d):
                nn.init.normal_(m.running_mean), nn.init.uniform_(m.running_var, 0.5, 2)
                nn.init.normal_(m.weight), nn.init.normal_(m.bias)
        return net

    flat, picture = (1, 6), (1, 1, 8, 8)
    return {
        "mlp": (deep(), flat),
        "mlp-batch": (mlp(nn.ReLU()), flat),
        "cnn": (cnn(), picture),
        "cnn-batch": (cnn(), picture),
        "half": (mlp(nn.ReLU()).half(), flat),
        "half-weights": (HalfWeights(), flat),
        "half-activations": (HalfActivations(), flat),
        "two-outputs": (TwoOutputs(), flat),
        "gelu": (mlp(nn.GELU()), flat),
        "gelu-tanh": (mlp(nn.GELU(approximate="tanh")), flat),
        "silu": (mlp(nn.SiLU()), flat),
        "layer-norm": (nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 3)), flat),
        "attention": (Attention(), (1, 3, 4)),
        "training": (cnn(), picture),
    }


def write_torch():
    import torch

    torch.manual_seed(7)
    old = torch.__version__.startswith("1.")
    random = np.random.default_rng(7)
    for name, (net, shape) in torch_models(torch).items():
        if old and name.startswith("half"):
            continue  # its operators on the CPU lack float16
        x = random.standard_normal(shape).astype(np.float16 if name == "half" else np.float32)
        path = HERE / f"torch{'1' if old else ''}-{name}.onnx"
        net.train(name == "training")
        options = {}
        if name.endswith("-batch"):
            batch = "batch" if old else torch.export.Dim("batch", min=1, max=64)
            options = {"dynamic_axes": {"x": {0: batch}}} if old else {"dynamic_shapes": ({0: batch},)}
        if old:
            mode = torch.onnx.TrainingMode
            options |= {"training": mode.TRAINING if name == "training" else mode.EVAL}
            options |= {"do_constant_folding": name != "training"}
        torch.onnx.export(net, (torch.from_numpy(x),), str(path), input_names=["x"], **options)
        record(path, f"torch {torch.__version__}", x)


def write_skl():
    import skl2onnx
    from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def classifier(act="relu"):
        return MLPClassifier(hidden_layer_sizes=(6,), activation=act, max_iter=200, random_state=7)

    iris, cancer, diabetes = (load(return_X_y=True) for load in (load_iris, load_breast_cancer, load_diabetes))
    cases = {
        "classifier": (classifier(), iris, {}),
        "probabilities": (classifier("tanh"), iris, {"zipmap": False}),
        "binary": (classifier(), (cancer[0][:, :5] / 100, cancer[1]), {"zipmap": False}),
        "pipeline": (make_pipeline(StandardScaler(), classifier()), iris, {"zipmap": False}),
        "regressor": (MLPRegressor(hidden_layer_sizes=(6,), max_iter=200, random_state=7), diabetes, None),
    }
    for name, (model, (x, y), options) in cases.items():
        x = x.astype(np.float32)
        model.fit(x, y)
        options = None if options is None else {id(model): options}
        path = HERE / f"skl-{name}.onnx"
        proto = skl2onnx.to_onnx(model, x[:1], options=options)
        path.write_bytes(proto.SerializeToString())
        record(path, f"skl2onnx {skl2onnx.__version__}", x[:1])


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    for word in sys.argv[1:]:
        {"torch": write_torch, "skl": write_skl}[word]()
