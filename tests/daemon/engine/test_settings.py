"""What the engine is told of the configuration is what the journal says was in force, and what a report draws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from domain.clock import NS_PER_S
from domain.records import LimitsEntry
from journal.facts import facts
from journal.reader_io import read_records
from journal.reports.fold import Fold
from journal.reports.report_plots import ages_plot
from tests.daemon.kept import keep
from tests.daemon.stand import PERIOD_S, Stand


def told(stand: Stand) -> list[LimitsEntry]:
    return [action for step in stand.story for action in step.actions if isinstance(action, LimitsEntry)]


def plot(folder: Path, **changes: Any) -> str:  # noqa: ANN401 - values of any setting
    """The plot of ages of a window that was quoted under these settings, read back from its journal."""
    stand = Stand(**changes)
    stand.quote_both()
    keep(stand, folder)
    window = Fold().take_all(facts(read_records(folder))).windows["INXU", stand.target_ns]
    return ages_plot(window, window.tracks["massive"])


def test_the_limits_in_force_are_recorded_once_with_each_window_of_each_series() -> None:
    stand = Stand(freshness={"strict_limit_ms": 650}, risk={"per_day_dollars": 321}, feeds={"divergence_bps": 7})
    stand.quote_both()
    found = told(stand)
    assert sorted(entry.series for entry in found) == ["INXU", "NASDAQ100U"]
    assert {entry.target_ns for entry in found} == {stand.target_ns}
    for entry in found:
        assert (entry.strict_limit_ms, entry.per_day_dollars, entry.divergence_bps) == (650, 321, 7)
        assert (entry.basis, entry.soft_limit_ms, entry.per_window_contracts) == ("age", 1_500, 20)
    stand.run(PERIOD_S * NS_PER_S)
    assert len(told(stand)) == 4
    assert len({entry.target_ns for entry in told(stand)}) == 2


def test_a_report_draws_the_limits_that_were_configured(tmp_path: Path) -> None:
    usual = plot(tmp_path / "usual")
    assert "strict 700 ms" in usual
    assert "soft 1500 ms" in usual
    changed = plot(tmp_path / "changed", freshness={"soft_limit_ms": 1_300, "strict_limit_ms": 650})
    assert "strict 650 ms" in changed
    assert "soft 1300 ms" in changed
    assert "700" not in changed.partition("strict 650 ms")[0]
