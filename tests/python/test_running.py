# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""The interpreter goes on while the engine works: threads, Ctrl-C, forks, memory, the time to import."""

import os
import resource
import signal
import subprocess
import sys
import threading
import time

import pytest

import clarke
from common import INPUTS, NET, X

#: Fixed work of some tenths of a second: so many parts and no more.
WORK = {"eps": 0.1, "norm": 2, "time": 60, "gap": 1.0, "splits": 400, "threads": 1}


def work(model):
    return clarke.bound(model, X[7], **WORK)


def together(count, model):
    threads = [threading.Thread(target=work, args=(model,)) for _ in range(count)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one processor")
def test_two_threads_do_nearly_twice_the_work():
    model = clarke.Model(NET)
    work(model)
    rates = []
    # Other programs take turns on the machine: the best of some tries.
    for _ in range(16):
        rates.append(2 * together(1, model) / together(2, model))
        if rates[-1] >= 1.6:
            return
    raise AssertionError(f"two threads do {max(rates):.2f} times the work of one")


def test_python_runs_meanwhile():
    model, turns, done = clarke.Model(NET), [0], threading.Event()

    def turn():
        while not done.is_set():
            turns[0] += 1
            time.sleep(0.001)

    other = threading.Thread(target=turn)
    other.start()
    before = turns[0]
    took = together(1, model)
    done.set()
    other.join()
    assert turns[0] - before >= min(50, 100 * took), (turns[0] - before, took)


ENDLESS = f"""
import clarke, numpy as np, sys
x = np.load({INPUTS!r})[7]
print("ready", flush=True)
try:
    clarke.bound({NET!r}, x, eps=1, norm="inf", gap=1.0, time=600)
except KeyboardInterrupt as e:
    print(e.pair.lower, e.pair.upper, flush=True)
"""


def test_ctrl_c():
    program = subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, text=True)
    assert program.stdout.readline() == "ready\n"
    time.sleep(2)
    sent = time.perf_counter()
    program.send_signal(signal.SIGINT)
    low, high = map(float, program.stdout.readline().split())
    took = time.perf_counter() - sent
    assert program.wait() == 0 and 0 < low <= high < float("inf")
    assert took < 1, took


def test_a_journal_is_kept_at_ctrl_c(tmp_path):
    text = f"""
import clarke, numpy as np, _thread, threading
X = np.load({INPUTS!r})
threading.Timer(2, _thread.interrupt_main).start()
try:
    clarke.certify({NET!r}, X, radius=True, norm=2, time=600, gap=1.0, journal={str(tmp_path / "run.jsonl")!r})
except KeyboardInterrupt as e:
    print(len(e.rows))
"""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    finished = int(done.stdout)
    assert len((tmp_path / "run.jsonl").read_text().splitlines()) == 1 + finished


def test_what_a_listener_raises_ends_the_work():
    def told(*_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        clarke.bound(NET, X[7], eps=1, norm="inf", gap=1.0, time=600, told=told)
    assert caught.value.pair.lower <= caught.value.pair.upper


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no /proc")
def test_no_leak():
    model = clarke.Model(NET)

    def after(count):
        for k in range(count):
            clarke.bound(model, X[k % len(X)], eps=1e-4, time=0, method="product-local")
        return resident()

    # An allocator keeps some blocks for later, now more, now fewer of them.
    first = max(after(2000) for _ in range(2))
    grown = min(after(2000) for _ in range(5)) - first
    assert grown < 2 << 20, f"{grown >> 10} KiB more after 10 000 calls"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_process_works():
    work(clarke.Model(NET))
    child = os.fork()
    if child == 0:
        ok = clarke.bound(NET, X[7], eps=0.02, time=5).upper > 0
        os._exit(0 if ok else 1)
    waited = time.time() + 60
    while time.time() < waited:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            assert status == 0
            return
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise AssertionError("the forked process does not end")


def test_importing_is_quick():
    text = "import time; a = time.perf_counter(); import clarke; clarke.Error; print(time.perf_counter() - a)"
    best = min(float(subprocess.check_output([sys.executable, "-c", text])) for _ in range(5))
    assert best < 0.05, best
    loaded = "import sys, clarke; clarke.Model; print([m for m in ('numpy', 'torch', 'pandas', 'onnx') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", loaded], text=True) == "[]\n"


def test_the_program_comes_along():
    import importlib.metadata

    said = subprocess.check_output([sys.executable, "-m", "clarke", "--version"], text=True)
    assert said == f"clarke {clarke.__version__}\n"
    points = importlib.metadata.distribution("clarke").entry_points
    assert any(p.name == "clarke" and p.value == "clarke.__main__:main" for p in points)
    wrong = subprocess.run([sys.executable, "-m", "clarke", "bound", "nothing.onnx"], capture_output=True, text=True)
    assert wrong.returncode == 2 and len(wrong.stderr.splitlines()) == 3
