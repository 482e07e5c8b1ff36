# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Trains tables/iris.npz, wine.npz and diabetes.npz: relu networks on scikit-learn's small tables.

Inputs (and the target of diabetes) are standardised; training is scikit-learn's with its usual
settings, the weight decay chosen by cross-validation in five folds. Needs numpy and scikit-learn;
other versions give other weights.
"""

import pathlib

import numpy as np
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import scale

TABLES = {
    "iris": (load_iris, MLPClassifier, (6, 6)),
    "wine": (load_wine, MLPClassifier, (20, 16, 8)),
    "diabetes": (load_diabetes, MLPRegressor, (24, 24)),
}


DECAYS = [1e-4, 1e-3, 1e-2, 1e-1, 1, 10]


def main():
    folder = pathlib.Path(__file__).parent / "tables"
    folder.mkdir(exist_ok=True)
    for name, (load, kind, hidden) in TABLES.items():
        x, y = load(return_X_y=True)
        y = scale(y) if kind is MLPRegressor else y
        net = kind(hidden_layer_sizes=hidden, random_state=0, max_iter=2000)
        search = GridSearchCV(net, {"alpha": DECAYS}, cv=5).fit(scale(x), y)
        net = search.best_estimator_
        print(name, search.best_params_, "score on unseen rows:", search.best_score_)
        arrays = {}
        for k, (w, b) in enumerate(zip(net.coefs_, net.intercepts_), 1):
            arrays[f"W{k}"], arrays[f"b{k}"] = np.ascontiguousarray(w.T), b
        np.savez(folder / f"{name}.npz", **arrays)


main()
