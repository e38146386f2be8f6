"""Actions to requests of the exchange's V2 API: pure, and the only place that spells them.

A quote is always the same request with other numbers: a limit order on the YES leg, `good_till_canceled`, `post_only`,
cancelled by an own cross, by a pause and by its own expiry, inside an order group. What could make it take liquidity is
not an argument of anything here: the constants stand in `_Create`, and `Place` has no field for them.

Prices and counts are strings (a JSON number is answered 400), `expiration_time` is Unix seconds. `exchange_index` is
always said: leaving it out makes the exchange route by ticker, which is slower and bills every shard's budget.
Source: docs/exchange.md 3, 4 and 8.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, quote_plus

import msgspec

from domain.actions import CancelAll, CancelOrders, CreateGroup, DeleteGroup, Place, TriggerGroup
from domain.clock import Now
from domain.ids import GroupId
from domain.money import print_count, print_price

PREFIX: Final = "/trade-api/v2"
COUNT_MIN: Final = 1
PRICE_MAX: Final = 10_000

Write = Place | CancelOrders | TriggerGroup | CancelAll | CreateGroup | DeleteGroup


class KalshiAccount(msgspec.Struct, frozen=True):
    """Whose orders: the API's path prefix, and one subaccount or None for an account that is ours alone."""

    prefix: str = PREFIX
    subaccount: int | None = None

    @property
    def orders_path(self) -> str:
        """Where orders are made, and where cancel-all is asked for."""
        return f"{self.prefix}/portfolio/events/orders"

    @property
    def batch_path(self) -> str:
        """Where orders are cancelled by id, one or several at once."""
        return f"{self.prefix}/portfolio/events/orders/batched"

    @property
    def groups_path(self) -> str:
        """Where order groups live."""
        return f"{self.prefix}/portfolio/order_groups"

    def trigger_path(self, group_id: GroupId) -> str:
        """Where one group is triggered."""
        return f"{self.groups_path}/{quote(group_id, safe='')}/trigger"

    def fixed_paths(self) -> tuple[tuple[str, str], ...]:
        """The (method, path) pairs worth signing ahead, the most urgent first."""
        return (("DELETE", self.orders_path), ("DELETE", self.batch_path), ("POST", self.orders_path))


class KalshiRequest(msgspec.Struct, frozen=True):
    """One HTTP request, not yet signed. `path` is from the root, `query` without its question mark."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""


class KalshiAnswer(msgspec.Struct, frozen=True):
    """One HTTP answer with the stamps of its request's first byte and of its own last. `date_s` is 0 if not told."""

    status: int
    body: bytes
    sent: Now
    answered: Now
    date_s: int = 0


class _Create(msgspec.Struct, frozen=True, omit_defaults=False):
    ticker: str
    side: str
    count: str
    price: str
    client_order_id: str
    expiration_time: int
    order_group_id: str
    exchange_index: int
    subaccount: int | msgspec.UnsetType = msgspec.UNSET
    # The rest is the same for every order there will ever be.
    time_in_force: str = "good_till_canceled"
    self_trade_prevention_type: str = "taker_at_cross"
    post_only: bool = True
    cancel_order_on_pause: bool = True


class _CancelItem(msgspec.Struct, frozen=True):
    order_id: str
    exchange_index: int
    subaccount: int | msgspec.UnsetType = msgspec.UNSET


class _CancelBatch(msgspec.Struct, frozen=True):
    orders: list[_CancelItem]


class _CreateGroup(msgspec.Struct, frozen=True):
    contracts_limit: int
    exchange_index: int
    subaccount: int | msgspec.UnsetType = msgspec.UNSET


_encode = msgspec.json.Encoder().encode


def _subaccount(account: KalshiAccount) -> int | msgspec.UnsetType:
    return msgspec.UNSET if account.subaccount is None else account.subaccount


def query_text(account: KalshiAccount, **pairs: int | str) -> str:
    """Print a query string in the order given, with the subaccount last when the account has one."""
    if account.subaccount is not None:
        pairs["subaccount"] = account.subaccount
    # A trigger must not wait for the general encoder: it takes ten times as long over a number.
    return "&".join([f"{key}={each if isinstance(each, int) else quote_plus(each)}" for key, each in pairs.items()])


def request_for(account: KalshiAccount, action: Write) -> KalshiRequest:
    """Spell one write. Asserts what only a bug of ours could break (an empty group, a price of 0 or 1 dollar)."""
    match action:
        case Place():
            return _place(account, action)
        case CancelOrders():
            return _cancel(account, action)
        case TriggerGroup():
            path = account.trigger_path(action.group_id)
            return KalshiRequest("PUT", path, query_text(account, exchange_index=action.exchange_index))
        case CancelAll():
            return KalshiRequest("DELETE", account.orders_path, query_text(account))
        case CreateGroup():
            assert action.contracts_limit >= 1
            body = _CreateGroup(action.contracts_limit, action.exchange_index, _subaccount(account))
            return KalshiRequest("POST", f"{account.groups_path}/create", "", _encode(body))
        case DeleteGroup():
            path = f"{account.groups_path}/{quote(action.group_id, safe='')}"
            return KalshiRequest("DELETE", path, query_text(account, exchange_index=action.exchange_index))


def _place(account: KalshiAccount, action: Place) -> KalshiRequest:
    assert 0 < action.price < PRICE_MAX, "a quote's price lies strictly between 0 and 1 dollar"
    assert action.count >= COUNT_MIN, "a quote has a count"
    assert action.group_id, "a quote lives in an order group"
    assert action.expiration_s > 0, "a quote carries its own expiry"
    body = _Create(
        ticker=action.ticker,
        side=action.side.value,
        count=print_count(action.count),
        price=print_price(action.price),
        client_order_id=action.client_order_id,
        expiration_time=action.expiration_s,
        order_group_id=action.group_id,
        exchange_index=action.exchange_index,
        subaccount=_subaccount(account),
    )
    return KalshiRequest("POST", account.orders_path, "", _encode(body))


def _cancel(account: KalshiAccount, action: CancelOrders) -> KalshiRequest:
    # One order too goes as a batch of one: that path is always the same, so that its signature is made ahead.
    assert action.orders, "a cancel names at least one order"
    sub = _subaccount(account)
    items = [_CancelItem(order.order_id, order.exchange_index, sub) for order in action.orders]
    return KalshiRequest("DELETE", account.batch_path, "", _encode(_CancelBatch(items)))
