"""Hours, closes, settlements and pauses."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sim.exchange.book.lifecycle import next_thursday
from sim.exchange.book.listing import FAMILIES, Template, event_ticker, market_ticker, moment, strikes
from sim.exchange.book.notices import MarketLife
from sim.exchange.trade import orders
from tests.sim.exchange.rig import START, S, refused, rig


def utc_ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * S


def test_tickers_follow_the_grammar_of_the_exchange() -> None:
    noon = utc_ns("2026-11-23T17:00:00")
    event = event_ticker("KXINXU", noon, with_seconds=False)
    assert market_ticker(event, FAMILIES["KXINXU"], 6845) == "KXINXU-26NOV23H1200-T6844.9999"
    nasdaq = event_ticker("KXNASDAQ100U", noon, with_seconds=True)
    assert market_ticker(nasdaq, FAMILIES["KXNASDAQ100U"], 25_960) == "KXNASDAQ100U-26NOV23H120000-T25959.99"
    assert moment(noon, with_seconds=False) == "Nov 23, 2026 at 12pm EST"


def test_strikes_surround_the_index_on_its_own_step() -> None:
    assert strikes(FAMILIES["KXINXU"], 6_701_250_000, 5) == [6690, 6695, 6700, 6705, 6710]
    assert strikes(FAMILIES["KXNASDAQ100U"], 25_007_000_000, 4) == [24_990, 25_000, 25_010, 25_020]


def test_the_hours_of_new_york_skip_nights_and_weekends() -> None:
    closes = Template().closes(utc_ns("2026-11-20T20:30:00"))
    found = [datetime.fromtimestamp(next(closes) // S, UTC).isoformat()[:16] for _ in range(3)]
    assert found == ["2026-11-20T21:00", "2026-11-23T15:00", "2026-11-23T16:00"]


def test_hourly_markets_open_the_trading_day_before_and_the_last_one_at_night() -> None:
    hourly = Template()
    assert hourly.opens(utc_ns("2026-11-23T17:00:00")) == utc_ns("2026-11-20T21:00:00")
    assert hourly.opens(utc_ns("2026-11-23T21:00:00")) == utc_ns("2026-11-23T08:10:00")


def test_three_events_are_always_listed_and_active() -> None:
    made = rig()
    for _ in range(5):
        active = [e for e in made.exchange.state.events.values() if e.markets[0].status == "active"]
        assert len(active) == 6
        made.wait(120)


def test_after_the_close_everything_is_refused_and_what_rests_is_cancelled_shortly_after() -> None:
    made = rig()
    market, order = made.market, made.place()
    made.wait(120)
    assert refused(orders.cancel, made.exchange.state, made.member, order.id, {}, made.now) == (400, "MARKET_INACTIVE")
    assert refused(made.amend, order)[1] == "MARKET_INACTIVE"
    assert refused(made.create, ticker=market.ticker)[1] == "MARKET_INACTIVE"
    assert order.state.status == "resting"
    made.wait(0.3)
    assert (order.state.status, order.state.reason) == ("canceled", "CloseCancel")


def test_settlement_pays_the_winners_by_the_index_at_the_close() -> None:
    made = rig()
    below, above = made.event.markets[0], made.event.markets[-1]
    for market in (below, above):
        made.foreign("ask", "0.42", 10, market)
        made.create(ticker=market.ticker, count="10")
    paid = 2 * 4_200_000 + sum(fill.fee for fill in made.member.fills)
    made.wait(121.9)
    assert below.result == ""
    made.wait(0.2)
    assert (below.status, below.result, above.result) == ("finalized", "yes", "no")
    assert made.event.value_text == "6701.2500"
    assert made.member.purse(0, 0).value == 10_000_000_000 - paid + 10_000_000
    rows = {row.market.ticker: row for row in made.member.settlements}
    assert (rows[below.ticker].revenue, rows[above.ticker].revenue) == (10_000_000, 0)
    told = [n.event_type for n in made.heard if isinstance(n, MarketLife) and n.market is below]
    assert told == ["determined", "settled"]


def test_the_record_of_what_rested_after_the_freeze() -> None:
    made = rig()
    event = made.event
    early, late = made.place(), made.place(price="0.41")
    made.wait(117.9)
    made.cancel(early)
    made.wait(0.1)
    assert event.own_resting_after_freeze_max == 1
    made.wait(0.5)
    made.cancel(late)
    truth = made.exchange.truth(made.now)["windows"][0]
    assert truth["resting_after_freeze_max"] == 1
    assert truth["last_resting_ms"] == (START + int(118.5 * S)) // 1_000_000


def test_an_order_gone_by_the_freeze_leaves_a_clean_record() -> None:
    made = rig()
    made.place(expiration_time=START // S + 117)
    made.wait(130)
    assert made.event.own_resting_after_freeze_max == 0
    assert made.event.own_last_resting_ns == START + 117 * S


@pytest.mark.parametrize(("kind", "code"), [("trading", "trading_is_paused"), ("exchange", "exchange_is_paused")])
def test_pauses_stop_placing_and_kill_flagged_orders(kind: str, code: str) -> None:
    made = rig()
    flagged, plain = made.place(cancel_order_on_pause=True), made.place()
    made.exchange.life.pause(kind, "test", made.now, made.now + 5 * S)
    assert (flagged.state.reason, plain.state.status) == ("HaltCancel", "resting")
    assert refused(made.create) == (409, code)
    if kind == "trading":
        assert made.cancel(plain)
    else:
        assert refused(made.cancel, plain) == (409, code)
    made.wait(5)
    assert made.create()


def test_a_halted_market_cancels_everything_when_it_comes_back() -> None:
    made = rig()
    order = made.place()
    made.exchange.life.halt({"ticker": made.market.ticker}, made.now, made.now + 5 * S)
    assert refused(made.create) == (409, "trading_is_paused")
    assert order.state.status == "resting"
    made.wait(5)
    assert (order.state.status, made.market.status) == ("canceled", "active")


def test_thursday_night_is_a_trading_pause() -> None:
    start, end = next_thursday(utc_ns("2026-11-21T12:00:00"))
    assert (start, end) == (utc_ns("2026-11-26T08:00:00"), utc_ns("2026-11-26T10:00:00"))
    assert next_thursday(end)[0] == utc_ns("2026-12-03T08:00:00")
    made = rig(thursday_pause=True, rungs=1)
    made.wait((start - made.now) / S + 1)
    assert made.exchange.state.pauses.trading == {"maintenance": end}
    made.wait(7200)
    assert not made.exchange.state.pauses.trading


def test_an_announced_maintenance_is_kept() -> None:
    made = rig(rungs=1)
    made.exchange.life.announce(made.now + 10 * S, made.now + 20 * S)
    made.wait(9)
    assert not made.exchange.state.pauses.trading
    made.wait(2)
    assert refused(made.create) == (409, "trading_is_paused")
    made.wait(10)
    assert not made.exchange.state.pauses.trading


def test_the_same_seed_gives_the_same_history() -> None:
    def story() -> list[str]:
        made = rig(seed=11)
        ids = [made.place(price=price).id for price in ("0.40", "0.41")]
        made.take("ask", "0.40", 3)
        made.wait(130)
        return [*ids, *(fill.trade.id for fill in made.member.fills), *made.exchange.state.events]

    assert story() == story()
