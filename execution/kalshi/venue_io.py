"""The exchange behind `perform`: four lanes of requests on warm connections, one event back for each end.

`perform` never waits. A cancel leaves in the caller's own turn of the loop when a connection of its lane is free, which
is why that lane has its own connections, warm and with their signatures made ahead. Places give way to waiting cancels,
and each is checked against its permission in the instant before it is written. Nothing is sent twice from here but what
was refused for its stamp (`venue.py`): what to do about an unknown outcome is the engine's business.

UNSENT is said only when not one byte can have left; a refusal only when the exchange's own answer proves it; everything
else is UNKNOWN.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from domain.clock import NS_PER_MS, Clock, utc_ms
from domain.events import AnyEvent, GroupOp, GroupOutcome, GroupsRead, Verdict
from domain.hosts import Posture
from domain.ids import GroupId
from execution.http.http_client_io import parse_origin, seconds
from execution.kalshi.codes import CodeTable
from execution.kalshi.lane_io import Lane, LaneJob
from execution.kalshi.last_cancel_io import LastCancel
from execution.kalshi.sign import Signer
from execution.kalshi.venue import NO_CODES, OnAnswer, OnEnd, Venue, ignore_end
from execution.kalshi.wire import KalshiAccount, KalshiRequest

SIGN_EVERY_MS: Final = 100
LOOK_AT_TIME_MS: Final = 500
WATCHED_GROUPS_MAX: Final = 8


class VenueLimits(msgspec.Struct, frozen=True):
    """How many connections each lane keeps, how many requests may wait in it, and how long one may take."""

    kill_connections: int = 4
    cancel_connections: int = 3
    place_connections: int = 8
    read_connections: int = 3
    cancels_max: int = 256
    places_max: int = 256
    reads_max: int = 64
    cancel_limit_ms: int = 1_000
    place_limit_ms: int = 1_500
    read_limit_ms: int = 3_000
    ping_every_ms: int = 15_000


class KalshiVenue(Venue[Lane]):
    """The write and read side of the exchange. `emit` is called on the loop's thread, never from another."""

    def __init__(
        self,
        base_url: str,
        signer: Signer,
        clock: Clock,
        emit: Callable[[AnyEvent], None],
        *,
        posture: Posture,
        limits: VenueLimits = VenueLimits(),  # noqa: B008 - frozen
        subaccount: int | None = None,
        codes: CodeTable = NO_CODES,
    ) -> None:
        """Prepare; nothing is connected before `run`.

        Raises ConfigurationError for an address that is none, or that this posture may not write to.
        """
        origin = parse_origin(base_url, posture)
        origin.permit("POST")
        super().__init__(KalshiAccount(origin.prefix, subaccount), emit, codes)
        self._signer = signer
        self._clock = clock
        self._limits = limits
        # What empties a series or the account never waits behind the slow answers to cancels of single orders.
        self.kills, self.cancels = (
            Lane(
                origin,
                signer,
                clock,
                connections=connections,
                room=limits.cancels_max,
                limit_ms=limits.cancel_limit_ms,
                on_drained=lambda: self.places.pump(),  # noqa: PLW0108 - that lane is made below
            )
            for connections in (limits.kill_connections, limits.cancel_connections)
        )
        self.places = Lane(
            origin,
            signer,
            clock,
            connections=limits.place_connections,
            room=limits.places_max,
            limit_ms=limits.place_limit_ms,
            held=lambda: any(lane.waiting and lane.pool.connected for lane in (self.kills, self.cancels)),
        )
        self.reads = Lane(
            origin,
            signer,
            clock,
            connections=limits.read_connections,
            room=limits.reads_max,
            limit_ms=limits.read_limit_ms,
        )

        self.last_cancel = LastCancel(
            origin, signer, self._account, clock, [lane.pool for lane in (self.kills, self.cancels, self.reads)]
        )

    async def cancel_all_at_last(self) -> str:
        """A bug ends the process: no place leaves any more, and the account is emptied. Why it is not; nothing if so.

        Takes a second at most, whatever has become of the lanes.
        """
        self.places.close("the process is ending")
        sent = await self.last_cancel.send(lambda: self.places.pool.busy)
        return "" if sent else self.last_cancel.problem

    async def run(self) -> None:
        """Keep the connections warm and the signatures fresh until cancelled; a bug below ends it with its error."""
        for method, path in (*self._account.fixed_paths(), (self._status.method, self._status.path)):
            self._signer.prepare(method, path, utc_ms(self._clock.now()))
        async with asyncio.TaskGroup() as group:
            for lane in (self.kills, self.cancels, self.places, self.reads):
                group.create_task(lane.pool.run())
                group.create_task(self._keep_warm(lane))
            group.create_task(self._keep_signed())
            group.create_task(self._keep_time())

    async def _keep_warm(self, lane: Lane) -> None:
        while True:
            await asyncio.sleep(seconds(self._limits.ping_every_ms // lane.connections))
            lane.ping(LaneJob(self._status, self._time, ignore_end))

    async def _keep_time(self) -> None:
        """Ask for the exchange's time when that tells most, until it is known well enough, and again as it fades."""
        while True:
            now = self._clock.now()
            due_ns = self._time_of.probe_at(now)
            if due_ns is not None:
                await asyncio.sleep(seconds((due_ns - now.mono_ns) // NS_PER_MS))
                self.reads.ping(LaneJob(self._status, self._time, ignore_end))
            await asyncio.sleep(seconds(LOOK_AT_TIME_MS))

    async def _keep_signed(self) -> None:
        while True:
            await asyncio.sleep(seconds(SIGN_EVERY_MS))
            self._signer.refresh(utc_ms(self._clock.now()))

    @property
    def ready(self) -> bool:
        """Whether everything could be cancelled at once."""
        return self.kills.pool.idle > 0

    def purge_places(self) -> int:
        """Withdraw the places that were not written yet, each of which comes back UNSENT; how many."""
        self._purges += 1
        return self.places.withdraw(lambda job: bool(job.not_after_ns), "purged")

    def watch_group(self, group_id: GroupId) -> None:
        """Keep the trigger of this group signed ahead."""
        self._signer.prepare("PUT", self._account.trigger_path(group_id), utc_ms(self._clock.now()))

    def _send(
        self, lane: Lane, request: KalshiRequest, on_answer: OnAnswer, on_end: OnEnd, not_after_ns: int = 0
    ) -> None:
        lane.submit(LaneJob(request, on_answer, on_end, not_after_ns))

    def _correct(self, skew_ms: int) -> None:
        """No order leaves by a clock so wrong, for it keeps the gate closed; but cancels and listings get through."""
        self._signer.correct(skew_ms)

    def _told(self, event: AnyEvent) -> None:
        """Keep the triggers of the groups that are there signed ahead."""
        if isinstance(event, GroupOutcome) and event.verdict is Verdict.ACCEPTED:
            if event.op is GroupOp.CREATE:
                self.watch_group(event.group_id)
            elif event.op is GroupOp.DELETE:
                self._signer.forget("PUT", self._account.trigger_path(event.group_id))
        elif isinstance(event, GroupsRead):
            standing = [group.group_id for group in event.groups if not group.triggered]
            for group_id in standing[:WATCHED_GROUPS_MAX]:
                self.watch_group(group_id)
        super()._told(event)
