from __future__ import annotations

from daemon.engine.holdings import Holdings
from daemon.runtime.log_lines import log_facts, summary
from domain.market import Side
from domain.records import OperatorActionEntry
from domain.window import Phase
from tests.journal import story


def test_an_operators_order_is_a_line_with_who_and_why() -> None:
    assert log_facts(OperatorActionEntry("pause", "ann", "lunch", "operator_cli")) == {
        "command": "pause", "by": "ann", "cause": "lunch", "road": "operator_cli", "stream": "decisions",
    }  # fmt: skip


def test_a_fill_is_a_line_among_the_trades_in_the_exchanges_own_decimals() -> None:
    told = log_facts(story.filled(1, story.LOW, Side.BID, 5000, 17_500)) or {}
    assert "window" not in told
    assert "client_order_id" not in told
    assert (told["fill_price"], told["fill_count"], told["fee"]) == ("0.5000", "1.00", "0.017500")
    assert (told["ticker"], told["side"], told["stream"]) == (story.LOW, "bid", "trades")


def test_a_phase_is_told_without_its_plan_and_a_time_without_noise() -> None:
    assert log_facts(story.phase(Phase.STRICT)) == {
        "series": "INXU", "label": "hourly-1000", "phase": "strict", "stream": "decisions",
    }  # fmt: skip
    assert (log_facts(story.flat("all", 443.031523)) or {})["ms"] == 443.032


def test_what_comes_by_the_thousand_stays_in_the_journal() -> None:
    assert log_facts(story.order_created(1, story.LOW, Side.BID, 1, 2)) is None


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
