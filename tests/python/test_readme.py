# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""README's Python section runs as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_section_runs(tmp_path):
    text = (ROOT / "README.md").read_text()
    code = re.search(r"<!-- python: run .*?-->\s*```python\n(.*?)```", text, re.S)[1]
    os.symlink(ROOT / "tests", tmp_path / "tests")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "<clarke.Pair " in done.stdout and "'verified'" in done.stdout
