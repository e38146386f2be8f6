"""What the core tells whoever listens, at the instant it happens. The websocket turns these into frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sim.exchange.book.objects import Account, Event, Fill, Group, Market, Order, OrderState, Position, Trade


@dataclass(slots=True, frozen=True, eq=False)
class Delta:
    """A level changed by `count` (signed); `order` is the cause."""

    market: Market
    side: str
    price: int
    count: int
    order: Order
    at_ns: int


@dataclass(slots=True, frozen=True, eq=False)
class Traded:
    """A match on the public tape."""

    trade: Trade


@dataclass(slots=True, frozen=True, eq=False)
class Filled:
    """A member's fill."""

    fill: Fill


@dataclass(slots=True, frozen=True, eq=False)
class OrderChanged:
    """A member's order took this state."""

    order: Order
    state: OrderState


@dataclass(slots=True, frozen=True, eq=False)
class PositionChanged:
    """A member's position moved."""

    account: Account
    position: Position


@dataclass(slots=True, frozen=True, eq=False)
class GroupChanged:
    """created, triggered, reset, deleted or limit_updated."""

    group: Group
    event_type: str
    at_ns: int


@dataclass(slots=True, frozen=True, eq=False)
class MarketLife:
    """A market's lifecycle event that has a message (opening and closing on time have none)."""

    market: Market
    event_type: str
    extra: dict[str, Any]


@dataclass(slots=True, frozen=True, eq=False)
class EventListed:
    """A new event."""

    event: Event


@dataclass(slots=True, frozen=True, eq=False)
class FeeOverride:
    """An event's fee terms were overridden, or the override was lifted."""

    event: Event


Notice = (
    Delta | Traded | Filled | OrderChanged | PositionChanged | GroupChanged | MarketLife | EventListed | FeeOverride
)
