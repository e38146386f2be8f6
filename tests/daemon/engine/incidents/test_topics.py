"""Three parts of the daemon close the kill switch by themselves, each for a real cause; all end in one halt."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from domain.actions import CancelAll, FileIncident, Place
from domain.clock import NS_PER_MS, NS_PER_S
from domain.events import Command, Filled, KillSwitch
from domain.money import Cash
from domain.reasons import Breach, Topic
from domain.records import IncidentOpenedEntry
from tests.daemon.stand import Stand

S, MS = NS_PER_S, NS_PER_MS


def quoting() -> Stand:
    stand = Stand()
    stand.quote_both()
    stand.run(500 * MS)
    stand.forget()
    return stand


def lose_three_percent(stand: Stand) -> None:
    equity, ledger = stand.engine.state.risk.state()["equity"], stand.engine.state.held.ledger
    ledger.realised = Cash(ledger.realised - equity * 3 // 100 - 1)
    stand.run(300 * MS)


def take_liquidity(stand: Stand) -> None:
    """An order of ours, which is post-only, is told to have taken."""
    for event in stand.exchange.execute(stand.exchange.resting()[0].order_id):
        stand.step(Filled(msgspec.structs.replace(event.fill, is_taker=True)) if isinstance(event, Filled) else event)


def set_the_clock(stand: Stand) -> None:
    stand.utc_ns -= 60 * S
    stand.run(300 * MS)


CAUSES = [
    (Topic.RISK, Breach.RISK_HALT, lose_three_percent),
    (Topic.COMPLIANCE, Breach.COMPLIANCE_HALT, take_liquidity),
    (Topic.RUNTIME, Breach.RUNTIME_HALT, set_the_clock),
]


@pytest.mark.step("G08")
@pytest.mark.parametrize(("topic", "breach", "cause"), CAUSES)
def test_each_topic_ends_in_one_halt_with_its_incident_and_survives_a_restart(
    topic: Topic, breach: Breach, cause: Callable[[Stand], None]
) -> None:
    stand = quoting()
    cause(stand)
    stand.run(2 * S)
    assert stand.exchange.resting() == []
    assert stand.sent(CancelAll)
    assert [record["source"] for record in stand.records("kill_switch")] == [topic]
    (incident,) = [a for a in stand.sent(IncidentOpenedEntry) if isinstance(a, IncidentOpenedEntry)]
    assert incident.breach is breach
    assert incident.figures
    stand.run(12 * S)
    assert [a.ident for a in stand.sent(FileIncident) if isinstance(a, FileIncident)] == [incident.ident]
    stand.forget()
    stand.crash(S)
    stand.run(100 * S)
    assert stand.sent(Place) == []
    assert stand.engine.state.kill.source == topic
    assert stand.records("kill_switch") == [], "the halt is the old one"


@pytest.mark.step("G08")
@pytest.mark.parametrize(("topic", "breach", "cause"), CAUSES)
def test_the_first_reason_is_kept_whatever_follows(
    topic: Topic, breach: Breach, cause: Callable[[Stand], None]
) -> None:
    del breach
    stand = quoting()
    cause(stand)
    stand.step(KillSwitch(active=True, source="file", reason="later"))
    stand.operator(Command.KILL)
    for _, _, other in CAUSES:
        if other is not cause and other is not take_liquidity:
            other(stand)
    assert stand.engine.state.kill.source == topic
    assert [record["source"] for record in stand.records("kill_switch")] == [topic]


@pytest.mark.parametrize("seconds", [-59, 59])
def test_a_smaller_step_of_the_clock_stands_down_and_kills_nobody(seconds: int) -> None:
    stand = quoting()
    stand.utc_ns += seconds * S
    stand.run(MS * 300)
    assert not stand.engine.state.kill.latched
    assert "clock_untrusted" in stand.closed()


def test_an_operators_kill_has_no_topic() -> None:
    stand = quoting()
    stand.operator(Command.KILL)
    (incident,) = [a for a in stand.sent(IncidentOpenedEntry) if isinstance(a, IncidentOpenedEntry)]
    assert incident.breach is Breach.KILL_SWITCH
    assert incident.why == "operator_cli: ann: because"
