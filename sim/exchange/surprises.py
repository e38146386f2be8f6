"""What an exchange may do to its own listing without asking: list late, close early, change the strikes of an event.

All of it at once and on the record: the lifecycle messages that the exchange would send go out, resting orders end as
they would, and settlement comes when it was always going to come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.exchange.book.book import Book
from sim.exchange.book.fixed import NS
from sim.exchange.book.lifecycle import cancel_all_in
from sim.exchange.book.listing import FAMILIES, event_ticker, market_ticker
from sim.exchange.book.notices import EventListed, MarketLife
from sim.exchange.book.objects import Event, Market

if TYPE_CHECKING:
    from sim.exchange.core import Exchange

NS_PER_MS = 1_000_000


def events_of(exchange: Exchange, close_ns: int) -> list[Event]:
    """The events of every series that close at an instant."""
    return [event for event in exchange.state.events.values() if event.close_ns == close_ns]


def close_early(exchange: Exchange, close_ns: int, now_ns: int) -> int:
    """Close the markets of an instant now: nothing is taken any more, what rests is cancelled shortly after."""
    state, closed = exchange.state, 0
    for event in events_of(exchange, close_ns):
        for market in event.markets:
            if market.status != "active":
                continue
            market.status, market.updated_ns = "closed", now_ns
            state.emit(MarketLife(market, "close_date_updated", {"close_ts": now_ns // NS}))
            when_ns = now_ns + state.config.close_cancel_ms * NS_PER_MS
            state.at(when_ns, lambda at_ns, market=market: cancel_all_in(state, market, at_ns, "CloseCancel"))
            closed += 1
    return closed


def hold_back(exchange: Exchange, close_ns: int) -> list[Event]:
    """Do not list the events of an instant until told to: those listed already are gone again."""
    state, life = exchange.state, exchange.life
    hidden = []
    for series in state.series.values():
        ticker = event_ticker(series.ticker, close_ns, with_seconds=life.with_seconds)
        life.held_back.add(ticker)
        event = state.events.pop(ticker, None)
        if event is not None:
            hidden.append(event)
            for market in event.markets:
                del state.markets[market.ticker]
    return hidden


def list_late(exchange: Exchange, close_ns: int, hidden: list[Event], now_ns: int) -> int:
    """List what was held back; how many markets there are now."""
    state, life = exchange.state, exchange.life
    for event in hidden:
        state.events[event.ticker] = event
        state.markets.update({market.ticker: market for market in event.markets})
        state.emit(EventListed(event))
        for market in event.markets:
            state.emit(MarketLife(market, "created", {"exchange_index": market.exchange_index}))
    life.held_back.difference_update(
        event_ticker(series.ticker, close_ns, with_seconds=life.with_seconds) for series in state.series.values()
    )
    life.list_ahead(now_ns)
    return sum(len(event.markets) for event in events_of(exchange, close_ns))


def change_strikes(exchange: Exchange, close_ns: int, now_ns: int) -> int:
    """Every second rung of an event is deactivated for good, and a rung is created beside each; how many were."""
    state, created = exchange.state, 0
    for event in events_of(exchange, close_ns):
        family = FAMILIES[event.series.ticker]
        for market in [market for market in event.markets[::2] if market.status == "active"]:
            exchange.life.deactivate(market, now_ns)
            cancel_all_in(state, market, now_ns, "HaltCancel")
            strike = market.strike + family.step // 2
            name = market_ticker(event.ticker, family, strike)
            beside = Market(
                name, state.new_id(), event, strike, market.price_ranges, market.price_level_structure, Book()
            )
            beside.status, beside.updated_ns = "active", now_ns
            event.markets.append(beside)
            state.markets[name] = beside
            state.emit(MarketLife(beside, "created", {"exchange_index": beside.exchange_index}))
            created += 1
        event.markets.sort(key=lambda market: market.strike)
    return created


def settle_oddly(exchange: Exchange, close_ns: int, worth: int, late_ns: int) -> int:
    """The events of an instant will settle `scalar`, at what one YES contract is worth, and late; how many do."""
    events = events_of(exchange, close_ns)
    for event in events:
        event.scalar, event.late_ns = worth, late_ns
    return len(events)
