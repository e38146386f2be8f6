"""What the exchange is asked for an action, and what becomes of the answer; how a request travels is the subclass's.

Four lanes: kills, cancels, places and reads. An action goes to its lane, and each request ends exactly once, with an
answer of the exchange or with `on_end`; either becomes the events that the engine waits for. `emit` takes them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from domain.actions import AnyAction, Ask, CancelAll, CancelOrders, CreateGroup, DeleteGroup, Place, TriggerGroup
from domain.clock import Now
from domain.events import AnyEvent, Verdict
from execution.kalshi.answers import read_answer, unanswered
from execution.kalshi.codes import CodeTable
from execution.kalshi.exchange_clock import ExchangeClock
from execution.kalshi.reads import ReadRun
from execution.kalshi.wire import Account, Answer, Request, Write, request_for

KILLS: Final = (TriggerGroup, CancelAll)
PLACES: Final = (Place, CreateGroup, DeleteGroup)
NO_CODES: Final = CodeTable()

OnAnswer = Callable[[Answer], None]
OnEnd = Callable[[Now | None, str, str], None]
Lane = TypeVar("Lane")


class Venue(ABC, Generic[Lane]):
    """The write and read side of the exchange, on lanes of some kind."""

    kills: Lane
    cancels: Lane
    places: Lane
    reads: Lane

    def __init__(self, account: Account, emit: Callable[[AnyEvent], None], codes: CodeTable = NO_CODES) -> None:
        self._account = account
        self._emit = emit
        self._codes = codes
        self._time_of = ExchangeClock()
        self._status = Request("GET", f"{account.prefix}/exchange/status")

    @abstractmethod
    def _send(self, lane: Lane, request: Request, on_answer: OnAnswer, on_end: OnEnd, not_after_ns: int = 0) -> None:
        """Have one request written, not after that monotonic instant (0: whenever); it ends exactly once."""

    def _told(self, event: AnyEvent) -> None:
        """The exchange has told something."""
        self._emit(event)

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

    def _write(self, lane: Lane, action: Write) -> None:
        not_after_ns = action.cleared.not_after_mono_ns if isinstance(action, Place) else 0

        def on_answer(answer: Answer) -> None:
            outcomes, stamp_ms = read_answer(action, answer, self._codes)
            for outcome in outcomes:
                self._told(outcome)
            self._time(answer, stamp_ms)

        def on_end(sent: Now | None, code: str, detail: str) -> None:
            verdict = Verdict.UNSENT if sent is None else Verdict.UNKNOWN
            for outcome in unanswered(action, verdict, code, detail, 0 if sent is None else sent.mono_ns):
                self._told(outcome)

        self._send(lane, request_for(self._account, action), on_answer, on_end, not_after_ns)

    def _ask(self, run: ReadRun, request: Request) -> None:
        def on_answer(answer: Answer) -> None:
            self._time(answer)
            following = run.advance(answer)
            if isinstance(following, Request):
                self._ask(run, following)
            else:
                self._told(following)

        def on_end(_sent: Now | None, code: str, detail: str) -> None:
            self._emit(run.failed(0, f"{code}: {detail}"))

        self._send(self.reads, request, on_answer, on_end)

    def _time(self, answer: Answer, stamp_ms: int | None = None) -> None:
        """Learn the exchange's time from an answer."""
        if stamp_ms is None:
            sample = self._time_of.date(answer.date_s, answer.sent, answer.answered)
        else:
            sample = self._time_of.stamp(stamp_ms, answer.sent, answer.answered)
        if sample is not None:
            self._emit(sample)


def ignore_end(_sent: Now | None, _code: str, _detail: str) -> None:
    """A keep-alive was not answered: the lane has closed the connection, and another is opened."""
