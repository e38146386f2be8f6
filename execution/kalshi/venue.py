"""What the exchange is asked for an action, and what becomes of the answer; how a request travels is the subclass's.

Four lanes: kills, cancels, places and reads. An action goes to its lane, and each request ends exactly once, with an
answer of the exchange or with `on_end`; either becomes the events that the engine waits for. `emit` takes them.

One answer is no end: 401 `header_timestamp_expired`. It measures the exchange's clock, and the same request is signed
and sent once more. For a place too, under the same client order id, and that is no place of unknown outcome: the
signature is checked before the request is read any further, so a 401 proves that nothing was made of it (`codes.ROWS`);
should the exchange ever refuse so and take the order all the same, the second is answered 409 order_already_exists,
whose verdict is UNKNOWN, and is resolved. Not sent again: a place whose permission is over, one that a cancel-all has
purged meanwhile, and one after which the clocks turn out to differ so much that its expiry would be wrong.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from domain.actions import AnyAction, Ask, CancelAll, CancelOrders, CreateGroup, DeleteGroup, Place, TriggerGroup
from domain.clock import Now, utc_ms
from domain.events import AnyEvent, Verdict
from execution.kalshi.answers import read_answer, unanswered
from execution.kalshi.codes import CodeTable, stamp_refused
from execution.kalshi.exchange_clock import ExchangeClock
from execution.kalshi.reads import ReadRun
from execution.kalshi.wire import KalshiAccount, KalshiAnswer, KalshiRequest, Write, request_for

KILLS: Final = (TriggerGroup, CancelAll)
PLACES: Final = (Place, CreateGroup, DeleteGroup)
NO_CODES: Final = CodeTable()
PLACE_OFFSET_MAX_MS: Final = 1_000
"""Measured by whole seconds, so the clocks differ by 1.5 s at most, which is where the gate closes by itself."""

OnAnswer = Callable[[KalshiAnswer], None]
OnEnd = Callable[[Now | None, str, str], None]
Lane = TypeVar("Lane")


class Venue(ABC, Generic[Lane]):
    """The write and read side of the exchange, on lanes of some kind."""

    kills: Lane
    cancels: Lane
    places: Lane
    reads: Lane

    def __init__(self, account: KalshiAccount, emit: Callable[[AnyEvent], None], codes: CodeTable = NO_CODES) -> None:
        self._account = account
        self._emit = emit
        self._codes = codes
        self._time_of = ExchangeClock()
        self._status = KalshiRequest("GET", f"{account.prefix}/exchange/status")
        self._purges = 0

    @abstractmethod
    def _send(
        self, lane: Lane, request: KalshiRequest, on_answer: OnAnswer, on_end: OnEnd, not_after_ns: int = 0
    ) -> None:
        """Have one request written, not after that monotonic instant (0: whenever); it ends exactly once."""

    @abstractmethod
    def _correct(self, skew_ms: int) -> None:
        """From now on sign with the exchange's clock, which is so far ahead of ours."""

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

        def on_answer(answer: KalshiAnswer) -> None:
            outcomes, stamp_ms = read_answer(action, answer, self._codes)
            for outcome in outcomes:
                self._told(outcome)
            self._time(answer, stamp_ms)

        def on_end(sent: Now | None, code: str, detail: str) -> None:
            verdict = Verdict.UNSENT if sent is None else Verdict.UNKNOWN
            for outcome in unanswered(action, verdict, code, detail, 0 if sent is None else sent.mono_ns):
                self._told(outcome)

        self._send_signed(lane, request_for(self._account, action), on_answer, on_end, not_after_ns)

    def _ask(self, run: ReadRun, request: KalshiRequest) -> None:
        def on_answer(answer: KalshiAnswer) -> None:
            self._time(answer)
            following = run.advance(answer)
            if isinstance(following, KalshiRequest):
                self._ask(run, following)
            else:
                self._told(following)

        def on_end(_sent: Now | None, code: str, detail: str) -> None:
            self._emit(run.failed(0, f"{code}: {detail}"))

        self._send_signed(self.reads, request, on_answer, on_end)

    def _send_signed(
        self, lane: Lane, request: KalshiRequest, on_answer: OnAnswer, on_end: OnEnd, not_after_ns: int = 0
    ) -> None:
        """Send a request, and once more when the exchange refuses its stamp and tells the time."""
        purges = self._purges

        def first(refused: KalshiAnswer) -> None:
            if not stamp_refused(refused.status, refused.body) or not refused.date_s:
                on_answer(refused)
                return
            skew_ms = _skew_ms(refused)
            self._correct(skew_ms)
            if not_after_ns and (
                refused.answered.mono_ns >= not_after_ns or self._purges != purges or abs(skew_ms) > PLACE_OFFSET_MAX_MS
            ):
                on_answer(refused)
                return

            def ended(sent: Now | None, code: str, detail: str) -> None:
                if sent is None:
                    on_answer(refused)  # not a byte of the second has left: the refusal stands
                else:
                    on_end(sent, code, detail)

            self._send(lane, request, on_answer, ended, not_after_ns)

        self._send(lane, request, first, on_end, not_after_ns)

    def _time(self, answer: KalshiAnswer, stamp_ms: int | None = None) -> None:
        """Learn the exchange's time from an answer; one that refuses our stamps for theirs has them corrected."""
        if answer.date_s and stamp_refused(answer.status, answer.body):
            self._correct(_skew_ms(answer))
        if stamp_ms is None:
            sample = self._time_of.date(answer.date_s, answer.sent, answer.answered)
        else:
            sample = self._time_of.stamp(stamp_ms, answer.sent, answer.answered)
        if sample is not None:
            self._emit(sample)


def _skew_ms(answer: KalshiAnswer) -> int:
    """How far the exchange's clock is ahead of ours. It tells whole seconds, cut off: the middle is half of one on."""
    return answer.date_s * 1_000 + 500 - utc_ms(answer.answered)


def ignore_end(_sent: Now | None, _code: str, _detail: str) -> None:
    """A keep-alive was not answered: the lane has closed the connection, and another is opened."""
