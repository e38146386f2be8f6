"""The session machine of one index socket: handshake, counting of acks, values, silence, and the ways to end."""

from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest

from domain.clock import Now
from domain.events import FeedState, FeedStatus, Tick
from domain.money import IndexValue
from feeds.massive import MassiveSession
from feeds.session import CLOSED_AS_TOLD, QUIET, HangUp, SessionStep

S = 1_000_000_000
EPOCH = 1_795_233_262 * S
SYMBOLS = ("I:SPX", "I:NDX")
CONNECTED = b'[{"ev":"status","status":"connected","message":"Connected Successfully"}]'
AUTHED = b'[{"ev":"status","status":"auth_success","message":"authenticated"}]'
CAP = b'[{"ev":"status","status":"max_connections","message":"Maximum number of websocket connections exceeded."}]'
NOT_AUTHORIZED = b'[{"ev":"status","status":"error","message":"not authorized"}]'
SUBSCRIBE = '{"action":"subscribe","params":"V.I:SPX,V.I:NDX"}'


def at(seconds: float) -> Now:
    return Now(7 * S + round(seconds * S), EPOCH + round(seconds * S))


def ack(*topics: str) -> bytes:
    return orjson.dumps([{"ev": "status", "status": "success", "message": f"subscribed to: {t}"} for t in topics])


def values(seconds: float, *rows: tuple[str, str]) -> bytes:
    stamp = at(seconds).utc_ns // 1_000_000
    return ("[" + ",".join(f'{{"ev":"V","val":{v},"T":"{t}","t":{stamp}}}' for t, v in rows) + "]").encode()


def states(*steps: SessionStep) -> list[FeedState]:
    return [event.state for step in steps for event in step.events if isinstance(event, FeedStatus)]


def ticks(*steps: SessionStep) -> list[Tick]:
    return [event for step in steps for event in step.events if isinstance(event, Tick)]


def reason(step: SessionStep) -> str:
    (event,) = step.events
    assert isinstance(event, FeedStatus)
    return event.reason


def hung_up(step: SessionStep) -> str:
    (out,) = step.outgoing
    assert isinstance(out, HangUp)
    return out.reason


def session(expects: Callable[[Now], bool] = lambda _now: True) -> MassiveSession:
    return MassiveSession("massive", "KEY", SYMBOLS, expects=expects)


def subscribed(now_s: float = 0.0) -> MassiveSession:
    machine = session()
    machine.connected(at(now_s))
    machine.received(CONNECTED, at(now_s))
    machine.received(AUTHED, at(now_s))
    machine.received(ack("V.I:SPX", "V.I:NDX"), at(now_s))
    assert machine.state is FeedState.SUBSCRIBED
    return machine


def live(now_s: float = 0.0) -> MassiveSession:
    machine = subscribed(now_s)
    machine.received(values(now_s, ("I:SPX", "6700.1"), ("I:NDX", "25000.123456789")), at(now_s))
    assert machine.state is FeedState.LIVE
    return machine


# --- handshake ---


def test_the_whole_handshake() -> None:
    machine = session()
    assert states(machine.connected(at(0))) == [FeedState.CONNECTING]
    greeted = machine.received(CONNECTED, at(0.1))
    assert greeted.outgoing == ('{"action":"auth","params":"KEY"}',)
    authed = machine.received(AUTHED, at(0.2))
    assert authed.outgoing == (SUBSCRIBE,)
    assert states(greeted, authed) == [FeedState.CONNECTED, FeedState.AUTHED]
    assert states(machine.received(ack("V.I:SPX", "V.I:NDX"), at(0.3))) == [FeedState.SUBSCRIBED]
    first = machine.received(values(0.4, ("I:SPX", "6650.13")), at(0.5))
    assert states(first) == []
    second = machine.received(values(0.4, ("I:NDX", "24812.345678901234")), at(0.5))
    assert states(second) == [FeedState.LIVE]
    value, raw, now = IndexValue(24_812_345_679), "24812.345678901234", at(0.5)
    tick = Tick("massive", "I:NDX", value, raw, at(0.4).utc_ns, now.mono_ns, now.utc_ns)
    assert ticks(second) == [tick]


