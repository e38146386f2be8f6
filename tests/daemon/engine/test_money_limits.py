"""What the limits on money lead to in a running engine: a stopped event, pauses, records, alerts."""

from __future__ import annotations

import pytest

from domain.actions import Read
from domain.clock import NS_PER_MS, NS_PER_S
from domain.ids import Ticker
from domain.money import Cash
from domain.records import OrderRefusedEntry, payload_of
from ops.alerts.raised import Raised
from tests.daemon.exchange import BASE
from tests.daemon.stand import Stand
from tests.heard import heard

S = NS_PER_S
DOLLAR = 1_000_000


def alerts(stand: Stand, action: str) -> list[Raised]:
    return [alert for step in stand.story for alert in heard(step.actions, action)]


def losing(stand: Stand, dollars: int) -> Ticker:
    """One contract of INXU is held, which was paid so much too dearly."""
    stand.quote_both()
    order = stand.exchange.resting("INXU")[0]
    stand.tell(*stand.exchange.execute(order.order_id))
    stand.run(50 * NS_PER_MS)
    account = stand.engine.state.held.ledger.markets[Ticker(order.ticker)]
    account.cash = Cash(account.cash - dollars * DOLLAR)
    return Ticker(order.ticker)


@pytest.mark.step("O13")
@pytest.mark.step("O14")
def test_the_marked_loss_of_an_event_pulls_its_orders_and_no_others_and_is_told() -> None:
    stand = Stand()
    losing(stand, 30)
    stand.run(3 * S)
    assert stand.exchange.resting("INXU") == []
    assert stand.exchange.resting("NASDAQ100U")
    (alert,) = alerts(stand, "risk_stop_loss")
    (record,) = [row for row in stand.records("risk_decision") if row.get("limit") == "event_loss"]
    assert alert.payload == record
    assert (record["series"], record["decision"]) == ("INXU", "reduce")


@pytest.mark.step("O13")
@pytest.mark.step("G05")
def test_a_marked_loss_past_the_stop_is_the_kill_switch() -> None:
    stand = Stand()
    losing(stand, 301)
    stand.run(3 * S)
    assert stand.exchange.resting() == []
    assert [row["source"] for row in stand.records("kill_switch")] == ["risk.kill_switch"]
    assert any(row.get("limit") == "day_loss" for row in stand.records("risk_decision"))


@pytest.mark.step("O13")
def test_books_that_cannot_be_read_any_more_pause_until_resumed() -> None:
    stand = Stand(risk={"snapshot_age_limit_s": 40})
    stand.quote_both()
    stand.exchange.bad.unreadable = (Read.BALANCE,)
    stand.run(80 * S)
    assert "snapshot_age" in stand.engine.state.risk.paused
    assert stand.exchange.resting() == []
    (alert,) = alerts(stand, "risk_alert")
    assert alert.payload["limit"] == "snapshot_age"


@pytest.mark.step("O14")
@pytest.mark.step("K18")
def test_an_order_that_a_limit_refuses_is_found_by_its_own_name_with_the_limit() -> None:
    stand = Stand(risk={"per_week_dollars": 1})
    stand.quote_both()
    ledger = stand.engine.state.held.ledger
    ledger.realised = Cash(ledger.realised - 600_000)
    for leap in (500, -500, 500):
        stand.moves = {series: value // leap for series, value in BASE.items()}
        stand.run(S)
    refused = [a for step in stand.story for a in step.actions if isinstance(a, OrderRefusedEntry)]
    assert refused
    assert {entry.limit for entry in refused} == {"per_week"}
    assert [alert.payload for alert in alerts(stand, "risk_reject")] == [payload_of(entry) for entry in refused]
    assert len({entry.client_order_id for entry in refused}) == len(refused)
