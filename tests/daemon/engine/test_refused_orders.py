"""What risk does is on record: each order it refuses, and each decision beside the alert that tells of it."""

from __future__ import annotations

import itertools

import pytest

from domain.actions import Place
from domain.clock import NS_PER_MS, NS_PER_S
from domain.counts import Counted
from domain.money import Cash
from domain.records import KillSwitchEntry, RiskDecisionEntry, payload_of
from tests.daemon.exchange import BASE
from tests.daemon.stand import Stand
from tests.heard import heard

S, MS = NS_PER_S, NS_PER_MS


@pytest.mark.step("O14")
def test_each_order_that_risk_refuses_has_one_record_with_its_reason() -> None:
    stand = Stand(risk={"per_day_dollars": 1, "event_share_ppm": 1_000_000, "series_share_ppm": 1_000_000})
    stand.quote_both()
    assert stand.records("order_refused") == []
    # Sixty cents of the day's dollar are lost: what is left does not hold the quotes of both series.
    ledger = stand.engine.state.held.ledger
    ledger.realised = Cash(ledger.realised - 600_000)
    for leap in (500, -500, 500):
        stand.moves = {series: value // leap for series, value in BASE.items()}
        stand.run(S)
    refused = stand.records("order_refused")
    assert refused
    told = [(row["ticker"], row["side"], row["price"], row["count"], row["reason"]) for row in refused]
    assert all(after != before for before, after in itertools.pairwise(told))
    asked = stand.engine.state.held.counts[Counted.RISK_REFUSALS]
    assert len(told) < asked, "asked for again at each tick, it is one proposal"
    assert all("$1 " in row["reason"] or "day" in row["reason"] for row in refused), refused[0]
    assert {row["series"] for row in refused} <= set(BASE)
    assert stand.engine.state.held.ledger.markets == {}
    names = {row["client_order_id"] for row in refused}
    assert not names & {order.client_order_id for order in stand.exchange.resting()}
    assert not names & {action.client_order_id for action in stand.sent(Place) if isinstance(action, Place)}


@pytest.mark.step("O14")
def test_what_risk_does_by_itself_is_one_record_beside_its_alert() -> None:
    stand = Stand()
    stand.quote_both()
    stand.engine.state.held.ledger.realised = Cash(stand.engine.state.held.ledger.realised - 10**12)
    stand.run(300 * MS)
    acts = [step.actions for step in stand.story if any(isinstance(a, KillSwitchEntry) for a in step.actions)]
    assert len(acts) == 1, "the day's loss stops once"
    records = [payload_of(a) for a in acts[0] if isinstance(a, RiskDecisionEntry)]
    assert [row["limit"] for row in records] == ["day_loss"], "one record in the step that acts"
    assert [alert.payload for alert in heard(acts[0], "daily_loss")] == records, "the record tells the alert"
    assert [r["source"] for r in stand.records("kill_switch")] == ["risk.kill_switch"]
