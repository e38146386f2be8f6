"""The exchange refuses, times out, answers 429 and 503, loses frames: flat in time all the same, and nothing twice."""

from __future__ import annotations

import signal
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from domain.actions import Place
from domain.events import BooksStale, PlaceOutcome, StreamStatus, Verdict
from sim.local.waiting import utc_s
from tests.live.stage import Stage, assert_flat_and_maker, assert_journal, playing, until, until_instant

LATE = {"book_stale", "messages_late"}


def strike(stage: Stage, fault: str, **parameters: object) -> None:
    """Have a fault strike, and wait until it has."""
    before = stage.truth()["faults"].get(fault, 0)
    stage.exchange_fault(fault, **parameters)
    until(f"{fault} strikes", lambda: stage.truth()["faults"].get(fault, 0) > before, 6)


@pytest.mark.step("G07")
def test_writes_that_fail_in_every_way(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, period_s=16)) as stage:
        stage.until_quoting()
        number = stage.window_ahead(6)
        until_instant(stage.target_s(number) - stage.open_lead_s)
        stage.until_quoting()
        # Places are refused, throttled, unavailable, never arrive, or are never answered.
        strike(stage, "refuse_orders", op="create_order", count=1)
        strike(stage, "http_429", op="create_order", count=2)
        strike(stage, "http_5xx", op="create_order", count=2)
        strike(stage, "lost_answer", op="create_order", count=1)
        strike(stage, "lost_request", op="create_order", count=1)
        strike(stage, "http_5xx", op="create_order", count=1, processed=True)
        # At the window's end the fast way of flattening is refused, lost and throttled too.
        until_instant(stage.target_s(number) - stage.strict_s)
        stage.until_quoting(3.0, least=1)
        stage.exchange_fault("group_trigger_refused", count=2)
        stage.exchange_fault("lost_answer", op="trigger_group", count=1)
        stage.exchange_fault("http_429", op=["batch_cancel", "cancel_order"], count=2)
        stage.exchange_fault("http_5xx", op=["list_orders"], count=2)
        until_instant(stage.target_s(number) - 1.9)
        assert assert_flat_and_maker(stage.truth())
        assert stage.truth()["faults"]["group_trigger_refused"] >= 1
        # In the next window everything is well again.
        stage.heal()
        until_instant(stage.target_s(number) + 1)
        stage.until_quoting()
        strike(stage, "refuse_orders", op="create_order", count=1, status=401, code="header_timestamp_expired")
        until("nothing is unknown any more", lambda: all(o["state"] == "open" for o in stage.picture()["orders"]), 8)
        # The markets close early, and the exchange's list of open ones lacks them: no listing is no permission.
        stage.exchange_fault("close_early")
        until("the ladder is not known", lambda: "markets_unknown" in stage.reasons(), 10)
        until("nothing rests", lambda: not stage.truth()["resting"], 3)
        sent = stage.truth()["requests"]["create_order"]
        until("it is asked again", partial(_listed_again, stage, stage.truth()["requests"]["list_markets"]), 10)
        assert stage.truth()["requests"]["create_order"] == sent
        assert stage.stop(signal.SIGTERM) == 0
        truth = stage.truth()
        assert not truth["resting"]
        assert_flat_and_maker(truth)
        assert_journal(stage)
        steps = list(stage.steps())
        placed = Counter(a.client_order_id for s in steps for a in s.actions if isinstance(a, Place))
        assert max(placed.values()) == 1, "a place is never sent again under its name"
        verdicts = Counter(s.event.verdict for s in steps if isinstance(s.event, PlaceOutcome))
        assert verdicts[Verdict.UNKNOWN] >= 2
        assert verdicts[Verdict.REFUSED] >= 1
        assert sum(verdicts.values()) == sum(placed.values()), "every place has one outcome"
        written = sum(verdicts.values()) - verdicts[Verdict.UNSENT]
        assert truth["requests"]["create_order"] == written + 1, "one was signed and sent again, for its stamp"


