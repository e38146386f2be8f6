from __future__ import annotations

import io
import json
from typing import Any

import msgspec
import pytest
from rich.console import Console

from ops.http.frame import encode, frame_of
from ops.ops_status import Identity
from ops.status import CancelAllView, LimitView
from ops.terminal import finished, gist, plain, screen
from tests.ops.pictures import GATES, TASKS, aged, gate, picture

TROUBLES: dict[str, dict[str, Any]] = {
    "quoting": {},
    "paused and killed": {
        "paused": True,
        "pause_reason": "ada: lunch",
        "kill_switch": True,
        "kill_reason": "file exists",
        "gates": (
            *GATES,
            gate("kill_switch", "FAIL", "", "kill_switch_engaged", "file exists"),
            gate("pause", "FAIL", "", "paused", "ada: lunch"),
            gate("freshness", "FAIL", "INXU", "polygon_ws_stale", "1.61 s old, limit 1.50 s"),
            gate("fees", "UNKNOWN", "INXU", "fees_unknown", "not read yet"),
        ),
    },
}


def frame(**changes: object) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(encode(frame_of(picture(**changes), TASKS, Identity())))
    return decoded


def shown(decoded: dict[str, Any], more_s: float = 0.0, width: int = 140, rows: int = 60) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(screen(decoded, more_s, "demo", "http://127.0.0.1:8080", width, rows))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_screen_shows_what_an_operator_asks_first() -> None:
    text = shown(frame())
    for words in ("04:58.0", "QUOTING", "MAY QUOTE", "0.31 s of 1.50 s", "MAY QUOTE", "OK", "6,800", "61.0", "64.0"):
        assert words in text
    assert "live orders: 8" in text
    assert "$1.24 realised" in text
    assert "loss today $0.00 + worst case $14.60" in text


def test_time_goes_on_without_a_new_frame() -> None:
    text = shown(frame(), more_s=4.3)
    assert "04:53.7" in text
    assert "4.61 s of 1.50 s" in text
    assert "CONNECTION LOST 4.3 s ago" in text


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_it_fits_any_width(width: int) -> None:
    assert all(len(line) <= width for line in shown(frame(), width=width).splitlines())


def test_the_limit_of_which_most_is_used_is_named_once_it_is_near() -> None:
    near = LimitView("per_market", "net in one market", "4 contracts", "4 contracts", 1_000_000)
    assert "nearest limit: per_market 4 contracts of 4 contracts" in shown(frame(limits=(near,)))
    far = LimitView("per_day", "the day's loss", "$1.00", "$1000.00", 1_000)
    assert "nearest limit" not in shown(frame(limits=(far,)))
    assert "nearest limit" not in shown(frame(limits=()))


def test_trouble_is_named() -> None:
    text = shown(
        frame(
            kill_switch=True,
            kill_reason="file exists",
            paused=True,
            pause_reason="ada: lunch",
            gates=(*GATES, gate("freshness", "UNKNOWN", "INXU", "freshness_missing", "never seen")),
            cancel_all=CancelAllView(
                active=True, reason="operator_cli", tail_s=65, last_time_to_flat_ms=None, completed=0
            ),
        )
    )
    for words in (
        "KILL SWITCH ON: file exists",
        "CANCEL-ALL UNDER WAY: operator_cli; 8 orders may be live",
        "PAUSED: ada: lunch",
        "NOT READY",
    ):
        assert words in text
    assert "INXU: no index value has been seen yet (never seen)" in text


def test_nothing_known_still_draws() -> None:
    bare = frame(series=(), ladder=(), orders=(), windows=(), feeds=(), gates=())
    assert "no gate has voted" in shown(bare)
    assert "positions: none" in shown(frame(holdings=(), exposures=()))
    assert "0 orders" in plain(bare)


def test_never_seen_values_draw() -> None:
    views = tuple(
        msgspec.structs.replace(
            view,
            index_value=None,
            window=None,
            opens_ns=None,
            seconds_to_freeze=None,
            phase="closed",
        )
        for view in aged(picture().series, None)
    )
    text = shown(frame(series=views))
    assert "never of 1.50 s" in text
    assert "--:--" in text


def test_a_plain_line_and_when_it_is_news() -> None:
    now = frame()
    assert plain(now) == (
        "09:55:00 ET | OK | MAY QUOTE | INXU quoting 04:58.0 age 0.31 s | NASDAQ100U quoting 04:58.0 age 0.31 s"
        " | 8 orders | P&L $1.24"
    )
    assert gist(now) == gist(frame(realised=5))
    assert gist(now) != gist(frame(gates=()))


def test_a_window_that_is_settled_and_reported_has_its_line() -> None:
    (line,) = finished(frame()).values()
    assert line.endswith("P&L $1.24, report INXU/2026-03-06.md")


@pytest.mark.parametrize("changes", TROUBLES, ids=str)
def test_in_24_rows_of_80_nothing_that_matters_is_cut(changes: str) -> None:
    """Verdict, clock, address, windows, index ages, money, feeds, gates, and every order with price and age."""
    text = shown(frame(**TROUBLES[changes]), width=80, rows=24)
    lines = text.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    for words in (
        *("09:55:00 ET", "http://127.0.0.1:8080", "INXU       QUOTING     04:58.0", "NASDAQ100U QUOTING"),
        *("SPX 6,797.31  age 0.31 s of 1.50 s", "NDX 24,968.55", "P&L $1.24 realised, -$0.12 open", "limit $1,000.00"),
        *("feed > primary live SPX 0.31 s, NDX 0.42 s", "feed   secondary down", "gates:", "INXU 6,680 +5"),
        *("6,795", "62.4", "61.0  4.21s", "64.0  8.42s", "40.0*   13s", "24,950", "live orders: 8"),
    ):
        assert words in text, words
    assert "\u2026" not in text


def test_a_screen_that_lost_the_daemon_calls_nothing_ready() -> None:
    head = shown(frame(), more_s=4.3).splitlines()[0]
    assert "was MAY QUOTE" in head


def test_a_rung_that_is_not_quoted_says_why() -> None:
    (line,) = [line for line in shown(frame()).splitlines() if line.startswith("INXU") and " 6,785 " in line]
    assert line.endswith("others")
