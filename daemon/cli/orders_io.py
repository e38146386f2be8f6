"""`ladderd orders`: the exchange's list of our resting orders beside the running daemon's own book.

Neither is a picture of one instant: reads lag writes by some 0.4 s (docs/exchange.md 3.10), and while it quotes the
daemon places and cancels between the two looks. So a difference counts only if a second look, past that lag, still
shows it for the same order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from daemon.client.exchange_io import ExchangeClient, Unread
from daemon.client.living_io import page_of
from daemon.settings.secrets_io import account_key
from daemon.settings.tree import Settings
from daemon.system_clock import SystemClock
from domain.actions import Read
from domain.clock import NS_PER_S
from domain.errors import EX_NOT_OK, EX_OK, UnavailableError
from domain.events import OrdersRead, OrderState
from domain.hosts import Posture
from domain.money import print_count, print_price
from execution.kalshi.sign import Signer
from execution.list_lag import SETTLE_NS
from execution.reconcile import series_of
from ops.client_io import fetch

# The lag of reads, and a little for orders that came to life while we asked.
SECOND_LOOK_S: Final = SETTLE_NS / NS_PER_S + 0.3
OPEN: Final = "open"

Listing = tuple[OrderState, ...]
OwnBook = dict[str, str]
LookAtList = Callable[[], Awaitable[Listing]]
LookAtBook = Callable[[], Awaitable[OwnBook | None]]


class OrdersCompared(NamedTuple):
    """The last list and book (id -> state; None: no daemon), and the orders that only one of them has."""

    listed: Listing
    own: OwnBook | None
    strays: frozenset[str]
    missing: frozenset[str]


async def compare(look_at_list: LookAtList, look_at_book: LookAtBook, pause_s: float = SECOND_LOOK_S) -> OrdersCompared:
    """Look at both, and again after a pause if they differ: only what differs both times counts."""
    first = await _look(look_at_list, look_at_book)
    if not first.strays and not first.missing:
        return first
    await asyncio.sleep(pause_s)
    second = await _look(look_at_list, look_at_book)
    return second._replace(strays=first.strays & second.strays, missing=first.missing & second.missing)


async def _look(look_at_list: LookAtList, look_at_book: LookAtBook) -> OrdersCompared:
    listed = await look_at_list()
    own = await look_at_book()
    if own is None:
        return OrdersCompared(listed, None, frozenset(), frozenset())
    resting = frozenset(str(order.order_id) for order in listed)
    held_open = frozenset(order_id for order_id, state in own.items() if state == OPEN)
    return OrdersCompared(listed, own, resting - own.keys(), held_open - resting)


def orders_view(settings: Settings, http: str | None, *, summary: bool, orphans: bool) -> tuple[int, str]:
    """The exchange's list beside the daemon's book. Exit 1 when they differ or the daemon's is not to be had."""
    http = http or daemon_address(settings)

    async def look_at_book() -> OwnBook | None:
        return await asyncio.to_thread(_own_book, http)

    found = asyncio.run(compare(lambda: list_resting(settings), look_at_book))
    lines = [f"exchange (asked {settings.exchange.rest_url}): {len(found.listed)} resting"]
    if found.own is None:
        lines.append(f"daemon (asked {http}): not reachable")
    else:
        lines.append(f"daemon (asked {http}): {len(found.own)} may be live")
    # With no daemon nobody watches what rests: every order is one that is left behind.
    strays = tuple(order for order in found.listed if found.own is None or order.order_id in found.strays)
    if orphans:
        whose = "no daemon answers for any of them" if found.own is None else "resting but not in the daemon's book"
        lines.append(f"orphans, {whose}: {len(strays)}")
    if found.missing:
        lines.append(f"open in the daemon's book but not listed: {', '.join(sorted(found.missing))}")
    if not summary:
        lines += [
            f"  {o.ticker} {o.side} {print_count(o.remaining)} @ {print_price(o.price)}"
            f" {series_of(o.ticker)} {o.order_id}"
            for o in (strays if orphans else found.listed)
        ]
    agrees = found.own is not None and not found.strays and not found.missing
    return (EX_OK if agrees else EX_NOT_OK), "\n".join(lines)


def daemon_address(settings: Settings) -> str:
    """Where this configuration's daemon listens: what it wrote down itself, else the configured port."""
    page = page_of(settings.state_dir)
    return f"http://127.0.0.1:{settings.http.port if page is None else page.port}"


def _own_book(http: str) -> OwnBook | None:
    try:
        rows: list[dict[str, Any]] = fetch(http, "/picture").document["picture"]["orders"]
    except (UnavailableError, KeyError, TypeError):
        return None
    return {row["order_id"] or row["client_order_id"]: row["state"] for row in rows}


async def list_resting(settings: Settings) -> Listing:
    """Ask the exchange for our resting orders. Raises UnavailableError when it does not answer."""
    line = ExchangeClient(settings.exchange.rest_url, Signer(*account_key(settings)), SystemClock(), Posture.READ_ONLY)
    try:
        return (await line.read(OrdersRead, Read.RESTING)).orders
    except Unread as problem:
        raise UnavailableError(f"{settings.exchange.rest_url}: cannot list orders: {problem}") from None
    finally:
        line.close()
