"""The world as those see it who act on it or look at it: what there is, never how it was made."""

from __future__ import annotations

from typing import Protocol

from domain.window import Window
from sim.campaign.checks.suite import Checks
from sim.campaign.faults import Fault, Kind
from sim.campaign.ports.box import Box
from sim.campaign.ports.exchange import PortServer
from sim.campaign.ports.feed import FeedPort, Paths
from sim.exchange.core import Exchange
from sim.exchange.gateway.gateway import Gateway
from sim.virtual.timeline import Timeline


class Scene(Protocol):
    """One unit's world. The level with sockets has other makes of some parts, with the same faces."""

    timeline: Timeline
    exchange: Exchange
    gateway: Gateway
    server: PortServer
    feed: FeedPort
    paths: Paths
    box: Box
    checks: Checks
    windows: tuple[Window, ...]
    faults: list[Fault]
    kinds: dict[str, Kind]
