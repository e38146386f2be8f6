from __future__ import annotations

from daemon.engine.holdings import Holdings
from daemon.runtime.log_lines import spoken, summary
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


def test_the_last_line_of_a_run_tells_what_no_record_does() -> None:
    held = Holdings(exclusive=True, contracts_limit=1)
    held.budget.spend(1, 0)
    held.book.resurrected, held.groups.lost_creates = 2, 4
    assert summary(held, events_waiting_max=3, books_replaced=5) == {
        "events_waiting_max": 3,
        "books_replaced_unread": 5,
        "orders_back_from_gone": 2,
        "cancels_beyond_tokens": 1,
        "group_creates_unanswered": 4,
    }
