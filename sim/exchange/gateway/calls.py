"""A request as the handlers see it, and the table of operations.

A handler is a synchronous function `(exchange, call) -> Answer`; it may raise `Reject`. Everything around it (faults,
signature, tokens, lag of the network) is the server's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sim.exchange.wire import rejects, requests

if TYPE_CHECKING:
    from collections.abc import Mapping

    from multidict import MultiMapping

    from sim.exchange.book.objects import Account
    from sim.exchange.core import Exchange

READ, WRITE = "read", "write"
DEFAULT_COST = 10


@dataclass(slots=True)
class Asked:
    """One request as it arrived: names of the path by their words, query parsed, body as its bytes."""

    path: str
    match: Mapping[str, str]
    query: MultiMapping[str]
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Answer:
    """HTTP status and JSON body (None: no body)."""

    status: int
    body: Any = None


@dataclass(slots=True)
class Call:
    """One request: who, what, when. `json` is the parsed body, None without one."""

    operation: str
    path: dict[str, str]
    query: MultiMapping[str]
    json: Any
    account: Account
    now_ns: int
    tier: str = "basic"

    def integer(self, name: str, default: int | None = None, low: int = 0, high: int = 2**53) -> int | None:
        """An integer query parameter within its range; shape (c) of the errors outside it."""
        text = self.query.get(name)
        if text is None or text == "":
            return default
        try:
            number = int(text)
        except ValueError:
            raise rejects.parameter(f"{name} must be an integer") from None
        if not low <= number <= high:
            raise rejects.parameter(f"{name} must be between {low} and {high}")
        return number

    def flag(self, name: str) -> bool:
        """A boolean query parameter; the official client sends `true` or `True`."""
        return self.query.get(name, "").lower() == "true"

    def words(self, name: str, most: int) -> list[str] | None:
        """A comma list; None when absent."""
        text = self.query.get(name)
        if not text:
            return None
        found = text.split(",")
        if len(found) > most:
            raise rejects.parameter(f"{name} takes at most {most} values")
        return found

    def fields(self, table: dict[str, str], struct: str) -> dict[str, Any]:
        """The typed fields of the body."""
        return requests.typed(self.json, table, struct)

    def routing(self) -> dict[str, Any]:
        """The query parameters that say where an order lives."""
        found: dict[str, Any] = {}
        subaccount, shard = self.integer("subaccount"), self.integer("exchange_index", low=-1)
        if subaccount is not None:
            found["subaccount"] = subaccount
        if shard is not None:
            found["exchange_index"] = shard
        if self.query.get("market_ticker"):
            found["market_ticker"] = self.query["market_ticker"]
        return found


Handler = Callable[["Exchange", Call], Answer]


@dataclass(frozen=True, slots=True)
class Operation:
    """One row: method and path under /trade-api/v2, kind of token, cost each, whether it needs a key."""

    name: str
    method: str
    path: str
    handler: Handler
    kind: str = READ
    cost: int = DEFAULT_COST
    signed: bool = True
    batch: bool = False
