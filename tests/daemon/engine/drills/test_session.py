"""The session's drill of the cancel-all, under virtual time: a real plan, an exchange in hand."""

from __future__ import annotations

import datetime as dt

import pytest

from domain.actions import CancelAll, Place, TriggerGroup
from domain.clock import NS_PER_MS, NS_PER_S
from domain.events import Command, KillSwitch
from domain.stamps import NEW_YORK
from execution.groups import GroupPhase
from guards.evidence.controls import CANCEL_ALL, CANCEL_ALL_ORDER, GROUP_TRIGGER
from tests.daemon.stand import FREEZE_S, LEAD_NS, PERIOD_S, Stand
from tests.heard import heard

S = NS_PER_S


def instant_ns(text: str) -> int:
    """A wall-clock time of New York."""
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).timestamp()) * S


def at(text: str, *, windows: dict[str, int] | None = None, controls: dict[str, bool] | None = None) -> Stand:
    """The real plan from an instant of New York on, with books that were read."""
    hourly = {"template": "hourly", "preflight_lead_s": 1_200, "open_lead_s": 900, "strict_lead_s": 60}
    stand = Stand(begin=False, windows=hourly | (windows or {}), controls=controls or {})
    stand.utc_ns = instant_ns(text)
    stand.tick_every_ns = S
    stand.begin()
    return stand


def until(stand: Stand, text: str) -> None:
    stand.run(instant_ns(text) - stand.utc_ns)


def drilled(stand: Stand) -> list[Place]:
    return [action for action in stand.acts if isinstance(action, Place)]


def missed(stand: Stand) -> list[str]:
    return [alert.payload["why"] for alert in heard(stand.acts, "drill_missed")]


DAYS = (
    "2027-01-20",
    "2027-03-12",  # the last session of winter time
    "2027-03-15",  # the first of summer time
    "2026-11-27",  # closes at 13:00
)


@pytest.mark.step("X01")
@pytest.mark.parametrize("day", DAYS)
def test_once_a_session_an_order_of_a_cent_is_emptied_and_the_time_to_flat_measured(day: str) -> None:
    stand = at(f"{day} 09:33:00")
    until(stand, f"{day} 09:34:59")
    assert not drilled(stand)
    stand.forget()
    until(stand, f"{day} 09:40:00")
    assert len(drilled(stand)) == 1, "once a session"
    (place,) = drilled(stand)
    (cancel_all,) = stand.sent(CancelAll)
    assert stand.acts.index(place) < stand.acts.index(cancel_all)
    (created,) = stand.records("order_created")
    assert (created["type"], created["client_order_id"]) == ("drill", place.client_order_id)
    (acked,) = stand.records("order_acked")
    assert acked["client_order_id"] == place.client_order_id
    # Proven by the exchange's own lists, measured from the request, and remembered with its date.
    (flat,) = stand.records("time_to_flat")
    assert (flat["series"], flat["trigger"], flat["orders"]) == ("all", "drill", 1)
    (proof,) = (r for r in stand.records("drill") if r["result"] == "proven")
    assert 0 < proof["ms"] == flat["ms"] < 2_000
    proven = stand.engine.state.controls.proven
    assert instant_ns(f"{day} 09:35:00") < proven[CANCEL_ALL_ORDER] < instant_ns(f"{day} 09:36:00")
    assert proven[CANCEL_ALL] == proven[CANCEL_ALL_ORDER]
    assert not stand.exchange.resting()
    assert not stand.exchange.fills
    # The tail is over before the window opens, the drill's group is gone, and it is not done again.
    stand.forget()
    until(stand, f"{day} 09:41:00")
    assert not stand.sent(CancelAll)
    assert not drilled(stand)
    assert not any(group.series == "drill" for group in stand.engine.state.held.groups.known.values())
    assert not missed(stand)
    if day == DAYS[0]:
        until(stand, f"{day} 09:45:10")
        assert {p.ticker.partition("-")[0] for p in drilled(stand)} == {"KXINXU", "KXNASDAQ100U"}


@pytest.mark.step("X01")
def test_it_rests_where_a_cent_buys_nothing_and_is_counted_by_risk() -> None:
    stand = at("2027-01-20 09:33:00")
    until(stand, "2027-01-20 09:35:00")
    for _ in range(400):
        if stand.exchange.resting():
            break
        stand.run(5 * NS_PER_MS)
    (order,) = stand.engine.state.held.book.live.values()
    strikes = sorted(m.floor_strike or 0 for m in stand.engine.state.results.markets["INXU", order.target_ns].values())
    market = stand.engine.state.results.markets["INXU", order.target_ns][order.ticker]
    assert market.floor_strike == strikes[0], "the rung deepest in the money"
    assert stand.engine.state.risk.used(stand.engine.state.held) == 100 * 100
    assert order.expiration_s * S <= instant_ns("2027-01-20 09:43:00"), "120 s before the opening it is long gone"


def paused(stand: Stand) -> None:
    stand.operator(Command.PAUSE)


def killed(stand: Stand) -> None:
    stand.step(KillSwitch(active=True, source="file", reason="ann: because"))


def halted(stand: Stand) -> None:
    stand.exchange.trading = False


def unlisted(stand: Stand) -> None:
    stand.exchange.listed = False


def silent(stand: Stand) -> None:
    for series in ("INXU", "NASDAQ100U"):
        stand.silence(series)


AGAINST = [paused, killed, halted, unlisted, silent]


