# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""pytest's own words for the folder."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))


def pytest_runtest_makereport(item, call):
    """With CLARKE_REQUIRE_ALL=1 what is missing is a failure."""
    if call.excinfo is not None and call.excinfo.errisinstance(pytest.skip.Exception):
        if os.environ.get("CLARKE_REQUIRE_ALL") == "1":
            call.excinfo = pytest.ExceptionInfo.from_exc_info(
                (AssertionError, AssertionError(f"left out: {call.excinfo.value}"), call.excinfo.tb)
            )
