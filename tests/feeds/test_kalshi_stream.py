from __future__ import annotations

import json
from typing import Any

import pytest

from domain.clock import Now
from domain.events import (
    AnyEvent,
    BooksStale,
    BookTop,
    Filled,
    GroupUpdated,
    MarketChanged,
    OrderUpdated,
    StreamStatus,
)
from domain.ids import Ticker
from feeds.kalshi_stream import KalshiStream
from feeds.session import CLOSED_AS_TOLD, HangUp, SessionStep

A, B, C = (Ticker(f"KXINXU-26NOV23H1200-T{n}") for n in (6844.9999, 6849.9999, 6854.9999))
MS = 1_000_000
BOOK_SID = 50


def at(ms: int) -> Now:
    return Now(ms * MS, ms * MS)


class Wire:
    """The exchange's end of one connection, by hand: what it got, and what it sends."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - whatever the session takes
        self.session = KalshiStream(("KXINXU",), **options)
        self.ms = 0
        self.events: list[AnyEvent] = []
        self.commands: list[dict[str, Any]] = []
        self.hung_up = ""
        self.seq = 0

    def take(self, step: SessionStep) -> None:
        self.events += step.events
        for out in step.outgoing:
            if isinstance(out, HangUp):
                self.hung_up = out.reason
            else:
                assert isinstance(out, str), "the exchange reads text frames"
                self.commands.append(json.loads(out))

    def send(self, kind: str, msg: object = None, **fields: Any) -> None:  # noqa: ANN401 - any JSON
        frame = {"type": kind, **fields, **({} if msg is None else {"msg": msg})}
        self.take(self.session.received(json.dumps(frame).encode(), at(self.ms)))

    def book(self, kind: str, msg: object = None, **fields: Any) -> None:  # noqa: ANN401 - any JSON
        """Send the next numbered message of the books' subscription."""
        self.seq += 1
        self.send(kind, msg, sid=BOOK_SID, seq=self.seq, **fields)

    def snapshot(self, ticker: str, yes: object = (("0.40", "5.00"),), no: object = (("0.60", "6.00"),)) -> None:
        self.book("orderbook_snapshot", {"market_ticker": ticker, "yes_dollars_fp": yes, "no_dollars_fp": no})

    def delta(self, ticker: str, price: str, count: str, side: str = "yes") -> None:
        msg = {"market_ticker": ticker, "price_dollars": price, "delta_fp": count, "side": side, "ts_ms": 77}
        self.book("orderbook_delta", msg)

    def want(self, *tickers: Ticker) -> None:
        self.take(self.session.want(tickers, at(self.ms)))

    def tick(self, ms: int) -> None:
        """Let time pass; the deadline asked for must be later than now, and not later than what then happens."""
        self.ms += ms
        self.take(self.session.tick(at(self.ms)))

    def due(self) -> int | None:
        due_ns = self.session.next_deadline(at(self.ms))
        assert due_ns is None or due_ns > self.ms * MS
        return due_ns

    def news(self) -> list[AnyEvent]:
        events, self.events = self.events, []
        return events

    def asked(self) -> list[dict[str, Any]]:
        commands, self.commands = self.commands, []
        return commands

    def up(self) -> None:
        """Connect and acknowledge the private channels and the lifecycle."""
        self.take(self.session.connected(at(self.ms)))
        for sid, command in enumerate(self.asked(), 1):
            [channel] = command["params"]["channels"]
            if channel != "orderbook_delta":
                self.send("subscribed", {"channel": channel, "sid": sid}, id=command["id"])

    def sid_of(self, channel: str) -> int:
        return ["fill", "user_orders", "order_group_updates", "market_lifecycle_v2"].index(channel) + 1

    def books_up(self, *tickers: Ticker) -> None:
        """Have these books subscribed and believed."""
        self.up()
        self.want(*tickers)
        [command] = self.asked()
        self.send("subscribed", {"channel": "orderbook_delta", "sid": BOOK_SID}, id=command["id"])
        for ticker in tickers:
            self.snapshot(ticker)
        self.news()


