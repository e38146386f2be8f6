"""The big runs: `python -m tests.fuzz --inputs 1000000 --seed 1`, each door in turn; prints what was fed, and memory.

Ends with the traceback of the first input that gets through a door, and the seed that makes it again.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from pathlib import Path
from random import Random

import structlog

from daemon.system_clock import SystemClock
from tests.fuzz import hostile, papers, running

# How many of a thousand inputs each door gets; the engine behind a door, and a disk, are slower than a reader.
SHARES = {
    "index": 150, "frames": 100, "history": 50, "answers": 5, "request": 5, "marker": 5, "kill": 5, "snapshot": 5,
    "sealed": 5, "journal": 5, "anchor": 5, "proofs": 5, "probe": 5, "kept": 5, "page": 5, "watcher": 5,
    "configuration": 5, "env": 135, "variable": 2, "options": 5, "fees": 70, "control": 70, "http": 180, "bodies": 163,
}  # fmt: skip


def main() -> int:
    """Feed all doors."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--daemon", action="store_true", help="on a running daemon with resting orders")
    given = parser.parse_args()
    if given.daemon:
        running.run(given.inputs, given.seed, lambda line: sys.stdout.write(f"{line}\n") and sys.stdout.flush())
        return 0
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    total = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, share in SHARES.items():
            count, rng = given.inputs * share // 1_000, Random(f"{given.seed} {name}")
            begun_ns, before = SystemClock().now().mono_ns, _resident_kb()
            if name in hostile.DOORS:
                fed = hostile.run(name, rng, count)
            else:
                home = Path(folder) / name
                home.mkdir()
                fed = papers.run(name, home, rng, count)
            took_s = (SystemClock().now().mono_ns - begun_ns) / 1e9
            total += fed
            grown = _resident_kb() - before
            sys.stdout.write(f"{name:14} {fed:8} inputs  {took_s:7.1f} s  memory +{grown} kB\n")
            sys.stdout.flush()
    sys.stdout.write(f"all doors held: {total} inputs, seed {given.seed}\n")
    return 0


def _resident_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    sys.exit(main())
