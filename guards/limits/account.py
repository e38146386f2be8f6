"""What the limits read of the account, by shape: books are kept elsewhere, so nothing can be counted twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from domain.ids import ClientOrderId, Ticker
from domain.money import Cash
from guards.exposure import HoldingShape, MarketExposure, OrderShape, UntoldShape
from guards.limits.outcomes import EventKey, OutcomesShape


class BookShape(Protocol):
    """Where every order that may be live is found."""

    @property
    def live(self) -> Mapping[ClientOrderId, OrderShape]:
        """By client order id."""
        ...


class LedgerShape(Protocol):
    """Where positions and the realised result (never reset) are found."""

    @property
    def markets(self) -> Mapping[Ticker, HoldingShape]:
        """By ticker."""
        ...

    @property
    def realised(self) -> Cash:
        """Result of all settled markets."""
        ...


class AccountShape(Protocol):
    """The account's books."""

    @property
    def book(self) -> BookShape:
        """Orders."""
        ...

    @property
    def ledger(self) -> LedgerShape:
        """Positions."""
        ...

    @property
    def untold(self) -> Mapping[ClientOrderId, UntoldShape]:
        """Orders whose fills were told in some way and are not in the ledger yet."""
        ...

    @property
    def balance(self) -> Cash | None:
        """Cash at the exchange, None while unread."""
        ...

    @property
    def spent(self) -> Cash:
        """What fills have taken out of it since it was read."""
        ...

    @property
    def equity(self) -> Cash | None:
        """Cash and the collateral held, the lower of the exchange's and our own walk; None while unread."""
        ...


class OutlookShape(Protocol):
    """Where the outcomes of the events that are priced at this instant are found."""

    def outcomes(self, markets: Mapping[Ticker, MarketExposure]) -> Mapping[EventKey, OutcomesShape]:
        """The outcomes of each event of these markets that has a price now; the others are left out."""
        ...
