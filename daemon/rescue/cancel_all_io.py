"""Belt 4: cancel everything the account has resting, and stay until the exchange's own list has read empty.

A program of its own, with keys and REST only: no engine, no settings library, no daemon needed. The durable marker
comes first: it keeps every process from placing for the tail that the exchange takes after a cancel-all, and a daemon
that is up acts on it even if our key is wrong; a disk that hangs holds nothing up for more than a second. Then the
account-wide cancel-all is asked for until it is accepted (retrying is right here: it is idempotent, and nobody else
decides), with cancels by id in between, and the list of resting orders is watched. Reads lag writes (docs/exchange.md
3.10), so flat means two empty lists in a row, each asked a second or more after our last act; what rests by
then is cancelled again.

Exit: 0 flat; 1 not flat in time, or flat without a marker; 69 the exchange never answered; 78 key or address.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from daemon.client.exchange_io import Asking
from daemon.client.living_io import nobody_there
from daemon.system_clock import SystemClock
from domain.actions import Ask, CancelAll, CancelOrders, Read
from domain.backoff import Backoff
from domain.clock import NS_PER_MS, Clock, utc_ms
from domain.errors import EX_CONFIG, EX_NOT_OK, EX_OK, EX_UNAVAILABLE, ConfigurationError
from domain.events import OrdersRead, OrderState, ReadFailed
from domain.hosts import Posture
from domain.ids import RequestId
from domain.market import OrderRef
from domain.reasons import Reason
from execution.http.http_client_io import seconds
from execution.kalshi.codes import HTTP_UNAUTHORIZED, STAMP_EXPIRED, read_error
from execution.kalshi.reads import ReadRun
from execution.kalshi.sign import Signer
from execution.kalshi.wire import KalshiAccount, KalshiAnswer, KalshiRequest, request_for
from journal.marker import Marker
from journal.marker_io import ask_cancel_all, finish_cancel_all

NOBODY: Final = RequestId(0)
PROGRAM: Final = "cancel-all"
HTTP_OK: Final = (200, 204)
MARKER_LIMIT_MS: Final = 1_000
SKEW_TRIES_MAX: Final = 3
UNREAD_MAX: Final = 5


class CancelAllLimits(msgspec.Struct, frozen=True):
    """Budgets of one run. `settle_ms`: how long after our last act a list begins to prove something."""

    give_up_after_ms: int = 40_000
    answer_ms: int = 2_000
    settle_ms: int = 1_000
    list_every_ms: int = 200
    backoff: Backoff = Backoff(100, 1_600)
    batch_max: int = 20


class CancelAllRequest(msgspec.Struct, frozen=True):
    """What one run is asked: where and with which key, why, for whom. Without a state directory it leaves no marker."""

    base_url: str
    key_id: str
    key_pem: bytes | str
    reason: str
    state_dir: Path | None
    posture: Posture
    by: str = PROGRAM
    subaccount: int | None = None
    limits: CancelAllLimits = CancelAllLimits()

    def __repr__(self) -> str:
        """Return what it asks for; the key stays out of every text."""
        return f"CancelAllRequest({self.base_url}, {self.reason}, by {self.by})"


class _Run:
    """One cancel-all from asking to proof."""

    def __init__(
        self, line: Asking, account: KalshiAccount, clock: Clock, limits: CancelAllLimits, say: Callable[[str], None]
    ) -> None:
        self._line = line
        self._account = account
        self._clock = clock
        self._limits = limits
        self._say = say
        self._begun = clock.now()
        self._acted_ns = self._begun.mono_ns
        self._skew_tries = 0
        self._said = ""
        self.first_empty_ms: int | None = None

    async def flatten(self) -> bool:
        """Cancel until flat; False when the time is up first. Raises ConfigurationError for a refused key."""
        left: tuple[OrderState, ...] | None = None
        while not self._late():
            await self._act(left or ())
            left = await self._rest_after_settling()
            if left is not None and not left:
                return True
            if left:
                self._tell(f"{len(left)} orders still rest; cancelling again, by their ids too")
        return False

    async def _act(self, left: tuple[OrderState, ...]) -> None:
        """Have the cancel-all accepted, or cancel by id what the list shows, as long as that takes a few tries."""
        backoff, tries = self._limits.backoff, 0
        while not self._late():
            accepted = await self._cancel_all()
            if not accepted:
                left = await self._list() or left
            await self._cancel_each(left)
            tries += 1
            if accepted or tries > backoff.steps:
                return
            await asyncio.sleep(seconds(backoff.wait_ns(tries) // NS_PER_MS))

    def elapsed_ms(self) -> int:
        """Since the run began."""
        return (self._clock.now().mono_ns - self._begun.mono_ns) // NS_PER_MS

    def _late(self) -> bool:
        return self.elapsed_ms() >= self._limits.give_up_after_ms

    def _tell(self, text: str) -> None:
        """Say a line, unless it was the last one said."""
        if text != self._said:
            self._said = text
            self._say(f"cancel-all: {text}")

    async def _ask(self, request: KalshiRequest) -> KalshiAnswer | None:
        """Ask once, and again with the exchange's own time when ours is refused."""
        while True:
            answer = await self._line.ask(request, self._limits.answer_ms)
            if answer is None:
                self._tell(self._line.problem)
                return None
            if answer.status != HTTP_UNAUTHORIZED:
                return answer
            code, detail = read_error(answer.body)
            if code != STAMP_EXPIRED:
                raise ConfigurationError(f"exchange refused the key: {code} {detail}; check key id, key file and host")
            self._skew_tries += 1
            if not answer.date_s or self._skew_tries > SKEW_TRIES_MAX:
                raise ConfigurationError(
                    "exchange refused our time stamp: set this machine's clock (NTP) and try again"
                )
            skew_ms = answer.date_s * 1_000 - utc_ms(answer.answered)
            self._line.signer.correct(skew_ms)
            self._tell(f"this machine's clock is off by {-skew_ms} ms; going by the exchange's")

    async def _cancel_all(self) -> bool:
        """Ask for the account-wide cancel-all; whether it was accepted."""
        answer = await self._ask(request_for(self._account, CancelAll(NOBODY, "")))
        self._acted_ns = self._clock.now().mono_ns
        if answer is None:
            return False
        if answer.status in HTTP_OK:
            self._tell(f"accepted after {self.elapsed_ms()} ms")
            return True
        code, detail = read_error(answer.body)
        self._tell(f"not accepted: HTTP {answer.status} {code} {detail}".rstrip())
        return False

    async def _cancel_each(self, orders: tuple[OrderState, ...]) -> None:
        """Cancel by id, in batches; what becomes of them is seen in the list."""
        for begin in range(0, len(orders), self._limits.batch_max):
            part = orders[begin : begin + self._limits.batch_max]
            refs = tuple(OrderRef(order.order_id, order.ticker, order.exchange_index) for order in part)
            answer = await self._ask(request_for(self._account, CancelOrders(NOBODY, refs, "")))
            self._acted_ns = self._clock.now().mono_ns
            if answer is not None and answer.status not in HTTP_OK:
                code, detail = read_error(answer.body)
                self._tell(f"cancels by id not accepted: HTTP {answer.status} {code} {detail}".rstrip())

    async def _rest_after_settling(self) -> tuple[OrderState, ...] | None:
        """Read the list until it proves something: () after two empty ones, else what still rests. None: no proof."""
        settle_ns = self._limits.settle_ms * NS_PER_MS
        empty = unread = 0
        while not self._late() and unread < UNREAD_MAX:
            asked = self._clock.now()
            left = await self._list()
            proves = asked.mono_ns - self._acted_ns >= settle_ns
            unread = unread + 1 if left is None else 0
            if left and proves:
                return left
            if left:
                empty, self.first_empty_ms = 0, None
            elif left is not None:
                if self.first_empty_ms is None:
                    self.first_empty_ms = self.elapsed_ms()
                empty += proves
                if empty >= 2:  # noqa: PLR2004 - two empty lists in a row
                    return ()
            await asyncio.sleep(seconds(self._limits.list_every_ms))
        return None

    async def _list(self) -> tuple[OrderState, ...] | None:
        """What rests according to the exchange; None when it cannot be read."""
        run = ReadRun(self._account, Ask(NOBODY, Read.RESTING))
        request = run.start()
        while True:
            answer = await self._ask(request)
            if answer is None:
                return None
            following = run.advance(answer)
            if isinstance(following, KalshiRequest):
                request = following
                continue
            if isinstance(following, OrdersRead):
                return following.orders
            assert isinstance(following, ReadFailed)
            self._tell(f"the list cannot be read: {following.reason}")
            return None


