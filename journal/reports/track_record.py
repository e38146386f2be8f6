"""What was earned, window by window, and how sure the figures are. Pure.

The unit is a window, both series together: what they make in one hour stands or falls by one market, so three hundred
fills of three hours are three pieces of evidence. Over the windows the profit for each contract is a ratio, sum of
profit over sum of contracts; its standard error is that of a ratio clustered by window (linearised, with G / (G - 1)
for G windows), and its interval is the bootstrap over sessions, drawn with a fixed seed.

Profit is after fees and after settlement; a window that is not settled whole counts for nothing yet. Expected is what
each fill would have made at the fair value that its order was sent with.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from domain.money import CASH_PER_DOLLAR, COUNT_PER_CONTRACT
from journal.reports.fold import Fold, day_of
from journal.reports.window_fold import QuoteRow, WindowFold

DRAWS: Final = 1_000
SEED: Final = 7
LEAST_CLUSTERS: Final = 2


class Earned(NamedTuple):
    """One window, both series. Counts in hundredths of a contract, cash in 1e-6 dollar.

    `expected`: None where the fair value of an order that was filled is not in the journal.
    """

    target_ns: int
    session: str
    fills: int
    contracts: int
    placed: int
    profit: int
    expected: int | None


class Ratio(NamedTuple):
    """A mean for each contract, in dollars. `t`: against zero, None where no spread between windows is known."""

    mean: float
    t: float | None


class TrackRecord(NamedTuple):
    """All that counts. `unsettled`: windows with fills that are not settled whole; they are in nothing else."""

    windows: tuple[Earned, ...]
    unsettled: int

    @property
    def fills(self) -> int:
        """Executions, each trade once."""
        return sum(window.fills for window in self.windows)

    @property
    def sessions(self) -> tuple[str, ...]:
        """The days with a fill, earliest first."""
        return tuple(sorted({window.session for window in self.windows if window.fills}))

    @property
    def newest_ns(self) -> int | None:
        """The target of the newest window with a fill."""
        return max((window.target_ns for window in self.windows if window.fills), default=None)

    @property
    def fill_share(self) -> float | None:
        """Contracts that were filled of those that were sent."""
        placed = sum(window.placed for window in self.windows)
        return sum(window.contracts for window in self.windows) / placed if placed else None

    def profit(self) -> Ratio | None:
        """After fees, for each contract; None without one."""
        return clustered([(window.profit, window.contracts) for window in self.windows])

    def beyond_expected(self) -> Ratio | None:
        """Realised less expected, for each contract; None without one, or where something expected is not known."""
        told = [(w.profit - w.expected, w.contracts) for w in self.windows if w.expected is not None]
        return clustered(told) if len(told) == len(self.windows) else None

    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the profit for each contract, in dollars; None of fewer than two sessions."""
        sums: dict[str, tuple[int, int]] = {}
        for window in self.windows:
            profit, contracts = sums.get(window.session, (0, 0))
            sums[window.session] = profit + window.profit, contracts + window.contracts
        return bootstrap([each for each in sums.values() if each[1]])


def track_record(fold: Fold) -> TrackRecord:
    """What a fold's windows come to."""
    by_target: dict[int, list[WindowFold]] = {}
    for window in fold.windows.values():
        by_target.setdefault(window.target_ns, []).append(window)
    windows, unsettled = [], 0
    for target_ns, of_target in sorted(by_target.items()):
        profits = [window.pnl_from_fills for window in of_target if window.fills]
        settled = [profit for profit in profits if profit is not None]
        if len(settled) != len(profits):
            unsettled += 1
            continue
        expected = [_expected(window) for window in of_target]
        known = [each for each in expected if each is not None]
        windows.append(
            Earned(
                target_ns,
                day_of(target_ns),
                sum(len(window.fills) for window in of_target),
                sum(window.contracts or 0 for window in of_target),
                sum(quote.count for window in of_target for quote in window.quotes if _reached(quote)),
                sum(settled),
                sum(known) if len(known) == len(expected) else None,
            )
        )
    return TrackRecord(tuple(windows), unsettled)


def _reached(quote: QuoteRow) -> bool:
    """Whether an order may have rested: it was not refused, and left."""
    return quote.failure_stage in {None, "unknown"}


def _expected(window: WindowFold) -> int | None:
    fairs = {quote.client_order_id: quote.fair for quote in window.quotes}
    told = [row.pnl(fairs.get(row.client_order_id)) for row in window.fills]
    known = [each for each in told if each is not None]
    return sum(known) if len(known) == len(told) else None


def clustered(clusters: Iterable[tuple[int, int]]) -> Ratio | None:
    """The ratio of (cash, count) over clusters, with its t. None without a count."""
    rows = [row for row in clusters if row[1]]
    whole = sum(count for _, count in rows)
    if not whole:
        return None
    mean = sum(cash for cash, _ in rows) / whole
    spread = sum((cash - mean * count) ** 2 for cash, count in rows)
    if len(rows) < LEAST_CLUSTERS or not spread:
        return Ratio(_dollars(mean), None)
    error = math.sqrt(len(rows) / (len(rows) - 1) * spread) / whole
    return Ratio(_dollars(mean), mean / error)


def bootstrap(sessions: Sequence[tuple[int, int]]) -> tuple[float, float] | None:
    """The middle 95 % of the ratio when as many sessions are drawn again; the same draws for the same evidence."""
    if len(sessions) < LEAST_CLUSTERS:
        return None
    chance = random.Random(SEED)  # noqa: S311 - draws of a statistic, no secret
    means = []
    for _ in range(DRAWS):
        drawn = chance.choices(sessions, k=len(sessions))
        means.append(_dollars(sum(cash for cash, _ in drawn) / sum(count for _, count in drawn)))
    means.sort()
    return means[DRAWS * 25 // 1_000], means[DRAWS * 975 // 1_000 - 1]


def _dollars(cash_per_count: float) -> float:
    return cash_per_count * COUNT_PER_CONTRACT / CASH_PER_DOLLAR
