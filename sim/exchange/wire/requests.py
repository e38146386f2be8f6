"""Request bodies, checked as the exchange's Go service checks them.

A JSON value of the wrong type is a decode error (flat body, "json: cannot unmarshal number into Go struct field ...":
recorded); a missing or senseless value is `invalid_parameters` (nested). Unknown keys are ignored, as Go does.
"""

from __future__ import annotations

from typing import Any

import orjson

from sim.exchange.book.fixed import COUNT_ONE, parse_count, parse_price
from sim.exchange.wire import rejects

STRING, INTEGER, BOOLEAN, LIST = "string", "int64", "bool", "slice"
_KINDS: dict[str, type] = {STRING: str, INTEGER: int, BOOLEAN: bool, LIST: list}

CREATE = {
    "ticker": STRING,
    "client_order_id": STRING,
    "side": STRING,
    "count": STRING,
    "price": STRING,
    "expiration_time": INTEGER,
    "time_in_force": STRING,
    "post_only": BOOLEAN,
    "self_trade_prevention_type": STRING,
    "cancel_order_on_pause": BOOLEAN,
    "reduce_only": BOOLEAN,
    "subaccount": INTEGER,
    "order_group_id": STRING,
    "exchange_index": INTEGER,
}
AMEND = {
    "ticker": STRING,
    "side": STRING,
    "price": STRING,
    "count": STRING,
    "client_order_id": STRING,
    "updated_client_order_id": STRING,
    "expiration_time": INTEGER,
    "exchange_index": INTEGER,
}
DECREASE = {"reduce_by": STRING, "reduce_to": STRING, "exchange_index": INTEGER, "market_ticker": STRING}
CANCEL_ITEM = {"order_id": STRING, "subaccount": INTEGER, "exchange_index": INTEGER, "market_ticker": STRING}
GROUP_LIMIT = {"contracts_limit": INTEGER, "contracts_limit_fp": STRING}
GROUP_CREATE = {**GROUP_LIMIT, "subaccount": INTEGER, "exchange_index": INTEGER}
BATCH = {"orders": LIST}
GROUP_LIMIT_MAX = 1_000_000 * COUNT_ONE


def _kind_of(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def decode(body: bytes) -> Any:  # noqa: ANN401 - JSON is any shape until `typed` has looked
    """Parse a JSON body.

    Raises:
        Reject: 400, flat, when it is not JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise rejects.flat(f"invalid JSON: {error}") from None


def typed(value: object, fields: dict[str, str], struct: str) -> dict[str, Any]:
    """The known fields of a JSON object, each of its type; null counts as absent.

    Raises:
        Reject: 400, flat, at the first value of a wrong type.
    """
    if not isinstance(value, dict):
        raise rejects.flat(f"json: cannot unmarshal {_kind_of(value)} into Go value of type {struct}")
    found: dict[str, Any] = {}
    for name, kind in fields.items():
        given = value.get(name)
        if given is None:
            continue
        if not isinstance(given, _KINDS[kind]) or (kind == INTEGER and isinstance(given, bool)):
            raise rejects.flat(
                f"json: cannot unmarshal {_kind_of(given)} into Go struct field {struct}.{name} of type {kind}"
            )
        found[name] = given
    return found


def need(fields: dict[str, Any], *names: str) -> None:
    """Refuse when a required field is absent or empty."""
    for name in names:
        if fields.get(name) in (None, ""):
            raise rejects.invalid(f"{name} is required")


def one_of(fields: dict[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    """A field that must be one of a few words."""
    value = fields.get(name)
    if value not in allowed:
        raise rejects.invalid(f"{name} must be one of {', '.join(allowed)}")
    return str(value)


def price_of(text: str) -> int:
    """A price string, or `invalid_price` when it is no decimal of at most four places."""
    price = parse_price(text)
    if price is None:
        raise rejects.nested(400, "invalid_price")
    return price


def count_of(text: str, name: str = "count") -> int:
    """A positive count string of at most two places."""
    count = parse_count(text)
    if not count:
        raise rejects.invalid(f"{name} must be a decimal string of at least 0.01")
    return count


def group_limit(fields: dict[str, Any]) -> int:
    """The limit of an order group, from either spelling; both must say the same."""
    whole, text = fields.get("contracts_limit"), fields.get("contracts_limit_fp")
    if whole is None and text is None:
        raise rejects.invalid("contracts_limit or contracts_limit_fp is required")
    limit = count_of(text, "contracts_limit_fp") if text is not None else int(whole or 0) * COUNT_ONE
    if whole is not None and whole * COUNT_ONE != limit:
        raise rejects.invalid("contracts_limit and contracts_limit_fp differ")
    if not 1 <= limit <= GROUP_LIMIT_MAX:
        raise rejects.invalid("contracts_limit must be 1 to 1000000")
    return limit
