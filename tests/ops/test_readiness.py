from __future__ import annotations

import itertools

import msgspec
import pytest

from ops.readiness import Permission, readiness, verdict_of
from ops.status import Gate
from tests.ops.pictures import GATES, gate, picture

PASSING, AGAINST = ("PASS", "NOT_CONFIGURED"), ("FAIL", "UNKNOWN")


def waiting(name: str, series: str = "") -> Gate:
    return msgspec.structs.replace(gate(name, "FAIL", series, "window_closed"), waits=True)


def test_no_vote_is_no_evidence() -> None:
    assert verdict_of(()) is Permission.NOT_READY
    assert not readiness(picture(gates=())).ready


@pytest.mark.parametrize("status", PASSING)
def test_what_passes_or_is_left_out_lets_orders_out(status: str) -> None:
    assert verdict_of([gate("x", status)]) is Permission.MAY_QUOTE


@pytest.mark.parametrize("status", AGAINST)
def test_what_does_not_pass_holds_unless_it_waits(status: str) -> None:
    held = gate("x", status)
    assert verdict_of([gate("y"), held]) is Permission.NOT_READY
    assert verdict_of([gate("y"), msgspec.structs.replace(held, waits=True)]) is Permission.WAITING
    assert verdict_of([held, waiting("window")]) is Permission.NOT_READY


def test_a_word_that_is_no_status_passes_nothing() -> None:
    assert verdict_of([gate("x", "pass"), gate("y", "")]) is Permission.NOT_READY


def test_the_series_that_is_held_is_named() -> None:
    answer = readiness(picture(gates=(*GATES, gate("freshness", "FAIL", "INXU", "polygon_ws_stale"))))
    assert (answer.verdict, answer.ready, answer.held) == (Permission.NOT_READY, False, ("INXU",))
    assert [g.reason for g in answer.against] == ["polygon_ws_stale"]


def test_a_vote_of_the_account_holds_every_series() -> None:
    answer = readiness(picture(gates=(*GATES, gate("pause", "FAIL", "", "paused"))))
    assert answer.held == ("INXU", "NASDAQ100U")


def test_a_window_that_is_over_waits_and_another_may_quote() -> None:
    one = readiness(picture(gates=(*GATES, waiting("window", "INXU"))))
    both = readiness(picture(gates=(*GATES, waiting("window", "INXU"), waiting("window", "NASDAQ100U"))))
    assert (one.verdict, one.ready) == (Permission.MAY_QUOTE, True)
    assert (both.verdict, both.ready) == (Permission.WAITING, True)


def test_what_waits_is_not_named_where_something_holds() -> None:
    answer = readiness(picture(gates=(*GATES, waiting("window", "INXU"), gate("pause", "FAIL", "", "paused"))))
    assert [g.name for g in answer.against] == ["pause"]


def test_on_the_way_out_nothing_is_ready() -> None:
    assert readiness(picture(stopping=True)).verdict is Permission.NOT_READY


def test_ready_and_the_verdict_never_disagree() -> None:
    """Every pair of votes, in every scope, waiting or not."""
    votes = [
        msgspec.structs.replace(gate("x", status, series), waits=waits)
        for status in (*PASSING, *AGAINST)
        for series in ("", "INXU", "NASDAQ100U")
        for waits in (False, True)
    ]
    for pair in itertools.product(votes, votes):
        shown = picture(gates=pair)
        answer = readiness(shown)
        assert answer.ready == shown.ready == (answer.verdict is not Permission.NOT_READY)
        assert bool(answer.held) == (not answer.ready)
        assert (answer.verdict is Permission.MAY_QUOTE) == any(
            verdict_of([g for g in pair if g.series in {"", name}]) is Permission.MAY_QUOTE
            for name in ("INXU", "NASDAQ100U")
            if answer.ready
        )
