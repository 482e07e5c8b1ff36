# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""The second checker agrees with `clarke check` on honest certificates, and accepts no forged one.

The program is the one that CLARKE names, or `clarke` on the PATH; what asks it is skipped where there is none, and fails
with CLARKE_REQUIRE_ALL=1. CLARKE_RECHECK_FULL=1 takes 1000 certificates instead of 60, and mutants of 300.

    CLARKE=target/release/clarke python tests/python/test_recheck.py
"""

import collections
import importlib.util
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parents[1] / "python"
# The installed package, else the one beside the tests: this checker needs nothing that is built.
sys.path[:0] = [str(HERE)] if importlib.util.find_spec("clarke") else [str(PACKAGE), str(HERE)]

from clarke.recheck import Refused, Unchecked, recheck  # noqa: E402
from clarke.recheck.errors import Budget  # noqa: E402
from drafts import number  # noqa: E402
from forgeries import forgeries, texts  # noqa: E402
from problems import problem  # noqa: E402

FULL = os.environ.get("CLARKE_RECHECK_FULL") == "1"
COUNT = 1000 if FULL else 60
MUTATED = 300 if FULL else 60
PROGRAM = shutil.which(os.environ.get("CLARKE", "clarke"))
PROGRAM = PROGRAM and os.path.abspath(PROGRAM)
NEEDED = PROGRAM or os.environ.get("CLARKE_REQUIRE_ALL") == "1"


def verdict(text, parts=3000, seconds=20.0):
    try:
        recheck(text, budget=Budget(parts, seconds))
        return "accepted"
    except Refused as e:
        return f"refused: {e}"
    except Unchecked as e:
        return f"unchecked: {e}"


def run(folder, *args):
    return subprocess.run([PROGRAM, *args], cwd=folder, capture_output=True, text=True)


def certificates(folder, seeds):
    """Texts of certificates of random problems, by seed, and the exit code of `clarke check`."""
    for seed in seeds:
        net, files, options = problem(seed)
        for name, data in {"net.onnx": net, **files}.items():
            (folder / name).write_bytes(data)
        work = ["--time", "5", "--threads", "1", "--device", "cpu", "--certificate", "proof.json", "--quiet"]
        if run(folder, "bound", "net.onnx", *options, *work).returncode == 0:
            yield seed, (folder / "proof.json").read_text(), run(folder, "check", "proof.json").returncode


@unittest.skipUnless(NEEDED, "no clarke: name it by CLARKE")
class Agreement(unittest.TestCase):
    def test_both_accept(self):
        counts = collections.Counter()
        with tempfile.TemporaryDirectory() as name:
            for seed, text, code in certificates(Path(name), range(COUNT)):
                rule = json.loads(text)["proof"]["rule"]
                own = verdict(text)
                self.assertFalse(own.startswith("refused"), f"{seed}: {own}, but clarke check says {code}")
                self.assertFalse(own == "accepted" and code != 0, f"{seed}: accepted, but clarke check says {code}")
                counts[rule, code, own.split(":")[0]] += 1
        print(dict(counts))
        trees = sum(n for (rule, _, _), n in counts.items() if rule == "tree")
        unchecked = counts["tree", 0, "unchecked"]
        self.assertEqual(trees, counts["tree", 0, "accepted"] + unchecked)
        self.assertLess(unchecked, 0.1 * trees)
        self.assertGreater(trees, 0.8 * COUNT)


class Forged(unittest.TestCase):
    def test_by_hand(self):
        names, honest = [], {}
        for name, control, forged in forgeries():
            self.assertNotIn(name, names)
            names.append(name)
            text = control.text()
            if text not in honest:
                honest[text] = verdict(text)
            self.assertEqual(honest[text], "accepted", name)
            self.assertNotEqual(verdict(forged.text()), "accepted", name)
        print(len(names), "forgeries,", len(honest), "honest certificates")

    def test_no_certificates(self):
        for name, text in texts():
            self.assertNotEqual(verdict(text), "accepted", name)

    def test_exit_codes(self):
        name, control, forged = next(forgeries())
        digest = control.put("proof", {"rule": "digest", "text": "x"})
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "proof.json"
            for text, code in [(control.text(), 0), (forged.text(), 1), (digest.text(), 6), (None, 2)]:
                file.unlink(missing_ok=True)
                if text is not None:
                    file.write_text(text)
                command = [sys.executable, "-m", "clarke.recheck", str(file)]
                done = subprocess.run(command, cwd=PACKAGE, capture_output=True, text=True)
                self.assertEqual(done.returncode, code, done.stdout + done.stderr)


def places(value, at=()):
    """Every place in a certificate but those of its network's name and bytes."""
    if at in (("version",), ("net", "name"), ("net", "bytes"), ("net", "sha256"), ("schema",)):
        return
    if at:
        yield at
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*at, key))