@pytest.mark.step("X01")
@pytest.mark.parametrize("against", AGAINST, ids=[a.__name__ for a in AGAINST])
def test_what_closes_the_gate_or_hides_the_ladder_stops_it_and_a_session_without_it_is_told(against: object) -> None:
    stand = at("2027-01-20 09:33:00")
    until(stand, "2027-01-20 09:34:20")
    assert callable(against)
    against(stand)
    until(stand, "2027-01-20 09:40:01")
    assert not drilled(stand)
    assert CANCEL_ALL_ORDER not in stand.engine.state.controls.proven
    assert [r["result"] for r in stand.records("drill")][-1] == "missed"
    (why,) = missed(stand)
    assert why
    until(stand, "2027-01-20 09:41:00")
    assert len(missed(stand)) == 1


@pytest.mark.step("X01")
def test_it_is_tried_again_within_the_span() -> None:
    stand = at("2027-01-20 09:33:00")
    until(stand, "2027-01-20 09:34:20")
    stand.exchange.bad.refuse_places = "exchange_unavailable"
    until(stand, "2027-01-20 09:36:00")
    assert len(drilled(stand)) > 1
    assert CANCEL_ALL_ORDER not in stand.engine.state.controls.proven
    stand.exchange.bad.refuse_places = ""
    until(stand, "2027-01-20 09:40:01")
    assert CANCEL_ALL_ORDER in stand.engine.state.controls.proven
    assert not missed(stand)


@pytest.mark.step("X01")
def test_a_cancel_all_that_the_exchange_refuses_proves_nothing() -> None:
    stand = at("2027-01-20 09:33:00")
    until(stand, "2027-01-20 09:34:20")
    stand.exchange.bad.refuse_cancel_alls = True
    until(stand, "2027-01-20 09:40:01")
    assert drilled(stand)
    assert CANCEL_ALL_ORDER not in stand.engine.state.controls.proven


@pytest.mark.step("X01")
@pytest.mark.parametrize(("open_lead_s", "last"), [(1_500, ""), (1_380, "09:35:00"), (1_260, "09:36:59")])
def test_never_within_two_minutes_of_an_opening(open_lead_s: int, last: str) -> None:
    """Windows that open at 09:35, 09:37 and 09:39: the stand itself looks at the distance of each drill."""
    stand = at("2027-01-20 09:33:00", windows={"open_lead_s": open_lead_s, "preflight_lead_s": 1_740})
    stand.exchange.listed = False
    until(stand, "2027-01-20 09:34:58")
    opens_ns = instant_ns("2027-01-20 10:00:00") - open_lead_s * S
    stand.exchange.listed = bool(last)
    until(stand, "2027-01-20 09:36:58")
    drills = [r for r in stand.records("order_created") if r["type"] == "drill"]
    plan = stand.engine.state.plan
    assert plan.window_to_drill(opens_ns - 120 * S) is not None
    assert plan.window_to_drill(opens_ns - 120 * S + 1) is None
    assert plan.window_to_drill(opens_ns + 120 * S) is None
    assert len(drills) == int(open_lead_s == 1_260)


@pytest.mark.step("X01")
def test_none_on_a_holiday_with_short_windows_or_where_it_is_not_configured() -> None:
    holiday = at("2027-01-18 09:34:00")
    until(holiday, "2027-01-18 09:41:00")
    off = at("2027-01-20 09:34:00", controls={"drill_cancel_all": False})
    until(off, "2027-01-20 09:41:00")
    # Two short windows that open at 09:35 and 09:37, where the orderless drill alone is asked for.
    short = Stand(begin=False, controls={"drill_cancel_all": True})
    short.utc_ns = instant_ns("2027-01-20 09:34:50")
    short.tick_every_ns = S
    short.begin()
    until(short, "2027-01-20 09:40:10")
    assert short.engine.state.controls.vote(CANCEL_ALL, short.now()).open
    assert CANCEL_ALL_ORDER not in short.engine.state.controls.proven
    assert not short.records("drill")
    assert {record["type"] for record in short.records("order_created")} == {"quote"}
    for stand in (holiday, off):
        assert not drilled(stand)
        assert not stand.records("drill")
    assert not off.sent(CancelAll)


@pytest.mark.step("X01")
def test_a_restart_in_the_span_neither_drills_twice_nor_believes_what_was_not_proven() -> None:
    stand = at("2027-01-20 09:33:00")
    until(stand, "2027-01-20 09:36:00")
    stand.crash(S)
    stand.forget()
    until(stand, "2027-01-20 09:40:01")
    assert not drilled(stand)
    assert not missed(stand)
    another = at("2027-01-20 09:33:00")
    until(another, "2027-01-20 09:34:20")
    another.exchange.bad.lose, another.exchange.bad.deaf = (CancelAll,), True
    until(another, "2027-01-20 09:35:02")
    assert drilled(another)
    another.exchange.bad.lose, another.exchange.bad.deaf = (), False
    another.crash(S)
    another.forget()
    until(another, "2027-01-20 09:39:30")
    assert len(drilled(another)) == 1
    assert CANCEL_ALL_ORDER in another.engine.state.controls.proven


@pytest.mark.step("X01")
def test_every_window_ends_with_its_groups_triggered_and_the_proof_dated() -> None:
    stand = Stand()
    for window in range(2):
        edge_ns = stand.target_ns + window * PERIOD_S * S - FREEZE_S * S
        stand.run(edge_ns - 5 * S - stand.utc_ns)
        ready = {g.group_id for g in stand.engine.state.held.groups.known.values() if g.phase is GroupPhase.READY}
        assert len(ready) == 4, "one in use and one spare for each series"
        stand.forget()
        stand.run(6 * S)
        assert {a.group_id for a in stand.acts if isinstance(a, TriggerGroup)} == ready
        assert edge_ns - LEAD_NS <= stand.engine.state.controls.proven[GROUP_TRIGGER] <= edge_ns
        assert not stand.exchange.resting()
