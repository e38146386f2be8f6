"""A breach pauses, empties the account, owes an incident with its figures, and waits for a person through restarts."""

from __future__ import annotations

import itertools

import pytest

from daemon.engine.incidents.opened import breach_of
from domain.actions import AnyAction, FileIncident, Place
from domain.clock import NS_PER_MS, NS_PER_S
from domain.events import Command, IncidentWritten
from domain.money import CASH_PER_DOLLAR, Cash
from domain.reasons import Breach, RiskDecision
from domain.records import (
    BreachEntry,
    Entry,
    IncidentFiledEntry,
    IncidentOpenedEntry,
    KillSwitchEntry,
    NoteEntry,
    RiskDecisionEntry,
)
from tests.daemon.stand import Stand
from tests.heard import heard

S, MS = NS_PER_S, NS_PER_MS


def quoting() -> Stand:
    stand = Stand()
    stand.quote_both()
    stand.run(500 * MS)
    stand.forget()
    return stand


def lose(stand: Stand, share_ppm: int) -> None:
    """The session has lost this share of its equity."""
    equity = stand.engine.state.risk.state()["equity"]
    ledger = stand.engine.state.held.ledger
    ledger.realised = Cash(ledger.realised - equity * share_ppm // 1_000_000)


def opened(stand: Stand) -> list[IncidentOpenedEntry]:
    return [a for a in stand.sent(IncidentOpenedEntry) if isinstance(a, IncidentOpenedEntry)]


def asked(stand: Stand) -> list[FileIncident]:
    return [a for a in stand.sent(FileIncident) if isinstance(a, FileIncident)]


def filed(ident: str, problem: str = "") -> IncidentWritten:
    return IncidentWritten(ident, "reports/incidents/x.md", "ab", "x.state.json", "cd", problem=problem)


@pytest.mark.step("G05")
def test_a_loss_pauses_empties_within_two_seconds_and_opens_an_incident_with_its_figures() -> None:
    stand = quoting()
    assert stand.exchange.resting()
    began_ns = stand.mono_ns
    lose(stand, 25_000)
    while stand.exchange.resting():
        stand.run(50 * MS)
        assert stand.mono_ns - began_ns < 2 * S, "orders rest after a breach"
    assert [each.breach for each in opened(stand)] == [Breach.RISK_LIMIT]
    (incident,) = opened(stand)
    assert "2.500 %" in incident.why
    lost = stand.engine.state.risk.loss
    figures = {figure.name: figure for figure in incident.figures}
    assert figures["day's realised loss"].value == f"${lost / CASH_PER_DOLLAR:,.2f}".replace(",", "")
    assert figures["day's realised loss"].limit == "$1000.00"
    assert int(figures["orders that may be live"].value) > 0
    stand.run(S)
    (told,) = asked(stand)
    assert told.ident == incident.ident
    assert told.flat_ns is not None
    assert 0 < told.flat_ns <= 2 * S
    stand.forget()
    stand.run(30 * S)
    assert stand.sent(Place) == [], "it waits for a person"
    assert stand.closed() != ()


@pytest.mark.step("G05")
def test_a_restart_stays_paused_and_still_owes_the_file() -> None:
    stand = quoting()
    lose(stand, 25_000)
    stand.run(300 * MS)
    (incident,) = opened(stand)
    stand.forget()
    stand.crash(2 * S)
    stand.run(20 * S)
    assert stand.sent(Place) == []
    assert [each.ident for each in asked(stand)] == [incident.ident]
    assert opened(stand) == []
    stand.step(filed(incident.ident))
    assert not stand.engine.state.incidents.owed


def test_a_file_that_was_not_written_is_asked_for_again_and_one_that_was_is_recorded_once() -> None:
    stand = quoting()
    lose(stand, 25_000)
    stand.run(3 * S)
    (first,) = asked(stand)
    stand.step(filed(first.ident, "the disk is full"))
    stand.run(70 * S)
    assert [each.ident for each in asked(stand)] == [first.ident] * 2
    assert stand.records("incident_filed") == []
    for _ in range(2):
        stand.step(filed(first.ident))
    (record,) = stand.sent(IncidentFiledEntry)
    assert isinstance(record, IncidentFiledEntry)
    assert (record.ident, record.sha256, record.state_sha256) == (first.ident, "ab", "cd")
    [alert] = heard(stand.acts, "incident_filed")
    assert alert.payload["path"] == "reports/incidents/x.md"


def test_a_file_is_written_after_ten_seconds_though_orders_may_be_live() -> None:
    stand = quoting()
    stand.exchange.bad.mute = (FileIncident,)
    lose(stand, 25_000)
    stand.exchange.bad.fail_reads = stand.exchange.bad.refuse_triggers = stand.exchange.bad.refuse_cancels = True
    stand.exchange.bad.refuse_cancel_alls = stand.exchange.bad.no_expiry = True
    stand.run(9 * S)
    assert asked(stand) == []
    stand.run(2 * S)
    (told,) = asked(stand)
    assert told.flat_ns is None


def test_one_step_opens_one_incident_and_the_kill_switch_names_it() -> None:
    stand = quoting()
    lose(stand, 31_000)
    stand.run(S)
    (incident,) = opened(stand)
    assert incident.breach is Breach.RISK_HALT
    assert incident.why.startswith("risk.kill_switch: ")


def test_the_same_breach_is_told_once_until_somebody_resumes() -> None:
    stand = quoting()
    for _ in range(3):
        out: list[AnyAction] = []
        stand.engine.state.pause(Breach.PLACES_REFUSED, "twenty", out)
        stand.engine.state.incidents.look(out, stand.now(), tuple)
        stand.acts.extend(out)
        stand.run(MS)
    assert len(opened(stand)) == 1
    stand.run(5 * S)
    stand.operator(Command.RESUME)
    assert not stand.engine.state.incidents.has_open(Breach.PLACES_REFUSED)


CASES = [
    (BreachEntry(Breach.KEY_REFUSED, "401"), (Breach.KEY_REFUSED, "401")),
    (KillSwitchEntry("file", ""), (Breach.KILL_SWITCH, "file: no reason given")),
    (RiskDecisionEntry(RiskDecision.SOFT_PAUSE, False, "net"), (Breach.RISK_LIMIT, "net")),
    (RiskDecisionEntry(RiskDecision.HARD_STOP, False, "loss"), (Breach.RISK_LIMIT, "loss")),
    (RiskDecisionEntry(RiskDecision.ALLOW, True, ""), None),
    (RiskDecisionEntry(RiskDecision.SOFT_PAUSE, False, "paused", "INXU"), None),
    (NoteEntry("kill", "ann"), None),
]


@pytest.mark.parametrize(("entry", "found"), CASES)
def test_which_records_open_an_incident(entry: Entry, found: tuple[Breach, str] | None) -> None:
    assert breach_of(entry) == found


def test_every_breach_opened_at_different_instants_has_its_own_name() -> None:
    stand = quoting()
    names = []
    for breach in Breach:
        out: list[AnyAction] = [BreachEntry(breach, "why")]
        stand.engine.state.incidents.look(out, stand.now(), tuple)
        names += [entry.ident for entry in out if isinstance(entry, IncidentOpenedEntry)]
    assert len(names) == len(Breach)
    assert all(a != b for a, b in itertools.combinations(names, 2))