def changed(r, old):
    """Another value of the same kind, or of none."""
    if old is None:
        return r.choice([0, 1, [-1.0, 1.0], ["1", 0.5], 4.0])
    if isinstance(old, bool):
        return not old
    if isinstance(old, int):
        return r.choice([old + 1, max(old - 1, 0), 0, old + 2, 2**64 - 1])
    if isinstance(old, float):
        near = [old * (1 + 1e-9), old * 0.5, old * 2.0, old + 5e-324, old * (1 - 2**-52)]
        return r.choice(near + [-old, 0.0, 1.0, old + 1.0, old - 1.0, 5e-324, -1e-300, 1e300, 1e9])
    if isinstance(old, str):
        words = ["inf", "1", "2", "all", "0", "1-0", "lipschitz", "anchored", "-1", "1/3", "1/0", "bounded", "pattern"]
        return r.choice(words + [old + "0", "-" + old, old + "/7"])
    if isinstance(old, list):
        k = r.randrange(len(old)) if old else 0
        return r.choice([old[:k] + old[k + 1:], old + old[k:k + 1], old[:k], old[::-1], [*old, 1.0]])
    return {"bounded": None} if not old else dict(list(old.items())[1:])


def put(file, at, value):
    for key in at[:-1]:
        file = file[key]
    file[at[-1]] = value


def mutant(r, text):
    """A copy with one other value, and where."""
    file = json.loads(text)
    fields = collections.defaultdict(list)
    for at in places(file):
        fields[tuple(k for k in at if isinstance(k, str)), len(at)].append(at)
    at = r.choice(fields[r.choice(sorted(fields))])
    old = file
    for key in at:
        old = old[key]
    put(file, at, changed(r, old))
    return file, at


def bits_down(x, steps):
    return struct.unpack("<d", struct.pack("<q", struct.unpack("<q", struct.pack("<d", x))[0] - steps))[0]


@unittest.skipUnless(NEEDED, "no clarke: name it by CLARKE")
class Mutants(unittest.TestCase):
    """Certificates of real searches in which one value is another one."""

    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as name:
            seeds = range(5000, 5000 + MUTATED)
            cls.texts = [(seed, text) for seed, text, code in certificates(Path(name), seeds) if code == 0]

    def test_upper_below_the_witness(self):
        """A lower end that is shown makes every smaller upper end false, whatever the evidence."""
        tried = 0
        for seed, text in self.texts:
            r, lower = random.Random(seed), json.loads(text)["lower"]["value"]
            if not lower:
                continue
            for kind in range(6):
                file, at = mutant(r, text) if kind else (json.loads(text), ())
                if at[:1] not in ((), ("proof",), ("witness",), ("lower",), ("upper",)):
                    continue
                file["upper"] = number(bits_down(lower, 1) if kind % 2 else lower * (1 - 1e-6))
                file["lower"], file["witness"] = number(0.0), None
                tried += 1
                self.assertNotEqual(verdict(json.dumps(file), 300, 2.0), "accepted", f"{seed} {at}")
        print(tried, "lies about upper ends")

    def test_lower_above_the_proof(self):
        """An upper end that is shown makes every larger lower end false, whatever the witness."""
        tried = 0
        for seed, text in self.texts:
            r, upper = random.Random(seed), json.loads(text)["upper"]["value"]
            if not isinstance(upper, float):
                continue
            for kind in range(6):
                file, at = mutant(r, text) if kind else (json.loads(text), ())
                if at[:1] not in ((), ("proof",), ("witness",), ("lower",), ("upper",)):
                    continue
                file["lower"] = number(bits_down(upper, -1) if kind % 2 else max(upper * (1 + 1e-6), 5e-324))
                file["upper"] = number(float("inf"))
                tried += 1
                self.assertNotEqual(verdict(json.dumps(file), 300, 2.0), "accepted", f"{seed} {at}")
        print(tried, "lies about lower ends")

    def test_other_questions(self):
        """A claim about another question is accepted only if a search of its own finds the same."""
        counts = collections.Counter()
        with tempfile.TemporaryDirectory() as name:
            for seed, text in self.texts:
                r = random.Random(seed)
                for _ in range(6):
                    file, at = mutant(r, text)
                    own = verdict(json.dumps(file), 300, 2.0).split(":")[0]
                    counts[own] += 1
                    if own == "accepted" and at[0] in ("region", "quotient", "net"):
                        counts[self.judged(Path(name), file)] += 1
        print(dict(counts))
        self.assertGreater(counts["refused"], MUTATED)

    def judged(self, folder, file):
        """Both ends of a mutant's problem against those of an exact search."""
        asked = {k: file[k] for k in ("net", "region", "quotient")}
        (folder / "net.onnx").write_bytes(problem(0)[0])
        run(folder, "bound", "net.onnx", "--method", "product", "--dump", "dump.json", "--quiet")
        dump = json.loads((folder / "dump.json").read_text())
        dump["problem"] = asked
        (folder / "dump.json").write_text(json.dumps(dump))
        work = ["--method", "exact", "--time", "5", "--threads", "1", "--device", "cpu", "--quiet", "--format", "json"]
        done = run(folder, "bound", "--problem", "dump.json", *work)
        if done.returncode:
            return f"not judged ({done.returncode})"
        said = json.loads(done.stdout)
        low, high = (float(said[k]["value"] if isinstance(said[k], dict) else said[k]) for k in ("lower", "upper"))
        where = json.dumps({k: file[k] for k in ("region", "quotient")})
        self.assertLessEqual(file["lower"]["value"], high * (1 + 1e-9), where)
        self.assertGreaterEqual(float(file["upper"]["value"]), low * (1 - 1e-9), where)
        return "judged true"


if __name__ == "__main__":
    unittest.main()
