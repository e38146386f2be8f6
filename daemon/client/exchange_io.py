"""One connection to the exchange for commands: one question at a time, each answer in the caller's hands.

The daemon's own lanes are made for latency; a command wants to see status and body. Reads may be asked again when the
connection was lost, for they change nothing. A write is sent once: what became of it, only an answer or a later list
tells. Every answer's stamps also tell the exchange's time.
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple, TypeVar

from domain.actions import Ask, Read
from domain.clock import NS_PER_MS, NS_PER_S, Clock, utc_ms
from domain.errors import UnavailableError
from domain.events import AnyEvent, ClockSample, ReadFailed, Verdict
from domain.hosts import Posture
from domain.ids import RequestId
from execution.http.http_answer import HttpAnswer
from execution.http.http_client_io import Connection, Pool, parse_origin, render, seconds
from execution.kalshi.answers import WriteOutcome, read_answer, unanswered
from execution.kalshi.codes import CodeTable
from execution.kalshi.exchange_clock import ExchangeClock
from execution.kalshi.pages import Step
from execution.kalshi.reads import ReadRun
from execution.kalshi.sign import Signer
from execution.kalshi.wire import KalshiAccount, KalshiAnswer, KalshiRequest, Write, request_for
from execution.script import ScriptEnd, go_on

ANSWER_MS: Final = 4_000
CLOCK_LIMIT_MS: Final = 4_500
TRIES: Final = 2
NO_CODES: Final = CodeTable()

T = TypeVar("T")
E = TypeVar("E", bound=AnyEvent)


class Question:
    """One request's answer, as a future; None when it never came whole."""

    def __init__(self) -> None:
        self.future: asyncio.Future[HttpAnswer | None] = asyncio.get_running_loop().create_future()
        self.reason = ""

    def answered(self, answer: HttpAnswer) -> None:
        """The whole answer is here."""
        if not self.future.done():
            self.future.set_result(answer)

    def lost(self, reason: str) -> None:
        """The connection ended before the answer was whole."""
        self.reason = reason
        if not self.future.done():
            self.future.set_result(None)


class Asking:
    """Asks one thing at a time over one connection, which is opened again when it was lost.

    `heard` is whether the exchange ever answered; `problem` why the last question was not answered.
    """

    def __init__(self, base_url: str, signer: Signer, clock: Clock, posture: Posture) -> None:
        """Prepare; nothing is connected yet.

        Raises ConfigurationError for an address that is none, or that this posture may not reach.
        """
        self._origin = parse_origin(base_url, posture)
        self._pool = Pool(self._origin, 1, lambda: None)
        self.signer = signer
        self._clock = clock
        self._connection: Connection | None = None
        self.prefix = self._origin.prefix
        self.problem = ""
        self.heard = False

    async def ask(self, request: KalshiRequest, limit_ms: int) -> KalshiAnswer | None:
        """Ask once; None, with `problem` set, when no whole answer came in time."""
        if self._connection is None or not self._connection.usable:
            self._connection = await self._pool.open_one()
        connection = self._connection
        if connection is None:
            self.problem = self._pool.problem
            return None
        sent = self._clock.now()
        headers = self.signer.headers(request.method, request.path, utc_ms(sent))
        question = Question()
        connection.send(
            render(self._origin, request.method, request.path, request.query, headers, request.body), question
        )
        try:
            async with asyncio.timeout(seconds(limit_ms)):
                answer = await question.future
        except TimeoutError:
            connection.give_up()
            self.problem = f"{request.method} {request.path}: no answer within {limit_ms} ms"
            return None
        if answer is None:
            self.problem = f"{request.method} {request.path}: {question.reason}"
            return None
        self.problem, self.heard = "", True
        return KalshiAnswer(answer.status, answer.body, sent, self._clock.now(), answer.date_s)

    def close(self) -> None:
        """Leave."""
        if self._connection is not None:
            self._connection.abort()