async def cancel_everything(request: CancelAllRequest, clock: Clock, say: Callable[[str], None]) -> int:
    """Run belt 4 on the running loop; returns the exit code. Raises ConfigurationError for key or address."""
    state_dir = request.state_dir
    asked = clock.now()
    marker = Marker(f"{utc_ms(asked)}-{os.getpid()}", asked.utc_ns, request.by, request.reason)
    marked = state_dir is None or await _aside("not written", lambda: _leave(state_dir, marker), say)
    nobody = "" if state_dir is None or not marked else await asyncio.to_thread(nobody_there, state_dir)
    if nobody and request.by == PROGRAM and request.reason != Reason.SHUTDOWN:
        say(f"cancel-all: {nobody}: one that lives elsewhere is not told, and places again")
    pem = request.key_pem
    signer = Signer(request.key_id, pem.encode() if isinstance(pem, str) else pem)
    line = Asking(request.base_url, signer, clock, request.posture)
    run = _Run(line, KalshiAccount(line.prefix, request.subaccount), clock, request.limits, say)
    try:
        flat = await run.flatten()
    finally:
        line.close()
    took = f"after {run.elapsed_ms()} ms"
    if flat:
        say(f"cancel-all: flat: the list first read empty after {run.first_empty_ms} ms, proven {took}")
        if state_dir is not None and marked:
            done_ns = clock.now().utc_ns
            seen_by = request.by
            await _aside(
                "not closed, which the daemon will do",
                lambda: finish_cancel_all(state_dir, marker, done_ns, seen_flat_by=seen_by),
                say,
            )
        return EX_OK if marked else EX_NOT_OK
    if not line.heard:
        say(f"cancel-all: the exchange never answered ({line.problem}); orders may rest: use its own web page")
        return EX_UNAVAILABLE
    say(f"cancel-all: NOT flat {took}; orders may rest: run it again, or use the exchange's web page")
    return EX_NOT_OK


