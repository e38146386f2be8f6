"""`ladderd close-all`: closes what the account holds, by orders that take. The one program that sends any.

Without `--confirm` it looks and says what it would send. With it: who and why are written down first, where this daemon
or the next one reads them; a daemon that lives pauses; then the script of `execution/closeout/run.py` is carried out
against the exchange. Kill, pause and the tail of a cancel-all are no reason to wait, and no index value is needed.

Exit: 0 looked, or proven flat; 1 something is left, or nothing could be sent; 69 the exchange never answered; 78 key,
address or fee file.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from daemon.client.close_outs_io import write_close_out
from daemon.client.exchange_io import Asking
from daemon.client.living_io import daemon_pid, nobody_there
from daemon.client.requests_io import Request, ask, read_answer
from daemon.closeout.fees import FileFees
from daemon.system_clock import SystemClock
from domain.clock import NS_PER_MS, Clock, Now, utc_ms
from domain.errors import EX_NOT_OK, EX_OK, EX_UNAVAILABLE, ConfigurationError
from domain.events import CloseOutTold, Command
from domain.hosts import Posture
from execution.closeout.asks import Act, Heard, Keep, Say, Script, T, Wait
from execution.closeout.limit import worst_cost
from execution.closeout.permission import NotPermitted, permit
from execution.closeout.run import CloseOutLimits, CloseOutRun
from execution.closeout.telling import dollars, intent, left_text
from execution.flatten import TAIL_NS
from execution.http.http_client_io import seconds
from execution.kalshi.codes import stamp_refused
from execution.kalshi.sign import Signer
from execution.kalshi.wire import KalshiAccount, KalshiAnswer, KalshiRequest
from execution.script import ScriptEnd, go_on
from journal.marker import last_asked_utc_ns
from journal.marker_io import read_cancel_all

PAUSE_LIMIT_MS: Final = 5_000
LOOK_MS: Final = 50
DISK_LIMIT_MS: Final = 2_000
READ_TRIES: Final = 2
READING: Final = "GET"


class CloseAllRequest(NamedTuple):
    """What one run is asked: where and with which key, by whom and why, at which cap, and whether it is meant."""

    base_url: str
    key_id: str
    key_pem: bytes
    posture: Posture
    state_dir: Path
    by: str
    cause: str
    cap_cents: int
    confirmed: bool
    fees: FileFees
    limits: CloseOutLimits = CloseOutLimits()
    answer_ms: int = 4_000


class _Shell:
    """Carries out what the script yields."""

    def __init__(self, line: Asking, clock: Clock, asked: CloseAllRequest, say: Callable[[str], None]) -> None:
        self._line, self._clock, self._asked, self._say = line, clock, asked, say

    async def carry_out(self, script: Script[T]) -> T:
        """Run a script to its end."""
        act = go_on(script)
        while not isinstance(act, ScriptEnd):
            act = go_on(script, await self._act(act))
        return act.value

    async def _act(self, act: Act) -> Heard:
        answer: KalshiAnswer | None = None
        kept = True
        match act:
            case KalshiRequest():
                answer = await self._ask(act)
            case Wait():
                await asyncio.sleep(seconds(act.ms))
            case Say():
                self._say(f"close-all: {act.text}")
            case Keep():
                kept = await self.keep(act.told)
        return Heard(self._clock.now(), answer, kept)

    async def _ask(self, request: KalshiRequest) -> KalshiAnswer | None:
        """Ask; a read again where no answer came, a write once. A refused stamp sets our time by the exchange's."""
        answer: KalshiAnswer | None = None
        for _ in range(READ_TRIES if request.method == READING else 1):
            answer = await self._line.ask(request, self._asked.answer_ms)
            if answer is None:
                continue
            if not stamp_refused(answer.status, answer.body) or not answer.date_s:
                break
            self._line.signer.correct(answer.date_s * 1_000 - utc_ms(answer.answered))
        return answer

    async def keep(self, told: CloseOutTold) -> bool:
        """Write down what is done and about to be done; False when the disk does not take it."""
        try:
            async with asyncio.timeout(seconds(DISK_LIMIT_MS)):
                await asyncio.to_thread(write_close_out, self._asked.state_dir, told)
        except (OSError, ConfigurationError, TimeoutError) as problem:
            why = str(problem) or f"the disk did not answer within {DISK_LIMIT_MS} ms"
            self._say(f"close-all: not written down in {self._asked.state_dir}: {why}")
            return False
        return True


def close_all(asked: CloseAllRequest, say: Callable[[str], None]) -> int:
    """Run it in a loop of its own and return the exit code. Raises ConfigurationError for key or address."""
    return asyncio.run(close_positions(asked, SystemClock(), say))