def test_acks_are_counted_by_object_whatever_the_frames() -> None:
    machine = session()
    machine.connected(at(0))
    machine.received(CONNECTED, at(0))
    machine.received(AUTHED, at(0))
    assert states(machine.received(ack("V.I:NDX"), at(1))) == []
    assert states(machine.received(ack("V.I:NDX", "V.I:OTHER"), at(1))) == []
    assert states(machine.received(ack("V.I:SPX"), at(1))) == [FeedState.SUBSCRIBED]


def test_a_status_that_is_not_the_first_object_counts_too() -> None:
    machine = session()
    machine.connected(at(0))
    machine.received(CONNECTED, at(0))
    mixed = b'[{"ev":"AM","sym":"I:SPX","o":1},' + AUTHED[1:-1] + b',{"x":1}]'
    assert machine.received(mixed, at(0)).outgoing == (SUBSCRIBE,)
    assert machine.counts["unknown"] == 2


def test_legacy_success_text() -> None:
    machine = session()
    machine.connected(at(0))
    machine.received(CONNECTED, at(0))
    old = b'[{"ev":"status","status":"success","message":"authenticated"}]'
    assert machine.received(old, at(0)).outgoing == (SUBSCRIBE,)


def test_without_a_greeting_auth_is_sent_after_two_seconds() -> None:
    machine = session()
    machine.connected(at(0))
    assert machine.next_deadline(at(0)) == at(2).mono_ns
    assert machine.tick(at(1.9)) == QUIET
    assert machine.tick(at(2)).outgoing == ('{"action":"auth","params":"KEY"}',)
    assert machine.received(CONNECTED, at(2.1)) == QUIET
    assert machine.received(AUTHED, at(2.2)).outgoing == (SUBSCRIBE,)


def test_silence_after_auth_hangs_up_in_time() -> None:
    machine = session()
    machine.connected(at(0))
    machine.received(CONNECTED, at(1))
    assert machine.next_deadline(at(1)) == at(11).mono_ns
    assert hung_up(machine.tick(at(11))) == "no answer to auth within 10 s"


def test_auth_timeout_is_retried() -> None:
    machine = session()
    machine.connected(at(0))
    text = b'[{"ev":"status","status":"auth_timeout","message":"No authentication request received."}]'
    assert hung_up(machine.received(text, at(1))).startswith("auth_timeout")
    machine.closed("dropped", at(1))
    assert machine.retry_at(at(1)) == at(1).mono_ns


@pytest.mark.parametrize(
    ("message", "word"),
    [("authentication failed", "check it"), ("Your plan doesn't include websocket access.", "Buy real-time")],
)
def test_a_refused_key_is_fatal_and_says_which_refusal(message: str, word: str) -> None:
    machine = session()
    machine.connected(at(0))
    machine.received(CONNECTED, at(0))
    step = machine.received(orjson.dumps([{"ev": "status", "status": "auth_failed", "message": message}]), at(0))
    assert hung_up(step) == "auth_failed"
    (event,) = step.events
    assert isinstance(event, FeedStatus)
    assert event.state is FeedState.FATAL
    assert word in event.reason
    assert "KEY" not in event.reason
    (closed,) = machine.closed(CLOSED_AS_TOLD, at(1)).events
    assert isinstance(closed, FeedStatus)
    assert closed.state is FeedState.FATAL
    assert closed.reason.startswith(CLOSED_AS_TOLD)
    assert word in closed.reason, "the true reason stays"
    assert machine.retry_at(at(1)) == at(30).mono_ns


