from __future__ import annotations

from daemon.engine.memory import remember
from domain.clock import NS_PER_MS, NS_PER_S
from domain.events import Command, Fill
from domain.ids import ClientOrderId, OrderId, Ticker, TradeId
from domain.market import Side
from domain.money import Cash, Count, Price
from tests.daemon.exchange import BASE
from tests.daemon.scenes import drawn, quoting
from tests.daemon.stand import LEAD_NS, Stand

S = NS_PER_S


def test_it_can_be_drawn_from_the_first_moment_on() -> None:
    stand = Stand(begin=False)
    assert drawn(stand).orders == ()
    stand.begin()
    assert not drawn(stand).reconciled


def test_drawing_changes_nothing() -> None:
    stand = quoting()
    before = remember(stand.engine.state)
    drawn(stand)
    assert remember(stand.engine.state) == before
    assert drawn(stand) == drawn(stand)


def test_it_shows_what_rests_at_which_price_and_leaves_our_own_out_of_the_book() -> None:
    picture = drawn(quoting())
    assert len(picture.orders) == 4
    assert {o.state for o in picture.orders} == {"open"}
    rungs = [r for r in picture.ladder if r.our_bid is not None]
    assert {r.series for r in rungs} == set(BASE)
    assert all(r.our_bid < r.fair < r.our_ask for r in rungs if r.our_bid and r.our_ask and r.fair)
    assert all(r.bid != r.our_bid for r in rungs)


def test_what_an_operator_adopted_is_held_but_is_no_profit_of_ours() -> None:
    stand = quoting()
    before = drawn(stand)
    order = before.orders[0]
    theirs = Fill(
        TradeId("theirs"), OrderId("o"), ClientOrderId("by-hand"), Ticker(order.ticker), Side.ASK, Price(9_900),
        Count(200), Cash(0), False, 0,
    )  # fmt: skip
    stand.engine.state.held.ledger.fill(theirs, order.series, 1, adopted=True)
    after = drawn(stand)
    assert [h.ticker for h in after.holdings] == [order.ticker]
    assert after.holdings[0].marked
    assert after.unrealised == before.unrealised


def test_it_shows_why_nothing_is_quoted() -> None:
    stand = quoting()
    stand.operator(Command.PAUSE)
    stand.run(3 * S)
    picture = drawn(stand)
    assert picture.paused
    assert "ann" in picture.pause_reason
    assert {g.reason for g in picture.gates if g.status != "PASS"} >= {"paused"}
    assert all(not s.open and s.reasons == ("paused",) for s in picture.series)


def test_it_shows_phase_edges_and_seconds_to_the_freeze() -> None:
    stand = quoting()
    (row, _) = drawn(stand).series
    assert row.phase == "quoting"
    assert row.freeze_ns == stand.target_ns - 2 * S
    assert row.flatten_ns == row.freeze_ns - LEAD_NS
    assert row.seconds_to_freeze == (row.freeze_ns - stand.utc_ns) / S
    assert row.freshness.verdict == "PASS"


def test_it_shows_which_feed_is_set_aside_and_for_how_long() -> None:
    stand = quoting()
    assert [feed.set_aside for feed in drawn(stand).feeds] == ["", ""]
    stand.engine.state.failover.set_aside("massive", "I:SPX", "stuck", stand.now())
    assert [feed.set_aside for feed in drawn(stand).feeds] == ["I:SPX stuck, for 600 s more", ""]


def test_a_value_that_repeats_makes_no_feed_younger() -> None:
    stand = quoting()
    old = stand.tick("INXU")
    stand.run(500 * NS_PER_MS)
    before = drawn(stand).feeds[0].ages_ms["I:SPX"]
    stand.step(old)
    assert drawn(stand).feeds[0].ages_ms["I:SPX"] == before


def test_it_shows_the_tail_and_the_reason_of_a_cancel_all() -> None:
    stand = quoting()
    stand.operator(Command.CANCEL_ALL)
    first = drawn(stand).cancel_all
    assert first.active
    assert first.reason == "operator_cli"
    stand.run(4 * S)
    later = drawn(stand).cancel_all
    assert not later.active
    assert 60 < later.tail_s < 62


def test_an_order_keeps_its_place_when_it_is_requoted() -> None:
    stand = quoting()
    places = [(o.ticker, o.side) for o in drawn(stand).orders]
    assert places == sorted(places, key=lambda place: (place[0].split("-")[0], place[0], place[1]))
    ids = {o.client_order_id for o in drawn(stand).orders}
    stand.moves["INXU"] = 400_000
    stand.run(2 * S)
    after = drawn(stand).orders
    assert {o.client_order_id for o in after} != ids, "nothing was requoted"
    assert [(o.ticker, o.side) for o in after] == places
