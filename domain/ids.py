"""Names of things, as distinct types so that one cannot stand where another belongs."""

from __future__ import annotations

from typing import NewType

Ticker = NewType("Ticker", str)
OrderId = NewType("OrderId", str)
ClientOrderId = NewType("ClientOrderId", str)
GroupId = NewType("GroupId", str)
TradeId = NewType("TradeId", str)
RequestId = NewType("RequestId", int)

CLIENT_ORDER_PREFIX = "ladderd"
CLOSING = "closeall"


def client_order_id(epoch: int, number: int) -> ClientOrderId:
    """The name under which we send one order, once: prefix, boot epoch (Unix seconds), running number.

    The exchange never lets a client order id be used again, and refuses a dot in it (docs/exchange.md 3.2).
    """
    return ClientOrderId(f"{CLIENT_ORDER_PREFIX}-{epoch}-{number}")


def is_ours(text: str) -> bool:
    """Whether a client order id carries our prefix, of any boot epoch."""
    return text.startswith(f"{CLIENT_ORDER_PREFIX}-")


def close_out_order_id(run: str, number: int) -> ClientOrderId:
    """The name under which one order of a close-all is sent, once; `run` names it among all others for ever."""
    return ClientOrderId(f"{CLIENT_ORDER_PREFIX}-{CLOSING}-{run}-{number}")


def is_close_out(text: str) -> bool:
    """Whether a client order id is of a close-all: one of ours, and meant to take."""
    return text.startswith(f"{CLIENT_ORDER_PREFIX}-{CLOSING}-")