FILL = {
    "trade_id": "t-1",
    "order_id": "o-1",
    "client_order_id": "ladderd-1-1",
    "market_ticker": A,
    "exchange_index": 0,
    "is_taker": False,
    "side": "yes",
    "yes_price_dollars": "0.7500",
    "count_fp": "278.00",
    "fee_cost": "0.010000",
    "action": "buy",
    "ts": 1,
    "ts_ms": 1671899397000,
    "post_position_fp": "500.00",
    "outcome_side": "no",
    "book_side": "ask",
    "subaccount": 3,
}
ORDER = {
    "order_id": "o-1",
    "user_id": "u",
    "ticker": A,
    "exchange_index": 2,
    "status": "canceled",
    "book_side": "bid",
    "yes_price_dollars": "0.3500",
    "fill_count_fp": "0.00",
    "remaining_count_fp": "10.00",
    "initial_count_fp": "10.00",
    "client_order_id": "ladderd-1-1",
    "order_group_id": "g-1",
    "created_time": None,
    "expiration_ts_ms": 1733050800000,
    "last_update_reason": "ExpiryCancel",
    "subaccount_number": 0,
}


# --- the private channels ----------------------------------------------------------------------------------------


def test_up_when_every_private_channel_is_acknowledged_and_not_before() -> None:
    wire = Wire()
    wire.take(wire.session.connected(at(0)))
    commands = wire.asked()
    assert [c["cmd"] for c in commands] == ["subscribe"] * 4
    assert [c["params"]["channels"] for c in commands] == [
        ["fill"],
        ["user_orders"],
        ["order_group_updates"],
        ["market_lifecycle_v2"],
    ]
    assert len({c["id"] for c in commands}) == 4
    for sid, command in enumerate(commands[:2], 1):
        wire.send("subscribed", {"channel": command["params"]["channels"][0], "sid": sid}, id=command["id"])
    assert wire.news() == []
    wire.send("subscribed", {"channel": "order_group_updates", "sid": 3}, id=commands[2]["id"])
    assert wire.news() == [StreamStatus(up=True, reason="subscribed")]


def test_without_acknowledgement_the_connection_is_given_up() -> None:
    wire = Wire()
    wire.take(wire.session.connected(at(0)))
    assert wire.due() == 5_000 * MS
    wire.tick(4_999)
    assert not wire.hung_up
    wire.tick(1)
    assert "no answer to subscribe (fill" in wire.hung_up


def test_an_acknowledgement_nobody_asked_for_is_nothing() -> None:
    wire = Wire()
    wire.take(wire.session.connected(at(0)))
    wire.send("subscribed", {"channel": "fill", "sid": 1}, id=99)
    wire.send("subscribed", {"channel": "trade", "sid": 2}, id=1)
    assert wire.news() == []
    assert wire.session.counts["unknown"] == 2


def test_a_fill() -> None:
    wire = Wire()
    wire.up()
    wire.news()
    wire.send("fill", FILL, sid=wire.sid_of("fill"))
    [event] = wire.news()
    assert isinstance(event, Filled)
    fill = event.fill
    assert (fill.trade_id, fill.order_id, fill.client_order_id, fill.ticker) == ("t-1", "o-1", "ladderd-1-1", A)
    assert (fill.side, fill.price, fill.count, fill.fee, fill.is_taker) == ("ask", 7500, 27_800, 10_000, False)
    assert fill.exchange_ms == 1671899397000


def test_an_order_update() -> None:
    wire = Wire()
    wire.up()
    wire.news()
    wire.send("user_order", ORDER, sid=wire.sid_of("user_orders"))
    [event] = wire.news()
    assert isinstance(event, OrderUpdated)
    order = event.order
    assert (order.status, order.last_update_reason, order.group_id) == ("canceled", "ExpiryCancel", "g-1")
    assert (order.price, order.initial, order.remaining, order.filled) == (3500, 1000, 1000, 0)
    assert (order.exchange_index, order.expiration_ms) == (2, 1733050800000)


