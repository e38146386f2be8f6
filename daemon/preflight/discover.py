"""Which of today's windows the exchange lists: a day's listing as a document, and what is missing in it. Pure.

An event belongs to a window when its markets close at the window's target; tickers are only shown. A listing is saved
with the instant it was asked, so that an offline answer carries its age; one of another day answers nothing.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from domain.clock import NS_PER_S
from domain.door import PAGE_BYTES_MAX, Door
from domain.errors import ConfigurationError
from domain.market import Market
from domain.window import Window
from guards.windows import WindowPlan

VERSION: Final = 1


class ListedLadder(msgspec.Struct, frozen=True):
    """One ladder: its series, when its markets close (Unix ns), and what it is made of."""

    series: str
    close_ns: int
    events: tuple[str, ...]
    markets: int
    open_markets: int
    exchange_index: int
    steps: tuple[int, ...]


class LadderListing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`state/listing-YYYY-MM-DD.json`: what one host listed for one New York day."""

    version: int
    day: str
    host: str
    asked_utc_ns: int
    ladders: tuple[ListedLadder, ...]

    def age_s(self, utc_ns: int) -> float:
        """How old it is."""
        return (utc_ns - self.asked_utc_ns) / NS_PER_S


class WindowRow(NamedTuple):
    """One window of one series, and the ladder that closes at its target: None when it is not listed."""

    series: str
    label: str
    target_ns: int
    listed: ListedLadder | None


_listing = Door(LadderListing, PAGE_BYTES_MAX).read


def parse_listing(text: bytes, where: str) -> LadderListing:
    """Read a saved listing. Raises ConfigurationError."""
    try:
        listing = _listing(text)
    except msgspec.MsgspecError as problem:
        raise ConfigurationError(f"{where}: not a saved listing ({problem}); run ladderd discover --today") from None
    if listing.version != VERSION:
        raise ConfigurationError(f"{where}: version {listing.version} is not known; run ladderd discover --today")
    return listing


def windows_today(plan: WindowPlan, series: str, utc_ns: int) -> tuple[Window, ...]:
    """The day's windows of a series; with the short template the present and the next one, for they never end."""
    if plan.settings.template == "short":
        near = (plan.current_window(series, utc_ns), plan.next_window(series, utc_ns))
        return tuple(window for window in near if window is not None)
    return tuple(window for window in plan.windows_on(plan.session_date(utc_ns)) if series in window.series)


def summed(series: str, target_ns: int, markets: tuple[Market, ...]) -> ListedLadder | None:
    """A ladder's line in the listing; None when it has no market."""
    if not markets:
        return None
    return ListedLadder(
        series,
        target_ns,
        tuple(sorted({market.event_ticker for market in markets})),
        len(markets),
        sum(market.status == "active" for market in markets),
        markets[0].exchange_index,
        tuple(sorted({stretch.step for market in markets for stretch in market.price_ranges})),
    )


def match(windows: dict[str, tuple[Window, ...]], listing: LadderListing) -> tuple[WindowRow, ...]:
    """Every window beside the ladder that closes at its target."""
    by_close = {(ladder.series, ladder.close_ns): ladder for ladder in listing.ladders}
    return tuple(
        WindowRow(series, window.label, window.target_ns, by_close.get((series, window.target_ns)))
        for series, each in windows.items()
        for window in each
    )


def merged(old: LadderListing | None, new: LadderListing) -> LadderListing:
    """A new listing, with the ladders of series that only the older one of the same host and day has."""
    if old is None or (old.day, old.host) != (new.day, new.host):
        return new
    asked = {ladder.series for ladder in new.ladders}
    kept = tuple(ladder for ladder in old.ladders if ladder.series not in asked)
    oldest = min(old.asked_utc_ns, new.asked_utc_ns) if kept else new.asked_utc_ns
    return msgspec.structs.replace(new, ladders=(*new.ladders, *kept), asked_utc_ns=oldest)