def test_a_key_that_was_refused_for_a_while_works_again_and_is_asked_ever_more_slowly() -> None:
    machine, waits = session(), []
    refused = orjson.dumps([{"ev": "status", "status": "auth_failed", "message": "authentication failed"}])
    for n in range(6):
        machine.connected(at(1_000 * n))
        machine.received(CONNECTED, at(1_000 * n))
        machine.received(refused, at(1_000 * n))
        machine.closed("dropped", at(1_000 * n))
        waits.append(((machine.retry_at(at(1_000 * n)) or 0) - at(1_000 * n).mono_ns) // 10**9)
    assert waits == [30, 60, 120, 240, 480, 600]
    assert states(machine.connected(at(9_000))) == [FeedState.CONNECTING]
    assert states(machine.received(CONNECTED, at(9_000))) == [FeedState.CONNECTED]


def test_a_missing_ack_hangs_up_unless_the_value_speaks_for_it() -> None:
    machine = session()
    machine.connected(at(0))
    machine.received(CONNECTED, at(0))
    machine.received(AUTHED, at(0))
    machine.received(ack("V.I:SPX"), at(0))
    assert machine.next_deadline(at(0)) == at(5).mono_ns
    assert "V.I:NDX" in hung_up(machine.tick(at(5)))

    machine.connected(at(10))
    machine.received(CONNECTED, at(10))
    machine.received(AUTHED, at(10))
    step = machine.received(values(10, ("I:SPX", "1"), ("I:NDX", "2")), at(10))
    assert states(step) == [FeedState.SUBSCRIBED, FeedState.LIVE]
    assert len(ticks(step)) == 2


def test_a_topic_not_in_the_plan_leaves_the_other() -> None:
    machine = session()
    machine.connected(at(0))
    machine.received(CONNECTED, at(0))
    machine.received(AUTHED, at(0))
    assert machine.received(NOT_AUTHORIZED, at(0)) == QUIET
    step = machine.received(ack("V.I:SPX"), at(0))
    assert reason(step) == "I:SPX; not authorized: I:NDX"
    assert states(machine.received(values(0, ("I:SPX", "1")), at(0))) == [FeedState.LIVE]


def test_no_topic_in_the_plan_is_fatal() -> None:
    machine = session()
    machine.connected(at(0))
    machine.received(CONNECTED, at(0))
    machine.received(AUTHED, at(0))
    machine.received(NOT_AUTHORIZED, at(0))
    step = machine.received(NOT_AUTHORIZED, at(0))
    assert states(step) == [FeedState.FATAL]
    assert hung_up(step) == "not authorized"


def test_over_the_quota_cools_down_for_a_minute_and_does_not_prove_the_connection() -> None:
    machine = live()
    assert hung_up(machine.received(CAP, at(3))) == "max_connections"
    assert machine.state is FeedState.COOLING
    assert not machine.proven(at(3))
    assert states(machine.closed("closed 1008", at(3.1))) == [FeedState.COOLING]
    assert machine.retry_at(at(3.1)) == at(63).mono_ns
    assert states(machine.closed(CLOSED_AS_TOLD, at(63.1))) == [FeedState.DOWN]


# --- values ---


def test_out_of_order_and_duplicates_are_dropped_and_a_stuck_stamp_is_passed_on() -> None:
    machine = live()
    assert len(ticks(machine.received(values(1, ("I:SPX", "6700.2")), at(1)))) == 1
    assert ticks(machine.received(values(1, ("I:SPX", "6700.2")), at(1.1))) == []
    assert ticks(machine.received(values(0.5, ("I:SPX", "6700.3")), at(1.2))) == []
    assert len(ticks(machine.received(values(1, ("I:SPX", "6700.4")), at(1.3)))) == 1
    assert (machine.counts["duplicate"], machine.counts["out_of_order"]) == (1, 1)


def test_order_is_remembered_across_connections() -> None:
    machine = live()
    machine.received(values(5, ("I:SPX", "6700.2")), at(5))
    machine.closed("dropped", at(6))
    machine.connected(at(7))
    machine.received(CONNECTED, at(7))
    machine.received(AUTHED, at(7))
    machine.received(ack("V.I:SPX", "V.I:NDX"), at(7))
    assert ticks(machine.received(values(4, ("I:SPX", "6700.9")), at(7))) == []


def test_nanosecond_stamps_are_understood() -> None:
    machine = subscribed()
    frame = f'[{{"ev":"V","val":1.5,"T":"I:SPX","t":{at(1).utc_ns}}}]'
    (tick,) = ticks(machine.received(frame, at(1)))
    assert tick.event_ns == at(1).utc_ns


def test_values_of_another_time_are_never_passed_on() -> None:
    machine = live()
    old = machine.received(values(-899, ("I:SPX", "1")), at(1))
    assert ticks(old) == []
    machine._last.clear()  # noqa: SLF001 - as on a first connection to a delayed host
    old = machine.received(values(-899, ("I:SPX", "1")), at(1))
    assert states(old) == [FeedState.SUBSCRIBED]
    assert reason(old) == "feed_delayed: values are 900 s old"
    assert machine.received(values(-898, ("I:SPX", "1")), at(2)) == QUIET
    ahead = machine.received(values(9, ("I:NDX", "1")), at(3))
    assert ahead == QUIET
    assert machine.counts["delayed"] == 3
    assert states(machine.received(values(3, ("I:SPX", "1"), ("I:NDX", "2")), at(3))) == [FeedState.LIVE]
    again = machine.received(values(12, ("I:NDX", "1")), at(4))
    assert reason(again) == "feed_delayed: values are 8 s ahead of our clock"


def test_an_early_stamp_does_not_block_the_values_after_it() -> None:
    machine = live()
    machine.received(values(30, ("I:SPX", "1")), at(1))
    assert len(ticks(machine.received(values(2, ("I:SPX", "2")), at(2)))) == 1


def test_other_symbols_and_bad_values_are_counted_not_passed_on() -> None:
    machine = live()
    step = machine.received(values(1, ("I:DJI", "1"), ("I:SPX", "-3"), ("I:SPX", '"text"'), ("I:SPX", "0")), at(1))
    assert step == QUIET
    assert (machine.counts["unknown"], machine.counts["malformed"]) == (1, 3)


@pytest.mark.parametrize("data", [b"", b"[", b"{}", b"null", b"[null]", b"[[]]", b'["V"]', b"\x00"])
def test_rubbish_changes_nothing(data: bytes) -> None:
    machine = live()
    assert machine.received(data, at(1)) == QUIET
    assert machine.state is FeedState.LIVE
    assert machine.counts["malformed"] == 1


# --- silence ---


def test_five_seconds_of_silence_of_one_index_is_stale_and_after_twenty_five_it_is_asked_for_again() -> None:
    machine = live()
    for second in range(1, 6):
        machine.received(values(second, ("I:SPX", f"{second}.5")), at(second))
    assert machine.next_deadline(at(4.5)) == at(5).mono_ns
    step = machine.tick(at(5))
    assert states(step) == [FeedState.SUBSCRIBED]
    assert reason(step) == "stale: I:NDX silent for 5 s"
    for second in range(6, 25):
        machine.received(values(second, ("I:SPX", f"{second}.5")), at(second))
        assert machine.tick(at(second)) == QUIET
    assert not machine.proven(at(24))
    assert machine.next_deadline(at(24)) == at(25).mono_ns
    # The other index speaks: it keeps its socket, and the silent one is subscribed to again, once a minute.
    again = (b'{"action":"subscribe","params":"V.I:NDX"}'.decode(),)
    asked = []
    for second in range(25, 145):
        machine.received(values(second, ("I:SPX", f"{second}.5")), at(second))
        step = machine.tick(at(second))
        assert step.events == ()
        asked += [second] if step.outgoing else []
        assert step.outgoing in ((), again)
        due = machine.next_deadline(at(second))
        assert due is not None
        assert due >= at(second + 1).mono_ns, "a dead topic keeps no timer spinning"
    assert asked == [25, 85]
    # When both are silent the socket is given up.
    assert machine.tick(at(168.9)).outgoing in ((), again)
    assert "I:NDX, I:SPX silent" in hung_up(machine.tick(at(169)))


def test_a_topic_subscribed_to_again_is_live_when_it_speaks() -> None:
    machine = live()
    for second in range(1, 27):
        machine.received(values(second, ("I:SPX", f"{second}.5")), at(second))
        machine.tick(at(second))
    assert machine.received(ack("V.I:NDX"), at(26)) == QUIET
    assert states(machine.received(values(26.5, ("I:NDX", "2")), at(26.5))) == [FeedState.LIVE]


def test_a_stale_session_is_live_again_when_the_silent_index_speaks() -> None:
    machine = live()
    machine.received(values(4, ("I:SPX", "1")), at(4))
    machine.tick(at(5))
    assert states(machine.received(values(6, ("I:NDX", "2")), at(6))) == [FeedState.LIVE]


def test_a_topic_acknowledged_and_never_heard_hangs_up() -> None:
    machine = subscribed()
    assert machine.next_deadline(at(0)) == at(25).mono_ns
    assert "I:NDX, I:SPX silent" in hung_up(machine.tick(at(25)))


def test_silence_outside_regular_hours_means_nothing() -> None:
    hours = [False]
    machine = session(expects=lambda _now: hours[0])
    machine.connected(at(0))
    machine.received(CONNECTED, at(0))
    machine.received(AUTHED, at(0))
    machine.received(ack("V.I:SPX", "V.I:NDX"), at(0))
    assert machine.tick(at(3_600)) == QUIET
    hours[0] = True
    assert machine.next_deadline(at(3_600)) == at(3_625).mono_ns
    assert machine.tick(at(3_624)) == QUIET
    assert hung_up(machine.tick(at(3_625)))


def test_proven_after_ten_seconds_of_values() -> None:
    machine = live()
    assert not machine.proven(at(9.9))
    assert machine.proven(at(10))
    machine.closed("dropped", at(11))
    assert not machine.proven(at(30))


@pytest.mark.parametrize("make", [session, subscribed, live])
def test_deadlines_lie_after_now(make: Callable[[], MassiveSession]) -> None:
    machine = make()
    for second in range(0, 60, 7):
        due = machine.next_deadline(at(second))
        assert due is None or due > at(second).mono_ns


def test_every_end_is_told_even_when_nothing_changed() -> None:
    machine = session()
    assert reason(machine.closed("cannot connect: OSError", at(0))) == "cannot connect: OSError"
    assert reason(machine.closed(CLOSED_AS_TOLD, at(1))) == CLOSED_AS_TOLD


def test_the_last_words_of_the_vendor_are_kept_for_the_reason() -> None:
    machine = live()
    machine.received(b'[{"ev":"status","status":"slow_consumer","message":"too slow"}]', at(1))
    assert reason(machine.closed("closed 1008", at(1))) == "closed 1008; slow_consumer: too slow"


def test_a_format_that_has_changed_is_named_and_not_called_silence() -> None:
    machine = live()
    odd = orjson.dumps([{"ev": "V", "val": 6700.25, "T": "I:SPX", "t": "1795233262106"}])
    assert not machine.received(odd, at(1)).events
    assert not machine.received(odd, at(2)).events
    (event,) = machine.received(odd, at(3)).events
    assert isinstance(event, FeedStatus)
    assert event.state is FeedState.SUBSCRIBED
    assert event.reason.startswith("schema: 3 frames running cannot be read")
    assert not machine.received(odd, at(4)).events, "told once"
    assert machine.counts["malformed"] == 4
