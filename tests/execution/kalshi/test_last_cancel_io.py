"""The last request is sent past every queue, over any connection that there is, within a second."""

from __future__ import annotations

import asyncio

from daemon.system_clock import SystemClock
from domain.hosts import Posture
from execution.kalshi.sign import Signer
from execution.kalshi.venue_io import KalshiVenue, VenueLimits
from tests.execution.kalshi.kalshi_fake import Reply, Seen, cancel, ed_key, fake_exchange, pem_of, place, reply, until

ONE_EACH = VenueLimits(kill_connections=1, cancel_connections=1, place_connections=1, read_connections=1)
TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"


def venue(base_url: str, outcomes: list[object]) -> KalshiVenue:
    signer = Signer("key-1", pem_of(ed_key()))
    return KalshiVenue(base_url, signer, SystemClock(), outcomes.append, posture=Posture.PAPER, limits=ONE_EACH)


def is_cancel_all(seen: Seen) -> bool:
    return (seen.method, seen.path.rpartition("/")[2]) == ("DELETE", "orders")


async def test_where_nothing_is_connected_a_connection_is_made() -> None:
    async with fake_exchange(lambda _: TAKEN) as fake:
        assert await venue(fake.base_url, []).cancel_all_at_last() == ""
        assert [is_cancel_all(seen) for seen in fake.seen] == [True]


async def test_it_overtakes_cancels_that_wait_and_no_place_leaves_any_more() -> None:
    def script(seen: Seen) -> Reply:
        return TAKEN if is_cancel_all(seen) else None

    async with fake_exchange(script) as fake:
        outcomes: list[object] = []
        sent = venue(fake.base_url, outcomes)
        life = asyncio.create_task(sent.run())
        await until(lambda: fake.connections >= 4)
        for _ in range(3):
            sent.perform(cancel("o1"))
        assert await sent.cancel_all_at_last() == ""
        assert any(is_cancel_all(seen) for seen in fake.seen)
        sent.perform(place())
        assert getattr(outcomes[-1], "code", "") == "lane_closed"
        assert not [seen for seen in fake.seen if seen.method == "POST"]
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)


async def test_it_is_sent_again_behind_an_order_that_was_on_its_way() -> None:
    def script(seen: Seen) -> Reply:
        if seen.method == "POST":
            asyncio.get_running_loop().call_later(0.1, fake.writers[seen.connection - 1].write, reply(201, {}))
            return None
        return TAKEN

    async with fake_exchange(script) as fake:
        sent = venue(fake.base_url, [])
        life = asyncio.create_task(sent.run())
        await until(lambda: sent.places.pool.idle == 1 and sent.kills.pool.idle == 1)
        sent.perform(place())
        await until(lambda: any(seen.method == "POST" for seen in fake.seen))
        assert await sent.cancel_all_at_last() == ""
        assert sum(is_cancel_all(seen) for seen in fake.seen) == 2
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)


async def test_an_exchange_that_refuses_or_says_nothing_is_told_after_a_second() -> None:
    async with fake_exchange(lambda _: reply(503, {"error": {"code": "down"}})) as fake:
        assert await venue(fake.base_url, []).cancel_all_at_last() == "HTTP 503 down"
        assert len(fake.seen) > 3
    async with fake_exchange(lambda _: None) as fake:
        assert await venue(fake.base_url, []).cancel_all_at_last() == "no answer within 300 ms"
        assert len(fake.seen) > 1
    assert "Connect" in await venue("http://127.0.0.1:9/trade-api/v2", []).cancel_all_at_last()
