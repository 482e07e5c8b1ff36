# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Arrays as the bytes of a file: what numpy.save would write, and so read as that is."""

from __future__ import annotations

import io
from typing import Any, Optional

from ._errors import Error


def array(x: Any, name: str = "x") -> Any:
    """numpy's array of a numpy array, a torch tensor or nested lists; only real floats."""
    import numpy as np

    if hasattr(x, "detach") and hasattr(x, "cpu"):
        x = x.detach().cpu()
        if str(x.dtype) == "torch.bfloat16":
            raise Error(f"{name} is a tensor of bfloat16", name, f"write {name}.float()")
        x = x.numpy()
    if isinstance(x, (list, tuple, float, int)):
        try:
            found = np.asarray(x, dtype=np.float64)
        except (TypeError, ValueError):
            raise Error(f"{name} is no array of numbers", name, "give a numpy array or a torch tensor of floats") from None
        return found
    if isinstance(x, (str, bytes)) or not hasattr(x, "__array__"):
        raise Error(
            f"{name} is {type(x).__name__}, no array of numbers", name, "give a numpy array or a torch tensor of floats"
        )
    found = np.asarray(x)
    if found.dtype.kind in "iub":
        word = f"{name} / 255" if found.dtype == np.uint8 else f"{name}.astype('float64')"
        raise Error(f"{name} holds {found.dtype}, no floats", name, f"write {word}")
    if found.dtype.kind != "f" or found.dtype.itemsize > 8:
        raise Error(f"{name} holds {found.dtype}, no numbers that are read", name, f"write {name}.astype('float64')")
    return found


def npy(x: Any, name: str = "x") -> bytes:
    """An array as the bytes of a .npy file."""
    import numpy as np

    file = io.BytesIO()
    np.lib.format.write_array(file, array(x, name), allow_pickle=False)
    return file.getvalue()


def whole(y: Any, name: str = "y") -> Optional[list[int]]:
    """Labels: whole numbers in one row."""
    if y is None:
        return None
    import numpy as np

    if hasattr(y, "detach"):
        y = y.detach().cpu().numpy()
    found = np.asarray(y).reshape(-1) if np.ndim(y) <= 1 or np.size(y) == np.shape(y)[0] else np.asarray(y)
    if found.ndim != 1 or found.dtype.kind not in "iuf" or (found.dtype.kind == "f" and (found % 1 != 0).any()):
        raise Error(f"{name} is no list of whole numbers", name, "give one label for each sample")
    return [int(label) for label in found]
