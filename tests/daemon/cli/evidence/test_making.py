"""The evidence of gates: what is whole passes, what is missing is unknown, what is too little fails by name."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.cli.evidence.making import WHOLE, Gaps, alert_receipt, smoke
from daemon.preflight.tables.evidence_file import Ours
from domain.clock import NS_PER_S
from domain.findings.finding import FAIL, PASS, UNKNOWN
from domain.records import ConfigEntry, TimeToFlatEntry
from journal.reports.fold import Fold
from journal.reports.window_fold import Moment, WindowFold
from ops.alerts.policy import Receipt

NOW_NS = 1_800_000_000 * NS_PER_S
HOUR_NS = 3_600 * NS_PER_S
OURS = Ours("paper", "config", "build", "lock")


def gaps(*ages_s: int) -> Any:  # noqa: ANN401 - a finding's status
    fold = Gaps(NOW_NS)
    for age_s in sorted(ages_s, reverse=True):
        fold.take(NOW_NS - age_s * NS_PER_S)
    return fold.finding()


@pytest.mark.step("O15")
def test_a_day_of_records_has_no_gap_of_more_than_a_minute() -> None:
    steady = range(0, 25 * 3_600, 60)
    assert gaps(*steady).status is PASS
    missing = gaps(*(age_s for age_s in steady if age_s != 3_600))
    assert missing.status is FAIL
    assert "120 s" in missing.reason
    assert gaps(*(age_s for age_s in steady if age_s > 120)).status is FAIL, "and it still writes"
    assert gaps(*range(0, 23 * 3_600, 60)).status is FAIL, "less than a day"
    assert gaps().status is UNKNOWN
    assert gaps(*steady, *range(26 * 3_600, 30 * 3_600, 600)).status is PASS, "what was before the day is over"


def whole(**changes: Any) -> Fold:  # noqa: ANN401 - parts of a window
    fold, target_ns = Fold(), NOW_NS - HOUR_NS
    ran = {"hash": "config", "build_id": "build", "mode": "paper"} | changes.pop("ran", {})
    fold.configs.append(Moment(target_ns - HOUR_NS, ConfigEntry(**ran)))
    window = WindowFold("INXU", target_ns, label="hourly-1000")
    window.phases = [(target_ns - 900 * NS_PER_S + at * NS_PER_S, phase.value) for at, phase in enumerate(WHOLE)]
    window.quotes = ["a quote"]  # type: ignore[list-item] # only counted
    window.flats = [Moment(target_ns, TimeToFlatEntry("INXU", "scheduler_t_minus_2s", 120.0, 2))]
    for name, value in changes.items():
        setattr(window, name, value)
    fold.windows["INXU", target_ns] = window
    return fold


@pytest.mark.step("O15")
def test_a_whole_paper_window_of_this_build_passes() -> None:
    found = smoke(whole(), OURS, NOW_NS)
    assert found.status is PASS
    assert "INXU hourly-1000: 1 quotes, 0 fills, flat after 120 ms" in found.reason


@pytest.mark.step("O15")
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ran": {"build_id": "other"}}, "in build other"),
        ({"ran": {"hash": "other"}}, "of configuration other"),
        ({"ran": {"mode": "live"}}, "live mode"),
        ({"flats": []}, "no time to flat"),
        ({"phases": [(NOW_NS - HOUR_NS, "quoting")]}, "its strict was not seen"),
    ],
)
def test_a_window_that_is_not_whole_or_not_ours_fails_by_name(changes: dict[str, Any], said: str) -> None:
    found = smoke(whole(**changes), OURS, NOW_NS)
    assert found.status is FAIL
    assert said in found.reason


def test_a_window_with_two_runs_in_it_is_not_whole() -> None:
    fold = whole()
    fold.configs.append(Moment(NOW_NS - HOUR_NS - 899 * NS_PER_S, fold.configs[0].said))
    assert "another run began in it" in smoke(fold, OURS, NOW_NS).reason


@pytest.mark.parametrize("fold", [Fold(), whole(quotes=[])])
def test_without_a_quoted_window_there_is_no_evidence(fold: Fold) -> None:
    assert smoke(fold, OURS, NOW_NS).status is UNKNOWN
    assert smoke(whole(), OURS, NOW_NS + 24 * HOUR_NS).status is UNKNOWN, "nor by one of the day before"


def receipt(receiver: str, at: str, *, delivered: bool = True) -> Receipt:
    return Receipt("a", "kill", receiver, delivered, 1, at, "HTTP 200")


@pytest.mark.step("O15")
def test_an_alert_counts_when_somebody_outside_took_it_last() -> None:
    assert alert_receipt([]).status is UNKNOWN
    assert alert_receipt([receipt("log", "2026-11-30T10:00:00.000Z")]).status is UNKNOWN, "a log calls nobody"
    took, refused = (
        receipt("pager", "2026-11-30T10:00:00.000Z"),
        receipt("pager", "2026-11-30T11:00:00.000Z", delivered=False),
    )
    assert alert_receipt([took]).status is PASS
    assert alert_receipt([took, refused]).status is FAIL
