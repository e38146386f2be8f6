"""The daemon's own client through the script that the official one plays (test_conformance.py): its part of it.

Only what a maker does can be asked of it at all: there is no action with which it could take, amend or decrease.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from daemon.system_clock import SystemClock
from domain.actions import (
    AnyAction,
    Ask,
    CancelAll,
    CancelOrders,
    Cleared,
    CreateGroup,
    DeleteGroup,
    Place,
    Read,
    TriggerGroup,
)
from domain.clock import NS_PER_S
from domain.events import (
    AnyEvent,
    BalanceRead,
    CancelAllOutcome,
    CancelOutcome,
    ClockSample,
    ExchangeScheduleRead,
    ExchangeStatusRead,
    FeesRead,
    FillsRead,
    GroupOutcome,
    GroupsRead,
    LimitsRead,
    MarketsRead,
    OrdersRead,
    PlaceOutcome,
    PositionsRead,
    SettlementsRead,
    Verdict,
)
from domain.hosts import Posture
from domain.ids import ClientOrderId, GroupId, OrderId, RequestId, Ticker
from domain.market import OrderRef, Side, StrikeType
from domain.money import Count, Price
from execution.kalshi.sign import Signer
from execution.kalshi.venue_io import KalshiVenue
from tests.sim.exchange.wire import ED, RSA, Wire, served

Found = TypeVar("Found")
ANSWER_LIMIT_S = 10.0


class Own:
    """The venue of the daemon, each request awaited."""

    def __init__(self, wire: Wire, key: str) -> None:
        private = RSA if key == "rsa" else ED
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.wire = wire
        self.clock = SystemClock()
        self.heard: asyncio.Queue[AnyEvent] = asyncio.Queue()
        base = f"http://127.0.0.1:{wire.server.port}/trade-api/v2"
        self.venue = KalshiVenue(base, Signer(key, pem), self.clock, self.heard.put_nowait, posture=Posture.PAPER)
        self.ticker = Ticker(wire.rig.market.ticker)
        self.numbers = 0

    def number(self) -> RequestId:
        self.numbers += 1
        return RequestId(self.numbers)

    async def ask(self, action: AnyAction, kind: type[Found], count: int = 1) -> list[Found]:
        """Perform, and wait for so many outcomes of a kind; samples of the clock are passed over."""
        self.venue.perform(action)
        found: list[Found] = []
        async with asyncio.timeout(ANSWER_LIMIT_S):
            while len(found) < count:
                event = await self.heard.get()
                if not isinstance(event, ClockSample):
                    assert isinstance(event, kind), event
                    found.append(event)
        return found

    async def read(self, what: Read, kind: type[Found], **fields: object) -> Found:
        return (await self.ask(Ask(self.number(), what, **fields), kind))[0]  # type: ignore[arg-type]  # by field name

    async def group(self) -> GroupId:
        made = (await self.ask(CreateGroup(self.number(), "INXU", 1, 20, 0), GroupOutcome))[0]
        assert made.verdict is Verdict.ACCEPTED
        return made.group_id

    async def place(self, name: str, group: GroupId, **changes: object) -> PlaceOutcome:
        now = self.clock.now()
        fields: dict[str, object] = {
            "request_id": self.number(),
            "client_order_id": ClientOrderId(name),
            "ticker": self.ticker,
            "side": Side.BID,
            "price": Price(4200),
            "count": Count(500),
            "group_id": group,
            "exchange_index": 0,
            "expiration_s": now.utc_ns // NS_PER_S + 60,
            "cleared": Cleared("INXU", now.mono_ns + 5 * NS_PER_S),
        }
        return (await self.ask(Place(**(fields | changes)), PlaceOutcome))[0]  # type: ignore[arg-type]  # by field name

    async def resting(self) -> list[OrderId]:
        return [order.order_id for order in (await self.read(Read.RESTING, OrdersRead)).orders]


@pytest.fixture(params=["ed", "rsa"])
async def own(request: pytest.FixtureRequest) -> AsyncIterator[Own]:
    async with served(list_lag_ms=0, clock=SystemClock()) as wire:
        client = Own(wire, request.param)
        running = asyncio.create_task(client.venue.run())
        try:
            yield client
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_every_read(own: Own) -> None:
    status = await own.read(Read.STATUS, ExchangeStatusRead)
    assert status.exchange_active
    assert status.trading_active
    in_s, lasts_s = 300, 60
    own.wire.rig.exchange.life.announce(
        own.wire.rig.now + in_s * NS_PER_S, own.wire.rig.now + (in_s + lasts_s) * NS_PER_S
    )
    schedule = await own.read(Read.SCHEDULE, ExchangeScheduleRead)
    assert len(schedule.weeks[0].hours) == 7
    assert [each.end_ns - each.start_ns for each in schedule.maintenance] == [lasts_s * NS_PER_S]
    limits = await own.read(Read.LIMITS, LimitsRead)
    assert (limits.write_refill_per_s, limits.write_capacity, limits.cancel_cost, limits.place_cost) == (
        300,
        900,
        2,
        10,
    )
    close_ns = own.wire.rig.event.close_ns
    markets = (await own.read(Read.MARKETS, MarketsRead, series="INXU", target_ns=close_ns)).markets
    assert own.ticker in {market.ticker for market in markets}
    assert {market.strike_type for market in markets} == {StrikeType.GREATER_OR_EQUAL}
    assert (await own.read(Read.FEES, FeesRead, series="INXU")).fee_type == "quadratic"
    assert (await own.read(Read.POSITIONS, PositionsRead)).positions == ()
    assert (await own.read(Read.FILLS, FillsRead)).fills == ()
    assert (await own.read(Read.GROUPS, GroupsRead)).groups == ()
    assert (await own.read(Read.BALANCE, BalanceRead)).balance == 10_000_000_000
    event = own.wire.rig.event.ticker
    assert (await own.read(Read.SETTLEMENTS, SettlementsRead, ticker=event)).settlements == ()


async def test_an_orders_life(own: Own) -> None:
    group = await own.group()
    placed = await own.place("c1", group)
    assert (placed.verdict, placed.filled, placed.remaining) == (Verdict.ACCEPTED, 0, 500)
    (shown,) = (await own.read(Read.RESTING, OrdersRead)).orders
    assert (shown.client_order_id, shown.price, shown.remaining, shown.group_id) == ("c1", 4200, 500, group)
    ref = OrderRef(placed.order_id, own.ticker, 0)
    (gone,) = await own.ask(CancelOrders(own.number(), (ref,), "test"), CancelOutcome)
    assert (gone.verdict, gone.reduced_by) == (Verdict.ACCEPTED, 500)
    (again,) = await own.ask(CancelOrders(own.number(), (ref,), "test"), CancelOutcome)
    assert (again.verdict, again.code) == (Verdict.UNKNOWN, "not_found")


async def test_batches_and_cancel_all(own: Own) -> None:
    group = await own.group()
    placed = [await own.place(name, group) for name in ("b1", "b2")]
    refs = (OrderRef(placed[0].order_id, own.ticker, 0), OrderRef(OrderId("none"), own.ticker, 0))
    first, second = await own.ask(CancelOrders(own.number(), refs, "test"), CancelOutcome, count=2)
    assert (first.verdict, second.verdict, second.code) == (Verdict.ACCEPTED, Verdict.UNKNOWN, "not_found")
    (done,) = await own.ask(CancelAll(own.number(), "test"), CancelAllOutcome)
    assert done.verdict is Verdict.ACCEPTED
    assert await own.resting() == []


async def test_a_triggered_group_is_empty_refuses_and_goes(own: Own) -> None:
    group = await own.group()
    await own.place("g1", group)
    (done,) = await own.ask(TriggerGroup(own.number(), group, 0, "test"), GroupOutcome)
    assert done.verdict is Verdict.ACCEPTED
    assert await own.resting() == []
    assert [g.triggered for g in (await own.read(Read.GROUPS, GroupsRead)).groups] == [True]
    assert (await own.place("g2", group)).verdict is Verdict.REFUSED
    (removed,) = await own.ask(DeleteGroup(own.number(), group, 0), GroupOutcome)
    assert removed.verdict is Verdict.ACCEPTED
    (missing,) = await own.ask(DeleteGroup(own.number(), group, 0), GroupOutcome)
    assert missing.http_status == 404


async def test_what_the_exchange_refuses_is_told_from_what_nobody_knows(own: Own) -> None:
    group = await own.group()
    await own.place("c1", group)
    own.wire.rig.now = own.wire.server.gateway.now_ns()
    own.wire.rig.foreign("ask", "0.60", 1)
    cases: list[tuple[str, dict[str, object], Verdict, int]] = [
        ("c2", {"price": Price(4250)}, Verdict.REFUSED, 400),
        ("c3", {"count": Count(9_000_000)}, Verdict.REFUSED, 400),
        ("c1", {}, Verdict.UNKNOWN, 409),
        ("c4", {"price": Price(6000)}, Verdict.REFUSED, 400),
        ("c5", {"ticker": Ticker("KXNONE")}, Verdict.REFUSED, 404),
        ("c6", {"exchange_index": 2}, Verdict.REFUSED, 404),
    ]
    for name, changes, verdict, status in cases:
        outcome = await own.place(name, group, **changes)
        assert (outcome.verdict, outcome.http_status) == (verdict, status), (name, outcome)
    late = await own.place("c7", group, cleared=Cleared("INXU", own.clock.now().mono_ns))
    assert late.verdict is Verdict.UNSENT
    assert len(await own.resting()) == 1
