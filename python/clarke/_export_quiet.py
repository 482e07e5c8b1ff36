# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""What exporters leave behind: words on the streams, and references to what is gone."""

from __future__ import annotations

import gc
import io
import logging
import os
import sys
import traceback
import warnings
from contextlib import contextmanager, redirect_stderr, redirect_stdout

_LOGGERS = ("torch", "torch.onnx", "torch.export", "torch._dynamo", "onnxscript", "onnx_ir")


def forget(problem):
    """Lets go of what the frames of an exception hold.

    References to a graph of TorchScript that is gone make the next export fail, where a new one lies in its place.
    """
    while problem is not None:
        traceback.clear_frames(problem.__traceback__)
        problem.__traceback__ = None
        problem = problem.__cause__ or problem.__context__
    gc.collect()


@contextmanager
def quiet():
    """No warnings, no logs, nothing on the streams of Python."""
    levels = [(logging.getLogger(name), logging.getLogger(name).level) for name in _LOGGERS]
    try:
        for logger, _ in levels:
            logger.setLevel(logging.CRITICAL + 1)
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in levels:
            logger.setLevel(level)


@contextmanager
def no_output():
    """Nothing on the standard output of the process: PyTorch's C++ prints the graph of an export that fails."""
    try:
        (sys.__stdout__ or io.StringIO()).flush()
        kept = os.dup(1)
    except (OSError, ValueError):
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
