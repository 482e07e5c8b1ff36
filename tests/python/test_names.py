# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Keywords are the flags of the command line, with the same defaults."""

import inspect
import re

import pytest

import clarke
from clarke._words import text
from common import program

#: Flags that are something else here: an argument, a method of the result, or nothing that a function prints.
ELSEWHERE = {
    "bound": {"input", "center", "scale", "expect", "expect-tolerance", "certificate", "plot", "dump", "problem"},
    "layers": set(),
    "compare": {"input", "center", "scale", "markdown", "method"},
    "sweep": {"input", "center", "scale", "plot", "box", "vnnlib"},
    "certify": {"inputs", "labels", "scale"},
    "check": set(),
}
PRINTING = {"format", "out", "quiet", "verbose", "color", "help", "version"}
#: Words that no flag has.
OWN = {"net", "x", "X", "y", "told", "progress", "journal", "example", "certificate"}


def flags(command):
    """Each flag and the default that its help names."""
    found = {}
    for line in program(command, "-h").splitlines():
        if match := re.match(r"\s+(?:-\w, )?--([a-z][a-z-]*)\S*(?: <[^>]*>)?\s+(.*)", line):
            default = re.search(r"\[([^\]]*)\]$", match[2])
            found[match[1]] = default and default[1]
    return found


@pytest.mark.parametrize("command", ELSEWHERE)
def test_keywords_are_flags(command):
    known = flags(command)
    assert len(known) > 4
    words = inspect.signature(getattr(clarke, command)).parameters
    names = {name.replace("_", "-") for name in words if name not in OWN}
    missing = set(known) - PRINTING - ELSEWHERE[command] - names
    # The network is a flag of check alone.
    assert missing - {"net"} == set() and names - set(known) == set()
    for name, parameter in words.items():
        default, said = parameter.default, known.get(name.replace("_", "-"))
        if name in OWN or default in (None, False, inspect.Parameter.empty):
            continue
        seconds = f"{default:g}s" if "time" in name else text(name, default)
        assert said == seconds, (command, name, default, said)


@pytest.mark.parametrize("name", clarke.__all__)
def test_everything_says_what_it_is(name):
    thing = getattr(clarke, name)
    assert inspect.getdoc(thing)
    if inspect.isclass(thing):
        for own, value in vars(thing).items():
            public = not own.startswith("_") and (inspect.isfunction(value) or isinstance(value, property))
            assert not public or inspect.getdoc(value) or own == "save", own
