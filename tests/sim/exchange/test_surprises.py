"""What the exchange does to its own listing: told on the record, and undone by nobody."""

from __future__ import annotations

from sim.exchange.book.listing import Template
from sim.exchange.book.notices import MarketLife, Notice
from sim.exchange.book.state import Config
from sim.exchange.core import Exchange, Plan, whole
from sim.exchange.surprises import change_strikes, close_early, events_of, hold_back, list_late

S = 1_000_000_000
START = 1_796_135_400 * S


def exchange() -> tuple[Exchange, int, list[str]]:
    """One in which a window of a minute has just begun, when that closes, and what it tells of markets."""
    made = Exchange(Config(), Plan(template=Template(60, START // S)), lambda *_: 6_700_000_000, 1, START)
    told: list[str] = []

    def listen(notice: Notice) -> None:
        if isinstance(notice, MarketLife):
            told.append(notice.event_type)

    made.state.listeners.append(listen)
    return made, START + 60 * S, told


def test_closed_early_means_no_order_and_no_rest() -> None:
    made, close_ns, told = exchange()
    market = events_of(made, close_ns)[0].markets[0]
    crowd = made.state.account("crowd", is_member=False)
    rests = made.place(crowd, market, "bid", 4_200, whole(1), START)
    assert rests is not None
    closed = close_early(made, close_ns, START + S)
    assert closed == sum(len(event.markets) for event in events_of(made, close_ns))
    assert told == ["close_date_updated"] * closed
    assert made.place(crowd, market, "bid", 4_200, whole(1), START + S) is None
    made.advance(START + 2 * S)
    assert rests.state.status == "canceled"
    made.advance(close_ns + 200 * S)
    assert market.status == "finalized"


def test_held_back_is_not_there_until_it_is_listed() -> None:
    made, close_ns, told = exchange()
    hidden = hold_back(made, close_ns)
    assert hidden
    made.life.list_ahead(START + S)
    assert events_of(made, close_ns) == []
    assert list_late(made, close_ns, hidden, START + 2 * S) == sum(len(event.markets) for event in hidden)
    assert set(told) == {"created"}
    assert {event.ticker for event in events_of(made, close_ns)} == {event.ticker for event in hidden}


def test_strikes_change_by_ending_some_and_making_others() -> None:
    made, close_ns, told = exchange()
    before = {market.ticker for event in events_of(made, close_ns) for market in event.markets}
    changed = change_strikes(made, close_ns, START + S)
    markets = [market for event in events_of(made, close_ns) for market in event.markets]
    assert changed == len(before) // 2 == len(markets) - len(before)
    assert sorted(set(told)) == ["created", "deactivated"]
    assert sum(market.status == "active" for market in markets) == len(before)
    assert all(
        a.strike < b.strike for e in events_of(made, close_ns) for a, b in zip(e.markets, e.markets[1:], strict=False)
    )
    made.advance(close_ns + 200 * S)
    assert {market.status for market in markets} == {"finalized"}
