from __future__ import annotations

from daemon.runtime.log_lines import spoken
from domain.actions import Record


def test_an_operators_order_is_a_line_with_who_and_why() -> None:
    payload = {"command": "pause", "by": "ann", "cause": "lunch", "road": "operator_cli"}
    assert spoken(Record("operator_action", payload)) == payload | {"stream": "decisions"}


def test_a_fill_is_a_line_among_the_trades_in_the_exchanges_own_decimals() -> None:
    payload = {"ticker": "KX-1", "fill_price": 5000, "fill_count": 100, "fee": 17_500, "window": 1}
    told = spoken(Record("order_filled", payload))
    assert told == {
        "ticker": "KX-1", "fill_price": "0.5000", "fill_count": "1.00", "fee": "0.017500", "stream": "trades",
    }  # fmt: skip


def test_a_phase_is_told_without_its_plan_and_a_time_without_noise() -> None:
    assert spoken(Record("window_phase", {"label": "a", "phase": "strict", "scheduler_window": {"x": 1}})) == {
        "label": "a", "phase": "strict", "stream": "decisions",
    }  # fmt: skip
    assert (spoken(Record("time_to_flat", {"ms": 443.031523})) or {})["ms"] == 443.032


def test_what_comes_by_the_thousand_stays_in_the_journal() -> None:
    assert spoken(Record("order_created", {"price": 1})) is None
