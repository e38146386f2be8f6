from __future__ import annotations

import io
import json
from typing import Any

import msgspec
import pytest
from rich.console import Console

from ops.http.frame import encode, frame_of
from ops.ops_status import Identity
from ops.status import CancelAllView
from ops.terminal import age_text, cash_text, cents_text, finished, gist, plain, screen, span_text
from tests.ops.pictures import GATES, TASKS, aged, gate, picture


def frame(**changes: object) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(encode(frame_of(picture(**changes), TASKS, Identity(), samples=False)))
    return decoded


def shown(decoded: dict[str, Any], more_s: float = 0.0, width: int = 140) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(screen(decoded, more_s, "demo"))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_screen_shows_what_an_operator_asks_first() -> None:
    text = shown(frame())
    for words in ("04:58.0", "QUOTING", "may quote", "0.31 s of 1.50 s", "READY", "OK", "6,800", "61.0", "64.0"):
        assert words in text
    assert "orders that may be live: 8" in text
    assert "realised $1.24" in text


def test_time_goes_on_without_a_new_frame() -> None:
    text = shown(frame(), more_s=4.3)
    assert "04:53.7" in text
    assert "4.61 s of 1.50 s" in text
    assert "CONNECTION LOST 4.3 s ago" in text


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_it_fits_any_width(width: int) -> None:
    assert all(len(line) <= width for line in shown(frame(), width=width).splitlines())


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
        "CANCEL-ALL UNDER WAY: operator_cli",
        "PAUSED: ada: lunch",
        "NOT READY",
    ):
        assert words in text
    assert "freshness INXU: freshness_missing: never seen" in text


def test_nothing_known_still_draws() -> None:
    bare = frame(series=(), ladder=(), orders=(), windows=(), feeds=(), gates=())
    assert "no gate has voted" in shown(bare)
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
        "09:55:00 ET | OK | READY | INXU quoting 04:58.0 age 0.31 s | NASDAQ100U quoting 04:58.0 age 0.31 s | 8 orders"
        " | P&L $1.24"
    )
    assert gist(now) == gist(frame(realised=5))
    assert gist(now) != gist(frame(gates=()))


def test_a_window_that_is_settled_and_reported_has_its_line() -> None:
    (line,) = finished(frame()).values()
    assert line.endswith("P&L $1.24, report INXU/2026-03-06.md")


def test_texts() -> None:
    assert (span_text(298.29), span_text(0.05), span_text(-1.25)) == ("04:58.2", "00:00.0", "-00:01.2")
    assert (age_text(None), age_text(0.314), age_text(65.2)) == ("never", "0.31 s", "65 s")
    assert (cents_text(None), cents_text(6240), cents_text(6241)) == ("", "62.4", "62.41")
    assert (cash_text(None), cash_text(-1_240_000), cash_text(1_234_560_000)) == ("-", "-$1.24", "$1,234.56")
