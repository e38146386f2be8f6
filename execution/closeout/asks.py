"""What a close-all yields to its shell and is told, and the questions that it asks the exchange: pure."""

from __future__ import annotations

from collections.abc import Generator
from typing import Final, TypeVar

import msgspec

from domain.actions import Ask, Read
from domain.clock import Now
from domain.errors import ProtocolError
from domain.events import AnyEvent, CloseOutTold, FeesRead, ReadFailed
from domain.ids import RequestId, Ticker
from execution.closeout.limit import FEE_UNREAD, TakerFees
from execution.kalshi.codes import PARSE_ERRORS, detail_text
from execution.kalshi.quoted import MarketQuote, read_quotes
from execution.kalshi.reads import ReadRun
from execution.kalshi.wire import KalshiAccount, KalshiAnswer, KalshiRequest
from execution.reconcile import series_of
from execution.script import ScriptEnd, go_on

NOBODY: Final = RequestId(0)


class Wait(msgspec.Struct, frozen=True):
    """Let so much time pass."""

    ms: int


class Say(msgspec.Struct, frozen=True):
    """Tell the operator a line."""

    text: str


class Keep(msgspec.Struct, frozen=True):
    """Write down, durable before anything else happens, what the run has done and is about to do."""

    told: CloseOutTold


Act = KalshiRequest | Wait | Say | Keep


class Heard(msgspec.Struct, frozen=True):
    """What came of an act: the time now; the answer to a request, None where none came whole; whether it was kept."""

    now: Now
    answer: KalshiAnswer | None = None
    kept: bool = True


T = TypeVar("T")
Script = Generator[Act, Heard, T]
E = TypeVar("E", bound=AnyEvent)


class Asks:
    """The exchange as one script asks it. `now`: when it was last told anything."""

    def __init__(self, account: KalshiAccount, now: Now) -> None:
        self.account = account
        self.now = now
        self._fee_problem: dict[str, str] = {}
        self._said = ""

    def ask(self, request: KalshiRequest) -> Script[KalshiAnswer | None]:
        """Send one request; None where no whole answer came."""
        heard = yield request
        self.now = heard.now
        return heard.answer

    def wait(self, ms: int) -> Script[None]:
        """Let time pass; none for what is past."""
        if ms > 0:
            heard = yield Wait(ms)
            self.now = heard.now

    def tell(self, text: str) -> Script[None]:
        """Say a line, unless it was the last one said."""
        if text != self._said:
            self._said = text
            heard = yield Say(text)
            self.now = heard.now

    def keep(self, told: CloseOutTold) -> Script[bool]:
        """Have it written down; whether it was."""
        heard = yield Keep(told)
        self.now = heard.now
        return heard.kept

    def read(
        self, kind: type[E], what: Read, *, series: str = "", ticker: str = "", since_ms: int = 0
    ) -> Script[E | None]:
        """Read one thing; None, having said why, where the answer is of no use."""
        run = ReadRun(self.account, Ask(NOBODY, what, series=series, ticker=ticker, since_ms=since_ms))
        request = run.start()
        while True:
            answer = yield from self.ask(request)
            if answer is None:
                return None
            following = run.advance(answer)
            if isinstance(following, KalshiRequest):
                request = following
                continue
            if isinstance(following, kind):
                return following
            assert isinstance(following, ReadFailed), f"a read of {what} ended in {following!r}"
            yield from self.tell(f"{what.value} cannot be read: {following.reason}")
            return None

    def quotes(self, tickers: tuple[Ticker, ...]) -> Script[dict[Ticker, MarketQuote] | None]:
        """These markets and their best prices; None where they cannot be read."""
        script = read_quotes(self.account, tickers, series_of)
        try:
            request = go_on(script)
            while not isinstance(request, ScriptEnd):
                answer = yield from self.ask(request)
                if answer is None:
                    return None
                request = go_on(script, answer)
        except (ProtocolError, *PARSE_ERRORS) as problem:
            yield from self.tell(f"the markets cannot be read: {detail_text(problem)}")
            return None
        return request.value

    def fee_problem(self, ticker: Ticker, quote: MarketQuote, fees: TakerFees) -> Script[str]:
        """Why a taker's fee in this market is not known; asked once for each event."""
        event, series = quote.market.event_ticker, series_of(ticker)
        if not series:
            return "of a series that is not ours: the fee file has no terms for it"
        if event not in self._fee_problem:
            read = yield from self.read(FeesRead, Read.FEES, series=series, ticker=event)
            if read is None:
                return FEE_UNREAD
            self._fee_problem[event] = fees.problem(read)
        return self._fee_problem[event]