def test_another_subaccounts_news_is_not_ours() -> None:
    wire = Wire(subaccount=3)
    wire.up()
    wire.news()
    wire.send("user_order", ORDER, sid=wire.sid_of("user_orders"))
    assert wire.news() == []
    wire.send("fill", FILL, sid=wire.sid_of("fill"))
    assert len(wire.news()) == 1


@pytest.mark.parametrize(
    ("kind", "channel", "msg"),
    [
        ("fill", "fill", {**FILL, "count_fp": 278}),
        ("fill", "fill", {**FILL, "fee_cost": "0.0000001"}),
        ("fill", "fill", {k: v for k, v in FILL.items() if k != "trade_id"}),
        ("user_order", "user_orders", {**ORDER, "book_side": "yes"}),
        ("order_group_updates", "order_group_updates", {}),
    ],
)
def test_unreadable_private_news_ends_the_connection(kind: str, channel: str, msg: object) -> None:
    wire = Wire()
    wire.up()
    wire.news()
    wire.send(kind, msg, sid=wire.sid_of(channel), seq=1)
    assert wire.hung_up
    assert wire.news() == [StreamStatus(up=False, reason=wire.hung_up), BooksStale((), wire.hung_up)]


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b'{"type":5}', "nonsense"])
def test_what_is_no_message_ends_the_connection(data: str | bytes) -> None:
    wire = Wire()
    wire.up()
    wire.take(wire.session.received(data, at(0)))
    assert wire.hung_up


def test_group_updates_are_counted_and_a_gap_may_hide_a_trigger() -> None:
    wire = Wire()
    wire.up()
    wire.news()
    sid = wire.sid_of("order_group_updates")
    made = {"event_type": "created", "order_group_id": "g-1", "ts_ms": 1, "contracts_limit_fp": "20.00"}
    gone = {"event_type": "triggered", "order_group_id": "g-1", "ts_ms": 2}
    wire.send("order_group_updates", made, sid=sid, seq=1)
    wire.send("order_group_updates", gone, sid=sid, seq=2)
    wire.send("order_group_updates", gone, sid=sid, seq=2)
    assert [(e.group_id, e.what) for e in wire.news() if isinstance(e, GroupUpdated)] == [
        ("g-1", "created"),
        ("g-1", "triggered"),
    ]
    assert wire.session.counts["duplicate"] == 1
    wire.send("order_group_updates", gone, sid=sid, seq=4)
    assert "messages 3 to 3 are missing" in wire.hung_up


def test_market_lives_of_our_series_only_and_their_gaps_are_only_counted() -> None:
    wire = Wire()
    wire.up()
    wire.news()
    sid = wire.sid_of("market_lifecycle_v2")
    wire.send("market_lifecycle_v2", {"market_ticker": "FED-X", "event_type": "settled"}, sid=sid, seq=1)
    wire.send("event_lifecycle", {"event_ticker": "FED"}, sid=sid, seq=2)
    told = {"market_ticker": A, "event_type": "determined", "result": "yes"}
    wire.send("market_lifecycle_v2", told, sid=sid, seq=9)
    assert wire.news() == [MarketChanged(A, "determined", "yes")]
    assert not wire.hung_up
    assert wire.session.counts["gap"] == 1


def test_without_the_lifecycle_it_still_goes_on() -> None:
    wire = Wire()
    wire.up()
    wire.news()
    wire.send("error", {"code": 25, "msg": "Subscription buffer overflow"}, sid=wire.sid_of("market_lifecycle_v2"))
    assert not wire.hung_up
    assert wire.session.counts["terminal"] == 1
    assert wire.due() is None


@pytest.mark.parametrize("channel", ["fill", "user_orders", "order_group_updates"])
def test_a_terminal_error_of_a_private_channel_ends_the_connection(channel: str) -> None:
    wire = Wire()
    wire.up()
    wire.send("error", {"code": 10, "msg": "Channel error"}, sid=wire.sid_of(channel), seq=1)
    assert wire.hung_up == f"error 10 ({channel}): Channel error"


