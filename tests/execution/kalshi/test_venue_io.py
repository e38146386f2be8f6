from __future__ import annotations

import asyncio
import base64
import contextlib
import email.utils
import json
from collections.abc import AsyncIterator, Callable

import pytest

from daemon.system_clock import SystemClock
from domain.actions import AnyAction, Read
from domain.errors import ConfigurationError
from domain.events import (
    AnyEvent,
    CancelAllOutcome,
    CancelOutcome,
    ClockSample,
    GroupOp,
    GroupOutcome,
    OrdersRead,
    PlaceOutcome,
    ReadFailed,
    Verdict,
)
from domain.hosts import Posture
from execution.kalshi.sign import Signer
from execution.kalshi.venue_io import KalshiVenue, VenueLimits
from tests.execution.kalshi.kalshi_fake import (
    FakeExchange,
    Reply,
    Seen,
    ask,
    cancel,
    cancel_all,
    create_group,
    delete_group,
    ed_key,
    fake_exchange,
    pem_of,
    place,
    reply,
    rsa_key,
    trigger,
    until,
)

ONE_EACH = VenueLimits(kill_connections=1, cancel_connections=1, place_connections=1, read_connections=1)
HASTY = VenueLimits(
    kill_connections=1,
    cancel_connections=1,
    place_connections=1,
    read_connections=1,
    cancel_limit_ms=40,
    place_limit_ms=40,
    read_limit_ms=40,
)


class Desk:
    """A venue under test with everything it emitted."""

    def __init__(self, base_url: str, limits: VenueLimits, pem: bytes) -> None:
        self.events: asyncio.Queue[AnyEvent] = asyncio.Queue()
        self.clock = SystemClock()
        signer = Signer("key-1", pem)
        self.venue = KalshiVenue(
            base_url, signer, self.clock, self.events.put_nowait, posture=Posture.PAPER, limits=limits
        )

    async def event(self) -> AnyEvent:
        return await asyncio.wait_for(self.events.get(), 5)

    async def outcome(self, action: AnyAction) -> AnyEvent:
        self.venue.perform(action)
        return await self.event()


@contextlib.asynccontextmanager
async def desk(
    script: Callable[[Seen], Reply], limits: VenueLimits = ONE_EACH, pem: bytes | None = None
) -> AsyncIterator[tuple[Desk, FakeExchange]]:
    async with fake_exchange(script) as fake:
        under_test = Desk(fake.base_url, limits, pem or pem_of(ed_key()))
        running = asyncio.create_task(under_test.venue.run())
        lanes = (under_test.venue.kills, under_test.venue.cancels, under_test.venue.places, under_test.venue.reads)
        await until(lambda: all(lane.pool.idle for lane in lanes))
        try:
            yield under_test, fake
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


def made(seen: Seen) -> bytes:
    body = json.loads(seen.body)
    out = {"order_id": "o-1", "client_order_id": body["client_order_id"], "fill_count": "0.00"}
    return reply(201, {**out, "remaining_count": body["count"], "ts_ms": 1_795_449_600_123})


async def test_a_place_goes_out_signed_and_comes_back_accepted_with_a_clock_sample() -> None:
    async with desk(made) as (under_test, fake):
        outcome = await under_test.outcome(place())
        assert isinstance(outcome, PlaceOutcome)
        assert (outcome.verdict, outcome.order_id, outcome.remaining) == (Verdict.ACCEPTED, "o-1", 500)
        assert isinstance(await under_test.event(), ClockSample)
    [seen] = fake.seen
    assert (seen.method, seen.path) == ("POST", "/trade-api/v2/portfolio/events/orders")
    assert json.loads(seen.body)["post_only"] is True
    assert seen.headers["kalshi-access-key"] == "key-1"
    assert seen.headers["content-type"] == "application/json"
    text = f"{seen.headers['kalshi-access-timestamp']}{seen.method}{seen.path}"
    signature = base64.b64decode(seen.headers["kalshi-access-signature"])
    ed_key().public_key().verify(signature, text.encode())


