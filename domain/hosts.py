"""Which hosts belong to the exchange, and what a connection in which mode may do at which of them.

Paper mode writes only to the exchange's demo hosts and to this machine; live mode only to the listed live hosts. What
can only read (GET, and the websocket, which carries no orders) may also look at the live hosts in paper mode. Every
connection carries its posture and asks it when it is made and again before each request, so that no caller, however it
came by an address, can send an order elsewhere.
"""

from __future__ import annotations

import enum
import functools
import ipaddress
from typing import Final

LIVE_HOSTS: Final = ("external-api.kalshi.com", "api.elections.kalshi.com")
LIVE_WS_HOSTS: Final = ("external-api-ws.kalshi.com", "api.elections.kalshi.com")
DEMO_HOSTS: Final = ("external-api.demo.kalshi.co", "demo-api.kalshi.co", "external-api-ws.demo.kalshi.co")
READING: Final = frozenset({"GET"})


class Posture(enum.StrEnum):
    """What a connection to the exchange is for. `READ_ONLY`: paper mode's look at any of the exchange's hosts."""

    PAPER = "paper"
    LIVE = "live"
    READ_ONLY = "read_only"


def is_loopback(host: str) -> bool:
    """Whether a host name is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@functools.lru_cache(maxsize=256)
def refusal(posture: Posture, host: str, method: str = "GET", *, tls: bool = True) -> str:
    """Why a connection of this posture may not send this method to this host; nothing when it may."""
    live, demo = host in LIVE_HOSTS or host in LIVE_WS_HOSTS, host in DEMO_HOSTS
    local = is_loopback(host)
    if not tls and not local:
        return f"{host}: plain text is for loopback only; use TLS"
    if posture is Posture.LIVE:
        return "" if live else f"{host}: live mode only talks to {', '.join(LIVE_HOSTS)}"
    if posture is Posture.READ_ONLY:
        if method not in READING:
            return f"{host}: a read-only connection never sends {method}"
        return "" if live or demo or local else f"{host}: is no host of the exchange"
    return "" if demo or local else f"{host}: paper mode only writes to the exchange's demo hosts and this machine"