def test_a_refused_private_subscription_ends_the_connection() -> None:
    wire = Wire()
    wire.take(wire.session.connected(at(0)))
    wire.send("error", {"code": 9, "msg": "Authentication required"}, id=1)
    assert wire.hung_up == "error 9 (fill): Authentication required"


def test_down_is_told_once_and_after_up_again() -> None:
    wire = Wire()
    wire.take(wire.session.closed("cannot connect: refused", at(0)))
    assert wire.news() == [
        StreamStatus(up=False, reason="cannot connect: refused"),
        BooksStale((), "cannot connect: refused"),
    ]
    wire.take(wire.session.closed("cannot connect: refused", at(1)))
    assert wire.news() == []
    wire.up()
    wire.take(wire.session.closed(CLOSED_AS_TOLD, at(2)))
    assert [type(event) for event in wire.news()] == [StreamStatus, StreamStatus, BooksStale]
    assert wire.due() is None


def test_proven_after_ten_seconds_up() -> None:
    wire = Wire()
    assert not wire.session.proven(at(99_999))
    wire.up()
    assert not wire.session.proven(at(9_999))
    assert wire.session.proven(at(10_000))
    assert wire.session.retry_at(at(5)) == 5 * MS
    wire.send("fill", {}, sid=1)
    assert wire.hung_up
    assert wire.session.proven(at(10_000)), "what ended it does not undo that it worked"
    wire.take(wire.session.closed("x", at(10_000)))
    assert not wire.session.proven(at(20_000))


# --- the books ---------------------------------------------------------------------------------------------------


def test_wanted_before_the_connection_is_subscribed_with_it() -> None:
    wire = Wire()
    wire.want(A, B)
    assert wire.asked() == []
    wire.take(wire.session.connected(at(0)))
    assert wire.asked()[-1] == {
        "id": 5,
        "cmd": "subscribe",
        "params": {"channels": ["orderbook_delta"], "use_yes_price": True, "market_tickers": [A, B]},
    }


def test_snapshot_and_deltas_become_tops_on_the_yes_leg() -> None:
    wire = Wire()
    wire.up()
    wire.news()
    wire.want(A)
    wire.send("subscribed", {"channel": "orderbook_delta", "sid": BOOK_SID}, id=wire.asked()[0]["id"])
    wire.snapshot(A, yes=[["0.4100", "10.00"], ["0.4200", "13.00"]], no=[["0.4400", "17.00"]])
    wire.ms = 5
    wire.delta(A, "0.4300", "1.50")
    wire.delta(A, "0.4400", "-17.00", side="no")
    tops = [event.top for event in wire.news() if isinstance(event, BookTop)]
    assert [[(x.price, x.count) for x in top.bids] for top in tops] == [
        [(4200, 1300), (4100, 1000)],
        [(4300, 150), (4200, 1300), (4100, 1000)],
        [(4300, 150), (4200, 1300), (4100, 1000)],
    ]
    assert [[(x.price, x.count) for x in top.asks] for top in tops] == [[(4400, 1700)], [(4400, 1700)], []]
    assert [(top.received_mono_ns, top.exchange_ms) for top in tops] == [(0, 0), (5 * MS, 77), (5 * MS, 77)]


def test_the_recorded_frames_of_the_reference() -> None:
    """An absent side key is an empty side; a level taken to zero is gone."""
    wire = Wire()
    wire.books_up(A)
    wire.book("orderbook_snapshot", {"market_ticker": A, "market_id": "m", "yes_dollars_fp": [["0.4700", "3.00"]]})
    wire.delta(A, "0.4700", "-3.00")
    tops = [event.top for event in wire.news() if isinstance(event, BookTop)]
    assert [(len(top.bids), len(top.asks)) for top in tops] == [(1, 0), (0, 0)]