async def test_cancels_triggers_and_cancel_all() -> None:
    def script(seen: Seen) -> Reply:
        if seen.path.endswith("/trigger"):
            return reply(200, {})
        if seen.path.endswith("/batched"):
            return reply(200, {"orders": [{"order_id": "o-1", "reduced_by": "1.00", "ts_ms": 5}]})
        return reply(204)

    async with desk(script) as (under_test, fake):
        triggered = await under_test.outcome(trigger())
        assert isinstance(triggered, GroupOutcome)
        assert (triggered.verdict, triggered.op, triggered.group_id) == (Verdict.ACCEPTED, GroupOp.TRIGGER, "g-1")
        every = await under_test.outcome(cancel_all())
        assert isinstance(every, CancelAllOutcome)
        assert (every.verdict, every.http_status) == (Verdict.ACCEPTED, 204)
        one = await under_test.outcome(cancel("o-1"))
        assert isinstance(one, CancelOutcome)
        assert (one.verdict, one.reduced_by) == (Verdict.ACCEPTED, 100)
    triggered_on, emptied_on, cancelled_on = (seen.connection for seen in fake.seen)
    assert triggered_on == emptied_on != cancelled_on


@pytest.mark.parametrize("off_s", [-3_600, 3_600])
async def test_with_a_clock_an_hour_off_cancels_and_listings_are_signed_again_and_places_are_not(off_s: int) -> None:
    theirs_s = SystemClock().now().utc_ns // 10**9 + off_s

    script = by_the_clock(theirs_s, lambda _: reply(200, {"orders": [], "cursor": ""}))
    async with desk(script) as (under_test, fake):
        # Its expiry would be an hour wrong as well.
        refused = await under_test.outcome(place())
        assert isinstance(refused, PlaceOutcome)
        assert (refused.verdict, refused.code) == (Verdict.REFUSED, "header_timestamp_expired")
    assert [seen.method for seen in fake.seen] == ["POST"]
    async with desk(script) as (under_test, fake):
        emptied = await under_test.outcome(cancel_all())
        assert isinstance(emptied, CancelAllOutcome)
        assert emptied.verdict is Verdict.ACCEPTED
        # What was signed ahead is void too: the very next listing and cancel are good.
        under_test.venue.perform(ask(Read.RESTING))
        while not isinstance(listed := await under_test.event(), OrdersRead):
            assert not isinstance(listed, ReadFailed)
    stale = [s.method for s in fake.seen if abs(int(s.headers["kalshi-access-timestamp"]) - theirs_s * 1_000) > 5_000]
    assert stale == ["DELETE"]


def by_the_clock(theirs_s: int, answer: Callable[[Seen], bytes]) -> Callable[[Seen], Reply]:
    """An exchange with a clock of its own, which tells it when it refuses a stamp."""
    date = f"Date: {email.utils.formatdate(theirs_s, usegmt=True)}\r\n"

    def script(seen: Seen) -> Reply:
        if abs(int(seen.headers["kalshi-access-timestamp"]) - theirs_s * 1_000) > 5_000:
            return reply(401, {"error": {"code": "header_timestamp_expired"}}, date)
        return reply(204) if seen.method == "DELETE" else answer(seen)

    return script


def stamp_refused(times: int, *, dated: bool = True) -> Callable[[Seen], Reply]:
    """An exchange that finds the stamp of some requests too old, though the clocks agree."""
    left = [times]

    def script(seen: Seen) -> Reply:
        if not left[0]:
            return made(seen)
        left[0] -= 1
        date = f"Date: {email.utils.formatdate(SystemClock().now().utc_ns // 10**9, usegmt=True)}\r\n"
        return reply(401, {"error": {"code": "header_timestamp_expired"}}, date if dated else "")

    return script


async def place_told(under_test: Desk, not_after_ns: int = 0) -> PlaceOutcome:
    outcome = await under_test.outcome(place(not_after_ns=not_after_ns or under_test.clock.now().mono_ns + 10**9))
    assert isinstance(outcome, PlaceOutcome)
    return outcome


async def test_a_place_whose_stamp_is_refused_is_signed_again_once_under_its_name() -> None:
    async with desk(stamp_refused(1)) as (under_test, fake):
        outcome = await place_told(under_test)
        assert (outcome.verdict, outcome.order_id) == (Verdict.ACCEPTED, "o-1")
        assert isinstance(await under_test.event(), ClockSample)
        assert under_test.events.empty(), "the refusal is no outcome of its own"
    first, second = fake.seen
    assert first.body == second.body
    assert first.headers["kalshi-access-signature"] != second.headers["kalshi-access-signature"]


