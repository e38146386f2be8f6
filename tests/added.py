"""What docs/adding.md adds, seen at work: `python -m tests.added guard`, in a copy of the tree that has its diff.

Each check fails in a tree without the diff.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from daemon.cli import commands
from daemon.settings.build import build_engine
from domain.clock import NS_PER_S
from domain.money import CASH_PER_DOLLAR
from journal.facts import facts
from journal.reader_io import read_records
from journal.reports.fold import Fold
from tests.daemon.kept import keep
from tests.daemon.stand import Stand, short_settings
from tests.ops.metrics.made import text_of, view


def guard() -> None:
    """It votes while all is well; when the index leaves the ladder it closes this gate, and what rested is gone."""
    stand = Stand()
    stand.quote_both()
    votes = dict(stand.engine.state.gates["INXU"])
    assert votes["ladder_edge"].open, votes["ladder_edge"]
    stand.moves["INXU"] = 2_000_000_000
    stand.run(3 * NS_PER_S)
    assert "off_ladder" in stand.closed("INXU"), stand.closed("INXU")
    assert not stand.exchange.resting("INXU"), "something rests"
    assert "off_ladder" not in stand.closed("NASDAQ100U"), "the other series is closed too"


def record() -> None:
    """It is in the journal's own file, and the reports' fold has it."""
    stand = Stand()
    stand.quote_both()
    stand.stream(up=False)
    with tempfile.TemporaryDirectory() as folder:
        keep(stand, Path(folder) / "state")
        fold: Any = Fold().take_all(facts(read_records(Path(folder) / "state")))
    assert [turn.said.up for turn in fold.stream_turns] == [True, False]


def setting() -> None:
    """It is explained, refused out of its bounds, and handed down to the guard."""
    told = _command("config", "explain", "freshness.trips_max")
    assert "its series freezes" in told, told
    assert "at least 1, at most 10; default 2; unit: a count" in told, told
    stand = Stand()
    engine = build_engine(short_settings(freshness={"trips_max": 3}), stand.reference)
    assert engine.state.desks["INXU"].sentry.settings.trips_max == 3


def command() -> None:
    """It answers."""
    assert "kill_switch_engaged: the kill switch is on" in _command("reasons")


def metric() -> None:
    """It is in the text of /metrics with its value."""
    text = text_of(view(day_loss_realised=3 * CASH_PER_DOLLAR)).decode()
    assert "\nladderd_loss_realised_dollars 3.0\n" in text


def _command(*words: str) -> str:
    """Run one command in this process."""
    before, sys.argv = sys.argv, ["ladderd", *words]
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = commands.main()
    finally:
        sys.argv = before
    assert code == 0, said.getvalue()
    return said.getvalue()


CHECKS: dict[str, Callable[[], None]] = {
    "guard": guard,
    "record": record,
    "setting": setting,
    "command": command,
    "metric": metric,
}

if __name__ == "__main__":
    CHECKS[sys.argv[1]]()