async def close_positions(asked: CloseAllRequest, clock: Clock, say: Callable[[str], None]) -> int:
    """Look, or close; returns the exit code. Raises ConfigurationError for key or address."""
    begun = clock.now()
    ident = f"{utc_ms(begun)}-{os.getpid()}"
    told = CloseOutTold(ident, asked.by, asked.cause, asked.cap_cents, begun.utc_ns)
    line = Asking(asked.base_url, Signer(asked.key_id, asked.key_pem), clock, asked.posture)
    shell = _Shell(line, clock, asked, say)
    try:
        if not asked.confirmed:
            code = await _look(shell, _run(line, told, asked, begun, 0), asked, say)
        else:
            code = await _close(shell, line, told, asked, clock, say)
    finally:
        line.close()
    if line.problem and not line.heard:
        say(f"close-all: the exchange never answered ({line.problem})")
        return EX_UNAVAILABLE
    return code


def _run(line: Asking, told: CloseOutTold, asked: CloseAllRequest, now: Now, tail_until_utc_ns: int) -> CloseOutRun:
    return CloseOutRun(KalshiAccount(line.prefix), told, asked.fees, asked.limits, now, tail_until_utc_ns)


async def _look(shell: _Shell, run: CloseOutRun, asked: CloseAllRequest, say: Callable[[str], None]) -> int:
    holdings = await shell.carry_out(run.look())
    if holdings is None:
        say("close-all: what is held could not be read")
        return EX_NOT_OK
    for holding in holdings:
        say(f"close-all: {intent(holding, asked.cap_cents, asked.fees)}")
    closable = [holding for holding in holdings if holding.limit is not None and not holding.final]
    cost = sum(worst_cost(holding, asked.cap_cents, asked.fees) for holding in closable)
    say(
        f"close-all: {len(holdings)} positions, {len(closable)} can be closed, worst cost {dollars(cost)} against the"
        " middle of their books; nothing was sent: say --confirm to do it"
    )
    return EX_OK if len(closable) == len(holdings) else EX_NOT_OK


async def _close(
    shell: _Shell, line: Asking, told: CloseOutTold, asked: CloseAllRequest, clock: Clock, say: Callable[[str], None]
) -> int:
    recorded = asked.state_dir.is_dir() and await shell.keep(told)
    if not asked.state_dir.is_dir():
        say(f"close-all: {nobody_there(asked.state_dir)}")
    leave = permit(told.ident, asked.by, asked.cause, clock.now(), confirmed=asked.confirmed, recorded=recorded)
    if isinstance(leave, NotPermitted):
        say(f"close-all: {leave.why}")
        return EX_NOT_OK
    await _pause(told, asked, clock, say)
    markers = await asyncio.to_thread(read_cancel_all, asked.state_dir, clock.now().utc_ns)
    last_ns = last_asked_utc_ns(markers)
    now = clock.now()
    run = _run(line, told, asked, now, last_ns + TAIL_NS if last_ns else 0)
    ending = await shell.carry_out(run.close(leave))
    closed = sum(bool(order.filled) for order in run.told.orders)
    took_ms = (clock.now().mono_ns - now.mono_ns) // NS_PER_MS
    say(f"close-all: {ending.outcome}; {len(run.told.orders)} orders sent, {closed} filled something, {took_ms} ms")
    for holding in ending.left:
        say(f"close-all: {left_text(holding)}")
    if ending.resting > 0:
        say(f"close-all: {ending.resting} orders rest: ladderd cancel-all")
    return EX_OK if ending.flat else EX_NOT_OK


async def _pause(told: CloseOutTold, asked: CloseAllRequest, clock: Clock, say: Callable[[str], None]) -> None:
    """Have a daemon that lives stop quoting first; without its answer its orders are taken away all the same."""
    pid = daemon_pid(asked.state_dir)
    if not pid:
        say(f"close-all: {nobody_there(asked.state_dir)}: one that starts later is paused by what was written down")
        return
    question = Request(told.ident, Command.PAUSE, asked.by, f"close-all: {asked.cause}", clock.now().utc_ns)
    try:
        done = await asyncio.to_thread(ask, asked.state_dir, question)
    except OSError as problem:
        say(f"close-all: daemon {pid} could not be asked to pause: {problem}")
        return
    for _ in range(PAUSE_LIMIT_MS // LOOK_MS):
        text = await asyncio.to_thread(_text_of, done)
        if text is not None:
            refused, _note = read_answer(text)
            say(f"close-all: daemon {pid} {f'does not pause: {refused}' if refused else 'is paused'}")
            return
        await asyncio.sleep(seconds(LOOK_MS))
    say(f"close-all: daemon {pid} has not answered within {PAUSE_LIMIT_MS} ms; going on")


def _text_of(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
