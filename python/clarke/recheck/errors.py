# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""The two ways in which a claim is not accepted, and the limits of the work."""

import time


class Refused(Exception):
    """The certificate is damaged, or its claim is not what it says."""


class Steeper(Refused):
    """Some derivative in the region is larger than the upper end."""


class Unchecked(Exception):
    """Nothing is said about the claim: it is beyond what is derived here."""


class Budget:
    """Parts that may still be looked at, and seconds of the processor."""

    def __init__(self, parts=20000, seconds=120.0):
        self.parts, self.until, self.looks = parts, time.process_time() + seconds, 0

    def spend(self):
        self.parts -= 1
        if self.parts < 0:
            raise Unchecked("the parts of the region are too many to be searched")
        self.in_time()

    def in_time(self):
        """Looks at the clock now and then: that may take longer than a part."""
        self.looks += 1
        if self.looks % 16 == 1 and time.process_time() > self.until:
            raise Unchecked("it takes more time than --time allows")
