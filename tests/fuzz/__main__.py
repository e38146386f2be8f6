"""The big runs: `python -m tests.fuzz --inputs 1000000 --seed 1`, each door in turn, in one table.

Exit code 0 when every door held, 1 when an input ended one or memory grew: its traceback, and the seed makes it again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import structlog

from tests.fuzz import running, table


def main() -> int:
    """Feed all doors."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--daemon", action="store_true", help="on a running daemon with resting orders")
    given = parser.parse_args()
    if given.daemon:
        running.run(given.inputs, given.seed, _say)
        return 0
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with tempfile.TemporaryDirectory() as folder:
        return 0 if table.run(given.inputs, given.seed, Path(folder), _say) else 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