@pytest.mark.parametrize(("script", "sent"), [(stamp_refused(2), 2), (stamp_refused(1, dated=False), 1)])
async def test_a_second_refusal_or_one_without_a_time_is_told(script: Callable[[Seen], Reply], sent: int) -> None:
    async with desk(script) as (under_test, fake):
        outcome = await place_told(under_test)
        assert (outcome.verdict, outcome.code) == (Verdict.REFUSED, "header_timestamp_expired")
    assert len(fake.seen) == sent


async def test_a_place_that_a_cancel_all_overtook_or_whose_permission_is_over_is_not_signed_again() -> None:
    refuse = stamp_refused(1)

    def purged(seen: Seen) -> Reply:
        under_test.venue.purge_places()
        return refuse(seen)

    async with desk(purged) as (under_test, fake):
        assert (await place_told(under_test)).verdict is Verdict.REFUSED
    assert len(fake.seen) == 1
    refuse = stamp_refused(1)

    def slow(seen: Seen) -> Reply:
        while under_test.clock.now().mono_ns <= over_ns:
            pass
        return refuse(seen)

    async with desk(slow) as (under_test, fake):
        over_ns = under_test.clock.now().mono_ns + 20_000_000
        assert (await place_told(under_test, over_ns)).verdict is Verdict.REFUSED
    assert len(fake.seen) == 1


async def test_a_cancel_is_written_before_perform_returns() -> None:
    async with desk(lambda _: reply(200, {})) as (under_test, _):
        venue = under_test.venue
        for lane, action in ((venue.kills, trigger()), (venue.kills, cancel_all()), (venue.cancels, cancel("o-1"))):
            before = lane.written
            venue.perform(action)
            assert lane.written == before + 1
            await under_test.event()


async def test_what_empties_the_account_never_waits_for_answers_to_single_cancels() -> None:
    def script(seen: Seen) -> Reply:
        return None if seen.path.endswith("/batched") else reply(204)

    async with desk(script, VenueLimits()) as (under_test, _):
        for number in range(10):
            under_test.venue.perform(cancel(f"o-{number}"))
        assert under_test.venue.cancels.waiting
        outcome = await under_test.outcome(cancel_all())
        assert isinstance(outcome, CancelAllOutcome)
        assert outcome.verdict is Verdict.ACCEPTED


async def test_a_void_permission_is_never_written() -> None:
    async with desk(made) as (under_test, fake):
        outcome = await under_test.outcome(place(not_after_ns=under_test.clock.now().mono_ns))
        assert isinstance(outcome, PlaceOutcome)
        assert (outcome.verdict, outcome.code) == (Verdict.UNSENT, "permission_void")
        assert isinstance(await under_test.outcome(place(2)), PlaceOutcome)
    assert [json.loads(seen.body)["client_order_id"] for seen in fake.seen] == ["ladderd-1-2"]


