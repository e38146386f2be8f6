"""Alerts of the index and its feeds."""

from __future__ import annotations

from typing import ClassVar

from domain.alert_types.alert import Alert
from domain.money import IndexValue
from domain.reasons import VixBand


class IndexStaleAlert(Alert, frozen=True):
    """One index sends no valid value. `age_ms` and `received_utc_ns` are None for one that was never seen."""

    ABOUT: ClassVar = ("series",)

    series: str
    symbol: str
    feed: str
    age_ms: float | None
    limit_ms: float
    basis: str
    received_utc_ns: int | None


class IndexFreshAlert(Alert, frozen=True):
    """It is back, `after_s` after that was told."""

    ABOUT: ClassVar = ("series",)

    series: str
    symbol: str
    feed: str
    age_ms: float | None
    limit_ms: float
    basis: str
    after_s: float


class FeedsLostAlert(Alert, frozen=True):
    """Neither feed delivers anything."""

    state: str
    active_feed: str


class FeedsBackAlert(Alert, frozen=True):
    """A feed delivers again."""

    state: str
    active_feed: str


class FeedDownAlert(Alert, frozen=True):
    """A feed that was live is silent, in part or whole, or its socket is gone."""

    ABOUT: ClassVar = ("feed", "reason")

    feed: str
    reason: str


class FeedRefusedAlert(Alert, frozen=True):
    """The vendor refused our key or plan."""

    ABOUT: ClassVar = ("feed", "reason")

    feed: str
    reason: str


class FeedQuarantinedAlert(Alert, frozen=True):
    """A feed is set aside for one index, for so many seconds."""

    ABOUT: ClassVar = ("feed", "symbol")

    feed: str
    symbol: str
    why: str
    for_s: float


class FeedDivergenceOverAlert(Alert, frozen=True):
    """The two feeds agree again. `values`: by feed."""

    ABOUT: ClassVar = ("symbol",)

    symbol: str
    values: dict[str, IndexValue]


class BadPrintAlert(Alert, frozen=True):
    """A value that jumped was used for nothing. `values`: it, and the one after it; `raw`: as the vendor wrote it."""

    ABOUT: ClassVar = ("symbol",)

    symbol: str
    values: dict[str, IndexValue]
    feed: str
    raw: str


class MarketHaltSuspectedAlert(Alert, frozen=True):
    """No index moves while a session runs."""

    symbols: tuple[str, ...]
    why: str


class BreakerTrippedAlert(Alert, frozen=True):
    """Our own settled windows speak against the model: nothing is quoted until an operator resumes."""

    ABOUT: ClassVar = ("breaker",)

    breaker: str
    why: str


class ModelDoubtedAlert(Alert, frozen=True):
    """The model asks too much or too little for uncertainty, and not enough to stop."""

    why: str


class VolatilityLevelAlert(Alert, frozen=True):
    """I:VIX has reached another band. `value`: None when unknown; `factor_ppm`: the share of our size allowed."""

    ABOUT: ClassVar = ("band",)

    band: VixBand
    value: IndexValue | None
    feed: str
    factor_ppm: int
    reason: str
