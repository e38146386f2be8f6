"""The write and read side of the exchange with the sockets cut out: lanes, deadlines and protocol as in the venue.

Requests are spelled by `kalshi_wire`, answers are read by `kalshi_answers` and `kalshi_reads`: the same bytes, carried
by the timeline. What is kept of lanes and connections is what can matter to the engine: how many requests can be under
way, that each ends exactly once, that a place is looked at again in the instant it is written, that requests on
different connections overtake each other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from domain.clock import NS_PER_MS, Now
from domain.events import AnyEvent
from execution.kalshi.venue import OnAnswer, OnEnd, Venue, ignore_end
from execution.kalshi.wire import KalshiAccount, KalshiAnswer, KalshiRequest
from sim.campaign.ports.exchange import PortServer
from sim.campaign.ports.links import Machine

LOOK_AT_TIME_NS = 500 * NS_PER_MS
RECONNECT_NS = 8 * NS_PER_MS


class Job:
    """One request on its way; `over` once it has ended, in whatever way."""

    __slots__ = ("not_after_ns", "on_answer", "on_end", "over", "request", "sent")

    def __init__(self, request: KalshiRequest, on_answer: OnAnswer, on_end: OnEnd, not_after_ns: int = 0) -> None:
        self.request = request
        self.on_answer = on_answer
        self.on_end = on_end
        self.not_after_ns = not_after_ns
        self.sent: Now | None = None
        self.over = False


class PortLane:
    """Requests of one urgency."""

    def __init__(self, venue: PortVenue, connections: int, room: int, limit_ms: int) -> None:
        self.venue = venue
        self.free = connections
        self.room = room
        self.limit_ns = limit_ms * NS_PER_MS
        self.waiting: deque[Job] = deque()
        self.held: Callable[[], bool] = lambda: False
        self.on_drained: Callable[[], None] = lambda: None

    def submit(self, job: Job) -> None:
        """Take one; written at once when a connection is free."""
        if len(self.waiting) >= self.room:
            job.over = True
            job.on_end(None, "lane_full", f"{self.room} requests already wait")
            return
        machine = self.venue.machine
        machine.timeline.after(self.limit_ns, machine.inward, self._overdue, job)
        self.waiting.append(job)
        self.pump()

    def pump(self) -> None:
        """Write what can be written now."""
        while self.waiting and self.free and not self.held():
            job = self.waiting.popleft()
            now = self.venue.machine.clock.now()
            if job.not_after_ns and now.mono_ns >= job.not_after_ns:
                job.over = True
                job.on_end(None, "permission_void", "too late to be written")
                continue
            job.sent = now
            self.free -= 1
            self.venue.written(job.request)
            self.venue.machine.timeline.after(self.venue.latency_ns(), self._arrive, job)
        if not self.waiting:
            self.on_drained()

    def withdraw(self, code: str) -> None:
        """End every place that was not written yet, unsent."""
        gone = [job for job in self.waiting if job.not_after_ns]
        self.waiting = deque(job for job in self.waiting if not job.not_after_ns)
        for job in gone:
            job.over = True
            job.on_end(None, code, "withdrawn before it was written")

    def _overdue(self, job: Job) -> None:
        if job.over:
            return
        job.over = True
        if job.sent is None:
            self.waiting.remove(job)
            job.on_end(None, "timeout", f"not written within {self.limit_ns // NS_PER_MS} ms")
        else:
            self._reconnect()
            job.on_end(job.sent, "timeout", f"no answer within {self.limit_ns // NS_PER_MS} ms")

    def _arrive(self, job: Job) -> None:
        self.venue.server.ask(
            job.request,
            lambda status, body, date_s: self._answer(job, status, body, date_s),
            lambda: self._break(job),
        )

    def _answer(self, job: Job, status: int, body: bytes, date_s: int) -> None:
        machine = self.venue.machine
        machine.timeline.after(self.venue.latency_ns(), machine.inward, self._answered, job, status, body, date_s)

    def _answered(self, job: Job, status: int, body: bytes, date_s: int) -> None:
        if job.over:
            return
        job.over = True
        self.free += 1
        assert job.sent is not None, "answered before it was sent"
        job.on_answer(KalshiAnswer(status, body, job.sent, self.venue.machine.clock.now(), date_s))
        self.pump()

    def _break(self, job: Job) -> None:
        machine = self.venue.machine
        if self.venue.machine.rng.random() < 0.5:  # noqa: PLR2004 - half of them leave the client waiting
            machine.timeline.after(self.venue.latency_ns(), machine.inward, self._broken, job)

    def _broken(self, job: Job) -> None:
        if not job.over:
            job.over = True
            self._reconnect()
            job.on_end(job.sent, "connection_lost", "the connection was cut")

    def _reconnect(self) -> None:
        machine = self.venue.machine
        machine.timeline.after(RECONNECT_NS, machine.inward, self._connected)

    def _connected(self) -> None:
        self.free += 1
        self.pump()


class PortVenue(Venue[PortLane]):
    """Takes actions, gives events: the daemon's own venue, on lanes of the timeline."""

    def __init__(
        self,
        machine: Machine,
        server: PortServer,
        emit: Callable[[AnyEvent], None],
        about_to_write: Callable[[KalshiRequest], None],
    ) -> None:
        super().__init__(KalshiAccount(), emit)
        self.machine = machine
        self.server = server
        self.written = about_to_write
        self.kills = PortLane(self, 4, 256, 1_000)
        self.cancels = PortLane(self, 3, 256, 1_000)
        self.places = PortLane(self, 8, 256, 1_500)
        self.reads = PortLane(self, 3, 64, 3_000)
        self.kills.on_drained = self.cancels.on_drained = self.places.pump
        self.places.held = lambda: bool(self.kills.waiting or self.cancels.waiting)
        machine.timeline.after(NS_PER_MS, machine.inward, self._keep_time)

    def latency_ns(self) -> int:
        """One way, drawn anew: mostly some milliseconds, now and then a tail."""
        rng = self.machine.rng
        draw = rng.random()
        return 1_000_000 + int(draw * 9_000_000) + (int(rng.random() * 60_000_000) if draw > 0.98 else 0)  # noqa: PLR2004 - 2 % are slow

    def purge_places(self) -> None:
        """Withdraw what was not written yet."""
        self._purges += 1
        self.places.withdraw("purged")

    def _send(
        self, lane: PortLane, request: KalshiRequest, on_answer: OnAnswer, on_end: OnEnd, not_after_ns: int = 0
    ) -> None:
        lane.submit(Job(request, on_answer, on_end, not_after_ns))

    def _correct(self, skew_ms: int) -> None:
        """Nothing is signed here, so nothing is signed anew."""

    def _keep_time(self) -> None:
        now = self.machine.clock.now()
        due_ns = self._time_of.probe_at(now)
        wait_ns = LOOK_AT_TIME_NS
        if due_ns is not None:
            self.machine.timeline.after(max(due_ns - now.mono_ns, 0), self.machine.inward, self._probe)
            wait_ns += max(due_ns - now.mono_ns, 0)
        self.machine.timeline.after(wait_ns, self.machine.inward, self._keep_time)

    def _probe(self) -> None:
        if self.reads.free > 1 and not self.reads.waiting:
            self.reads.submit(Job(self._status, self._time, ignore_end))
