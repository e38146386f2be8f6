"""Refusals of the exchange, in the body shapes that were recorded on its wire.

Four shapes exist (docs/exchange.md 6): (a) nested `{"error":{code,message,details}}` for most; (b) flat
`{"code","message","details"}` for JSON decode errors; (c) `{"msg": ...}` for parameter validation; (d) the string
`{"error":"too many requests"}` for 429. Codes marked "unconfirmed" below were never recorded; the reading is ours.
"""

from __future__ import annotations

from typing import Any


class Reject(Exception):  # noqa: N818 - a refusal is an answer, not a fault of ours
    """One refused request: HTTP status and JSON body."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body

    def item(self) -> dict[str, Any]:
        """The same refusal as the `error` of one item of a batch."""
        inner = self.body.get("error", self.body)
        return inner if isinstance(inner, dict) else {"code": "error", "message": str(inner)}


def nested(status: int, code: str, details: str | None = None, message: str | None = None) -> Reject:
    """Shape (a); the message is the code in words unless given."""
    error = {"code": code, "message": code.replace("_", " ") if message is None else message}
    if details is not None:
        error["details"] = details
    return Reject(status, {"error": error})


def flat(details: str, code: str = "bad_request") -> Reject:
    """Shape (b), HTTP 400."""
    return Reject(400, {"code": code, "message": code.replace("_", " "), "details": details})


def parameter(details: str) -> Reject:
    """Shape (c), HTTP 400: a query parameter outside its range."""
    return Reject(400, {"msg": f"Parameter validation failed: {details}"})


def too_many() -> Reject:
    """Shape (d), HTTP 429, without any header that says when to come back."""
    return Reject(429, {"error": "too many requests"})


def invalid(details: str) -> Reject:
    """A field whose type is right and whose value is not."""
    return nested(400, "invalid_parameters", details)


def not_found(details: str | None = None) -> Reject:
    """An order or group that is unknown, cancelled or executed: the three look alike."""
    return nested(404, "not_found", details)


def market_not_found() -> Reject:
    """No such market on the shard that was asked."""
    return nested(404, "market_not_found")


def forbidden() -> Reject:
    """A write with a key of scope `read`. 403 is declared; the code is unconfirmed."""
    return nested(403, "insufficient_scope")


def market_inactive() -> Reject:
    """Any order operation after `close_time`, cancels included. Status and spelling on REST are unconfirmed."""
    return nested(400, "MARKET_INACTIVE", message="market is not active")


def group_triggered() -> Reject:
    """A new order for a triggered group. No source gives the code: unconfirmed."""
    return nested(409, "order_group_triggered", "order group was triggered; reset it first")