def test_more_and_fewer_books_one_command_at_a_time() -> None:
    wire = Wire()
    wire.books_up(A)
    wire.want(A, B)
    wire.want(B, C)
    [add] = wire.asked()
    assert add["cmd"] == "update_subscription"
    assert add["params"] == {"sids": [BOOK_SID], "action": "add_markets", "market_tickers": [B]}
    wire.book("ok", {"market_tickers": [A, B]}, id=add["id"])
    [add] = wire.asked()
    assert (add["params"]["action"], add["params"]["market_tickers"]) == ("add_markets", [C])
    wire.book("ok", {"market_tickers": [A, B, C]}, id=add["id"])
    [delete] = wire.asked()
    assert (delete["params"]["action"], delete["params"]["market_tickers"]) == ("delete_markets", [A])
    assert BooksStale((A,), "no longer wanted") in wire.news()
    wire.delta(A, "0.41", "1.00")
    assert wire.news() == []
    wire.book("ok", {"market_tickers": [B, C]}, id=delete["id"])
    wire.snapshot(B)
    wire.snapshot(C)
    wire.snapshot(A)
    assert [event.top.ticker for event in wire.news() if isinstance(event, BookTop)] == [B, C]
    assert wire.due() == (wire.ms + 30_000) * MS, "nothing but the quiet of the books"


def test_wanting_nothing_unsubscribes_and_wanting_again_subscribes() -> None:
    wire = Wire()
    wire.books_up(A)
    wire.want()
    [command] = wire.asked()
    assert (command["cmd"], command["params"]) == ("unsubscribe", {"sids": [BOOK_SID]})
    assert wire.news() == [BooksStale((A,), "no longer wanted")]
    wire.want(B)
    assert wire.asked() == []
    wire.book("unsubscribed", id=command["id"])
    [command] = wire.asked()
    assert command["cmd"] == "subscribe"
    wire.seq = 0
    wire.send("subscribed", {"channel": "orderbook_delta", "sid": BOOK_SID}, id=command["id"])
    wire.snapshot(B)
    assert [type(event) for event in wire.news()] == [BookTop]


def test_ok_spends_a_number() -> None:
    wire = Wire()
    wire.books_up(A)
    wire.want(A, B)
    wire.book("ok", {"market_tickers": [A, B]}, id=wire.asked()[0]["id"])
    wire.snapshot(B)
    wire.delta(A, "0.41", "1.00")
    assert wire.session.counts["gap"] == 0
    assert [type(event) for event in wire.news()] == [BookTop, BookTop]


def test_a_gap_makes_every_book_stale_until_its_own_snapshot() -> None:
    wire = Wire()
    wire.books_up(A, B)
    wire.seq += 2
    wire.delta(A, "0.41", "1.00")
    assert wire.news() == [BooksStale((A, B), "messages 3 to 4 are missing")]
    [ask] = wire.asked()
    assert ask["params"] == {"sids": [BOOK_SID], "action": "get_snapshot", "market_tickers": [A, B]}
    wire.delta(B, "0.41", "1.00")
    assert wire.news() == []
    wire.snapshot(B)
    wire.delta(A, "0.41", "1.00")
    assert [event.top.ticker for event in wire.news() if isinstance(event, BookTop)] == [B]
    wire.snapshot(A)
    assert [event.top.ticker for event in wire.news() if isinstance(event, BookTop)] == [A]
    assert wire.due() == (wire.ms + 30_000) * MS, "nothing but the quiet of the books"


def test_a_late_message_is_dropped_not_applied() -> None:
    wire = Wire()
    wire.books_up(A)
    wire.seq = 0
    wire.delta(A, "0.45", "1.00")
    assert wire.news() == []
    assert wire.session.counts["duplicate"] == 1


def test_snapshots_that_do_not_come_are_asked_for_three_times_and_then_given_up() -> None:
    wire = Wire()
    wire.up()
    wire.want(A)
    wire.send("subscribed", {"channel": "orderbook_delta", "sid": BOOK_SID}, id=wire.asked()[0]["id"])
    for tries in range(1, 4):
        assert wire.due() == (tries * 3_000) * MS
        wire.tick(2_999)
        assert wire.asked() == []
        wire.tick(1)
        assert [c["params"]["action"] for c in wire.asked()] == ["get_snapshot"]
    wire.news()
    wire.tick(3_000)
    assert wire.news() == [BooksStale((A,), "no snapshot comes")]
    assert wire.session.counts["given_up"] == 1
    assert not wire.hung_up