class Unread(Exception):  # noqa: N818 - what came back, not whose fault it is
    """The exchange answered a read with nothing that can be used."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class WriteEnd(NamedTuple):
    """How a write ended: its outcomes, and the raw answer where one came."""

    outcomes: tuple[WriteOutcome, ...]
    answer: KalshiAnswer | None


class ExchangeClient:
    """Asks the exchange as our account. `heard` is whether it ever answered; `sample` what its clock is known to be."""

    def __init__(
        self,
        base_url: str,
        signer: Signer,
        clock: Clock,
        posture: Posture,
        *,
        codes: CodeTable = NO_CODES,
        answer_ms: int = ANSWER_MS,
    ) -> None:
        """Prepare; nothing is connected yet. Raises ConfigurationError as `Asking` does."""
        self._asking = Asking(base_url, signer, clock, posture)
        self._codes = codes
        self._answer_ms = answer_ms
        self._times = ExchangeClock()
        self._busy = asyncio.Lock()
        self.clock = clock
        self.account = KalshiAccount(self._asking.prefix)
        self.address = base_url
        self.sample: ClockSample | None = None

    async def ask(self, request: KalshiRequest, tries: int = TRIES) -> KalshiAnswer:
        """Ask once, or again on a fresh connection while nothing came. Raises UnavailableError."""
        async with self._busy:
            for _ in range(tries):
                answer = await self._asking.ask(request, self._answer_ms)
                if answer is not None:
                    self._tell(self._times.date(answer.date_s, answer.sent, answer.answered))
                    return answer
        raise UnavailableError(f"{self.address}: {self._asking.problem}")

    @property
    def heard(self) -> bool:
        """Whether the exchange ever answered."""
        return self._asking.heard

    def _tell(self, sample: ClockSample | None) -> None:
        self.sample = sample or self.sample

    async def walk(self, step: Step[T]) -> T:
        """Run one of the exchange's read scripts. Raises UnavailableError, and ProtocolError for what is unreadable."""
        request = go_on(step)
        while not isinstance(request, ScriptEnd):
            request = go_on(step, await self.ask(request))
        return request.value

    async def read(
        self,
        kind: type[E],
        what: Read,
        *,
        series: str = "",
        target_ns: int = 0,
        ticker: str = "",
        exchange_index: int = 0,
        since_ms: int = 0,
    ) -> E:
        """Read one thing. Raises UnavailableError when nothing answers, Unread when the answer is of no use."""
        run = ReadRun(
            self.account,
            Ask(
                RequestId(0), what, series=series, target_ns=target_ns, since_ms=since_ms, ticker=ticker,
                exchange_index=exchange_index,
            ),
        )  # fmt: skip
        request = run.start()
        while True:
            following = run.advance(await self.ask(request))
            if isinstance(following, KalshiRequest):
                request = following
                continue
            if isinstance(following, kind):
                return following
            assert isinstance(following, ReadFailed), f"a read of {what} ended in {following!r}"
            raise Unread(following.http_status, following.reason)

    async def write(self, action: Write) -> WriteEnd:
        """Send one write, once. Never raises for what the exchange or the network does."""
        begun = self.clock.now()
        try:
            answer = await self.ask(request_for(self.account, action), tries=1)
        except UnavailableError as problem:
            return WriteEnd(unanswered(action, Verdict.UNKNOWN, "no_answer", str(problem), begun.mono_ns), None)
        outcomes, stamp_ms = read_answer(action, answer, self._codes)
        if stamp_ms is not None:
            self._tell(self._times.stamp(stamp_ms, answer.sent, answer.answered))
        return WriteEnd(outcomes, answer)

    async def measure_clock(self) -> ClockSample | None:
        """Narrow down the exchange's clock by asking when its second turns; None when no answer carries a time."""
        status = KalshiRequest("GET", f"{self.account.prefix}/exchange/status")
        until_ns = self.clock.now().mono_ns + CLOCK_LIMIT_MS * NS_PER_MS
        while True:
            now = self.clock.now()
            due_ns = self._times.probe_at(now)
            if due_ns is None or due_ns > until_ns:
                return self.sample
            await asyncio.sleep((due_ns - now.mono_ns) / NS_PER_S)
            answer = await self.ask(status)
            if not answer.date_s:
                return None

    def close(self) -> None:
        """Leave."""
        self._asking.close()
