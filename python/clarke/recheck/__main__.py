# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""`python -m clarke.recheck proof.json`: 0 accepted, 1 refused, 2 no such file, 6 cannot be rechecked here."""

import argparse
import sys
from pathlib import Path

from .errors import Budget
from .verdict import Refused, Unchecked, recheck

ACCEPTED, REFUSED, INPUT, UNCHECKED = 0, 1, 2, 6


def arguments(argv):
    parser = argparse.ArgumentParser(prog="python -m clarke.recheck", description="A certificate, derived again in "
                                     "exact fractions. Exit codes: 0 accepted, 1 refused, 2 bad input, 6 cannot be "
                                     "rechecked here.")
    parser.add_argument("certificate")
    parser.add_argument("--net", help="the network, where the certificate does not hold it")
    parser.add_argument("--time", type=float, default=120.0, help="seconds of the processor [120]")
    parser.add_argument("--parts", type=int, default=20000, help="parts of the region to look at [20000]")
    return parser.parse_args(argv)


def main(argv=None):
    args = arguments(argv)
    try:
        text = Path(args.certificate).read_text("utf-8")
    except UnicodeDecodeError:
        print("refused: the certificate is no text")
        return REFUSED
    except OSError as e:
        print(f"error: {e}", file=sys.stderr)
        return INPUT
    try:
        found = recheck(text, args.net, Budget(args.parts, args.time))
    except Refused as e:
        print(f"refused: {e}")
        return REFUSED
    except Unchecked as e:
        print(f"cannot be rechecked here: {e}")
        return UNCHECKED
    except OSError as e:
        print(f"error: {e}", file=sys.stderr)
        return INPUT
    print(f"accepted: {found.lower!r} <= L <= {found.upper!r}, of the network {found.net['name']} "
          f"({found.net['sha256']}), the region {found.region['kind']}, {found.quotient}")
    return ACCEPTED


if __name__ == "__main__":
    sys.exit(main())
