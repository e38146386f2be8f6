"""Alerts of what differs between the exchange's books and ours."""

from __future__ import annotations

from typing import ClassVar

from domain.alert_types.alert import Alert
from domain.ids import ClientOrderId, Ticker
from domain.money import Count


class ReconcileDriftAlert(Alert, frozen=True):
    """Something does not fit. `drift`: all of it; `drift_kind`: which kind."""

    ABOUT: ClassVar = ("drift",)

    drift: str
    drift_kind: str


class CashMovedAlert(Alert, frozen=True):
    """Cash came or went, and nothing of ours explains it."""

    ABOUT: ClassVar = ("drift",)

    drift: str
    drift_kind: str


class OrphanOrderAdoptedAlert(Alert, frozen=True):
    """An order of an earlier run was found and cancelled."""

    ABOUT: ClassVar = ("client_order_id", "order_id")

    client_order_id: ClientOrderId
    order_id: str
    ticker: Ticker


class SettlementUnreadableAlert(Alert, frozen=True):
    """What the exchange says of a settlement of ours cannot be booked."""

    ABOUT: ClassVar = ("ticker",)

    series: str
    ticker: Ticker
    position: Count
    reason: str
