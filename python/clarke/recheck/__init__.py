# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Certificates derived again in exact fractions, by nothing but Python's standard library.

It shares no code with the program that writes certificates. Of a certificate it believes nothing: the network is read
from its bytes, the region from what was written, and both ends are derived anew. Evidence says where to look (how a
region is divided, which multipliers to try); what it does not show is searched for, and what is not found is not
accepted. `python -m clarke.recheck proof.json` tells the verdict by its exit code: 0 accepted, 1 refused, 2 no such
file, 6 cannot be rechecked here.
"""

from .verdict import Refused, Unchecked, recheck

__all__ = ["Refused", "Unchecked", "recheck"]
