"""Which records of the journal also stand in the log, so that a day can be read there: who ordered what, phases, fills.

The journal has everything and is the truth; this is for eyes. Orders placed and cancelled are left out: they are
thousands. Integers of money become the decimals that the exchange prints. `stream` chooses the file beside
`events.jsonl`: decisions or trades.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from daemon.engine.holdings import Holdings
from domain.money import Cash, Count, Price, print_cash, print_count, print_price
from domain.records import (
    CancelAllDoneEntry,
    CancelAllMarkerEntry,
    Entry,
    OperatorActionEntry,
    OrderFilledEntry,
    OrderRefusedEntry,
    PreflightEntry,
    RiskDecisionEntry,
    SettlementEntry,
    TimeToFlatEntry,
    WindowPhaseEntry,
    WindowResultEntry,
    payload_of,
)

STREAMS: dict[type[Entry], str] = {
    OperatorActionEntry: "decisions",
    CancelAllMarkerEntry: "decisions",
    CancelAllDoneEntry: "decisions",
    WindowPhaseEntry: "decisions",
    RiskDecisionEntry: "decisions",
    OrderRefusedEntry: "decisions",
    TimeToFlatEntry: "decisions",
    PreflightEntry: "decisions",
    OrderFilledEntry: "trades",
    SettlementEntry: "trades",
    WindowResultEntry: "trades",
}
LEFT_OUT = frozenset({"scheduler_window", "client_order_id", "index_value", "print", "window", "target_ns"})
MONEY: dict[str, Callable[[int], str]] = {
    "fill_price": lambda value: print_price(Price(value)),
    "fill_count": lambda value: print_count(Count(value)),
    "position": lambda value: print_count(Count(value)),
    "fee": lambda value: print_cash(Cash(value)),
    "revenue": lambda value: print_cash(Cash(value)),
    "pnl": lambda value: print_cash(Cash(value)),
}


def log_facts(entry: Entry) -> Mapping[str, Any] | None:
    """The fields of the record's log line; None for a record that stands in the journal alone."""
    stream = STREAMS.get(type(entry))
    if stream is None:
        return None
    facts = {key: _plain(key, value) for key, value in payload_of(entry).items() if key not in LEFT_OUT}
    return facts | {"stream": stream}


def summary(held: Holdings, *, events_waiting_max: int, books_replaced: int) -> dict[str, int]:
    """What a run met that no record tells, for the log line at its end."""
    return {
        "events_waiting_max": events_waiting_max,
        "books_replaced_unread": books_replaced,
        "orders_back_from_gone": held.book.resurrected,
        "cancels_beyond_tokens": held.budget.starved,
        "group_creates_unanswered": held.groups.lost_creates,
    }


def _plain(key: str, value: object) -> object:
    if isinstance(value, float):
        return round(value, 3)
    money = MONEY.get(key)
    return money(value) if money is not None and isinstance(value, int) else value