def test_an_impossible_change_costs_that_book_alone() -> None:
    wire = Wire()
    wire.books_up(A, B)
    wire.delta(A, "0.40", "-5.01")
    assert wire.news() == [BooksStale((A,), "impossible change of -5.01 at 0.40")]
    assert [c["params"]["market_tickers"] for c in wire.asked()] == [[A]]
    wire.delta(B, "0.41", "1.00")
    assert [type(event) for event in wire.news()] == [BookTop]


def test_a_book_proven_stale_is_not_believed_and_asked_for_whole_and_the_others_go_on() -> None:
    wire = Wire()
    wire.books_up(A, B)
    wire.take(wire.session.want((A, B), at(wire.ms), (A,)))
    assert [(e.tickers, "refused" in e.reason) for e in wire.news() if isinstance(e, BooksStale)] == [((A,), True)]
    [command] = wire.asked()
    assert (command["params"]["action"], command["params"]["market_tickers"]) == ("get_snapshot", [A])
    wire.delta(A, "0.41", "1.00")
    assert wire.news() == [], "a change of a book that is not believed"
    wire.snapshot(A)
    assert [e.top.ticker for e in wire.news() if isinstance(e, BookTop)] == [A]


def test_a_crossed_book_is_stale_and_may_recover_by_itself() -> None:
    wire = Wire()
    wire.books_up(A)
    wire.delta(A, "0.60", "1.00")
    wire.delta(A, "0.61", "1.00")
    assert wire.news() == [BooksStale((A,), "best bid meets best ask")]
    assert wire.asked() == []
    wire.delta(A, "0.60", "-6.00", side="no")
    assert [type(event) for event in wire.news()] == [BookTop]
    assert wire.due() == (wire.ms + 30_000) * MS, "nothing but the quiet of the books"


def test_a_book_that_stays_crossed_is_asked_for_again() -> None:
    wire = Wire()
    wire.books_up(A)
    wire.delta(A, "0.60", "1.00")
    assert wire.due() == 1_000 * MS
    wire.tick(1_000)
    assert [c["params"]["action"] for c in wire.asked()] == ["get_snapshot"]
    wire.snapshot(A)
    assert isinstance(wire.news()[-1], BookTop)


@pytest.mark.parametrize(
    "msg",
    [
        {"market_ticker": A, "yes_dollars_fp": [["0.40", "0.00"]]},
        {"market_ticker": A, "yes_dollars_fp": [["1.00", "1.00"]]},
        {"market_ticker": A, "yes_dollars_fp": [["0.40", "1.00"], ["0.4000", "2.00"]]},
        {"market_ticker": A, "yes_dollars_fp": [["0.40001", "1.00"]]},
        {"market_ticker": A, "yes_dollars_fp": [[0.4, "1.00"]]},
        {"yes_dollars_fp": []},
    ],
)
def test_an_unreadable_snapshot_ends_the_connection(msg: object) -> None:
    wire = Wire()
    wire.books_up(A)
    wire.book("orderbook_snapshot", msg)
    assert wire.hung_up


@pytest.mark.parametrize("change", [{"side": "maybe"}, {"price_dollars": "0.400001"}, {"delta_fp": 1}])
def test_an_unreadable_delta_ends_the_connection(change: dict[str, object]) -> None:
    wire = Wire()
    wire.books_up(A)
    msg = {"market_ticker": A, "price_dollars": "0.40", "delta_fp": "1.00", "side": "yes", **change}
    wire.book("orderbook_delta", msg)
    assert wire.hung_up


