"""The table of limits against the code: every limit has its key, drill, alert, figure, planted defect and time."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from daemon.engine.money.told import told
from domain.reasons import RiskDecision, RiskLimit
from guards.limits.settings import RiskSettings
from guards.risk import Judgement, RiskGuard
from sim.planted.catalogue import CATALOGUE
from sim.planted.times import PLANS, Stopwatch
from tests.guards.limits.made import DAY, UNPRICED, Account
from tests.guards.made import at
from tests.heard import heard

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if line.startswith("| `")]
KEYS = {RiskLimit(row[0].strip("`")): re.findall(r"`(\w+)`", row[1]) for row in ROWS[: len(RiskLimit)]}
BITES = {RiskLimit(row[0].strip("`")): row[1:] for row in ROWS[len(RiskLimit) :]}
TIME = re.compile(r"^(\d+), (\d+)$")
WITHOUT_KEY = {RiskLimit.CASH, RiskLimit.EQUITY}
# Shown as unknown figures of all the others.
WITHOUT_FIGURE = {RiskLimit.EQUITY}


def test_every_limit_has_its_row_in_both_tables_and_nothing_else_has() -> None:
    assert set(KEYS) == set(BITES) == set(RiskLimit)
    assert len(ROWS) == 2 * len(RiskLimit)


@pytest.mark.parametrize("limit", list(RiskLimit))
def test_its_keys_are_settings_its_drill_stands_and_its_defect_is_planted(limit: RiskLimit) -> None:
    fields = {field.name for field in msgspec.structs.fields(RiskSettings)}
    assert set(KEYS[limit]) <= fields
    assert bool(KEYS[limit]) is (limit not in WITHOUT_KEY)
    drill, _, defect, _ = BITES[limit]
    path, _, name = drill.strip("`").partition("::")
    assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), drill
    assert defect in {each.name for each in CATALOGUE}


@pytest.mark.parametrize("limit", list(RiskLimit))
def test_what_acts_has_its_own_alert_and_a_time_and_what_refuses_is_not_sent(limit: RiskLimit) -> None:
    _, alert, _, time = BITES[limit]
    if limit in {*PLANS, RiskLimit.DAY_LOSS}:
        [raised] = heard([told(Judgement(RiskDecision.SOFT_PAUSE, limit, "why"))])
        assert alert == f"`{raised.kind}`"
        assert TIME.match(time) if limit in PLANS else time == "not reached", time
    else:
        assert (alert, time) == ("`risk_reject`", "not sent")


def test_each_has_its_figure_for_page_and_metric() -> None:
    guard, account = RiskGuard(), Account()
    guard.advance(DAY, account)
    shown = {figure.limit for figure in guard.figures(account, UNPRICED, 0, at(0))}
    assert shown == set(RiskLimit) - WITHOUT_FIGURE


@pytest.mark.slow
@pytest.mark.parametrize("limit", [RiskLimit.NET, RiskLimit.EVENT_LOSS])
def test_a_breach_is_flat_in_the_time_that_the_table_says(limit: RiskLimit) -> None:
    found = TIME.match(BITES[limit][-1])
    assert found is not None
    took_ns = Stopwatch(limit, PLANS[limit], PLANS[limit].seed).run()
    assert took_ns is not None, "the limit was never passed"
    assert took_ns <= int(found[2]) * 1_000_000
