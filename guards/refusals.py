"""Places that the exchange refuses, or does not answer: how many are too many (docs/contracts.md, Quoting).

Five in 10 s for one market, or twenty in 60 s for the account. It is news once in 60 s, unless it is of another market.
Nothing is judged of a single refusal: a post-only order that would cross is refused by right.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import msgspec

from domain.clock import NS_PER_S

ACCOUNT = ""


@dataclass(frozen=True, slots=True)
class RefusalSettings:
    """How many are too many, and in which time."""

    per_market: int = 5
    market_span_s: int = 10
    per_account: int = 20
    account_span_s: int = 60
    quiet_s: int = 60


class TooMany(msgspec.Struct, frozen=True):
    """`count` places were refused or not answered within `span_s`; `ticker` is empty for the whole account.

    `news`: it was not said within the last minute.
    """

    ticker: str
    count: int
    span_s: int
    news: bool = True


class Refusals:
    """Counts them, by market and for the account, each within its own span."""

    def __init__(self, settings: RefusalSettings | None = None) -> None:
        self._settings = settings or RefusalSettings()
        self._seen: dict[str, deque[int]] = {}
        self._told_ns: dict[str, int] = {}

    def refused(self, ticker: str, mono_ns: int) -> list[TooMany]:
        """One more place of a market was refused or left unanswered; what is too many now, if anything."""
        settings = self._settings
        self._forget(mono_ns)
        found = (
            self._add(ticker, settings.per_market, settings.market_span_s, mono_ns),
            self._add(ACCOUNT, settings.per_account, settings.account_span_s, mono_ns),
        )
        return [one for one in found if one is not None]

    def _add(self, ticker: str, most: int, span_s: int, mono_ns: int) -> TooMany | None:
        seen = self._seen.setdefault(ticker, deque(maxlen=most))
        seen.append(mono_ns)
        if len(seen) < most or mono_ns - seen[0] > span_s * NS_PER_S:
            return None
        told_ns = self._told_ns.get(ticker)
        if told_ns is not None and mono_ns - told_ns < self._settings.quiet_s * NS_PER_S:
            return TooMany(ticker, most, span_s, news=False)
        self._told_ns[ticker] = mono_ns
        return TooMany(ticker, most, span_s)

    def room(self, mono_ns: int, under_way: int) -> bool:
        """Whether one more place may leave: with those under way refused too, the account would not have too many."""
        settings = self._settings
        since_ns = mono_ns - settings.account_span_s * NS_PER_S
        recent = sum(1 for at_ns in self._seen.get(ACCOUNT, ()) if at_ns >= since_ns)
        return not recent or recent + under_way < settings.per_account

    def _forget(self, mono_ns: int) -> None:
        """Drop markets of which nothing was heard for so long that it cannot count any more."""
        kept_ns = max(self._settings.quiet_s, self._settings.account_span_s) * NS_PER_S
        old = [ticker for ticker, seen in self._seen.items() if mono_ns - seen[-1] > kept_ns]
        for ticker in old:
            del self._seen[ticker]
            self._told_ns.pop(ticker, None)
