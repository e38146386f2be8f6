"""The life of events and markets, and the pauses of the exchange.

initialized -> active (open_time) -> closed (close_time) -> determined -> finalized; opening and closing on time have no
websocket message. After the close every order operation is refused, and what still rests is cancelled "shortly after"
(CloseCancel). Settlement uses the last index value at or before the close, compared at two decimals with the strike.
Thursday 03:00-05:00 Eastern is a trading pause: no place, no amend, cancels pass, flagged orders are cancelled.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from domain.stamps import NEW_YORK
from sim.exchange.book import matching
from sim.exchange.book.book import Book
from sim.exchange.book.fixed import NS, PRICE_ONE, parse_price, show_price
from sim.exchange.book.listing import FAMILIES, HOUR_S, Template, event_ticker, market_ticker, moment, strikes
from sim.exchange.book.notices import EventListed, FeeOverride, MarketLife, PositionChanged
from sim.exchange.book.objects import Event, Market, Position, Series, Settlement

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.exchange.book.state import State

NS_PER_MS = 1_000_000
LISTED_AHEAD = 3
EVENTS_KEPT_MAX = 200
LINEAR_CENT = [(0, PRICE_ONE, 100)]
THURSDAY = 3
PAUSE_FROM, PAUSE_TO = time(3), time(5)


class Lifecycle:
    """Lists, opens, closes and settles; pauses and resumes."""

    def __init__(
        self,
        state: State,
        template: Template,
        rungs: int,
        index_value: Callable[[str, int], int],
        price_ranges: list[tuple[int, int, int]] | None = None,
        price_level_structure: str = "linear_cent",
    ) -> None:
        self.state = state
        self.template = template
        self.rungs = rungs
        self.index_value = index_value
        self.price_ranges = LINEAR_CENT if price_ranges is None else price_ranges
        self.price_level_structure = price_level_structure
        # Tickers of events that are listed late, by hand (sim/exchange/surprises.py).
        self.held_back: set[str] = set()

    def begin(self, tickers: list[str], shard: int, now_ns: int) -> None:
        """Make the series, list the first events, arm the Thursday pause."""
        self.state.now_ns = now_ns
        for ticker in tickers:
            family = FAMILIES[ticker]
            series = Series(ticker, family.symbol, f"{family.name} hourly", shard, family.step, "")
            self.state.series[ticker] = series
            record_fee(self.state, series, now_ns - 90 * 86_400 * NS)
        self.list_ahead(now_ns)
        if self.state.config.thursday_pause:
            self._arm_thursday(now_ns)

    # -- listing ------------------------------------------------------------------------------------------------

    def list_ahead(self, now_ns: int) -> None:
        """Have the current and the next events of every series listed (all of the day's, when hourly)."""
        for series in self.state.series.values():
            closes = self.template.closes(now_ns)
            today: date | None = None
            for number, close_ns in enumerate(closes):
                day = datetime.fromtimestamp(close_ns // NS, UTC).astimezone(NEW_YORK).date()
                today = today or day
                if number >= LISTED_AHEAD and (self.template.anchor_s is not None or day != today):
                    break
                ticker = event_ticker(series.ticker, close_ns, with_seconds=self.with_seconds)
                if ticker not in self.state.events and ticker not in self.held_back:
                    self.list_event(series, close_ns, now_ns)
        self._forget_old()

    @property
    def with_seconds(self) -> bool:
        """Whether tickers name the second: closes lie closer than an hour."""
        return self.template.anchor_s is not None and self.template.period_s < HOUR_S

    def list_event(self, series: Series, close_ns: int, now_ns: int) -> Event:
        """One event with its ladder around the index of this moment, and its future."""
        state, family = self.state, FAMILIES[series.ticker]
        ticker = event_ticker(series.ticker, close_ns, with_seconds=self.with_seconds)
        words = moment(close_ns, with_seconds=self.with_seconds)
        open_ns = self.template.opens(close_ns)
        event = Event(ticker, series, close_ns, open_ns, now_ns, f"{family.name} price on {words}?", words)
        state.events[ticker] = event
        for strike in strikes(family, self.index_value(series.symbol, now_ns), self.rungs):
            name = market_ticker(ticker, family, strike)
            market = Market(name, state.new_id(), event, strike, self.price_ranges, self.price_level_structure, Book())
            market.updated_ns = now_ns
            market.status = "active" if now_ns >= open_ns else "initialized"
            event.markets.append(market)
            state.markets[name] = market
        state.emit(EventListed(event))
        for market in event.markets:
            state.emit(MarketLife(market, "created", {"exchange_index": market.exchange_index}))
        if open_ns > now_ns:
            state.at(open_ns, lambda at_ns: self._open(event, at_ns))
        state.at(event.freeze_ns, lambda _at_ns: self._freeze(event))
        state.at(close_ns, lambda at_ns: self._close(event, at_ns))
        return event

    def _forget_old(self) -> None:
        settled = [event for event in self.state.events.values() if event.settled_ns is not None]
        for event in settled[: max(0, len(settled) - EVENTS_KEPT_MAX)]:
            del self.state.events[event.ticker]
            for market in event.markets:
                del self.state.markets[market.ticker]

    # -- the hour -----------------------------------------------------------------------------------------------

    def _open(self, event: Event, at_ns: int) -> None:
        for market in event.markets:
            if market.status == "initialized":
                market.status, market.updated_ns = "active", at_ns

    def _freeze(self, event: Event) -> None:
        event.own_resting_after_freeze_max = max(event.own_resting_after_freeze_max, event.own_resting)

    def _close(self, event: Event, at_ns: int) -> None:
        config = self.state.config
        for market in event.markets:
            market.status, market.updated_ns = "closed", at_ns
        self.state.at(at_ns + config.close_cancel_ms * NS_PER_MS, lambda when: self._close_cancel(event, when))
        low, high = config.settle_delay_s
        delay_ns = int(self.state.rng.uniform(low, high) * NS)
        self.state.at(at_ns + delay_ns + event.late_ns, lambda when: self._settle(event, when))
        self.list_ahead(at_ns)

    def _close_cancel(self, event: Event, at_ns: int) -> None:
        for market in event.markets:
            cancel_all_in(self.state, market, at_ns, "CloseCancel")

    def _settle(self, event: Event, at_ns: int) -> None:
        """Determine and settle every market of the event in one step."""
        self._close_cancel(event, at_ns)
        value = self.index_value(event.series.symbol, event.close_ns)
        value_cents = (value + 5_000) // 10_000
        event.value_text = f"{value_cents // 100}.{value_cents % 100:02d}00"
        event.settled_ns = at_ns
        for market in event.markets:
            won = value_cents >= market.strike * 100
            market.result, market.worth = ("yes", PRICE_ONE) if won else ("no", 0)
            if event.scalar is not None:
                market.result, market.worth = "scalar", event.scalar
            market.status, market.updated_ns = "finalized", at_ns
            seconds = at_ns // NS
            worth = f"{market.worth // PRICE_ONE}.{market.worth % PRICE_ONE:04d}"
            self.state.emit(
                MarketLife(
                    market,
                    "determined",
                    {"result": market.result, "determination_ts": seconds, "settlement_value": worth},
                )
            )
            pay_out(self.state, market, at_ns)
            self.state.emit(MarketLife(market, "settled", {"settled_ts": seconds}))

    # -- pauses -------------------------------------------------------------------------------------------------

    def pause(self, kind: str, reason: str, at_ns: int, until_ns: int | None = None) -> None:
        """Halt trading or the exchange; orders that asked for it are cancelled at once."""
        halts = self.state.pauses.exchange if kind == "exchange" else self.state.pauses.trading
        halts[reason] = until_ns
        for market in self.state.markets.values():
            cancel_flagged(self.state, market, at_ns)
        if until_ns is not None:
            self.state.at(until_ns, lambda _when: _lift(halts, reason, until_ns))

    def announce(self, start_ns: int, end_ns: int) -> None:
        """Tell of a maintenance in the schedule, and keep it."""
        self.state.announced.append((start_ns, end_ns))
        self.state.at(start_ns, lambda when: self.pause("trading", "announced", when, end_ns))

    def resume(self, reason: str) -> None:
        """End the halts of that reason."""
        self.state.pauses.trading.pop(reason, None)
        self.state.pauses.exchange.pop(reason, None)

    def deactivate(self, market: Market, at_ns: int) -> None:
        """Halt one market: orders stay until it is activated again."""
        if market.status != "active":
            return
        market.status, market.halted, market.updated_ns = "inactive", True, at_ns
        cancel_flagged(self.state, market, at_ns)
        self.state.emit(MarketLife(market, "deactivated", {"is_deactivated": True}))

    def activate(self, market: Market, at_ns: int) -> None:
        """End the halt of one market, which cancels all that still rests in it."""
        if market.status != "inactive":
            return
        market.status, market.halted, market.updated_ns = "active", False, at_ns
        cancel_all_in(self.state, market, at_ns, "HaltCancel")
        self.state.emit(MarketLife(market, "activated", {"is_deactivated": False}))

    def change_fee(self, terms: dict[str, Any], at_ns: int) -> None:
        """Change the terms of one series, or (with `event`) override those of one event; all series when neither."""
        fee_type, multiplier = str(terms.get("fee_type", "quadratic_with_maker_fees")), terms.get("fee_multiplier", 1)
        if "event" in terms:
            event = self.state.events.get(str(terms["event"]))
            if event is not None:
                override_fee(self.state, event, fee_type, multiplier)
            return
        for series in self.state.series.values():
            if terms.get("series") in (None, series.ticker):
                series.fee_type, series.fee_multiplier = fee_type, multiplier
                record_fee(self.state, series, at_ns)

    def change_grid(self, which: dict[str, Any], at_ns: int) -> None:
        """Give one event's markets, or all, another step; what rests stays where it is."""
        step = parse_price(str(which.get("step", "0.001"))) or LINEAR_CENT[0][2]
        name = {100: "linear_cent", 10: "deci_cent"}.get(step, f"step_{show_price(step)}")
        for market in self.state.markets.values():
            if which.get("event") in (None, market.event.ticker) and market.status != "finalized":
                market.price_ranges, market.price_level_structure = [(0, PRICE_ONE, step)], name
                market.updated_ns = at_ns
                told = {"price_level_structure": name, "price_ranges": ranges(market)}
                self.state.emit(MarketLife(market, "price_level_structure_updated", told))

    def halt(self, which: dict[str, Any], at_ns: int, until_ns: int | None) -> None:
        """Deactivate one market, one event's, or (neither named) all active ones; `until_ns` activates them again."""
        ticker, event = which.get("ticker"), which.get("event")
        for market in self.state.markets.values():
            if (ticker in (None, market.ticker)) and (event in (None, market.event.ticker)):
                self.deactivate(market, at_ns)
                if until_ns is not None:
                    self.state.at(until_ns, partial(self._activate_at, market))

    def _activate_at(self, market: Market, at_ns: int) -> None:
        self.activate(market, at_ns)

    def _arm_thursday(self, now_ns: int) -> None:
        start, end = next_thursday(now_ns)
        if start <= now_ns:
            self.pause("trading", "maintenance", now_ns, end)
        else:
            self.state.at(start, lambda when: self.pause("trading", "maintenance", when, end))
        self.state.at(end, self._arm_thursday)


def _lift(halts: dict[str, int | None], reason: str, until_ns: int) -> None:
    """End a halt at its time, unless another of the same reason has taken its place."""
    if halts.get(reason) == until_ns:
        del halts[reason]


def next_thursday(now_ns: int) -> tuple[int, int]:
    """Start and end of the maintenance window that is on, or comes next."""
    day = datetime.fromtimestamp(now_ns // NS, UTC).astimezone(NEW_YORK).date()
    while True:
        end = int(datetime.combine(day, PAUSE_TO, NEW_YORK).timestamp()) * NS
        if day.weekday() == THURSDAY and end > now_ns:
            return int(datetime.combine(day, PAUSE_FROM, NEW_YORK).timestamp()) * NS, end
        day += timedelta(days=1)


def cancel_all_in(state: State, market: Market, at_ns: int, reason: str) -> None:
    """Cancel whatever rests in one market, bids first, in book order."""
    for side in (market.book.bids, market.book.asks):
        for order in [order for price in side.prices for order in side.levels[price].orders.values()]:
            matching.cancel(state, order, at_ns, reason)


def cancel_flagged(state: State, market: Market, at_ns: int) -> None:
    """Cancel the orders that asked to be cancelled on a pause."""
    for side in (market.book.bids, market.book.asks):
        for order in [order for price in side.prices for order in side.levels[price].orders.values()]:
            if order.cancel_on_pause:
                matching.cancel(state, order, at_ns, "HaltCancel")


def pay_out(state: State, market: Market, at_ns: int) -> None:
    """Pay every account what its contracts are worth, a dollar between both legs; the market's escrow is then empty."""
    for account, position in market.holders:
        count, cost = position.count.value, position.cost.value
        revenue = count * market.worth if count > 0 else -count * (PRICE_ONE - market.worth)
        purse = account.purse(position.subaccount, market.exchange_index)
        purse.set(at_ns, purse.value + revenue)
        position.settled, position.updated_ns = True, at_ns
        market.open_interest -= max(count, 0)
        if not account.is_member:
            del account.positions[position.subaccount, market.ticker]
            continue
        position.realized += revenue - cost
        position.count.set(at_ns, 0)
        position.cost.set(at_ns, 0)
        if count:
            account.settlements.append(_settlement(position, count, cost, revenue, at_ns))
            state.emit(PositionChanged(account, position))
    market.holders.clear()


def _settlement(position: Position, count: int, cost: int, revenue: int, at_ns: int) -> Settlement:
    """The row that the account sees: what it held of each leg, and what that had cost."""
    return Settlement(
        market=position.market,
        subaccount=position.subaccount,
        yes_count=max(count, 0),
        yes_cost=cost if count > 0 else 0,
        no_count=max(-count, 0),
        no_cost=cost if count < 0 else 0,
        revenue=revenue,
        fees=position.fees,
        at_ns=at_ns,
    )


def record_fee(state: State, series: Series, at_ns: int) -> None:
    """Add the series' present fee terms to its history."""
    series.fee_changes.insert(
        0,
        {
            "id": state.new_id(),
            "series_ticker": series.ticker,
            "fee_type": series.fee_type,
            "fee_multiplier": series.fee_multiplier,
            "scheduled_ns": at_ns,
        },
    )


def override_fee(state: State, event: Event, fee_type: str | None, multiplier: float | None) -> None:
    """Set or lift (None) an event's own fee terms."""
    event.fee_type_override, event.fee_multiplier_override = fee_type, multiplier
    state.emit(FeeOverride(event))


def describe(market: Market) -> dict[str, Any]:
    """The `additional_metadata` of a `created` message."""
    return {
        "name": market.event.title,
        "title": market.event.title,
        "yes_sub_title": f"{market.strike:,} or above",
        "no_sub_title": f"{market.strike:,} or above",
        "rules_primary": rules(market),
        "rules_secondary": "",
        "can_close_early": True,
        "event_ticker": market.event.ticker,
        "expected_expiration_ts": market.event.close_ns // NS + 300,
        "strike_type": "greater_or_equal",
        "floor_strike": market.strike,
    }


def ranges(market: Market) -> list[dict[str, str]]:
    """The grid as the exchange writes it: the only truth about ticks."""
    return [
        {"start": show_price(low), "end": show_price(high), "step": show_price(step)}
        for low, high, step in market.price_ranges
    ]


def rules(market: Market) -> str:
    """The market's own words for what makes it YES."""
    name = FAMILIES[market.event.series.ticker].name
    below = market.ticker.rsplit("-T", 1)[1]
    return f"If the {name} index value on {market.event.sub_title} is above {below}, then the market resolves to Yes."
