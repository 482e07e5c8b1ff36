# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Many samples: the same rows as the command line's, journals, objects that travel."""

import json
import pickle

import numpy as np
import pytest

import clarke
from common import INPUTS, LABELS, NET, X, Y, program, same


def lines(text):
    return [same(json.loads(line)) for line in text.splitlines()]


@pytest.mark.parametrize(
    "words, flags",
    [
        ({"eps": 0.02}, ["--eps", "0.02"]),
        ({"eps": 0.3, "norm": 2, "clip": (0, 1)}, ["--eps", "0.3", "--norm", "2", "--clip", "0,1"]),
        ({"radius": True, "norm": 2}, ["--radius", "--norm", "2"]),
    ],
)
def test_rows_are_the_commands(words, flags, tmp_path):
    rows = clarke.certify(NET, X[:24], Y[:24], time=0, threads=1, **words)
    file = tmp_path / "run.jsonl"
    args = ["certify", NET, "--inputs", INPUTS, "--labels", LABELS, "--rows", "0..24", "--time", 0, "--threads", 1]
    program(*args, *flags, "-o", file)
    found = lines(file.read_text())
    # Counterexamples are in files of their own there.
    plain = [{k: v for k, v in row.items() if k != "counterexample"} for row in found[1:]]
    plain.sort(key=lambda row: int(row["key"]))
    assert [{k: v for k, v in same(row).items() if k != "counterexample"} for row in rows] == plain
    assert same(rows.header)["settings"] == found[0]["settings"]
    assert rows["radius"].dtype == np.float64 and len(rows["radius"]) == 24
    assert rows.summary()["correct"] == int((rows["predicted"] == Y[:24]).sum())


def test_a_journal_goes_on(tmp_path):
    file = tmp_path / "run.jsonl"
    heard = len(clarke.certify(NET, X[:10], Y[:10], radius=True, time=0, journal=file, rows=range(0, 10)))
    text = file.read_text()
    again = clarke.certify(NET, X[:10], Y[:10], radius=True, time=0, journal=file, rows=range(0, 10))
    assert heard == len(again) == 10 and file.read_text() == text
    with pytest.raises(clarke.Error, match="settings"):
        clarke.certify(NET, X[:10], Y[:10], radius=True, time=0, norm=2, journal=file, rows=range(0, 10))
    # What the program begins, the module goes on with.
    args = ["certify", NET, "--inputs", INPUTS, "--radius", "--time", 0, "-o", tmp_path / "more.jsonl"]
    program(*args)
    rows = clarke.certify(NET, X, radius=True, time=0, journal=tmp_path / "more.jsonl")
    assert len(rows) == len(X) and rows.summary()["missing"] == 0


def test_columns():
    rows = clarke.certify(NET, X[:12], Y[:12], eps=0.02, time=0)
    assert rows["status"].dtype.kind == "U" and rows[3]["row"] == 3 and len(list(rows)) == 12
    with pytest.raises(KeyError):
        rows["nothing"]
    assert rows.to_html().startswith("<!doctype html>")
    assert "<table" in rows._repr_html_()


def test_tables():
    pandas = pytest.importorskip("pandas")
    frame = clarke.certify(NET, X[:12], Y[:12], eps=0.02, time=0).to_pandas()
    assert isinstance(frame, pandas.DataFrame) and list(frame["row"]) == list(range(12))


def test_arrow():
    pyarrow = pytest.importorskip("pyarrow")
    rows = clarke.certify(NET, X[:12], radius=True, norm=2, time=0)
    table = rows.to_arrow()
    assert isinstance(table, pyarrow.Table) and table.num_rows == 12
    assert np.array_equal(np.array(table["radius"]), rows["radius"])


def test_a_certifier_travels():
    whole = clarke.certify(NET, X[:9], Y[:9], radius=True, norm=2, time=0)
    certifier = pickle.loads(pickle.dumps(clarke.Certifier(NET, radius=True, norm=2, time=0)))
    parts = [certifier({"input": X[a:b], "label": Y[a:b], "key": np.arange(a, b)}) for a, b in ((0, 4), (4, 9))]
    assert np.array_equal(np.concatenate([p["radius"] for p in parts]), whole["radius"])
    assert list(np.concatenate([p["key"] for p in parts])) == list(range(9))
    with pytest.raises(clarke.Error, match="no column"):
        certifier({"image": X[:1]})


def test_a_certifier_of_frames():
    pandas = pytest.importorskip("pandas")
    certifier = clarke.Certifier(NET, eps=0.02, time=0)
    frame = pandas.DataFrame({"input": list(X[:4]), "label": Y[:4], "key": list("abcd")})
    found = certifier(frame)
    assert list(found["key"]) == list("abcd") and set(found["verified"]) <= {True, False, None}
    assert len(list(certifier.partitions(iter([frame, frame])))) == 2
