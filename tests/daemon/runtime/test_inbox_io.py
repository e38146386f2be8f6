from __future__ import annotations

import asyncio
from typing import get_args, get_type_hints

import pytest

from daemon.runtime.inbox_io import (
    INBOX_CROWDED,
    INBOX_FACTS_MAX,
    INBOX_URGENT_MAX,
    QUOTED,
    TELLING,
    WAIT_SPAN_NS,
    Inbox,
    InboxFullError,
    masked,
)
from domain.clock import NS_PER_MS, Now
from domain.events import (
    AnyEvent,
    BooksStale,
    BookTop,
    Command,
    FillsRead,
    GroupsRead,
    KillSwitch,
    LoopStall,
    MarketsRead,
    OddRow,
    Operator,
    OrdersRead,
    PositionsRead,
    ReadFailed,
    SettlementsRead,
    Started,
    Stop,
    StreamStatus,
    Wake,
)
from domain.ids import RequestId, Ticker
from domain.market import Top
from ops.logs.masking import Masker
from tests.daemon.timepiece import Timepiece


def top(ticker: str, number: int) -> BookTop:
    return BookTop(Top(Ticker(ticker), (), (), number, 0))


async def drained(inbox: Inbox) -> list[AnyEvent]:
    return [await inbox.get(0) for _ in range(len(inbox))]


async def test_urgent_overtakes_facts_and_facts_overtake_books() -> None:
    inbox = Inbox(Timepiece())
    fact, urgent, book = StreamStatus(up=True, reason=""), Stop("x"), top("a", 1)
    for event in (book, fact, urgent):
        inbox.emit(event)
    assert await drained(inbox) == [urgent, fact, book]


async def test_the_start_comes_before_whatever_was_urgent_after_it() -> None:
    inbox = Inbox(Timepiece())
    start = Started("r", 1, "paper", "h", "b", "")
    inbox.emit(start)
    inbox.emit(KillSwitch(active=False, source="file", reason=""))
    assert await inbox.get(0) == start


async def test_facts_keep_their_order_and_none_is_dropped() -> None:
    inbox = Inbox(Timepiece())
    facts = [BooksStale((Ticker(str(n)),), "") for n in range(500)]
    for fact in facts:
        inbox.emit(fact)
    assert await drained(inbox) == facts


async def test_of_books_only_the_newest_of_each_market_waits_and_the_others_are_counted() -> None:
    inbox = Inbox(Timepiece())
    for event in (top("a", 1), top("b", 1), top("a", 2), top("a", 3)):
        inbox.emit(event)
    assert inbox.replaced == 2
    assert await drained(inbox) == [top("a", 3), top("b", 1)]


@pytest.mark.parametrize(("event", "most"), [(Stop("x"), INBOX_URGENT_MAX), (BooksStale((), ""), INBOX_FACTS_MAX)])
def test_a_lane_that_must_not_lose_anything_says_when_it_is_full(event: AnyEvent, most: int) -> None:
    inbox = Inbox(Timepiece())
    for _ in range(most):
        inbox.emit(event)
    with pytest.raises(InboxFullError, match=str(most)):
        inbox.emit(event)
    assert len(inbox) == most


def test_long_before_it_is_full_it_says_that_it_is_crowded() -> None:
    inbox = Inbox(Timepiece())
    for _ in range(INBOX_CROWDED):
        assert not inbox.crowded()
        inbox.emit(BooksStale((), ""))
    assert inbox.crowded()
    assert INBOX_CROWDED * 2 < INBOX_FACTS_MAX


async def test_nothing_waiting_and_the_deadline_reached_is_a_wake() -> None:
    clock = Timepiece()
    assert await Inbox(clock).get(clock.mono_ns) == Wake()


async def test_the_clock_decides_and_not_the_timer() -> None:
    clock = Timepiece()
    inbox = Inbox(clock)
    waiting = asyncio.ensure_future(inbox.get(clock.mono_ns + 1))
    for _ in range(50):
        await asyncio.sleep(0)
    assert not waiting.done(), "the timer may have fired, but the clock has not moved"
    clock.wait(1)
    assert await waiting == Wake()


async def test_an_event_ends_the_waiting_at_once() -> None:
    clock = Timepiece()
    inbox = Inbox(clock)
    waiting = asyncio.ensure_future(inbox.get(clock.mono_ns + 10**15))
    await asyncio.sleep(0)
    stall = LoopStall(1)
    inbox.emit(stall)
    inbox.emit(stall)
    assert await waiting == stall
    assert inbox.depth_max == 2


async def test_the_longest_wait_of_late_is_known_while_it_lasts_and_for_a_while_after() -> None:
    clock = Timepiece()
    inbox = Inbox(clock)
    assert inbox.oldest_age_ns() == 0
    inbox.emit(top("a", 1))
    clock.wait(3 * NS_PER_MS)
    inbox.emit(top("a", 2))
    inbox.emit(Stop("x"))
    clock.wait(2 * NS_PER_MS)
    assert inbox.oldest_age_ns() == 5 * NS_PER_MS, "news of a market is as old as the oldest that it replaced"
    assert inbox.lanes() == {"urgent": 1, "facts": 0, "latest": 1}
    await drained(inbox)
    assert inbox.oldest_age_ns() == 5 * NS_PER_MS
    clock.wait(2 * WAIT_SPAN_NS)
    assert inbox.oldest_age_ns() == 0


def test_a_secret_in_the_words_of_the_far_side_is_hidden_before_anything_keeps_it() -> None:
    inbox = Inbox(Timepiece(), Masker(["hunter22-key"]).text)
    told: list[AnyEvent] = [
        ReadFailed(RequestId(1), "orders", 401, "401: key hunter22-key is not known"),
        Operator(Command.PAUSE, "ann", "token=abcdef123", "operator_http", "http-1"),
        Stop("SIGTERM"),
    ]
    for event in told:
        inbox.emit(event)
    kept = [inbox._pop() for _ in told]  # noqa: SLF001 - in whatever order they come out
    words = repr(kept)
    assert "hunter22" not in words
    assert "abcdef123" not in words
    assert "is not known" in words
    assert Stop("SIGTERM") in kept, "what hides nothing stays as it is"


ODD = (OddRow("o-1", "no client id beside key=hunter22-key"), OddRow("o-2", "nothing to hide"))


@pytest.mark.parametrize(
    "event",
    [
        OrdersRead(RequestId(1), Now(1, 1), 0, True, (), ODD),
        FillsRead(RequestId(1), Now(1, 1), 0, (), ODD),
        PositionsRead(RequestId(1), Now(1, 1), (), ODD),
        SettlementsRead(RequestId(1), Now(1, 1), "", (), ODD),
        GroupsRead(RequestId(1), Now(1, 1), (), ODD),
        MarketsRead(RequestId(1), Now(1, 1), "INXU", 1, (), ODD),
        BooksStale((Ticker("a"), Ticker("hunter22-key")), ""),
    ],
    ids=lambda event: type(event).__name__,
)
def test_a_secret_in_a_row_or_list_of_an_event_is_hidden_before_anything_keeps_it(event: AnyEvent) -> None:
    kept = str(masked(event, Masker(["hunter22-key"]).text))
    assert "hunter22" not in kept
    assert "***" in kept
    assert masked(event, str) is event, "where nothing changes nothing is made"


def test_every_event_that_quotes_rows_of_the_far_side_has_them_masked() -> None:
    quoting = {each for each in get_args(AnyEvent) if "OddRow" in str(get_type_hints(each))}
    assert quoting == set(QUOTED)
    assert quoting < set(TELLING)
