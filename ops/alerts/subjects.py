"""What each kind of alert is about: two alerts of one kind with equal subjects are the same alert, said once.

One type for each kind, so that nothing that makes an alert a different one is left out: a feed switch is about both
its feeds, so the way back is another alert. A kind without a type here, or a payload that lacks a field of its subject,
is about everything it says: better twice than swallowed. `docs/runbooks/alerts.md` has a section for each kind.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec


class Subject(msgspec.Struct, frozen=True):
    """Base of all subjects; a kind with no fields is about one thing only."""


class Everything(Subject, frozen=True):
    """There is only one of it: both feeds lost, requests never answered."""


class OfSeries(Subject, frozen=True):
    """One series."""

    series: str


class OfSymbol(Subject, frozen=True):
    """One index."""

    symbol: str


class OfFeed(Subject, frozen=True):
    """One feed, and what is wrong with it."""

    feed: str
    reason: str


class OfFeedSymbol(Subject, frozen=True):
    """One index on one feed."""

    feed: str
    symbol: str


class FeedSwitched(Subject, frozen=True):
    """From one feed to the other."""

    from_feed: str
    to_feed: str


class Tripped(Subject, frozen=True):
    """One trip of a series in one window."""

    series: str
    window: int
    count: int


class Decided(Subject, frozen=True):
    """A level of the day's loss."""

    decision: str


class Sourced(Subject, frozen=True):
    """Who or what said stop, and why."""

    source: str
    reason: str


class Why(Subject, frozen=True):
    """One reason."""

    reason: str


class Cause(Subject, frozen=True):
    """What somebody asked for, and why."""

    cause: str


class CommandRefused(Subject, frozen=True):
    """An operator's request that was refused."""

    by: str
    why: str


class OfBand(Subject, frozen=True):
    """A band of I:VIX."""

    band: str


class OfKey(Subject, frozen=True):
    """What the exchange answers to our signature."""

    http_status: int


class OfFees(Subject, frozen=True):
    """What does not agree in one series' fees."""

    series: str
    problem: str
    warning: str


class OfGroup(Subject, frozen=True):
    """One order group."""

    group_id: str


class OfOrder(Subject, frozen=True):
    """One order."""

    client_order_id: str
    order_id: str


class OfTrade(Subject, frozen=True):
    """One execution."""

    trade_id: str


class OfDrift(Subject, frozen=True):
    """What does not fit between the exchange's books and ours."""

    drift: str


class OfMarket(Subject, frozen=True):
    """One market, or the whole account where the ticker is empty."""

    ticker: str


class OfDrill(Subject, frozen=True):
    """One control, and the session in which it was not drilled."""

    control: str
    session: str


class OfJob(Subject, frozen=True):
    """One job of the day, and how it failed."""

    job: str
    problem: str


class OfLimit(Subject, frozen=True):
    """A limit on money that is passed."""

    limit: str


class OrderRejected(Subject, frozen=True):
    """A limit that keeps orders of one series from being sent."""

    series: str
    limit: str


class OfCloseOut(Subject, frozen=True):
    """One run of close-all."""

    ident: str


class OfPreflight(Subject, frozen=True):
    """What is against, and why nothing is known."""

    against: tuple[str, ...]
    problem: str


class OfHealth(Subject, frozen=True):
    """The tasks that are late and the gates that are closed."""

    late: tuple[str, ...]
    closed: tuple[str, ...]


class OfIncident(Subject, frozen=True):
    """One incident."""

    ident: str


SUBJECTS: Final[dict[str, type[Subject]]] = {
    "another_trader": Everything,
    "close_all": OfCloseOut,
    "close_all_ended": OfCloseOut,
    "daily_loss": Decided,
    "drill_missed": OfDrill,
    "exchange_refuses_clock": OfKey,
    "exchange_refuses_key": OfKey,
    "feed_divergence": OfSymbol,
    "feed_divergence_over": OfSymbol,
    "feed_down": OfFeed,
    "feed_quarantined": OfFeedSymbol,
    "feed_refused": OfFeed,
    "feed_switch": FeedSwitched,
    "feeds_back": Everything,
    "feeds_lost": Everything,
    "fees_disagree": OfFees,
    "final_minute_stale": Tripped,
    "health_check": OfHealth,
    "incident_filed": OfIncident,
    "index_fresh": OfSeries,
    "index_stale": OfSeries,
    "job_failed": OfJob,
    "journal_fault": Why,
    "key_refused": OfKey,
    "kill_switch": Sourced,
    "list_behind": Everything,
    "market_restricted": OfMarket,
    "never_answered": Everything,
    "order_group_lost": OfGroup,
    "orphan_order_adopted": OfOrder,
    "paused": Cause,
    "places_refused": OfMarket,
    "preflight_blocks": OfPreflight,
    "private_stream_down": Why,
    "reconcile_drift": OfDrift,
    "cash_moved": OfDrift,
    "cash_short": OfSeries,
    "bad_print": OfSymbol,
    "market_halt_suspected": Everything,
    "foreign_fill": OfTrade,
    "resume_refused": CommandRefused,
    "risk_alert": OfLimit,
    "risk_reject": OrderRejected,
    "risk_stop_loss": Why,
    "risk_stress_breach": OfLimit,
    "arm_refused": CommandRefused,
    "settlement_disagrees": OfMarket,
    "settlement_unreadable": OfMarket,
    "strict_stand_down": OfSeries,
    "taker_fill": OfTrade,
    "unexplained_cancels": Everything,
    "volatility_level": OfBand,
}

_PREPARED: Final = [msgspec.json.Decoder(kind) for kind in set(SUBJECTS.values())]


def subject(action: str, payload: dict[str, Any]) -> str:
    """What makes two alerts the same, as text: the kind, and what it is about."""
    kind = SUBJECTS.get(action)
    about: object = payload
    if kind is not None:
        try:
            about = msgspec.convert(payload, kind, strict=True)  # tidy: prepared - _PREPARED has met every kind
        except msgspec.ValidationError:
            about = payload
    return f"{action} {msgspec.json.encode(about, order='sorted', enc_hook=str).decode()}"
