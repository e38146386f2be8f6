"""What surrounds the simulated daemon's machine: both ends of its ways out, its configuration, its reference data."""

from __future__ import annotations

from typing import NamedTuple

from daemon.settings.build import ReferenceData
from daemon.settings.tree import Settings
from sim.campaign.ports.exchange import PortServer
from sim.campaign.ports.feed import FeedPort


class Outside(NamedTuple):
    """The world around the box."""

    server: PortServer
    feed: FeedPort
    settings: Settings
    reference: ReferenceData