@pytest.mark.parametrize("answer", [None, b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", b"junk\r\n\r\n"])
async def test_no_whole_answer_is_unknown_and_nothing_is_written_twice(answer: Reply) -> None:
    async with desk(lambda _: answer, HASTY) as (under_test, fake):
        for action in (place(), cancel("o-1"), trigger(), cancel_all(), create_group()):
            outcome = await under_test.outcome(action)
            assert isinstance(outcome, PlaceOutcome | CancelOutcome | GroupOutcome | CancelAllOutcome)
            assert outcome.verdict is Verdict.UNKNOWN, action
            assert outcome.sent_mono_ns > 0
    assert len(fake.seen) == 5
    assert under_test.events.empty()


async def test_a_connection_that_kept_us_waiting_is_never_asked_again() -> None:
    """Or its late answer would be taken for the next request's."""
    late: list[int] = []

    def script(seen: Seen) -> Reply:
        late.append(seen.connection)
        return None if len(late) == 1 else reply(200, {})

    async with desk(script, HASTY) as (under_test, _):
        first = await under_test.outcome(trigger())
        second = await under_test.outcome(trigger())
        assert isinstance(first, GroupOutcome)
        assert isinstance(second, GroupOutcome)
        assert (first.verdict, second.verdict) == (Verdict.UNKNOWN, Verdict.ACCEPTED)
    assert late[0] != late[1]


async def test_without_a_connection_everything_is_unsent() -> None:
    under_test = Desk("http://127.0.0.1:9/trade-api/v2", HASTY, pem_of(ed_key()))
    running = asyncio.create_task(under_test.venue.run())
    for action in (place(), trigger()):
        outcome = await under_test.outcome(action)
        assert isinstance(outcome, PlaceOutcome | GroupOutcome)
        assert (outcome.verdict, outcome.code, outcome.sent_mono_ns) == (Verdict.UNSENT, "no_connection", 0)
    failed = await under_test.outcome(ask(Read.RESTING))
    assert isinstance(failed, ReadFailed)
    assert failed.reason.startswith("no_connection")
    assert not under_test.venue.ready
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_full_lane_says_unsent_at_once() -> None:
    limits = VenueLimits(place_connections=1, places_max=1, place_limit_ms=60_000)
    async with desk(lambda _: None, limits) as (under_test, _):
        under_test.venue.perform(place(1))
        under_test.venue.perform(place(2))
        outcome = await under_test.outcome(place(3))
        assert isinstance(outcome, PlaceOutcome)
        assert (outcome.client_order_id, outcome.verdict, outcome.code) == ("ladderd-1-3", Verdict.UNSENT, "lane_full")


async def test_a_place_whose_permission_ends_while_it_waits_comes_back_then() -> None:
    limits = VenueLimits(place_connections=1, place_limit_ms=60_000)
    async with desk(lambda _: None, limits) as (under_test, _):
        under_test.venue.perform(place(1))
        outcome = await under_test.outcome(place(2, not_after_ns=under_test.clock.now().mono_ns + 5_000_000))
        assert isinstance(outcome, PlaceOutcome)
        assert (outcome.client_order_id, outcome.verdict) == ("ladderd-1-2", Verdict.UNSENT)
        assert under_test.venue.places.waiting == 0


async def test_purged_places_come_back_unsent_and_groups_stay() -> None:
    limits = VenueLimits(place_connections=1, place_limit_ms=60_000)
    async with desk(lambda _: None, limits) as (under_test, fake):
        for action in (place(1), place(2), create_group(), place(3)):
            under_test.venue.perform(action)
        assert under_test.venue.purge_places() == 2
        purged = [await under_test.event() for _ in range(2)]
        assert [(e.client_order_id, e.verdict) for e in purged if isinstance(e, PlaceOutcome)] == [
            ("ladderd-1-2", Verdict.UNSENT),
            ("ladderd-1-3", Verdict.UNSENT),
        ]
        assert under_test.venue.places.waiting == 1
    assert len(fake.seen) <= 1


async def test_places_let_waiting_cancels_go_first() -> None:
    order: list[str] = []

    def script(seen: Seen) -> Reply:
        order.append(seen.method)
        return reply(200, {}) if seen.method == "PUT" else made(seen)

    async with desk(script) as (under_test, _):
        under_test.venue.perform(trigger(1))
        under_test.venue.perform(trigger(2))  # waits for the only connection of its lane
        under_test.venue.perform(place())
        assert under_test.venue.places.written == 0
        kinds = [type(await under_test.event()) for _ in range(3)]
        assert kinds == [GroupOutcome, GroupOutcome, PlaceOutcome]
    assert order == ["PUT", "PUT", "POST"]


async def test_many_places_are_in_flight_at_once() -> None:
    async with desk(lambda _: None, VenueLimits(place_connections=5)) as (under_test, fake):
        await until(lambda: under_test.venue.places.pool.idle == 5)
        for number in range(5):
            under_test.venue.perform(place(number))
        await until(lambda: len(fake.seen) == 5)


async def test_reads_follow_cursors_and_end_in_one_event() -> None:
    def script(seen: Seen) -> Reply:
        assert "status=resting" in seen.query
        return reply(200, {"orders": [], "cursor": "" if "cursor=c1" in seen.query else "c1"})

    async with desk(script) as (under_test, fake):
        read = await under_test.outcome(ask(Read.RESTING))
        assert isinstance(read, OrdersRead)
        assert (read.orders, read.resting_only) == ((), True)
        assert len(fake.seen) == 2
    assert under_test.events.empty()


async def test_a_group_is_signed_for_before_it_has_to_be_triggered() -> None:
    """RSA signatures are salted: two that are the same are one, made ahead."""

    def script(seen: Seen) -> Reply:
        return reply(201, {"order_group_id": "g-1"}) if seen.method == "POST" else reply(200, {})

    async with desk(script, pem=pem_of(rsa_key())) as (under_test, fake):
        await under_test.outcome(trigger(1))
        await under_test.outcome(create_group())
        await under_test.outcome(trigger(2))
        await under_test.outcome(trigger(3))
        await under_test.outcome(delete_group())
        await under_test.outcome(trigger(4))
        await under_test.outcome(trigger(5))
    made = [seen.headers["kalshi-access-signature"] for seen in fake.seen if seen.method == "PUT"]
    assert made[1] == made[2]
    assert len(set(made)) == 4


async def test_groups_found_standing_after_a_restart_are_signed_for_too() -> None:
    listed = [{"id": "g-1", "is_auto_cancel_enabled": False}, {"id": "g-2", "is_auto_cancel_enabled": True}]
    async with desk(lambda _: reply(200, {"order_groups": listed}), pem=pem_of(rsa_key())) as (under_test, fake):
        await under_test.outcome(ask(Read.GROUPS))
        await under_test.outcome(trigger(1))
        await under_test.outcome(trigger(2))
    made = [seen.headers["kalshi-access-signature"] for seen in fake.seen if seen.method == "PUT"]
    assert made[0] == made[1]


async def test_a_lost_connection_is_reopened_ahead_of_need() -> None:
    async with desk(lambda _: reply(200, {}, "Connection: close\r\n")) as (under_test, fake):
        for number in range(3):
            outcome = await under_test.outcome(trigger(number))
            assert isinstance(outcome, GroupOutcome)
            assert outcome.verdict is Verdict.ACCEPTED
    assert [seen.connection for seen in fake.seen] == sorted({seen.connection for seen in fake.seen})


async def test_keep_alives_never_take_the_last_free_connection() -> None:
    limits = VenueLimits(
        kill_connections=2, cancel_connections=2, place_connections=1, read_connections=1, ping_every_ms=2
    )
    async with desk(lambda _: reply(200, {}), limits) as (under_test, fake):
        fake.ping_reply = b""  # from now on they are never answered
        seen = len(fake.pings)
        await until(lambda: under_test.venue.kills.pool.idle == 1 and len(fake.pings) > seen)
        outcome = await under_test.outcome(trigger())
        assert isinstance(outcome, GroupOutcome)
        assert outcome.verdict is Verdict.ACCEPTED


async def test_a_bug_behind_emit_ends_the_venue() -> None:
    async with fake_exchange(lambda _: reply(200, {})) as fake:

        def emit(_: AnyEvent) -> None:
            raise AssertionError("the inbox is full")

        signer = Signer("key-1", pem_of(ed_key()))
        venue = KalshiVenue(fake.base_url, signer, SystemClock(), emit, posture=Posture.PAPER, limits=ONE_EACH)
        running = asyncio.create_task(venue.run())
        await until(lambda: venue.ready)
        venue.perform(trigger())
        with pytest.raises(ExceptionGroup):
            await asyncio.wait_for(running, 5)


@pytest.mark.parametrize(
    "url", ["", "api.kalshi.com", "ftp://x/trade", "http://u:p@host/x", "https://host/x?y=1", "https://host:port/"]
)
def test_an_address_that_is_none_is_one_readable_line(url: str) -> None:
    with pytest.raises(ConfigurationError, match="exchange address"):
        Desk(url, ONE_EACH, pem_of(ed_key()))


@pytest.mark.step("A01")
@pytest.mark.parametrize(
    ("url", "posture"),
    [
        ("https://external-api.kalshi.com/trade-api/v2", Posture.PAPER),
        ("https://external-api.kalshi.com/trade-api/v2", Posture.READ_ONLY),
        ("https://external-api.demo.kalshi.co/trade-api/v2", Posture.LIVE),
        ("http://127.0.0.1:9/trade-api/v2", Posture.LIVE),
        ("http://127.0.0.1:9/trade-api/v2", Posture.READ_ONLY),
        ("https://example.com/trade-api/v2", Posture.LIVE),
    ],
)
def test_what_can_write_cannot_be_made_for_another_host(url: str, posture: Posture) -> None:
    with pytest.raises(ConfigurationError, match="exchange address"):
        KalshiVenue(url, Signer("key-1", pem_of(ed_key())), SystemClock(), lambda _: None, posture=posture)
