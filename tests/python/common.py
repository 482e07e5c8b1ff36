# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""What tests of the module share: the program beside it, its own data."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parents[1] / "data"
NET = str(DATA / "digits.onnx")
INPUTS = str(DATA / "digits.npy")
LABELS = str(DATA / "digits_labels.npy")
X = np.load(INPUTS)
Y = np.load(LABELS)

#: The program that CLARKE names, else the one that the wheel carries.
PROGRAM = shlex.split(os.environ.get("CLARKE", "")) or [sys.executable, "-m", "clarke"]

#: What differs between two runs of the same, or says where things lie.
APART = ("seconds", "peak_bytes", "path", "input", "row", "sha256", "tool", "command", "inputs", "labels", "rows_per_second")


def program(*arguments, code=0):
    """The standard output of the command line."""
    done = subprocess.run([*PROGRAM, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout


def same(report):
    """A report without what may differ."""
    if isinstance(report, dict):
        return {name: same(value) for name, value in report.items() if name not in APART}
    return [same(value) for value in report] if isinstance(report, list) else report


def printed(*arguments, code=0):
    """The JSON that the command line prints."""
    return json.loads(program(*arguments, "--format", "json", "--quiet", code=code))
