"""Whoever reads the state can neither write it nor act on it: the type checker refuses what is planted here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
HEAD = """
from daemon.engine.state import State
from daemon.engine.state_view import StateView
from domain.clock import Now

def whole(state: State) -> StateView:
    return state

def reader(state: StateView, now: Now) -> None:
"""
READS = ("print(state.held.book.live, state.kill.vote(now), state.desks['INXU'].freshness(now), state.books.drift)",)
WRITES = (
    "state.paused = ''",
    "state.empty_reason = ''",
    "state.held.tail_until_utc_ns = 0",
    "state.held.book.live.clear()",
    "state.held.ledger.realised = 0",
    "state.desks['INXU'].moved = True",
    "state.desks['INXU'].books_fresh.clear()",
    "state.controls.proven['cancel_all'] = 0",
    "state.results.by_window.clear()",
)
ACTS = (
    "state.kill.resume()",
    "state.risk.resume()",
    "state.flat.pull('INXU', '', now, [])",
    "state.account.forget(0)",
    "state.books.read_books(now)",
    "state.held.book.apply",
    "state.held.ledger.fill",
    "state.held.groups.trigger",
    "state.held.budget.spend(1, 0)",
    "state.failover.tick(now)",
    "state.desks['INXU'].sentry.resume()",
    "state.exchange.refused('', now)",
    "state.ladders.housekeeping(now, [], clock_doubted=False)",
)


@pytest.mark.slow
def test_a_reader_that_writes_or_acts_is_refused_line_by_line(tmp_path: Path) -> None:
    lines = [*READS, *WRITES, *ACTS]
    planted = tmp_path / "planted.py"
    planted.write_text(HEAD + "".join(f"    {line}\n" for line in lines))
    found = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "--no-error-summary",
         "--cache-dir", str(ROOT / ".mypy_cache"), str(planted)],
        cwd=ROOT, check=False, capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    first = HEAD.count("\n") + 1
    refused = {
        int(row.partition(":")[2].partition(":")[0]) - first for row in found.stdout.splitlines() if "error:" in row
    }
    assert refused == set(range(len(READS), len(lines))), found.stdout + found.stderr
