"""The vendor's side of the handshake: exact replies, in any order that an official client uses."""

from __future__ import annotations

import orjson
import pytest

from domain.clock import Now
from sim.index_feed.faults import Fault, FaultBoard, check
from sim.index_feed.session import PLANS, Close, Drop, Out, Plan, Send, Session
from sim.index_feed.wire import CAP_TEXT

NOW = Now(1_000, 2_000)
AUTH = '{"action":"auth","params":"KEY"}'
SUBSCRIBE = '{"action":"subscribe","params":"V.I:SPX,V.I:NDX"}'


def session(*faults: Fault, plan: str = "advanced") -> Session:
    board = FaultBoard()
    for fault in faults:
        board.add(check(fault), 0)
    websocket, channels = PLANS[plan]
    return Session(1, 1, Plan(("KEY",), websocket, channels), board)


def authed(*faults: Fault, plan: str = "advanced") -> Session:
    machine = session(*faults, plan=plan)
    machine.received(AUTH, NOW)
    return machine


def statuses(outs: tuple[Out, ...]) -> list[list[tuple[str, str]]]:
    return [[(o["status"], o["message"]) for o in orjson.loads(out.text)] for out in outs if isinstance(out, Send)]


def test_the_normal_handshake() -> None:
    machine = session()
    assert statuses(machine.opened(NOW)) == [[("connected", "Connected Successfully")]]
    assert statuses(machine.received(AUTH, NOW)) == [[("auth_success", "authenticated")]]
    acks = [("success", "subscribed to: V.I:SPX"), ("success", "subscribed to: V.I:NDX")]
    assert statuses(machine.received(SUBSCRIBE, NOW)) == [acks]
    assert machine.wants("V", "I:SPX")
    assert not machine.wants("A", "I:SPX")
    gone = machine.received('{"action":"unsubscribe","params":"V.I:NDX"}', NOW)
    assert statuses(gone) == [[("success", "unsubscribed to: V.I:NDX")]]
    assert not machine.wants("V", "I:NDX")


def test_a_wrong_key_is_told_and_dropped_without_a_close_frame() -> None:
    outs = session().received('{"action":"auth","params":"NO"}', NOW)
    assert statuses(outs) == [[("auth_failed", "authentication failed")]]
    assert outs[1] == Drop()


@pytest.mark.parametrize("case", [(), (Fault("auth_plan"),)])
def test_a_plan_without_websocket(case: tuple[Fault, ...]) -> None:
    outs = session(*case, plan="advanced" if case else "basic").received(AUTH, NOW)
    assert statuses(outs) == [[("auth_failed", "Your plan doesn't include websocket access.")]]
    assert outs[1] == Drop()


def test_no_auth_in_time() -> None:
    outs = session().auth_overdue()
    assert statuses(outs) == [[("auth_timeout", "No authentication request received.")]]
    assert isinstance(outs[1], Close)
    assert authed().auth_overdue() == ()


def test_the_cap_is_a_status_and_1008_with_an_empty_reason() -> None:
    outs = session(Fault("auth_cap")).received(AUTH, NOW)
    assert statuses(outs) == [[("max_connections", CAP_TEXT)]]
    assert outs[1] == Close(1008, "")


@pytest.mark.parametrize(
    ("fault", "replies"),
    [
        (Fault("auth_silent"), []),
        (Fault("auth_legacy"), [[("success", "authenticated")]]),
        (Fault("auth_bad"), [[("auth_failed", "authentication failed")]]),
        (Fault("auth_timeout"), [[("auth_timeout", "No authentication request received.")]]),
    ],
)
def test_faults_of_auth(fault: Fault, replies: list[list[tuple[str, str]]]) -> None:
    assert statuses(session(fault).received(AUTH, NOW)) == replies


def test_greeting_faults() -> None:
    assert session(Fault("connected_missing")).opened(NOW) == ()
    (late,) = session(Fault("connected_late", ms=700)).opened(NOW)
    assert isinstance(late, Send)
    assert late.late_ms == 700


def test_unknown_topics_and_repeats_get_no_answer_and_unknown_tickers_an_ack() -> None:
    machine = authed()
    assert machine.received('{"action":"subscribe","params":"ZZ.I:SPX,QQ.x"}', NOW) == ()
    nope = machine.received('{"action":"subscribe","params":"V.I:NOPE"}', NOW)
    assert statuses(nope) == [[("success", "subscribed to: V.I:NOPE")]]
    assert machine.received('{"action":"subscribe","params":"V.I:NOPE"}', NOW) == ()
    assert machine.received('{"action":"dance"}', NOW) == ()
    assert machine.received("rubbish", NOW) == ()
    assert machine.received(AUTH, NOW) == ()


def test_a_topic_not_in_the_plan_is_a_nameless_error_and_the_rest_is_acknowledged() -> None:
    outs = authed(plan="starter").received('{"action":"subscribe","params":"A.I:SPX,V.I:SPX"}', NOW)
    assert statuses(outs) == [[("error", "not authorized"), ("success", "subscribed to: V.I:SPX")]]


def test_subscribing_before_auth_is_not_authorized() -> None:
    assert statuses(session().received(SUBSCRIBE, NOW)) == [[("error", "not authorized")]]


def test_wildcards() -> None:
    machine = authed()
    machine.received('{"action":"subscribe","params":"V.*"}', NOW)
    assert machine.wants("V", "I:ANY")


@pytest.mark.parametrize(
    ("fault", "replies", "delivers"),
    [
        ("ack_per_frame", [[("success", "subscribed to: V.I:SPX")], [("success", "subscribed to: V.I:NDX")]], True),
        ("ack_missing", [], True),
        ("ack_not_authorized", [[("error", "not authorized"), ("success", "subscribed to: V.I:NDX")]], False),
        (
            "lost_subscription",
            [[("success", "subscribed to: V.I:SPX"), ("success", "subscribed to: V.I:NDX")]],
            False,
        ),
    ],
)
def test_faults_of_acks(fault: str, replies: list[list[tuple[str, str]]], delivers: bool) -> None:  # noqa: FBT001 - a case
    machine = authed(Fault(fault))
    assert statuses(machine.received(SUBSCRIBE, NOW)) == replies
    assert machine.wants("V", "I:SPX") is delivers
