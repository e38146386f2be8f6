"""A lane: requests of one urgency, first in first out, each written once onto a free warm connection.

A job ends exactly once, by an answer or by `on_end(sent, code, detail)`. `sent` is None only while it was certain that
not one byte had left: the job still waited here. From the write on, the socket does not tell how far the bytes got: a
timeout or a lost connection after it says `sent`, and whoever asked must treat the outcome as unknown.

The limit counts twice: for the wait (a permission that ends sooner ends that sooner), and from the write on for the
answer. Nothing here is ever written twice. A connection whose answer did not come in time is closed with it, since the
answer could still arrive and would be taken for the next one's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from domain.clock import NS_PER_MS, Clock, Now, utc_ms
from execution.http.http_answer import HttpAnswer
from execution.http.http_client_io import Connection, Origin, Pool, render, seconds
from execution.kalshi.sign import Signer
from execution.kalshi.wire import KalshiAnswer, KalshiRequest

OnAnswer = Callable[[KalshiAnswer], None]
OnEnd = Callable[[Now | None, str, str], None]


class LaneJob:
    """One request on its way. `not_after_ns`: the monotonic instant after which it must not be written (0: none)."""

    __slots__ = ("connection", "lane", "not_after_ns", "on_answer", "on_end", "request", "sent", "timer")

    def __init__(self, request: KalshiRequest, on_answer: OnAnswer, on_end: OnEnd, not_after_ns: int = 0) -> None:
        self.request = request
        self.on_answer = on_answer
        self.on_end = on_end
        self.not_after_ns = not_after_ns
        self.sent: Now | None = None
        self.connection: Connection | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.lane: Lane | None = None

    def answered(self, answer: HttpAnswer) -> None:
        """The whole answer is here."""
        assert self.lane is not None
        assert self.sent is not None
        self.stop_timer()
        now = self.lane.clock.now()
        self.on_answer(KalshiAnswer(answer.status, answer.body, self.sent, now, answer.date_s))

    def lost(self, reason: str) -> None:
        """The connection ended before the answer was whole."""
        self.stop_timer()
        self.on_end(self.sent, "connection_lost", reason)

    def unsent(self, code: str, detail: str) -> None:
        """It will never be written."""
        assert self.sent is None, "a written request is not unsent"
        self.stop_timer()
        self.on_end(None, code, detail)

    def stop_timer(self) -> None:
        """No deadline any more."""
        if self.timer is not None:
            self.timer.cancel()


class Lane:
    """Jobs wait here for a connection.

    `held` says whether they must let a more urgent lane go first; `on_drained` is called when none waits any more.
    """

    def __init__(
        self,
        origin: Origin,
        signer: Signer,
        clock: Clock,
        *,
        connections: int,
        room: int,
        limit_ms: int,
        held: Callable[[], bool] = lambda: False,
        on_drained: Callable[[], None] = lambda: None,
    ) -> None:
        self.clock = clock
        self.pool = Pool(origin, connections, self.pump)
        self._origin = origin
        self._signer = signer
        self.connections = connections
        self._room = room
        self._limit_ms = limit_ms
        self._held = held
        self._on_drained = on_drained
        self._waiting: deque[LaneJob] = deque()
        self._closed = ""
        self.written = 0

    @property
    def waiting(self) -> int:
        """How many jobs have not been written yet."""
        return len(self._waiting)

    def submit(self, job: LaneJob) -> None:
        """Take one job; it is written before this returns if it is its turn and a connection is free."""
        if self._closed:
            job.unsent("lane_closed", self._closed)
            return
        if len(self._waiting) >= self._room:
            job.unsent("lane_full", f"{self._room} requests already wait")
            return
        job.lane = self
        self._waiting.append(job)
        self.pump()
        if job.sent is None and job in self._waiting:
            self._start_clock(job, self._patience_ms(job))

    def _patience_ms(self, job: LaneJob) -> int:
        """How long a job may wait to be written: no longer than its permission lasts, which is then told at once."""
        if not job.not_after_ns:
            return self._limit_ms
        left_ms = -(-(job.not_after_ns - self.clock.now().mono_ns) // NS_PER_MS)
        return max(min(left_ms, self._limit_ms), 0)

    def pump(self) -> None:
        """Write what can be written now."""
        while self._waiting and not self._held():
            connection = self.pool.take()
            if connection is None:
                return
            if not self._write(self._waiting.popleft(), connection):
                self.pool.put_back(connection)
        if not self._waiting:
            self._on_drained()

    def ping(self, job: LaneJob) -> bool:
        """Write a keep-alive onto the connection used longest ago, if another stays free for what matters."""
        if self._waiting or self.pool.idle <= (1 if self.connections > 1 else 0):
            return False
        connection = self.pool.take_coldest()
        if connection is None:
            return False
        job.lane = self
        return self._write(job, connection)

    def _start_clock(self, job: LaneJob, limit_ms: int) -> None:
        job.stop_timer()
        job.timer = asyncio.get_running_loop().call_later(seconds(limit_ms), self.pool.told, self._overdue, job)

    def _write(self, job: LaneJob, connection: Connection) -> bool:
        """Sign and write one job, unless its permission has run out: then it ends unsent, and False is returned."""
        request = job.request
        headers = self._signer.headers(request.method, request.path, utc_ms(self.clock.now()))
        data = render(self._origin, request.method, request.path, request.query, headers, request.body)
        now = self.clock.now()
        if job.not_after_ns and now.mono_ns >= job.not_after_ns:
            job.unsent("permission_void", f"{(now.mono_ns - job.not_after_ns) // 1_000} us too late to be written")
            return False
        job.sent, job.connection = now, connection
        self.written += 1
        connection.send(data, job)
        self._start_clock(job, self._limit_ms)
        return True

    def withdraw(self, which: Callable[[LaneJob], bool], code: str) -> int:
        """End every waiting job that `which` picks, unsent; how many."""
        picked = [job for job in self._waiting if which(job)]
        self._waiting = deque(job for job in self._waiting if not which(job))
        for job in picked:
            job.unsent(code, "withdrawn before it was written")
        return len(picked)

    def close(self, why: str) -> None:
        """Write nothing any more: what waits, and whatever comes, ends unsent."""
        self._closed = why
        self.withdraw(lambda _job: True, "lane_closed")

    def _overdue(self, job: LaneJob) -> None:
        if job.sent is None:
            self._waiting.remove(job)
            job.unsent("no_connection", f"not written in time: {self.pool.problem or 'every connection was busy'}")
            return
        assert job.connection is not None
        job.connection.give_up()
        job.on_end(job.sent, "timeout", f"no answer within {self._limit_ms} ms")
