# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""The program `clarke`, as the wheel carries it."""

from __future__ import annotations

import os
import sys


def main() -> int:
    """The command line: its exit code."""
    # Graphics drivers look for a desktop there, and complain on stderr where nothing is said.
    os.environ.setdefault("XDG_RUNTIME_DIR", "/dev/null")
    from . import _native

    return _native.main(["clarke", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