def test_a_book_message_without_number_ends_the_connection() -> None:
    wire = Wire()
    wire.books_up(A)
    wire.send("orderbook_delta", {}, sid=BOOK_SID)
    assert wire.hung_up == "orderbook_delta without seq"


@pytest.mark.parametrize("code", [10, 25, 7])
def test_after_a_terminal_error_the_books_are_subscribed_anew(code: int) -> None:
    wire = Wire()
    wire.books_up(A)
    wire.book("error", {"code": code, "msg": "over"})
    assert wire.news() == [BooksStale((A,), f"error {code}: over")]
    [command] = wire.asked()
    assert (command["cmd"], command["params"]["market_tickers"]) == ("subscribe", [A])
    wire.send("orderbook_delta", {}, sid=BOOK_SID, seq=9)
    assert wire.session.counts["unknown"] == 1
    assert not wire.hung_up


def test_terminal_errors_again_and_again_end_the_connection() -> None:
    wire = Wire()
    wire.books_up(A)
    for _ in range(3):
        wire.book("error", {"code": 25, "msg": "overflow"})
        command = wire.asked()[-1]
        wire.seq = 0
        wire.send("subscribed", {"channel": "orderbook_delta", "sid": BOOK_SID}, id=command["id"])
    assert not wire.hung_up
    wire.book("error", {"code": 25, "msg": "overflow"})
    assert "for the 4th time" in wire.hung_up


def test_a_market_the_exchange_does_not_know_is_given_up_and_the_rest_goes_on() -> None:
    wire = Wire()
    wire.up()
    wire.want(A, B)
    wire.send("subscribed", {"channel": "orderbook_delta", "sid": BOOK_SID}, id=wire.asked()[0]["id"])
    wire.snapshot(A)
    wire.book("error", {"code": 11, "msg": "Invalid parameter", "market_ticker": B})
    wire.delta(A, "0.41", "1.00")
    assert not wire.hung_up
    assert wire.due() == (wire.ms + 30_000) * MS, "nothing but the quiet of the books"
    assert wire.asked() == []


def test_when_all_is_given_up_nothing_else_is_called_stale() -> None:
    """A BooksStale that names no ticker would mean every book, those of other sessions included."""
    wire = Wire()
    wire.books_up(A)
    wire.book("error", {"code": 11, "msg": "Invalid parameter", "market_ticker": A})
    assert wire.news() == [BooksStale((A,), "error 11: Invalid parameter")]
    assert [c["cmd"] for c in wire.asked()] == ["unsubscribe"]


def test_a_market_given_up_is_tried_again_when_it_is_wanted_anew() -> None:
    wire = Wire()
    wire.books_up(A, B)
    wire.book("error", {"code": 11, "msg": "Invalid parameter", "market_ticker": B})
    wire.want(A, B)
    assert wire.asked() == []
    wire.want(A)
    wire.want(A, B)
    assert [c["params"]["market_tickers"] for c in wire.asked()] == [[B]]


def test_a_refused_book_subscription_names_its_market_or_ends_the_connection() -> None:
    wire = Wire()
    wire.up()
    wire.want(A, B)
    wire.send("error", {"code": 11, "msg": "Invalid", "market_ticker": B}, id=wire.asked()[0]["id"])
    [again] = wire.asked()
    assert again["params"]["market_tickers"] == [A]
    wire.send("error", {"code": 26, "msg": "Subscription market limit exceeded"}, id=again["id"])
    assert wire.hung_up == "error 26: Subscription market limit exceeded"


def test_an_unanswered_book_command_ends_the_connection() -> None:
    wire = Wire()
    wire.up()
    wire.want(A)
    assert wire.due() == 5_000 * MS
    wire.tick(5_000)
    assert wire.hung_up == "no answer to subscribe within 5000 ms"


def test_an_error_to_a_snapshot_request_changes_nothing() -> None:
    wire = Wire()
    wire.books_up(A)
    wire.seq += 1
    wire.delta(A, "0.41", "1.00")
    [ask] = wire.asked()
    wire.send("error", {"code": 18, "msg": "Command timeout"}, id=ask["id"])
    assert not wire.hung_up
    assert wire.due() == 3_000 * MS


