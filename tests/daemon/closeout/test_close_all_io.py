"""close-all over real sockets against the simulated exchange: what it closes, what it leaves, and what it says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from daemon.client.close_outs_io import read_close_outs
from daemon.closeout.close_all_io import CloseAllRequest, close_positions
from daemon.closeout.fees import FileFees
from daemon.system_clock import SystemClock
from domain.hosts import Posture
from execution.closeout.run import CloseOutLimits
from pricing.fees import parse_fees
from sim.exchange.book.fixed import COUNT_ONE, NS, parse_price
from sim.exchange.book.objects import Market
from sim.exchange.trade import groups, orders
from tests.sim.exchange.wire import ED, Wire, served

QUICK = CloseOutLimits(settle_ms=5, unlisted_ms=10, lag_max_ms=30, pull_ms=2_000, pace_ms=2, idle_ms=60, cool_ms=10)
PEM = ED.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
ROW = {"exchange_series": "KXINXU", "maker": "0", "taker": "0.07"}
FEES = {"version": 1, "effective": "2026-08-02", "source": "test", "series": {"INXU": ROW, "NASDAQ100U": ROW}}


def fees(**changes: str) -> FileFees:
    rows = dict.fromkeys(("INXU", "NASDAQ100U"), ROW | changes)
    return FileFees(parse_fees(msgspec.json.encode(FEES | {"series": rows}), "fees.json"))


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with served(list_lag_ms=0, clock=SystemClock(), tail_voids_percent=0) as made:
        yield made


class Desk:
    """One account at the simulated exchange: what it holds is made by hand, what becomes of it is the exchange's."""

    def __init__(self, wire: Wire, state_dir: Path) -> None:
        self.wire, self.state_dir = wire, state_dir
        self.state = wire.rig.exchange.state
        self.lines: list[str] = []
        self.worst: list[int] = []

    @property
    def now_ns(self) -> int:
        return SystemClock().now().utc_ns

    def markets(self) -> list[Market]:
        return list(self.wire.rig.event.markets)

    def foreign(self, market: Market, side: str, price: str, count: int) -> None:
        """Somebody else rests an order; `count` in 1/100 contract."""
        wanted = parse_price(price)
        assert wanted is not None
        account = self.state.account("other", is_member=False)
        assert self.wire.rig.exchange.place(account, market, side, wanted, count, self.now_ns) is not None

    def hold(self, market: Market, count: int, price: str = "0.50") -> None:
        """The account comes to hold so much (1/100 contract, negative short), at a price."""
        side, other = ("bid", "ask") if count > 0 else ("ask", "bid")
        fields = {
            "ticker": market.ticker, "side": side, "count": f"{abs(count) // 100}.{abs(count) % 100:02d}",
            "price": price, "time_in_force": "good_till_canceled", "self_trade_prevention_type": "taker_at_cross",
        }  # fmt: skip
        placed = orders.create(self.state, self.wire.rig.member, fields, self.now_ns)
        wanted = parse_price(price)
        assert wanted is not None
        taker = self.state.account("taker", is_member=False)
        self.wire.rig.exchange.take(taker, market, other, wanted, abs(count), self.now_ns)
        assert placed["order_id"] not in self.wire.rig.member.resting

    def held(self) -> dict[str, int]:
        positions = self.wire.rig.member.positions.values()
        return {position.market.ticker: position.count.value for position in positions if position.count.value}

    async def close(self, *, confirmed: bool = True, cap_cents: int = 10, **changes: Any) -> int:  # noqa: ANN401
        request = CloseAllRequest(
            f"http://127.0.0.1:{self.wire.server.port}/trade-api/v2", "ed", PEM, Posture.PAPER, self.state_dir,
            "ada", "the desk closes", cap_cents, confirmed, fees(), QUICK,
        )._replace(**changes)  # fmt: skip
        return await close_positions(request, SystemClock(), self.lines.append)

    def text(self) -> str:
        assert all(line.startswith("close-all: ") and "\n" not in line for line in self.lines)
        return "\n".join(self.lines)


@pytest.fixture
def desk(wire: Wire, tmp_path: Path) -> Desk:
    return Desk(wire, tmp_path)


@pytest.mark.step("K13")
async def test_many_markets_and_fractions_are_closed_to_nothing(desk: Desk) -> None:
    first, second, third = desk.markets()[:3]
    for market, count in ((first, 500), (second, -123), (third, 1)):
        desk.hold(market, count)
        desk.foreign(market, "bid", "0.48", 10 * COUNT_ONE)
        desk.foreign(market, "ask", "0.52", 10 * COUNT_ONE)
    assert await desk.close() == 0
    assert desk.held() == {}
    taken = [fill for fill in desk.wire.rig.member.fills if fill.is_taker]
    assert sorted(fill.trade.count for fill in taken) == [1, 123, 500]
    assert "flat: two lists of positions show nothing" in desk.text()
    (told,) = read_close_outs(desk.state_dir)
    assert (told.by, told.cause, told.cap_cents, told.left) == ("ada", "the desk closes", 10, ())
    assert sorted((order.ticker, order.filled) for order in told.orders) == sorted(
        [(first.ticker, 500), (second.ticker, 123), (third.ticker, 1)]
    )
    assert told.outcome.startswith("flat")


