"""A member that trades at random, as maker and as taker, with fees; what the exchange then tells of it, as ours."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from domain.events import Fill, SettlementState
from domain.ids import ClientOrderId, OrderId, Ticker, TradeId
from domain.market import Side
from domain.money import CASH_PER_CENT, Cash, Count, Price, parse_cash
from sim.exchange.book import objects
from sim.exchange.book.fixed import show_price
from sim.exchange.book.objects import Market
from sim.exchange.wire import views
from tests.sim.exchange.rig import PERIOD_S, Rig, rig

TRADES = 12


def earned(made: Rig) -> int:
    """What the member's balance has changed by since the beginning: the exchange's own word, in cash."""
    return made.member.purse(0, 0).value - made.exchange.state.config.balance


def trade_at_random(seed: int, look: Callable[[Rig], None] = lambda _rig: None) -> Rig:
    """Trade in one window's markets until it is settled; `look` is called after each trade."""
    rng = Random(seed)
    made = rig(seed)
    kind = rng.choice(["quadratic", "quadratic_with_maker_fees"])
    made.exchange.life.change_fee({"fee_type": kind, "fee_multiplier": rng.choice([0.5, 1])}, made.now)
    markets = made.event.markets
    for number in range(TRADES):
        market, side = rng.choice(markets), rng.choice(["bid", "ask"])
        price = show_price(100 * rng.randint(5, 95))
        _trade(made, market, side, price, f"c{number}", rng)
        look(made)
        made.wait(1)
    made.wait(2 * PERIOD_S)
    assert all(market.result for market in markets)
    return made


def _trade(made: Rig, market: Market, side: str, price: str, name: str, rng: Random) -> None:
    count, other = rng.choice(["1", "2.5", "3", "0.07"]), "ask" if side == "bid" else "bid"
    common = {"ticker": market.ticker, "side": side, "price": price, "count": count, "client_order_id": name}
    if rng.random() < 0.5:
        resting = made.place(**common)
        made.exchange.force_fill(resting.id, rng.randint(1, resting.state.remaining), made.now)
        if resting.state.status == "resting":
            made.cancel(resting)
        return
    standing = made.foreign(other, price, 3, market)
    made.create(**common, time_in_force="immediate_or_cancel")
    made.exchange.withdraw(standing, made.now)


def fill_of(one: objects.Fill) -> Fill:
    """A fill of the exchange as ours; the client order id as the websocket tells it."""
    return Fill(
        TradeId(one.trade.id), OrderId(one.order.id), ClientOrderId(one.order.state.client_order_id),
        Ticker(one.trade.market.ticker), Side(one.order.side), Price(one.trade.price), Count(one.trade.count),
        Cash(one.fee), one.is_taker, one.at_ns // 1_000_000,
    )  # fmt: skip


def settlements_of(made: Rig) -> dict[str, SettlementState]:
    """The rows that the exchange lists, by market, read as the reader does."""
    rows = {one.market.ticker: views.settlement(one) for one in made.member.settlements}
    return {
        ticker: SettlementState(
            Ticker(ticker), row["market_result"], Cash(row["revenue"] * CASH_PER_CENT), parse_cash(row["fee_cost"])
        )
        for ticker, row in rows.items()
    }
