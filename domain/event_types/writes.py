"""How requests that change something at the exchange ended."""

from __future__ import annotations

import enum

from domain.event_types.event import Event
from domain.ids import ClientOrderId, GroupId, OrderId, RequestId
from domain.money import Count


class Verdict(enum.StrEnum):
    """How a request ended."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    UNSENT = "unsent"


class Outcome(Event, frozen=True):
    """Common part of every answer to a write: which request, how it ended, and how long it took."""

    request_id: RequestId
    verdict: Verdict
    http_status: int = 0
    code: str = ""
    detail: str = ""
    sent_mono_ns: int = 0


class PlaceOutcome(Outcome, frozen=True, kw_only=True):
    """One place ended."""

    client_order_id: ClientOrderId
    order_id: OrderId = OrderId("")
    filled: Count = Count(0)
    remaining: Count = Count(0)


class CancelOutcome(Outcome, frozen=True, kw_only=True):
    """One order's cancel ended; a batch gives one of these per order. A 404 is `unknown`, never `refused`.

    `reduced_by`: how much was still resting and was cancelled; None where the exchange does not say.
    """

    order_id: OrderId
    reduced_by: Count | None = None


class GroupOp(enum.StrEnum):
    """What was asked of an order group."""

    CREATE = "create"
    TRIGGER = "trigger"
    DELETE = "delete"


class GroupOutcome(Outcome, frozen=True, kw_only=True):
    """A group request ended; `group_id` is new for an accepted create."""

    op: GroupOp
    group_id: GroupId = GroupId("")
    as_of_ms: int = 0


class CancelAllOutcome(Outcome, frozen=True, kw_only=True):
    """An account-wide cancel-all ended."""
