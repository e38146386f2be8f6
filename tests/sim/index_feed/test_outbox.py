"""The vendor's buffer for one reader: in order, bounded, and replaceable by a last word."""

from __future__ import annotations

import asyncio

from sim.index_feed.outbox import Entry, Outbox
from sim.index_feed.session import Close, Send


async def test_in_order_with_their_times() -> None:
    box = Outbox()
    taking = asyncio.create_task(box.get())
    await asyncio.sleep(0)
    assert box.put(Send("a"), 5)
    assert box.put(Send("b"), 3)
    assert await taking == Entry(5, Send("a"))
    assert await box.get() == Entry(3, Send("b"))
    assert len(box) == 0


async def test_a_full_buffer_says_so() -> None:
    box = Outbox(limit=2)
    assert [box.put(Send("x"), 0) for _ in range(3)] == [True, True, False]
    assert len(box) == 2


async def test_the_last_word_goes_before_what_waited() -> None:
    box = Outbox()
    box.put(Send("old"), 0)
    box.replace((Send("bye"), Close(1008)))
    assert [(await box.get()).out for _ in range(2)] == [Send("bye"), Close(1008)]