def test_websocket_that_loses_frames_and_drops(tmp_path: Path) -> None:
    with playing(Stage(tmp_path)) as stage:
        stage.until_quoting()  # the preflight of a start takes seconds on a busy machine
        number = stage.window_ahead(4)
        until_instant(stage.target_s(number) - stage.open_lead_s)
        stage.until_quoting()
        # A gap in the numbers: the books are stale at once, until a snapshot mends them.
        strike(stage, "ws_seq_gap", channel="orderbook_delta", count=1)
        until("a gap noticed", lambda: any(isinstance(s.event, BooksStale) for s in stage.steps()), 3)
        until("books mended", lambda: "book_stale" not in stage.reasons(), 3)
        stage.until_quoting(5.0)
        # The private stream goes: what it would have told is not known, so nothing may rest until it was listed.
        stage.exchange_fault("ws_drop", code=1012)
        until("the drop noticed", lambda: downs(stage), 3)
        # An order that no list has shown is proven gone only 8 s after its last news.
        until("back, and reconciled", lambda: "private_stream_down" not in stage.reasons(), 14)
        until_instant(stage.target_s(number) - 1.9)
        assert assert_flat_and_maker(stage.truth())
        until_instant(stage.target_s(number) + 1)
        stage.until_quoting()
        # In order and whole, but five seconds late: old news is no permission.
        stage.exchange_fault("ws_delay", ms=5_000)
        until("late messages are noticed", lambda: not LATE.isdisjoint(stage.reasons()), 20)
        until("nothing rests", lambda: not stage.truth()["resting"], 10)
        stage.heal()
        assert stage.stop(signal.SIGTERM) == 0
        truth = stage.truth()
        assert not truth["resting"]
        assert_flat_and_maker(truth)
        assert_journal(stage)


@pytest.mark.parametrize("off_s", [3_600, -3_600])
def test_a_clock_an_hour_off_places_nothing_and_strands_nothing(tmp_path: Path, off_s: int) -> None:
    with playing(Stage(tmp_path, first_open_s=2)) as stage:
        stage.until_quoting(least=4)
        # The exchange's clock jumps: every stamp of ours is refused now, those on cancels and listings too.
        stage.exchange_fault("clock_skew_ms", ms=off_s * 1_000)
        until("the clock is not trusted", lambda: "clock_untrusted" in stage.reasons(), 15)
        until("nothing rests", lambda: not stage.truth()["resting"], 5)
        sent = stage.truth()["requests"]["create_order"]
        # Started anew with that clock, and stopped: it finds out that it is flat, and says so.
        assert stage.stop(signal.SIGTERM) == 0
        stage.start_daemon()
        stage.wait_for_page()
        until("reconciled", lambda: stage.picture().get("reconciled"), 15)
        assert "clock_untrusted" in stage.reasons()
        assert stage.stop(signal.SIGTERM) == 0
        assert stage.truth()["requests"]["create_order"] == sent
        assert_journal(stage, runs=2)


def downs(stage: Stage) -> list[str]:
    """Why the stream went down, each time it did."""
    return [s.event.reason for s in stage.steps() if isinstance(s.event, StreamStatus) and not s.event.up]


@pytest.mark.step("H19")
def test_exchange_that_pauses_trading(tmp_path: Path) -> None:
    with playing(Stage(tmp_path, first_open_s=2)) as stage:
        stage.until_quoting()
        number = stage.window_ahead(3)
        until_instant(stage.target_s(number) - stage.open_lead_s)
        stage.until_quoting()
        begun_s = utc_s()
        stage.exchange_fault("trading_pause", for_s=4)
        # Every order carries cancel_order_on_pause: the exchange itself clears the book.
        until("nothing rests", lambda: not stage.truth()["resting"], 1)
        until("the pause is known", lambda: "exchange_paused" in stage.reasons(), 10)
        until("the pause is over", lambda: utc_s() - begun_s > 4 and "exchange_paused" not in stage.reasons(), 20)
        stage.until_quoting()
        assert stage.stop(signal.SIGTERM) == 0
        assert_flat_and_maker(stage.truth())
        assert_journal(stage)


def _listed_again(stage: Stage, before: int) -> bool:
    return int(stage.truth()["requests"]["list_markets"]) > before + 1
