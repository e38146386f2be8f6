"""The exchange behind `perform`: four lanes of requests on warm connections, one event back for each end.

`perform` never waits. A cancel leaves in the caller's own turn of the loop when a connection of its lane is free, which
is why that lane has its own connections, warm and with their signatures made ahead. Places give way to waiting cancels,
and each is checked against its permission in the instant before it is written. Nothing is sent twice from here: what to
do about an unknown outcome is the engine's business.

UNSENT is said only when not one byte can have left; a refusal only when the exchange's own answer proves it; everything
else is UNKNOWN.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from domain.actions import AnyAction, Ask, CancelAll, CancelOrders, CreateGroup, DeleteGroup, Place, TriggerGroup
from domain.clock import NS_PER_MS, Clock, Now, utc_ms
from domain.events import AnyEvent, GroupOp, GroupOutcome, GroupsRead, Verdict
from domain.hosts import Posture
from domain.ids import GroupId
from execution.http.http_client_io import parse_origin, seconds
from execution.kalshi.answers import WriteOutcome, read_answer, unanswered
from execution.kalshi.codes import CodeTable, stamp_refused
from execution.kalshi.exchange_clock import ExchangeClock
from execution.kalshi.lane_io import Job, Lane
from execution.kalshi.last_cancel_io import LastCancel
from execution.kalshi.reads import ReadRun
from execution.kalshi.sign import Signer
from execution.kalshi.wire import Account, Answer, Request, Write, request_for

SIGN_EVERY_MS: Final = 100
LOOK_AT_TIME_MS: Final = 500
KILLS: Final = (TriggerGroup, CancelAll)
PLACES: Final = (Place, CreateGroup, DeleteGroup)
WATCHED_GROUPS_MAX: Final = 8
NO_CODES: Final = CodeTable()


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


class KalshiVenue:
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
        self._account = Account(origin.prefix, subaccount)
        self._signer = signer
        self._clock = clock
        self._emit = emit
        self._codes = codes
        self._limits = limits
        self._time_of = ExchangeClock()
        self._status = Request("GET", f"{self._account.prefix}/exchange/status")
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
            lane.ping(Job(self._status, self._time, _ignore_end))

    async def _keep_time(self) -> None:
        """Ask for the exchange's time when that tells most, until it is known well enough, and again as it fades."""
        while True:
            now = self._clock.now()
            due_ns = self._time_of.probe_at(now)
            if due_ns is not None:
                await asyncio.sleep(seconds((due_ns - now.mono_ns) // NS_PER_MS))
                self.reads.ping(Job(self._status, self._time, _ignore_end))
            await asyncio.sleep(seconds(LOOK_AT_TIME_MS))

    async def _keep_signed(self) -> None:
        while True:
            await asyncio.sleep(seconds(SIGN_EVERY_MS))
            self._signer.refresh(utc_ms(self._clock.now()))

    @property
    def ready(self) -> bool:
        """Whether everything could be cancelled at once."""
        return self.kills.pool.idle > 0

    def perform(self, action: AnyAction) -> None:
        """Take one action for the exchange; its outcome comes through `emit`, at the latest when its time is up.

        Must be called on the event loop's thread. Actions that are not for the exchange are a bug of the caller.
        """
        if isinstance(action, KILLS):
            self._write(self.kills, action)
        elif isinstance(action, CancelOrders):
            self._write(self.cancels, action)
        elif isinstance(action, PLACES):
            self._write(self.places, action)
        else:
            assert isinstance(action, Ask), f"not an action for the exchange: {action!r}"
            run = ReadRun(self._account, action)
            self._ask(run, run.start())

    def purge_places(self) -> int:
        """Withdraw the places that were not written yet, each of which comes back UNSENT; how many."""
        return self.places.withdraw(lambda job: bool(job.not_after_ns), "purged")

    def watch_group(self, group_id: GroupId) -> None:
        """Keep the trigger of this group signed ahead."""
        self._signer.prepare("PUT", self._account.trigger_path(group_id), utc_ms(self._clock.now()))

    def _write(self, lane: Lane, action: Write) -> None:
        not_after_ns = action.cleared.not_after_mono_ns if isinstance(action, Place) else 0

        def on_answer(answer: Answer) -> None:
            outcomes, stamp_ms = read_answer(action, answer, self._codes)
            self._tell(outcomes)
            self._time(answer, stamp_ms)

        def on_end(sent: Now | None, code: str, detail: str) -> None:
            verdict = Verdict.UNSENT if sent is None else Verdict.UNKNOWN
            self._tell(unanswered(action, verdict, code, detail, 0 if sent is None else sent.mono_ns))

        lane.submit(Job(request_for(self._account, action), on_answer, on_end, not_after_ns))

    def _time(self, answer: Answer, stamp_ms: int | None = None) -> None:
        """Learn the exchange's time from an answer; one that refuses our stamps for theirs has them corrected.

        No order leaves meanwhile, for a clock so wrong keeps the gate closed; but cancels and listings get through.
        """
        if answer.date_s and stamp_refused(answer.status, answer.body):
            # Whole seconds, cut off: half of one more is the middle of what the exchange's clock may say.
            self._signer.correct(answer.date_s * 1_000 + 500 - utc_ms(answer.answered))
        if stamp_ms is None:
            sample = self._time_of.date(answer.date_s, answer.sent, answer.answered)
        else:
            sample = self._time_of.stamp(stamp_ms, answer.sent, answer.answered)
        if sample is not None:
            self._emit(sample)

    def _tell(self, outcomes: tuple[WriteOutcome, ...]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, GroupOutcome) and outcome.verdict is Verdict.ACCEPTED:
                if outcome.op is GroupOp.CREATE:
                    self.watch_group(outcome.group_id)
                elif outcome.op is GroupOp.DELETE:
                    self._signer.forget("PUT", self._account.trigger_path(outcome.group_id))
            self._emit(outcome)

    def _ask(self, run: ReadRun, request: Request) -> None:
        def on_answer(answer: Answer) -> None:
            self._time(answer)
            following = run.advance(answer)
            if isinstance(following, Request):
                self._ask(run, following)
                return
            if isinstance(following, GroupsRead):
                standing = [group.group_id for group in following.groups if not group.triggered]
                for group_id in standing[:WATCHED_GROUPS_MAX]:
                    self.watch_group(group_id)
            self._emit(following)

        def on_end(_sent: Now | None, code: str, detail: str) -> None:
            self._emit(run.failed(0, f"{code}: {detail}"))

        self.reads.submit(Job(request, on_answer, on_end))


def _ignore_end(_sent: Now | None, _code: str, _detail: str) -> None:
    """A keep-alive was not answered: the lane has closed the connection, and the pool opens another."""
