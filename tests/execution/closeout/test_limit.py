"""At which price a position may be closed, and every reason why not."""

from __future__ import annotations

import pytest

from domain.clock import Now
from domain.ids import Ticker
from domain.market import Market, PriceRange, StrikeType
from domain.money import Cash, Count, Price
from execution.closeout.limit import (
    FEE_UNREAD,
    HALTS,
    NO_BOOK,
    NOTHING_OFFERED,
    UNLISTED,
    ClosingPosition,
    judge,
    limit_price,
    worst_cost,
)
from execution.closeout.telling import intent, left_text
from execution.kalshi.quoted import MarketQuote
from pricing.fees import order_fee
from tests.execution.closeout.market import Terms

TICKER = Ticker("KXINXU-A-T1")
NOW = Now(0, 1_000)


def quote(
    bid: int | None, ask: int | None, *, status: str = "active", close_ns: int = 2_000, result: str = ""
) -> MarketQuote:
    ranges = (PriceRange(Price(0), Price(10_000), Price(100)),)
    market = Market(
        TICKER, "KXINXU-A", "INXU", StrikeType.GREATER, None, None, 0, close_ns, ranges, 0, status, result
    )  # fmt: skip
    return MarketQuote(market, None if bid is None else Price(bid), None if ask is None else Price(ask))


@pytest.mark.step("K13")
@pytest.mark.parametrize(
    ("bid", "ask", "count", "cap", "expected"),
    [
        (4_800, 5_200, 100, 10, 4_000), (4_800, 5_200, -100, 10, 6_000),
        (4_800, 5_300, 100, 10, 4_100), (4_800, 5_300, -100, 10, 6_000),  # half a step: to our side
        (9_700, None, 100, 10, 8_900), (None, 300, -100, 10, 1_100),
        (200, 300, 100, 10, 100), (9_700, 9_800, -100, 10, 9_900),  # the grid's own ends
        (4_800, 5_200, 100, 0, 5_000), (None, None, 100, 10, None),
    ],
)  # fmt: skip
def test_the_limit_lies_the_cap_from_the_middle(
    bid: int | None, ask: int | None, count: int, cap: int, expected: int | None
) -> None:
    assert limit_price(quote(bid, ask), Count(count), cap) == expected


def judged(found: MarketQuote | None, count: int = 100, fees: str = "", known: int | None = None) -> ClosingPosition:
    return judge(TICKER, Count(count), found, 10, None if known is None else Price(known), NOW, fees)


@pytest.mark.step("K13")
@pytest.mark.parametrize(
    ("found", "fees", "why", "final"),
    [
        (quote(4_800, 5_200), "", "", False),
        (None, "", UNLISTED, False),
        (quote(None, None), "", NO_BOOK, False),
        (quote(3_000, 7_000), "", NOTHING_OFFERED, False),
        (quote(4_800, 5_200, status="inactive"), "", HALTS, False),
        (quote(4_800, 5_200), "they differ", "they differ", True),
        (quote(4_800, 5_200), FEE_UNREAD, FEE_UNREAD, False),
    ],
)  # fmt: skip
def test_why_nothing_is_sent(found: MarketQuote | None, fees: str, why: str, final: bool) -> None:  # noqa: FBT001 - a case
    said = judged(found, fees=fees)
    assert (said.why, said.final) == (why, final)


@pytest.mark.step("K13")
@pytest.mark.parametrize(
    "found",
    [quote(4_800, 5_200, close_ns=1_000), quote(4_800, 5_200, status="closed"), quote(1, 2, status="determined")],
)
def test_after_the_close_it_says_what_settles(found: MarketQuote) -> None:
    said = judged(found)
    assert said.final
    assert "the exchange settles it by the result, and nothing is sent" in said.why
    assert "settles it by the result (yes)" in judged(quote(1, 2, status="finalized", result="yes")).why


def test_a_limit_that_was_set_stays_when_the_book_moves() -> None:
    said = judged(quote(3_000, 3_200), known=4_000)
    assert (said.limit, said.why) == (4_000, NOTHING_OFFERED)


class Charged(Terms):
    def fee(self, _series: str, price: Price, count: Count, /) -> Cash:
        return order_fee(70_000, price, count)


def test_the_worst_cost_is_the_cap_on_each_contract_and_the_largest_fee_on_the_way() -> None:
    said = judged(quote(4_800, 5_200), count=250)
    # 2.5 x 10 cents, and the fee of 2.5 at 48 cents, the nearest to even money that it may fill at: 4.4 cents, up to 5.
    assert worst_cost(said, 10, Charged()) == 300_000
    text = intent(said, 10, Charged())
    assert text == (
        "KXINXU-A-T1: 2.50 YES: sell 2.50 at 0.4000 or better, book 0.4800 / 0.5200, cap 10 cents a contract,"
        " worst cost with fee $0.30"
    )
    assert "now: nothing is offered" in intent(judged(quote(3_000, 7_000)), 10, Charged())
    assert intent(judged(None, count=-30), 10, Charged()).startswith("KXINXU-A-T1: 0.30 NO: nothing is sent: ")
    assert left_text(judged(None, count=-30)).startswith("KXINXU-A-T1: 0.30 NO left: ")
