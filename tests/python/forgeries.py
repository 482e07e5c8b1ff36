# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Certificates forged by hand: name, the honest certificate, and one whose claim is false, or no claim at all.

Every lie is plain from the functions in `drafts`: relu has slope 1 above 0, 100 x_0 + x_1 one of 101, and so on.
"""

import base64
import hashlib

from drafts import (Draft, ball, bent, box, corner, inside, kink, maximum, number, pair, piece, quarters, relu, rows,
                    steep, ten)
from networks import Builder, mlp

INF, NAN = float("inf"), float("nan")


def ends():
    honest = Draft(relu(), 1, 1.01).lower(0.999, piece([0.5], [1.0]))
    open_ = honest.upper(INF)
    for x in (0.999, 1 - 2**-53, 0.0, -0.0, 5e-324, -1.0, -INF):
        yield f"an upper end of {x}", honest, Draft(relu(), 1, x).put("lower", number(min(x, 0.0)))
    for x in (1.001, 1 + 2**-52, 1e300, INF):
        yield f"a lower end of {x}", honest, open_.put("lower", number(x))
    yield "no witness", honest, open_.put("witness", None)
    yield "ends in the wrong order", honest, honest.upper(0.5)
    yield "an upper end that is no number", honest, honest.upper(NAN)
    yield "a lower end that is no number", honest, honest.put("lower", number(NAN))
    yield "bits that say less", honest, Draft(relu(), 1, 0.5).put("upper/value", 1.0)
    yield "digits that say less", honest, honest.upper(1.0).put("upper/value", 0.5)
    yield "digits as text", honest, honest.put("upper/value", "1.01")
    yield "bits too short", honest, Draft(relu(), 1, 0.5).put("upper/bits", "3fe")


def quotients():
    plus = Draft(mlp([([[1.0, 1.0]], [0.0])]), 2, 1.01).norms("1", "inf")
    two = Draft(mlp([([[1.0], [1.0]], [0.0, 0.0])]), 1, 1.01)
    first = Draft(rows(), 1, 1.01).put("quotient/output", "0")
    yield "the norm inf of inputs", plus, plus.norms("inf", "inf")
    yield "the norm 2 of inputs", plus, plus.norms("2", "inf")
    yield "the norm 1 of outputs", two, two.norms("inf", "1")
    yield "the norm 2 of outputs", two, two.norms("inf", "2")
    for output in ("all", "1", "1-0", "0-1", "margins:0", "margins:1", "pairs"):
        yield f"the output {output}", first, first.put("quotient/output", output)
    for output in ("1-1", "2", "-1", "", "0-", "0-1-0", "all-0", "margins:2", "margins:", "margins:-1",
                   "margins", "pairs:0"):
        yield f"the output {output!r}", first, first.put("quotient/output", output).upper(0.0)
    third = Draft(rows(), 1, 3.01).lower(2.9, pair([1.0], [0.0]))
    yield "the quotient of another output", third, third.put("quotient/output", "0")
    yield "a norm that does not exist", two, two.norms("inf", "3").upper(0.0)


def places():
    off = Draft(relu(), 1, 0.0).region(box([-2.0], [-1.0]))
    yield "a wider box", off, off.put("region/hi", [1.0])
    yield "a box elsewhere", off, off.region(box([1.0], [2.0]))
    yield "everything", off, off.region({"kind": "global"})
    yield "everything with a reach", off, off.everywhere()
    near = Draft(relu(), 1, 0.0).region(ball([-2.0], 1.0, "inf"))
    yield "a larger radius", near, near.put("region/radius", 3.0)
    yield "a negative radius", near, near.put("region/radius", -3.0)
    yield "a radius as text", near, near.put("region/radius", "2.0000000000000000000001")
    yield "another centre", near, near.put("region/centre", [0.0])
    yield "ends in the wrong order", off, off.region(box([2.0], [-1.0]))
    cut = Draft(corner(), 2, 0.0).region(ball([0.0, 0.0], 1.0, "1"))
    yield "a ball of the norm inf", cut, cut.put("region/norm", "inf")
    yield "a ball of the norm 2", cut, cut.put("region/norm", "2")
    yield "a ball's box", cut, cut.region(box([-1.0, -1.0], [1.0, 1.0]))
    yield "a ball elsewhere", cut, cut.put("region/centre", [1.0, 1.0])
    clipped = Draft(relu(), 1, 0.0).region(ball([-1.0], 2.0, "2", [-2.0, 0.0]))
    yield "without the clip range", clipped, clipped.put("region/clip", None)
    yield "a wider clip range", clipped, clipped.put("region/clip", [-2.0, "1e-30"])


def thin():
    still = Draft(steep(), 2, 1.01).region(box([1.0, -1.0], [1.0, 1.0])).lower(0.999, piece([1.0, 0.0], [1.0]))
    wide = still.upper(102.0).lower(100.9, piece([1.0, 0.0], [1.0]))
    honest = Draft(steep(), 2, 101.1)
    yield "equal ends", still, wide
    yield "equal ends as fractions", still, wide.region(box(["4/4", -1.0], ["10e-1", 1.0]))
    marked = {**box([1.0, -1.0], [1.0, 1.0]), "fixed": [False, False]}
    yield "equal ends that are marked as different", still, wide.region(marked)
    yield "a box that meets a ball in a face", still, wide.region({**marked, "ball": ["inf", 1.0]})
    yield "a wide input that is marked as fixed", honest, honest.upper(1.01).put("region/fixed", [True, False])
    close = honest.region(box([1.0, -1.0], ["1.00000000000000000001", 1.0]))
    yield "an input that is nearly fixed", close, close.upper(1.01)
    point = Draft(relu(), 1, 0.0)
    for name, place in {
        "box": box([0.0], [0.0]), "ball": ball([0.0], 0.0, "inf"), "zeros": box(["-0"], ["0/3"]),
        "clipped ball": ball([0.0], 1.0, "inf", [0.0, 0.0]),
    }.items():
        yield f"a kink as a {name}", Draft(relu(), 1, 1.01), point.region(place)
    narrow = box([0.0], ["1e-1000"])
    yield "a box that floats cannot tell", Draft(relu(), 1, 1.01).region(narrow), point.region(narrow)


def anchored():
    off = Draft(relu(), 1, 0.0).region(box([-2.0], [-1.0], [-1.5])).put("quotient/quantity", "anchored")
    yield "anchored outside the box", off, off.put("region/centre", [5.0])
    yield "anchored outside the range", off, off.region(ball([5.0], 10.0, "inf", [-2.0, -1.0]))
    yield "anchored everywhere", off, off.everywhere()
    half = Draft(relu(), 1, 1.01).region(box([-3.0], [1.0]))
    for name, witness in {"a slope": piece([0.5], [1.0]), "a fraction's slope": inside(["1/3"], [1.0]),
                          "a pair without the centre": pair([1.0], [0.0])}.items():
        honest = half.lower(0.9, witness)
        yield f"{name} for the anchored constant", honest, honest.put("quotient/quantity", "anchored")
    turned = half.put("quotient/quantity", "anchored").lower(0.49, pair([1.0], [-1.0]))
    yield "the centre on the wrong side", turned, turned.lower(0.9, pair([-1.0], [1.0]))


def networks():
    honest, steeper = Draft(relu(), 1, 1.01), Draft(ten(), 1, 10.1)
    yield "a steeper network under its own digest", honest, Draft(ten(), 1, 1.01)
    yield "a steeper network's digest", honest, honest.put("net/sha256", hashlib.sha256(ten()).hexdigest())
    less = steeper.upper(1.01)
    encoded = base64.b64encode(relu()).decode()
    yield "a flatter network's bytes", steeper, less.put("net/bytes", encoded)
    damaged = bytearray(ten())
    damaged[-1] ^= 1
    yield "damaged bytes", steeper, less.put("net/bytes", base64.b64encode(bytes(damaged)).decode())
    yield "bytes with a blank", honest, honest.put("net/bytes", encoded[:8] + "\n" + encoded[8:]).upper(0.5)
    yield "no bytes", steeper, less.put("net/bytes", None)
    yield "no digest", steeper, less.put("net/sha256", "")
    units = honest.put("net/mean", [0.0]).put("net/std", [1.0])
    yield "a smaller deviation", units, units.put("net/std", [0.1])
    slow = units.put("net/std", [4.0]).upper(0.251)
    yield "no deviation", slow, slow.put("net/std", None)
    low = Draft(relu(), 1, 0.0).region(box([-2.0], [-1.0])).put("net/mean", [0.0])
    yield "another mean", low, low.put("net/mean", [-3.0])
    yield "a deviation of zero", units, units.put("net/std", [0.0])
    yield "a negative deviation", units, units.put("net/std", [-0.1])
    second = Builder([1, 4], "d").dense([[0.0, 1.0, 0.0, 0.0]], [0.0]).bytes()
    wide = Draft(second, 4, 1.01)
    yield "means that do not fit", wide, wide.put("net/mean", [0.0, 0.0]).put("net/std", [1.0, 0.1])
    flat = Builder([1, 1], "d").dense([[100.0], [-100.0]], [0.0, 0.0]).then("Softmax", axis=1).bytes()
    yield "without the softmax", honest, Draft(flat, 1, 1.0).region(box([1.0], [2.0]))
    bent_ = Draft(Builder([1, 1], "d").dense([[1.0]], [0.0]).then("LeakyRelu", alpha=-2.0).bytes(), 1, 2.01)
    yield "a steeper side below", bent_, bent_.upper(1.01)


def leaves():
    one = Draft(relu(), 1, 1.01)

    def scaled(d, *lists):
        return d.parts({"scaled": list(lists)})

    root = 2**0.5
    honest, less = scaled(one, [None, [0], [root], [1.0]]), one.upper(0.99)
    for w, s in [(root, 1.0), (1e-59, 1.0), (1e59, 1.0), (0.0, 1.0), (-1.4, 1.0), (5e-324, 1.0), (1.4, 1e-59),
                 (1.4, 1e59), (1.4, -1.0)]:
        yield f"scalings {w} and {s}", honest, scaled(less, [None, [0], [w], [s]])
    for lists in ([], [[None, [7], [1.4], [1.0]]], [[None, [0], [], [1.0]]], [[None, [0, 0], [1.4, 1.4], [1.0]]],
                  [[None, [0], [1.4], []]], [[None, [0], [1.4]]], [[]], [[0, [0], [1.4], [1.0]]]):
        yield f"scalings {lists}", honest, scaled(less, *lists)
    both = Draft(mlp([([[1.0, 1.0]], [0.0]), ([[1.0]], [0.0])]), 2, 2.9)
    wide = scaled(both, [None, [0], [root], [1.0, 1.0]])
    yield "no scalings of inputs", wide, scaled(both.upper(1.5), [None, [0], [1.4], []])
    yield "an input scaled away", wide, scaled(both.upper(1.5), [None, [0], [1.4], [1.0, 1e-30]])
    three = Draft(rows(), 1, 3.01)
    a, b = [0, [0], [1.414], [1.0]], [1, [0], [4.243], [1.0]]
    honest = scaled(three, a, b)
    for name, lists in {"one row": [a], "one row twice": [a, a], "another row": [a, [2, *a[1:]]],
                        "a row's scalings for another": [a, [1, *a[1:]]], "all and a row": [a, [None, *a[1:]]]}.items():
        yield f"{name} for all", honest, scaled(three.upper(1.01), *lists)
    yield "rows for their sum", three.norms("inf", "1").upper(4.01), honest.norms("inf", "1")
    for rule in ("bounded", "pattern", "layers"):
        yield f"{rule} for less", one.parts(rule), one.upper(0.75).parts(rule)
    halves = one.parts(kink(0, 0.0, 1, 2), "pattern", "pattern")
    yield "one pattern where there are two", halves, one.upper(0.0).parts("pattern")
    flat = one.upper(0.0)
    yield "only the flat pattern", halves, flat.parts(kink(0, 2.0, 1, 2), {"empty": []}, "pattern")
    for m in ([], [0.0], [-1.0], [1.0], [1.7e308], [5e-324], [-0.0], [1.0, 1.0], [0.0, 0.0, 0.0]):
        yield f"empty by {m}", halves, flat.parts(kink(0, 0.0, 1, 2), {"empty": m}, "bounded")
    whole = quarters("pattern")
    for m in ([], ["0"], ["-1"], ["1"], ["1/3"], ["1/0"], ["-1/-1"], ["1e99999999"], ["1", "1"], ["1", "0"], [1.0]):
        yield f"refuted by {m}", whole, quarters({"refuted": m}).upper(0.9)
    yield "the whole region is empty", halves, flat.parts({"empty": []})
    yield "the whole region is refuted", halves, flat.parts({"refuted": []})


def trees():
    one, flat = Draft(relu(), 1, 1.01), Draft(relu(), 1, 0.0)
    halves = one.parts(kink(0, 0.0, 1, 2), "bounded", "bounded")
    void = {"empty": []}
    for name, parts in {
        "no parts": [], "the steep side is gone": [kink(0, 0.0, 2, 1), "bounded"],
        "the flat side twice": [kink(0, 0.0, 1, 1), "bounded", "bounded"],
        "a part that holds itself": [kink(0, 0.0, 0, 1), "bounded"],
        "parts in a circle": [kink(0, 0.0, 1, 2), kink(0, 0.0, 0, 2), "bounded"],
        "a part beside the tree": ["bounded", "bounded"],
        "a part far beyond the end": [kink(0, 0.0, 2**64 - 1, 1), "bounded"],
        "a negative part": [kink(0, 0.0, 1, -1), "bounded", "bounded"],
        "a kink of no node": [kink(0, 0.0, 1, 2, 9), void, "bounded"],
        "a kink of no feature": [kink(5, 0.0, 1, 2), void, "bounded"],
        "a kink of the output": [kink(0, 0.0, 1, 2, 3), void, "bounded"],
        "a kink of an activation": [kink(0, 0.0, 1, 2, 2), void, "bounded"],
        "a kink elsewhere": [kink(0, 0.5, 1, 2), void, "pattern"],
        "divided outside": [{"input": [0, 3.0, 1, 2]}, void, "bounded"],
        "divided below": [{"input": [0, -3.0, 1, 2]}, void, "bounded"],
        "divided at an end": [{"input": [0, 1.0, 1, 2]}, void, "bounded"],
        "divided along no input": [{"input": [1, 0.0, 1, 2]}, void, "bounded"],
        "the upper half is empty": [{"input": [0, 0.0, 1, 2]}, void, "bounded"],
        "halves for less": [{"input": [0, 0.0, 1, 2]}, "bounded", "bounded"],
        "a kind that does not exist": ["trusted"], "another kind's evidence": [{"bounded": [1.0]}],
        "two kinds in one": [{"empty": [], "refuted": []}], "faces of a box": [{"faces": [1, 2]}, void, void],
        "a list": [[]], "a number": [1], "nothing": [None],
    }.items():
        yield name, halves, flat.parts(*parts)
    yield "no tree", halves, flat.put("proof/parts", "bounded")
    yield "quarters for less", quarters("pattern"), quarters("pattern").upper(0.9)
    still = Draft(steep(), 2, 1.01).region(box([1.0, -1.0], [1.0, 1.0]))
    yield "along a constant", still, still.upper(0.5).parts({"input": [0, 1.0, 1, 2]}, void, void)
    every = one.everywhere().parts({"faces": [1, 2, 3]}, "bounded", "bounded", "bounded")
    less = every.upper(0.5)
    yield "faces for less", every, less
    for reach in (None, 0.0, -4.0, 5e-324, 1e300, "4"):
        yield f"a reach of {reach}", every, less.put("proof/reach", reach)
    yield "a face is gone", every, less.parts({"faces": [1, 2]}, void, "bounded")
    yield "a face twice", every, less.parts({"faces": [1, 2, 2]}, void, "bounded")
    yield "faces are empty", every, less.parts({"faces": [1, 2, 3]}, void, void, "bounded")
    yield "a pattern on every face", every, less.parts({"faces": [1, 2, 3]}, "pattern", "pattern", "pattern")
    yield "a reach for a box", one, flat.put("proof/reach", 1.0)
    most = Draft(maximum(), 2, 2.01)
    kinks = most.put("proof/kinks", True)
    yield "the larger one for less", most, most.upper(1.0)
    yield "maxima as relus for less", kinks.upper(4.1), kinks.upper(1.5)
    yield "maxima where there are none", one, one.upper(0.5).put("proof/kinks", True)
    yield "one pattern of a maximum", most, most.upper(1.0).parts("pattern")


def words():
    one, less = Draft(relu(), 1, 1.01), Draft(relu(), 1, 0.5)
    yield "somebody has seen it", one, less.put("proof", {"rule": "digest", "text": "accepted"})
    yield "another rule", one, less.put("proof/rule", "none")
    yield "no proof", one, less.put("proof", None)
    yield "another schema", one, less.put("schema", "clarke.certificate/0")
    yield "a field too many", one, less.put("accepted", True)
    yield "a field of a region too many", one, less.put("region/empty", True)
    for field in ("net", "region", "quotient", "upper", "lower", "proof"):
        for value in (None, [], {}, "x", 1):
            yield f"{field} is {value!r}", one, less.put(field, value)


def witnesses():
    def less(lower, witness):
        return Draft(bent(), 1, 2.0).lower(lower, witness)

    honest = less(0.999999, piece([-0.5], [1.0]))
    yield "a witness of less", honest, less(1.1, piece([-0.5], [1.0]))
    yield "a witness on the kink", honest, less(1.5, piece([0.0], [1.0]))
    yield "a witness next to the kink", honest, less(1.1, piece([5e-324], [1.0]))
    open_ = Draft(relu(), 1, INF).region(box([-2.0], [-1.0]))
    yield "a witness outside", honest, open_.lower(1.0, piece([0.5], [1.0]))
    ahead = Draft(mlp([([[1.0]], [1.0]), ([[1.0]], [0.0])]), 1, INF).region(box([-2.0], [-1.0]))
    yield "a witness a step outside", honest, ahead.lower(1.0, piece([-1 + 2**-53], [1.0]))
    yield "a witness on the border", honest, ahead.lower(1.0, piece([-1.0], [1.0]))
    for x, u in [([-0.5], []), ([], [1.0]), ([-0.5], [0.0]), ([-0.5], [5e-324]), ([-0.5], [1e-300]),
                 ([-0.5], [1.7e308]), ([-0.5], [1.0, 1.0]), ([-0.5, 0.0], [1.0]),
                 (["-1/2"], [1.0]), ([True], [1.0]), ([None], [1.0])]:
        yield f"a witness {x} {u}", honest, less(1.1, piece(x, u))
    plane = Draft(mlp([([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0])]), 2, 2.0).norms("2", "2")
    flat = plane.lower(0.999, piece([0.0, 0.0], [1.0, 0.0]))
    yield "a longer direction", flat, plane.lower(1.3, piece([0.0, 0.0], [1e200, 1e200]))
    yield "a direction too many", flat, plane.lower(1.3, piece([0.0, 0.0], [1.0, 1.0, 1.0]))
    third = less(0.999999, inside(["-1/3"], [1.0]))
    for x, u in [("-1/3", 1.0), ("-1/3", 0.0), ("-1/3", 5e-324), ("0", 1.0), ("1/0", 1.0), ("1/-0", 1.0), ("one", 1.0),
                 ("", 1.0), ("-1e0", 1.0), (-0.5, 1.0)]:
        yield f"a fraction {x} {u}", third, less(1.1, inside([x], [u]))
    for x in ("1/3", "0", "1/1000000000000000000000000000000000000000"):
        off = Draft(relu(), 1, INF).region(box([-2.0], [0.0]))
        yield f"a fraction {x} outside", third, off.lower(1.0, inside([x], [1.0]))
    quotient = less(0.999, pair([-1.0], [0.0]))
    for x, y in [([-1.0], [0.0]), ([-0.5], [-0.5]), ([-0.5], [-0.5 - 2**-53]), ([5e-324], [-5e-324]), ([2.0], [-1.0])]:
        yield f"a pair {x} {y}", quotient, less(1.1, pair(x, y))
    yield "a pair outside", quotient, open_.lower(0.5, pair([1.0], [-1.0]))
    still = Draft(steep(), 2, 1.01).region(box([1.0, -1.0], [1.0, 1.0])).lower(0.99, pair([1.0, 1.0], [1.0, 0.0]))
    yield "apart in a constant", still, still.upper(200.0).lower(50.0, pair([1.0, 1.0], [2.0, 0.0]))
    yield "a pair of the wrong length", still, still.upper(200.0).lower(50.0, pair([1.0], [2.0]))


def texts():
    """Files that are no certificates: name and text."""
    text = Draft(relu(), 1, 0.5).text()
    for k in range(0, len(text), 97):
        yield f"cut at {k}", text[:k]
    yield "something behind", text + "{}"
    yield "two upper ends", text.replace('"upper"', '"upper": {"value": 2.0, "bits": "4000000000000000"}, "upper"')
    yield "two proofs", text.replace('"proof"', '"proof": {"rule": "digest", "text": ""}, "proof"')
    for number_ in ("NaN", "Infinity", "-Infinity", "1e999", "1e99999999", "1" * 5000, "0x1", "1_0"):
        yield f"a box up to {number_[:12]}", text.replace("[1.0]", f"[{number_}]")
    for number_ in ("1e99999999", "1e2001", "9" * 3000, "nan", "inf", "1/0", "1/-2", "1/2/3", "", "½"):
        yield f"a box up to the text {number_[:12]}", text.replace("[1.0]", f'["{number_}"]')
    for nested in ("[" * 100000, "[" * 100000 + "]" * 100000, '{"a":' * 100000):
        yield f"nested deeply {len(nested)}", nested
        yield f"a part nested deeply {len(nested)}", text.replace('"bounded"', nested)
    yield "no text", ""
    yield "a list", "[]"


LISTS = (ends, quotients, places, thin, anchored, networks, leaves, trees, words, witnesses)


def forgeries():
    for list_ in LISTS:
        for name, honest, forged in list_():
            yield f"{list_.__name__}: {name}", honest, forged


__all__ = ["forgeries", "texts"]
