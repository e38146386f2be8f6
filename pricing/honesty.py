"""Whether our probabilities deserve to be believed, by what settled.

Each settled quote is a forecast (the fair probability when it was quoted) and an outcome (0 or 1). Brier score: mean
squared error. ECE: over ten equal bins of the forecast, the mean distance between forecast and frequency, weighted by
the bin's share (Naeini et al. 2015). The clamp (docs/contracts.md, Honesty): ECE <= .02 and Brier <= .08 gives 1.0; <=
.05 and <= .12 gives .75; else .5; with fewer than 100 settled quotes .75 at most, because too little evidence may not
raise anything. All of it in integers, so that the same evidence always gives the same clamp: forecasts in millionths.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

PPM: Final = 1_000_000
BINS: Final = 10
EVIDENCE_MIN: Final = 100
FULL: Final = (20_000, 80_000)
PARTIAL: Final = (50_000, 120_000)
CLAMP_FULL_PPM: Final = PPM
CLAMP_PARTIAL_PPM: Final = 750_000
CLAMP_LOW_PPM: Final = 500_000


class SettledQuote(msgspec.Struct, frozen=True, array_like=True):
    """A forecast and what came of it."""

    probability_ppm: int
    won: bool


class Bin(msgspec.Struct, frozen=True):
    """One row of the reliability table: forecasts in [low, high), their mean, and how often they won."""

    low_ppm: int
    high_ppm: int
    count: int
    forecast_ppm: int
    frequency_ppm: int


class Honesty(msgspec.Struct, frozen=True):
    """The evidence of one span of days, and the clamp that follows. Scores are None without evidence."""

    settled: int
    brier_ppm: int | None
    ece_ppm: int | None
    clamp_ppm: int
    enough: bool
    bins: tuple[Bin, ...]


def judge(quotes: Iterable[SettledQuote]) -> Honesty:
    """Score settled quotes. Errors round against us: scores up, so the clamp never rises by rounding."""
    rows: list[list[int]] = [[0, 0, 0] for _ in range(BINS)]
    settled = squares = 0
    for quote in quotes:
        assert 0 <= quote.probability_ppm <= PPM, f"not a probability in ppm: {quote.probability_ppm}"
        outcome_ppm = PPM if quote.won else 0
        squares += (quote.probability_ppm - outcome_ppm) ** 2
        row = rows[min(quote.probability_ppm * BINS // PPM, BINS - 1)]
        row[0] += 1
        row[1] += quote.probability_ppm
        row[2] += outcome_ppm
        settled += 1
    if settled == 0:
        return Honesty(0, None, None, CLAMP_PARTIAL_PPM, enough=False, bins=())
    brier_ppm = -(-squares // (settled * PPM))
    ece_ppm = -(-sum(abs(forecast - outcome) for _, forecast, outcome in rows) // settled)
    return Honesty(
        settled=settled,
        brier_ppm=brier_ppm,
        ece_ppm=ece_ppm,
        clamp_ppm=clamp(settled, brier_ppm, ece_ppm),
        enough=settled >= EVIDENCE_MIN,
        bins=tuple(
            Bin(n * PPM // BINS, (n + 1) * PPM // BINS, count, forecast // count, outcome // count)
            for n, (count, forecast, outcome) in enumerate(rows)
            if count
        ),
    )


def clamp(settled: int, brier_ppm: int, ece_ppm: int) -> int:
    """The share of the edge that the evidence allows, in millionths."""
    if ece_ppm <= FULL[0] and brier_ppm <= FULL[1]:
        earned = CLAMP_FULL_PPM
    elif ece_ppm <= PARTIAL[0] and brier_ppm <= PARTIAL[1]:
        earned = CLAMP_PARTIAL_PPM
    else:
        earned = CLAMP_LOW_PPM
    return earned if settled >= EVIDENCE_MIN else min(earned, CLAMP_PARTIAL_PPM)


def shrink(configured_ppm: int, clamp_ppm: int, drift_ppm: int = PPM) -> int:
    """The factor that the edge is multiplied by: the least of what is configured and what evidence allows."""
    return min(configured_ppm, clamp_ppm, drift_ppm)


def payload(honesty: Honesty, days: int) -> dict[str, Any]:
    """The content of `honesty_window{7,30}.json`; shares as decimals."""
    return {
        "window_days": days,
        "settled": honesty.settled,
        "enough_evidence": honesty.enough,
        "evidence_min": EVIDENCE_MIN,
        "brier": None if honesty.brier_ppm is None else honesty.brier_ppm / PPM,
        "ece": None if honesty.ece_ppm is None else honesty.ece_ppm / PPM,
        "clamp": honesty.clamp_ppm / PPM,
        "reliability": [
            {
                "low": row.low_ppm / PPM,
                "high": row.high_ppm / PPM,
                "count": row.count,
                "forecast": row.forecast_ppm / PPM,
                "frequency": row.frequency_ppm / PPM,
            }
            for row in honesty.bins
        ],
    }