def _leave(state_dir: Path, marker: Marker) -> None:
    """Write the marker, where there is a state directory: one made here would be of the wrong account."""
    if not state_dir.is_dir():
        raise ConfigurationError(nobody_there(state_dir))
    ask_cancel_all(state_dir, marker)


async def _aside(failing: str, write: Callable[[], object], say: Callable[[str], None]) -> bool:
    """Touch the marker in a thread that nobody joins: a disk that hangs holds up neither cancels nor the end."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[str] = loop.create_future()

    def told(problem: str) -> None:
        if not done.done():
            done.set_result(problem)

    def run() -> None:
        try:
            write()
            problem = ""
        except (OSError, ConfigurationError) as error:
            problem = str(error)
        with contextlib.suppress(RuntimeError):  # the loop may have ended first: nobody waits for this news
            loop.call_soon_threadsafe(told, problem)

    threading.Thread(target=run, name="marker", daemon=True).start()
    try:
        async with asyncio.timeout(seconds(MARKER_LIMIT_MS)):
            problem = await done
    except TimeoutError:
        problem = f"the disk did not answer within {MARKER_LIMIT_MS} ms"
    if problem:
        say(f"cancel-all: the marker was {failing} ({problem}); make sure that no daemon places orders now")
    return not problem


def print_line(text: str) -> None:
    """Say a line to the operator at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run_cancel_all(request: CancelAllRequest, say: Callable[[str], None] = print_line) -> int:
    """Run belt 4 in a loop of its own and return the exit code; never raises for what the world does."""
    work = cancel_everything(request, SystemClock(), say)
    try:
        return asyncio.run(work)
    except ConfigurationError as error:
        say(f"cancel-all: {error}")
        return EX_CONFIG
