from __future__ import annotations

from domain.clock import NS_PER_S
from domain.events import Fill
from domain.ids import ClientOrderId, OrderId, Ticker, TradeId
from domain.market import Side, strike_named
from domain.money import Cash, Count, Price
from tests.daemon.scenes import drawn, quoting
from tests.daemon.stand import Stand

S = NS_PER_S
SIDES = {"bid": 1, "ask": -1}


def held(stand: Stand) -> dict[str, int]:
    return {row.ticker: row.count for row in drawn(stand).holdings}


def fill_one() -> tuple[Stand, str, int, int]:
    """One order of ours was executed: the stand, its market, signed count and price."""
    stand = quoting()
    order = stand.exchange.resting("INXU")[0]
    for event in stand.exchange.execute(order.order_id):
        stand.tell(event)
    stand.run(S)
    return stand, order.ticker, SIDES[order.side.value] * 100, order.price


def test_nothing_held_is_no_row() -> None:
    picture = drawn(quoting())
    assert picture.holdings == ()
    assert [(e.series, e.markets, e.net) for e in picture.exposures] == [("INXU", 0, 0), ("NASDAQ100U", 0, 0)]


def test_a_position_has_count_average_price_mark_and_worst_case() -> None:
    stand, ticker, count, price = fill_one()
    (row,) = drawn(stand).holdings
    assert (row.ticker, row.count, row.average, row.target_ns) == (ticker, count, price, stand.target_ns)
    assert row.fair is not None
    assert row.marked == (row.fair - price) * count
    assert row.worst_loss == (price if count > 0 else 10_000 - price) * 100
    series = next(e for e in drawn(stand).exposures if e.series == "INXU")
    assert (series.markets, series.net, series.gross, series.worst_loss) == (1, count, 100, row.worst_loss)


def book(stand: Stand, ticker: str, side: Side, trade: str) -> None:
    """Five contracts at 50 cents, in the ledger."""
    fill = Fill(
        trade_id=TradeId(trade),
        order_id=OrderId(""),
        client_order_id=ClientOrderId(""),
        ticker=Ticker(ticker),
        side=side,
        price=Price(5_000),
        count=Count(500),
        fee=Cash(0),
        is_taker=False,
        exchange_ms=0,
    )
    assert stand.engine.state.held.ledger.fill(fill, "INXU", stand.target_ns)


def test_a_position_in_no_rung_that_is_drawn_is_shown_all_the_same() -> None:
    stand = quoting()
    book(stand, "KXINXU-1800000120-T6680", Side.BID, "far")
    picture = drawn(stand)
    (row,) = picture.holdings
    assert row.ticker not in {rung.ticker for rung in picture.ladder}
    assert (row.strike, row.count, row.fair, row.marked) == (6_680_000_000, 500, None, None)
    assert next(e for e in picture.exposures if e.series == "INXU").unmarked == 1


def test_between_target_and_settlement_it_is_held_and_then_it_is_gone() -> None:
    stand, ticker, count, _ = fill_one()
    stand.exchange.settle_after = False
    stand.run_before_target(-5 * S)
    assert held(stand) == {ticker: count}
    stand.exchange.settle_after = True
    stand.run(60 * S)
    assert held(stand) == {}, "settled"


def test_long_and_short_do_not_hide_each_other() -> None:
    """Net of a series is zero, gross and worst case are not."""
    stand = quoting()
    markets = list(stand.engine.state.desks["INXU"].markets)
    book(stand, markets[0], Side.BID, "long")
    book(stand, markets[-1], Side.ASK, "short")
    series = next(e for e in drawn(stand).exposures if e.series == "INXU")
    assert (series.markets, series.net, series.gross) == (2, 0, 1_000)
    assert series.worst_loss == 2 * 5 * 500_000


def test_the_strike_that_a_ticker_names() -> None:
    assert strike_named(Ticker("KXINXU-26MAR06H1100-T6679.9999")) == 6_679_999_900
    assert strike_named(Ticker("KXINXU-26MAR06H1100-B6680")) == 6_680_000_000
    assert strike_named(Ticker("KXINXU-26MAR06H1100-X1")) is None
    assert strike_named(Ticker("KXINXU-26MAR06H1100-T")) is None
