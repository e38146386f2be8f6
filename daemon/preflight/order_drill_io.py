"""Trial orders on the real account: placed far from the market, watched in the exchange's own list, always taken away.

One `Trial` has one market and one order group. It never has more than the lots it was given at once, asks the gate for
every place, and `tidy` leaves nothing behind: what was placed is cancelled by id, the group deleted. Should even that
fail, the orders' own expiry ends them within seconds.
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple, TypeVar

from daemon.client.exchange_io import ExchangeClient, Unread, WriteEnd
from daemon.preflight.order_drill import (
    LIFE_S,
    BookAnswer,
    best_ask,
    cannot_match,
    choose,
    trial_price,
)
from domain.actions import CancelOrders, CreateGroup, DeleteGroup, Place, Read, TriggerGroup
from domain.clock import NS_PER_MS, NS_PER_S
from domain.door import PAGE_BYTES_MAX, Door
from domain.errors import ProtocolError, UnavailableError
from domain.events import GroupOutcome, OrdersRead, PlaceOutcome, Verdict
from domain.ids import ClientOrderId, GroupId, OrderId, RequestId, client_order_id
from domain.market import Market, OrderRef, Side
from domain.money import COUNT_PER_CONTRACT, Count
from execution.kalshi.discovery import exchange_series
from execution.kalshi.pages import one, pages
from execution.kalshi.quoted import MarketQuote, QuotedPage, read_quote
from guards.gate import Closed, evaluate
from guards.vote import Vote

NOBODY: Final = RequestId(0)
LOOK_S: Final = 0.1
SETTLE_NS: Final = NS_PER_S
GONE_LIMIT_MS: Final = 8_000
CONTRACTS_LIMIT: Final = 5

Ended = TypeVar("Ended", PlaceOutcome, GroupOutcome)
_quoted = Door(QuotedPage, PAGE_BYTES_MAX).read
_book = Door(BookAnswer, PAGE_BYTES_MAX).read


class TrialError(Exception):
    """The trial cannot go on: one line that says why."""


class Gone(NamedTuple):
    """When an order left the list: since our act, in ms, first seen and proven (two lists asked late enough)."""

    first_ms: int
    proven_ms: int


async def list_quotes(line: ExchangeClient, series: tuple[str, ...]) -> list[MarketQuote]:
    """Every open market of these series with its best prices. Raises UnavailableError, ProtocolError."""
    quotes: list[MarketQuote] = []
    for name in series:
        query: dict[str, int | str] = {"series_ticker": exchange_series(name), "status": "open"}
        query["min_close_ts"] = line.clock.now().utc_ns // NS_PER_S
        found, _ = await line.walk(pages(line.account, "/markets", _quoted, **query))
        quotes += [read_quote(name, each) for page in found for each in page.markets]
    return quotes


async def find_market(line: ExchangeClient, series: tuple[str, ...]) -> MarketQuote | None:
    """The market that suits a trial best, over these series. Raises UnavailableError, ProtocolError."""
    return choose(await list_quotes(line, series), line.clock.now().utc_ns)


class Trial:
    """Orders of one lot in one market, inside one group."""

    def __init__(
        self, line: ExchangeClient, market: Market, votes: tuple[tuple[str, Vote], ...], lots_max: int = 1
    ) -> None:
        """`votes` speak for the account: no daemon quotes, no window is open, no kill switch."""
        self.line = line
        self.market = market
        self._votes = votes
        self._lots_max = lots_max
        self._numbers = 0
        self._epoch = line.clock.now().utc_ns // NS_PER_S
        self._live: dict[OrderId, OrderRef] = {}
        self._unsure: set[ClientOrderId] = set()
        self.group_id = GroupId("")
        self.expires_s = 0

    # --- groups --------------------------------------------------------------------------------------------------

    async def create_group(self) -> GroupId:
        """A fresh group on the market's shard. Raises TrialError."""
        shard = self.market.exchange_index
        made = await self.line.write(CreateGroup(NOBODY, self.market.series, 0, CONTRACTS_LIMIT, shard))
        outcome = _one(made, GroupOutcome)
        if outcome.verdict is not Verdict.ACCEPTED:
            raise TrialError(f"order group not created: {_said(outcome)}")
        self.group_id = outcome.group_id
        return outcome.group_id

    async def trigger_group(self) -> None:
        """Kill the group. Raises TrialError."""
        done = await self.line.write(TriggerGroup(NOBODY, self.group_id, self.market.exchange_index, "drill"))
        outcome = _one(done, GroupOutcome)
        if outcome.verdict is not Verdict.ACCEPTED:
            raise TrialError(f"order group not triggered: {_said(outcome)}")

    async def delete_group(self) -> None:
        """Remove the group. Raises TrialError."""
        done = await self.line.write(DeleteGroup(NOBODY, self.group_id, self.market.exchange_index))
        outcome = _one(done, GroupOutcome)
        if outcome.verdict is not Verdict.ACCEPTED:
            raise TrialError(f"order group not deleted: {_said(outcome)}")
        self.group_id = GroupId("")

    # --- orders --------------------------------------------------------------------------------------------------

    async def place(self, life_s: int = LIFE_S) -> tuple[ClientOrderId, PlaceOutcome]:
        """Rest one lot. Raises TrialError when it may not be sent; the outcome may still be a refusal."""
        price = trial_price(self.market)
        if price is None or len(self._live) + len(self._unsure) >= self._lots_max:
            raise TrialError("no trial price on this grid" if price is None else "no more than one lot at a time")
        path = f"/markets/{self.market.ticker}/orderbook"
        try:
            book, _ = await self.line.walk(one(self.line.account, path, _book, depth=1))
            votes = (*self._votes, ("cannot_match", cannot_match(best_ask(book.orderbook_fp))))
        except ValueError as problem:
            raise TrialError(f"{self.market.ticker}: book unreadable: {problem}") from None
        now = self.line.clock.now()
        leave = evaluate(self.market.series, votes, now.mono_ns + NS_PER_S, now)
        if isinstance(leave, Closed):
            raise TrialError("; ".join(f"{name}: {vote.detail}" for name, vote in votes if not vote.open))
        self._numbers += 1
        name = client_order_id(self._epoch, self._numbers)
        self._unsure.add(name)
        offset_ns = self.line.sample.offset_ns if self.line.sample is not None else 0
        self.expires_s = -(-(now.utc_ns + offset_ns) // NS_PER_S) + life_s
        written = await self.line.write(
            Place(
                NOBODY,
                name,
                self.market.ticker,
                Side.BID,
                price,
                Count(COUNT_PER_CONTRACT),
                self.group_id,
                self.market.exchange_index,
                self.expires_s,
                leave,
            )
        )
        outcome = _one(written, PlaceOutcome)
        if outcome.verdict is not Verdict.UNKNOWN:
            self._unsure.discard(name)
        if outcome.verdict is Verdict.ACCEPTED and outcome.remaining:
            self._live[outcome.order_id] = OrderRef(outcome.order_id, self.market.ticker, self.market.exchange_index)
        return name, outcome

    async def rest(self, life_s: int = LIFE_S) -> OrderId:
        """Place one lot and see it in the list. Raises TrialError when it does not rest, whole and untouched."""
        _, outcome = await self.place(life_s)
        if outcome.verdict is not Verdict.ACCEPTED or outcome.filled or not outcome.remaining:
            raise TrialError(f"trial order not resting: {_said(outcome)}, filled {outcome.filled}")
        until_ns = self.line.clock.now().mono_ns + GONE_LIMIT_MS * NS_PER_MS
        while self.line.clock.now().mono_ns < until_ns:
            if outcome.order_id in await self.resting():
                return outcome.order_id
            await asyncio.sleep(LOOK_S)
        raise TrialError(f"trial order {outcome.order_id} was accepted but never listed")

    async def cancel(self, *order_ids: OrderId) -> WriteEnd:
        """Cancel by id, all in one batch."""
        shard, ticker = self.market.exchange_index, self.market.ticker
        refs = tuple(self._live.get(each) or OrderRef(each, ticker, shard) for each in order_ids)
        return await self.line.write(CancelOrders(NOBODY, refs, "drill"))

    def forget(self, order_id: OrderId) -> None:
        """An order that cannot be cancelled any more: its market has closed, the exchange ends it."""
        self._live.pop(order_id, None)

    def resolved(self, name: ClientOrderId) -> None:
        """A place of unknown outcome was looked for and is not there."""
        self._unsure.discard(name)

    async def resting(self) -> frozenset[OrderId]:
        """The ids that the exchange lists as resting. Raises UnavailableError, Unread."""
        read = await self.line.read(OrdersRead, Read.RESTING, ticker=self.market.event_ticker)
        return frozenset(order.order_id for order in read.orders)

    async def gone(self, order_id: OrderId, since_mono_ns: int, limit_ms: int = GONE_LIMIT_MS) -> Gone:
        """Watch an order leave the list, from our act on. Raises TrialError when it still rests after `limit_ms`."""
        first_ms, empty = -1, 0
        while True:
            asked_ns = self.line.clock.now().mono_ns
            there = order_id in await self.resting()
            age_ms = (self.line.clock.now().mono_ns - since_mono_ns) // NS_PER_MS
            if there:
                first_ms, empty = -1, 0
            else:
                first_ms = age_ms if first_ms < 0 else first_ms
                empty += asked_ns - since_mono_ns >= SETTLE_NS
                if empty >= 2:  # noqa: PLR2004 - two lists in a row, each asked late enough
                    self._live.pop(order_id, None)
                    return Gone(first_ms, age_ms)
            if age_ms > limit_ms:
                raise TrialError(f"order {order_id} still listed {age_ms} ms after it should have gone")
            await asyncio.sleep(LOOK_S)

    async def tidy(self) -> str:
        """Take everything away again; what could not be taken away, or nothing."""
        left = []
        try:
            for order_id in tuple(self._live):
                since_ns = self.line.clock.now().mono_ns
                await self.cancel(order_id)
                await self.gone(order_id, since_ns)
            if self.group_id:
                await self.delete_group()
        except (TrialError, UnavailableError, ProtocolError, Unread) as problem:
            left.append(str(problem))
        if self._unsure:
            left.append(f"unknown whether placed: {', '.join(sorted(self._unsure))}; each expires within {LIFE_S} s")
        return "; ".join(left)


def _one(written: WriteEnd, kind: type[Ended]) -> Ended:
    outcome = written.outcomes[0]
    assert isinstance(outcome, kind), f"a write ended in {outcome!r}"
    return outcome


def _said(outcome: PlaceOutcome | GroupOutcome) -> str:
    return f"{outcome.verdict} (HTTP {outcome.http_status} {outcome.code} {outcome.detail})"
