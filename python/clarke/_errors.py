# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""The one exception of this package: what went wrong, where, and what to do next."""


class Error(Exception):
    """What a call cannot do, in the words of the command line.

    `what` went wrong, `where` it did (a file, a node, a layer, an argument) and what to do `next` are sentences for a
    person, the last two may be empty. `kind` is for programs: "input", "import", "unsupported", "device", "budget" or
    "check".
    """

    def __init__(self, what: str, where: str = "", next: str = "", kind: str = "input"):
        # All of them are arguments of the exception, so that it can be pickled and copied.
        super().__init__(what, where, next, kind)
        self.what, self.where, self.next, self.kind = what, where, next, kind

    def __str__(self) -> str:
        lines = [self.what]
        lines += [f"where: {self.where}"] if self.where else []
        lines += [f"next: {self.next}"] if self.next else []
        return "\n".join(lines)