@pytest.mark.step("K13")
async def test_without_confirm_nothing_is_sent_and_everything_is_said(desk: Desk) -> None:
    market = desk.markets()[0]
    desk.hold(market, 250)
    desk.foreign(market, "bid", "0.48", 10 * COUNT_ONE)
    desk.foreign(market, "ask", "0.52", 10 * COUNT_ONE)
    before = len(desk.wire.rig.member.orders)
    assert await desk.close(confirmed=False) == 0
    assert len(desk.wire.rig.member.orders) == before
    assert desk.held() == {market.ticker: 250}
    # 2.5 contracts at 10 cents, and 7 % of 2.5 x 0.5 x 0.5 rounded up to a cent.
    assert f"{market.ticker}: 2.50 YES: sell 2.50 at 0.4000 or better, book 0.4800 / 0.5200" in desk.text()
    assert "worst cost with fee $0.30" in desk.text()
    assert "1 positions, 1 can be closed, worst cost $0.30" in desk.text()
    assert "say --confirm" in desk.text()
    assert read_close_outs(desk.state_dir) == ()


@pytest.mark.step("K13")
async def test_every_order_is_at_once_and_only_reduces(desk: Desk) -> None:
    market = desk.markets()[0]
    desk.hold(market, 300)
    desk.foreign(market, "bid", "0.48", 1 * COUNT_ONE)
    desk.foreign(market, "ask", "0.52", 1 * COUNT_ONE)
    before = set(desk.wire.rig.member.orders)
    assert await desk.close() == 1
    sent = [order for ident, order in desk.wire.rig.member.orders.items() if ident not in before]
    assert sent
    assert all(order.time_in_force == "immediate_or_cancel" for order in sent)
    assert all(order.state.client_order_id.startswith("ladderd-closeall-") for order in sent)
    assert len({order.state.client_order_id for order in sent}) == len(sent)
    assert desk.held() == {market.ticker: 200}
    assert f"{market.ticker}: 2.00 YES left: nothing is offered within the cap" in desk.text()
    (told,) = read_close_outs(desk.state_dir)
    assert [(each.ticker, each.count) for each in told.left] == [(market.ticker, 200)]


@pytest.mark.step("K13")
async def test_nothing_is_closed_beyond_the_cap(desk: Desk) -> None:
    market = desk.markets()[0]
    desk.hold(market, -500)
    desk.foreign(market, "bid", "0.40", 10 * COUNT_ONE)
    desk.foreign(market, "ask", "0.60", 2 * COUNT_ONE)
    assert await desk.close(cap_cents=9) == 1
    assert desk.held() == {market.ticker: -500}
    assert f"{market.ticker}: 5.00 NO left: nothing is offered within the cap" in desk.text()
    desk.lines.clear()
    desk.foreign(market, "ask", "0.66", 10 * COUNT_ONE)
    assert await desk.close(cap_cents=10) == 1
    assert desk.held() == {market.ticker: -300}  # the middle at first sight was 50 cents: 66 is beyond 60


@pytest.mark.step("K13")
async def test_resting_orders_go_first_by_their_group_or_by_id(desk: Desk) -> None:
    market, alone = desk.markets()[:2]
    made = groups.create(desk.state, desk.wire.rig.member, {"contracts_limit": 20, "exchange_index": 0}, desk.now_ns)
    fields = {
        "side": "bid", "count": "1", "price": "0.10", "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
    }  # fmt: skip
    grouped = fields | {"ticker": market.ticker, "order_group_id": made["order_group_id"]}
    orders.create(desk.state, desk.wire.rig.member, grouped, desk.now_ns)
    orders.create(desk.state, desk.wire.rig.member, fields | {"ticker": alone.ticker}, desk.now_ns)
    assert await desk.close() == 0
    assert desk.wire.rig.member.resting == {}
    assert desk.wire.rig.member.tail_until_ns == 0  # no account-wide cancel-all was asked for
    assert desk.state.groups[made["order_group_id"]].triggered


@pytest.mark.step("K13")
async def test_another_taker_multiplier_blocks_it_and_says_both_figures(desk: Desk) -> None:
    market = desk.markets()[0]
    desk.hold(market, 100)
    desk.foreign(market, "bid", "0.49", 10 * COUNT_ONE)
    desk.foreign(market, "ask", "0.51", 10 * COUNT_ONE)
    assert await desk.close(fees=fees(taker="0.035")) == 1
    assert desk.held() == {market.ticker: 100}
    assert "0.035000" in desk.text()
    assert "0.070000" in desk.text()


@pytest.mark.step("K13")
async def test_after_the_close_it_refuses_and_says_what_settles(desk: Desk) -> None:
    market = desk.markets()[0]
    desk.hold(market, 100)
    desk.foreign(market, "bid", "0.49", 10 * COUNT_ONE)
    desk.foreign(market, "ask", "0.51", 10 * COUNT_ONE)
    market.event.close_ns = desk.now_ns - NS
    assert await desk.close() == 1
    assert desk.held() == {market.ticker: 100}
    assert "its market closed at" in desk.text()
    assert "the exchange settles it by the result" in desk.text()


@pytest.mark.step("K13")
async def test_nothing_is_sent_where_who_and_why_cannot_be_written_down(desk: Desk) -> None:
    market = desk.markets()[0]
    desk.hold(market, 100)
    desk.foreign(market, "bid", "0.49", 10 * COUNT_ONE)
    desk.foreign(market, "ask", "0.51", 10 * COUNT_ONE)
    assert await desk.close(state_dir=desk.state_dir / "none") == 1
    assert desk.held() == {market.ticker: 100}
    assert "could not be written down" in desk.text()


@pytest.mark.step("K13")
async def test_nobody_answers(desk: Desk) -> None:
    await desk.wire.server.stop()
    assert await asyncio.wait_for(desk.close(confirmed=False, answer_ms=50), 10) == 69
