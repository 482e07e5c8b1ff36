# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Certify a data set with many workers of Ray Data, here or on a cluster that runs already.

    pip install clarke 'ray[data]'
    python examples/ray_certify.py tests/data/digits.onnx tests/data/digits.npy tests/data/digits_labels.npy \\
        --norm 2 --radius --out rows.parquet

Every worker holds the network in a `clarke.Certifier`, computes with one thread, and takes one block of samples after
the other. Samples and network go to the workers with the job and rows come back to this program, so that machines of
a cluster need clarke and nothing else, no folder that they share.

Every row is in the output once, also when workers are killed. A row carries the number of its sample as its key. Ray
starts a worker that died again, and gives it the blocks whose rows it had not handed over yet; samples and finished
blocks lie outside the workers and are not lost with one. A block that is done again gives rows with the same keys.
Only this program writes: it drops a key that it has written before, and the file gets its name after every key from 0
to the last has been counted once. With `--time 0` a row depends neither on the clock nor on the worker nor on the
other rows of its block, so the file is the same whatever happened, but for the column `seconds`; with more time each
row is proven just as well, but what the time was enough for may differ. What does not survive is the end of this
program: for a run that goes on later use `clarke certify --shard I/N -o FILE` and `clarke merge`. And a block too large
for the memory of any worker is begun again and again: give a smaller `--batch`.

Ray lets its workers give way to all else on a machine; RAY_worker_niceness=0 in the environment prevents that.

The exit code is 0 where all rows are finished, 1 where some failed.
"""

import argparse
import json
import os
import pathlib
import sys
import time

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as parquet
import ray
from ray.data.extensions import ArrowTensorArray

import clarke


def blocks(X, y, size):
    """Tables of `size` samples with their keys."""
    for start in range(0, len(X), size):
        part = slice(start, start + size)
        table = {"key": pa.array(range(len(X))[part]), "input": ArrowTensorArray.from_numpy(np.ascontiguousarray(X[part]))}
        if y is not None:
            table["label"] = pa.array(y[part])
        yield pa.table(table)


def certified(network, X, y, words, *, workers=2, size=50, certifier=clarke.Certifier):
    """A ray.data.Dataset of rows, which is computed as it is read. `network`: the bytes of a file or its path."""
    return ray.data.from_arrow(list(blocks(X, y, size))).map_batches(
        certifier,
        fn_constructor_args=(network,),
        fn_constructor_kwargs={**words, "threads": 1},
        batch_size=None,  # a block is a batch
        compute=ray.data.ActorPoolStrategy(size=workers),  # restarts and repeats without limit, Ray Data's default
        num_cpus=1,
    )


def columns(network, X, y, words):
    """Names and types, from one sample, which is certified here: what is wrong is said before anything starts."""
    schema = clarke.certify(network, X[:1], None if y is None else y[:1], threads=1, **words).to_arrow().schema
    return pa.schema([("key", pa.int64()), *(field for field in schema if field.name not in ("key", "row"))])


def typed(block, schema):
    """The columns of `clarke.Rows.to_arrow`: nothing is null, and a column without any value has its type."""
    columns = [block[field.name].cast(field.type) for field in schema]
    floats = [pa.types.is_floating(field.type) for field in schema]
    return pa.table([pc.if_else(pc.is_nan(c), None, c) if f else c for c, f in zip(columns, floats)], schema=schema)


def write(found, path, schema, count):
    """Rows as they come, each key once, to a file that gets its name when they are all there. Returns the table."""
    beside = pathlib.Path(f"{path}.part")
    seen = np.zeros(count, dtype=bool)
    repeated = 0
    with parquet.ParquetWriter(beside, schema) as file:
        for block in found.iter_batches(batch_size=None, batch_format="pyarrow"):
            keys = block["key"].to_numpy()
            fresh = ~seen[keys]
            repeated += len(keys) - int(fresh.sum())
            seen[keys] = True
            file.write_table(typed(block.filter(pa.array(fresh)), schema))
    table = parquet.read_table(beside).sort_by("key")
    keys = table["key"].to_numpy()
    if not np.array_equal(keys, np.arange(count)):
        sys.exit(f"ray_certify.py: {beside} has {len(np.unique(keys))} of {count} keys in {len(keys)} rows: not kept")
    parquet.write_table(table, beside)
    os.replace(beside, path)
    return table, repeated


def summary(table):
    """The counts of `clarke.Rows.summary`."""
    rows = table.select(["correct", "verified", "radius", "error"]).to_pylist()
    done = [row for row in rows if row["error"] is None]
    radii = sorted(row["radius"] or 0.0 for row in done)
    return {
        "rows": len(rows),
        "correct": sum(row["correct"] is True for row in rows),
        "verified": sum(row["verified"] is True for row in done),
        "refuted": sum(row["verified"] is False for row in done),
        "open": sum(row["verified"] is None for row in done),
        "failed": len(rows) - len(done),
        "certified": sum(row["correct"] is True and row["verified"] is True for row in rows),
        "median_radius": radii[(len(radii) - 1) // 2] if radii else None,
    }


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("network", help="an .onnx file with its weights inside")
    parser.add_argument("inputs", help=".npy, floats, one sample a row")
    parser.add_argument("labels", nargs="?", help=".npy, whole numbers")
    parser.add_argument("--norm", default="inf")
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--eps", help="is every class certain this far? 0.01, or 8/255")
    asked.add_argument("--radius", action="store_true", help="how far is it certain?")
    parser.add_argument("--time", default="0", help="seconds a sample for what linear bounds leave open [0]")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=50, help="samples of a block: what is lost with a worker [50]")
    parser.add_argument("--address", help="of a Ray cluster; without it, one of `--workers` cores is started here")
    parser.add_argument("--out", default="rows.parquet")
    return parser.parse_args()


def main():
    args = arguments()
    X = np.load(args.inputs, mmap_mode="r")
    y = None if args.labels is None else np.load(args.labels)
    words = {"norm": args.norm, "eps": args.eps, "radius": args.radius, "time": args.time}
    network = pathlib.Path(args.network).read_bytes()
    schema = columns(network, X, y, words)
    ray.init(**({"address": args.address} if args.address else {"num_cpus": args.workers, "include_dashboard": False}))
    begun = time.perf_counter()
    found = certified(network, X, y, words, workers=args.workers, size=args.batch)
    table, repeated = write(found, args.out, schema, len(X))
    facts = {**summary(table), "repeated": repeated, "seconds": round(time.perf_counter() - begun, 3)}
    print(json.dumps(facts))
    return 1 if facts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
