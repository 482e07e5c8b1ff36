# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""examples/ray_certify.py: two workers, one of which is killed, give what one process gives.

Ray starts processes of its own, which takes 15 s and on a busy machine more.
"""

import os
import runpy
import signal
from pathlib import Path

import numpy as np
import pytest

import clarke
from common import NET, X, Y

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "ray_certify.py"
WORDS = {"radius": True, "norm": 2, "time": 0}
COLUMNS = ("label", "predicted", "correct", "verified", "radius", "margin", "runner_up", "upper", "method", "status", "error")


@pytest.fixture(scope="module")
def example():
    """Its functions, which Ray sends to the workers as they are, since they belong to no module there."""
    pytest.importorskip("pyarrow")
    pytest.importorskip("ray.data")
    return runpy.run_path(str(EXAMPLE))


@pytest.fixture(scope="module")
def cluster(example):
    ray = example["ray"]
    with pytest.MonkeyPatch.context() as patch:
        # Ray's workers give way to all that runs beside them, unless they are told not to.
        patch.setenv("RAY_worker_niceness", "0")
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield ray
        ray.shutdown()


def killed_once(mark, key):
    """A Certifier whose process is killed when it has certified the block with this key, the first time."""

    class Killed(clarke.Certifier):
        def __call__(self, batch):
            found = super().__call__(batch)
            if key in batch["key"]:
                with open(mark, "a") as file:
                    file.write(f"{os.getpid()}\n")
                if len(Path(mark).read_text().split()) == 1:
                    os.kill(os.getpid(), signal.SIGKILL)
            return found

    return Killed


def test_a_killed_worker_costs_no_row(example, cluster, tmp_path):
    schema = example["columns"](NET, X, Y, {**WORDS})
    mark, out = tmp_path / "killed", tmp_path / "rows.parquet"
    network = Path(NET).read_bytes()
    found = example["certified"](network, X, Y, WORDS, workers=2, size=10, certifier=killed_once(str(mark), 43))
    table, repeated = example["write"](found, out, schema, len(X))
    first, second = mark.read_text().split()
    assert first != second and repeated == 0

    whole = clarke.certify(NET, X, Y, threads=1, **WORDS)
    assert table.num_rows == len(X) == 100 and out.exists() and not Path(f"{out}.part").exists()
    assert table["key"].to_pylist() == list(range(100))
    for name in COLUMNS:
        assert table[name].to_pylist() == [row.get(name) for row in whole], name
    facts = example["summary"](table)
    theirs = whole.summary()
    assert facts == {name: theirs[name] for name in facts}


class Blocks:
    """What `write` reads of a Dataset, with blocks as one likes."""

    def __init__(self, *blocks):
        self.blocks = blocks

    def iter_batches(self, **_):
        return iter(self.blocks)


@pytest.fixture(scope="module")
def tables(example):
    """Three blocks of ten rows, and their columns."""
    import pyarrow

    certifier = clarke.Certifier(NET, threads=1, **WORDS)
    parts = [certifier({"key": np.arange(a, a + 10), "input": X[a : a + 10], "label": Y[a : a + 10]}) for a in (0, 10, 20)]
    return [pyarrow.table(part) for part in parts], example["columns"](NET, X, Y, WORDS)


def test_a_block_that_comes_twice_is_written_once(example, tables, tmp_path):
    (a, b, c), schema = tables
    table, repeated = example["write"](Blocks(b, a, b, c), tmp_path / "rows.parquet", schema, 30)
    assert repeated == 10 and table["key"].to_pylist() == list(range(30))


def test_a_gap_is_no_result(example, tables, tmp_path):
    (a, b, c), schema = tables
    with pytest.raises(SystemExit, match="20 of 30 keys"):
        example["write"](Blocks(a, c), tmp_path / "rows.parquet", schema, 30)
    assert not (tmp_path / "rows.parquet").exists()
