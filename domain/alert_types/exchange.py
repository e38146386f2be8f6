"""Alerts of what the exchange answers, or does not."""

from __future__ import annotations

from typing import ClassVar

from domain.alert_types.alert import Alert
from domain.ids import ClientOrderId, Ticker


class PlacesRefusedAlert(Alert, frozen=True):
    """Many places were refused in a short time: in one market, or, without a ticker, in the account."""

    ABOUT: ClassVar = ("ticker",)

    ticker: str
    count: int
    span_s: int
    code: str


class CashShortAlert(Alert, frozen=True):
    """The exchange finds too little cash for an order. `paused`: often enough to pause."""

    ABOUT: ClassVar = ("series",)

    series: str
    paused: bool


class MarketRestrictedAlert(Alert, frozen=True):
    """Our key may not trade one market."""

    ABOUT: ClassVar = ("ticker",)

    ticker: Ticker
    http_status: int
    code: str


class KeyRefusedAlert(Alert, frozen=True):
    """Our key may not do what ends an order, or was refused twice. `what`: the request."""

    ABOUT: ClassVar = ("http_status",)

    what: str
    http_status: int
    code: str


class ExchangeRefusesKeyAlert(Alert, frozen=True):
    """A read was answered 401 or 403."""

    ABOUT: ClassVar = ("http_status",)

    what: str
    http_status: int
    reason: str


class ExchangeRefusesClockAlert(Alert, frozen=True):
    """A read was refused for its time stamp."""

    ABOUT: ClassVar = ("http_status",)

    what: str
    http_status: int
    reason: str


class PrivateStreamDownAlert(Alert, frozen=True):
    """The exchange's websocket was lost."""

    ABOUT: ClassVar = ("reason",)

    reason: str


class ListBehindAlert(Alert, frozen=True):
    """The exchange's list of orders is further behind than this."""

    settle_max_s: int


class NeverAnsweredAlert(Alert, frozen=True):
    """Requests were never answered: how many orders, how many order groups."""

    orders: int
    groups: int


class UnexplainedCancelsAlert(Alert, frozen=True):
    """Orders of ours were cancelled, and nobody of ours asked for it. `orders`: the first of them."""

    count: int
    orders: tuple[ClientOrderId, ...]


class AnotherTraderAlert(Alert, frozen=True):
    """Another process trades this account."""

    what: str
