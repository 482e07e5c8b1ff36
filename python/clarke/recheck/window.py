# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Sliding windows of convolutions and pools over one or two axes."""

from itertools import product

from .errors import Refused, Unchecked


def windows(call, sizes, kernel, ceil):
    """For every place of the output (tap, place in the input) of what its window covers; the output's sizes."""
    axes = len(sizes)
    steps, spread = call.ints("strides", [1] * axes), call.ints("dilations", [1] * axes)
    pads, auto = call.ints("pads", [0] * 2 * axes), call.text("auto_pad", "NOTSET")
    if auto not in ("NOTSET", "VALID", "") or axes not in (1, 2):
        raise Unchecked(f"windows with auto_pad {auto}, or over {axes} axes")
    if auto == "VALID":
        pads = [0] * 2 * axes
    fits = len(steps) == len(spread) == len(kernel) == axes and len(pads) == 2 * axes
    if not fits or min(steps + spread + kernel) < 1 or min(pads) < 0:
        raise Refused("a window does not fit its operand")
    out = []
    for size, k, s, d, a, b in zip(sizes, kernel, steps, spread, pads[:axes], pads[axes:]):
        room = size + a + b - ((k - 1) * d + 1)
        if room < 0:
            raise Refused("a window is larger than its operand")
        count = -(-room // s) + 1 if ceil else room // s + 1
        # A window that starts behind the input is left out.
        out.append(count - (ceil and (count - 1) * s >= size + a))
    found = []
    for at in product(*map(range, out)):
        found.append([])
        for tap, way in enumerate(product(*map(range, kernel))):
            place = [i * s + t * d - a for i, s, t, d, a in zip(at, steps, way, spread, pads)]
            if all(0 <= p < size for p, size in zip(place, sizes)):
                found[-1].append((tap, place[0] if axes == 1 else place[0] * sizes[1] + place[1]))
    return found, out