def test_a_new_connection_begins_with_nothing() -> None:
    wire = Wire()
    wire.books_up(A)
    wire.take(wire.session.closed("dropped", at(10)))
    wire.seq = 0
    wire.take(wire.session.connected(at(20)))
    command = wire.asked()[-1]
    assert command["params"]["market_tickers"] == [A]
    wire.send("subscribed", {"channel": "orderbook_delta", "sid": BOOK_SID}, id=command["id"])
    wire.delta(A, "0.41", "1.00")
    assert not any(isinstance(event, BookTop) for event in wire.news())
    wire.snapshot(A)
    assert isinstance(wire.news()[-1], BookTop)


def test_an_ok_list_without_our_market_is_asked_for_again() -> None:
    wire = Wire()
    wire.books_up(A)
    wire.want(A, B)
    wire.book("ok", {"market_tickers": [A]}, id=wire.asked()[0]["id"])
    assert [c["params"]["market_tickers"] for c in wire.asked()] == [[B]]


# --- how old a message is, and a book that is quiet ----------------------------------------------------------------


def test_each_message_carries_when_it_was_sent_by_its_envelope_or_else_by_its_own_stamp() -> None:
    wire = Wire()
    wire.books_up(A)
    wire.news()
    book = {"market_ticker": A, "yes_dollars_fp": [["0.40", "5.00"]]}
    wire.book("orderbook_snapshot", book, sending_ts_ms=900)
    wire.book("orderbook_snapshot", book)
    wire.delta(A, "0.41", "1.00")
    msg = {"market_ticker": A, "price_dollars": "0.42", "delta_fp": "1.00", "side": "yes", "ts_ms": 77}
    wire.book("orderbook_delta", msg, sending_ts_ms=78)
    assert [event.top.exchange_ms for event in wire.news() if isinstance(event, BookTop)] == [900, 0, 77, 78]


def test_a_quiet_book_is_asked_for_again_and_stays_believed_unless_nothing_comes() -> None:
    wire = Wire()
    wire.books_up(A)
    wire.asked()
    wire.news()
    wire.tick(29_999)
    assert wire.asked() == []
    wire.tick(1)
    (ask,) = wire.asked()
    assert (ask["params"]["action"], ask["params"]["market_tickers"]) == ("get_snapshot", [A])
    assert wire.news() == [], "still believed"
    wire.snapshot(A)
    assert wire.due() == (wire.ms + 30_000) * MS
    wire.news()
    wire.tick(30_000)
    for _ in range(4):
        wire.tick(3_000)
    assert any(isinstance(event, BooksStale) for event in wire.news()), "three requests, and no snapshot"


@pytest.mark.parametrize(
    "body",
    [
        {"yes_dollars": [["0.40", "5.00"]], "no_dollars": [["0.60", "6.00"]]},
        {"yes_dollars_fp": [["0.40", "5.00"]], "no_dollars": [["0.60", "6.00"]]},
        {"yes": [[40, 5]], "no": [[60, 6]]},
    ],
)
def test_a_book_whose_sides_have_other_names_is_not_an_empty_book(body: dict[str, object]) -> None:
    wire = Wire()
    wire.books_up(A)
    wire.news()
    wire.book("orderbook_snapshot", {"market_ticker": A, **body})
    assert wire.hung_up
    (down, stale) = wire.news()
    assert isinstance(down, StreamStatus)
    assert down.reason.startswith("schema: a book with")
    assert isinstance(stale, BooksStale)


def test_a_book_with_an_empty_side_is_believed() -> None:
    wire = Wire()
    wire.books_up(A)
    wire.news()
    wire.book("orderbook_snapshot", {"market_ticker": A, "market_id": "m", "yes_dollars_fp": [["0.40", "5.00"]]})
    wire.book("orderbook_snapshot", {"market_ticker": A, "market_id": "m"})
    assert [type(event) for event in wire.news()] == [BookTop, BookTop]
