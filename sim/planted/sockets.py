"""Defects that only the level with sockets can see: in the client, the sockets, the signals and the server themselves.

The level with its ports cut puts its own parts in their places, so there every one of these survives.
"""

from __future__ import annotations

import signal
from typing import Any

from aiohappyeyeballs import start_connection
from aiohttp import web

from daemon.runtime import app_io
from domain import dial_io
from execution.http.http_client_io import Connection
from execution.kalshi.lane_io import Lane, LaneJob
from feeds.kalshi_stream import KalshiStream
from feeds.socket_io import ReconnectingSocket
from ops.http import http_io
from ops.http.http_io import OpsServer
from sim.campaign.ports.box import NEVER_NS
from sim.planted.run import Defect, Plan, Strike

Patches = list[tuple[Any, Any, Any]]
EXCHANGE = ("port", 18_001)
DAY_S = 86_400.0

LOST_ANSWERS = Plan(
    (Strike("lost_answer", 0, 10, 6, (("fault", "lost_answer"), ("probability", 0.6), ("op", ("create_order",)))),),
    windows=1,
    level="sockets",
)
HALF_OPEN = Plan((Strike("wire_half_open", 0, 12, 0, (EXCHANGE, ("share", 1.0))),), level="sockets")
STOPPED = Plan((Strike("sigterm", 0, 20),), windows=2, level="sockets")
PAUSED = Plan((Strike("operator_pause", 0, 20, 12),), windows=1, level="sockets")
FRAGMENTS = Plan((Strike("wire_fragments", 0, 10, 100, (EXCHANGE,)),), windows=2, level="sockets")
FIRST_DEAD = Plan((Strike("first_address_dead", 0, 10, 100, (EXCHANGE,)),), windows=2, level="sockets")


def sends_again() -> Patches:
    """What many a client does by itself: a request whose connection was lost is written once more."""

    def lost(job: LaneJob, _reason: str) -> None:
        job.stop_timer()
        assert job.lane is not None
        job.sent = None
        job.lane.submit(job)

    return [(LaneJob, "lost", lost)]


def waits_for_ever() -> Patches:
    """A request that was written has no limit: the connection stays busy with an answer that cannot come."""
    sound = Lane._overdue  # noqa: SLF001 - the defect

    def overdue(lane: Lane, job: LaneJob) -> None:
        if job.sent is None:
            sound(lane, job)

    return [(Lane, "_overdue", overdue)]


def never_looks_for_life() -> Patches:
    """A connection that says nothing is a quiet one."""
    return [
        (ReconnectingSocket, "_check_liveness", lambda *_: None),
        (ReconnectingSocket, "_liveness_due_ns", lambda _self: NEVER_NS),
        (KalshiStream, "next_deadline", lambda *_: None),
    ]


def deaf_to_sigterm() -> Patches:
    """Nobody listens to SIGTERM."""

    def only_usr1(app: app_io.App, loop: Any) -> None:  # noqa: ANN401 - a loop
        loop.add_signal_handler(signal.SIGUSR1, app.inbox.emit, None)

    return [(app_io.App, "_install_signals", only_usr1)]


def ready_as_it_was() -> Patches:
    """The answer of `/ready` is kept once it was yes."""
    kept: list[OpsServer] = []
    sound = OpsServer._ready  # noqa: SLF001 - the defect

    async def answer(server: OpsServer, request: web.Request) -> web.Response:
        if server in kept:
            return http_io.reply({"ready": True, "gates": ()})
        found = await sound(server, request)
        if found.status == 200:  # noqa: PLR2004 - HTTP
            kept.append(server)
        return found

    return [(OpsServer, "_ready", answer)]


def whole_or_nothing() -> Patches:
    """An answer that comes in pieces is an error."""
    sound = Connection.data_received

    def data_received(connection: Connection, data: bytes) -> None:
        if not data.startswith(b"HTTP/1.1 "):
            connection.abort()
            return
        sound(connection, data)

    return [(Connection, "data_received", data_received)]


def addresses_in_turn() -> Patches:
    """The next address of a name is tried when the one before it has failed, and nobody waits that long."""

    async def in_turn(infos: Any, *, happy_eyeballs_delay: float, **more: Any) -> Any:  # noqa: ANN401 - the library's own
        del happy_eyeballs_delay
        return await start_connection(infos, happy_eyeballs_delay=DAY_S, **more)

    return [(dial_io, "start_connection", in_turn)]


WIRE_CATALOGUE = (
    Defect(
        "sent again",
        "the client re-sends a place whose connection was lost",
        LOST_ANSWERS,
        ("client order id used twice",),
        sends_again,
    ),
    Defect(
        "waits for ever",
        "an answer that does not come in time is still waited for",
        HALF_OPEN,
        ("cancel late", "not flat in time", "quoting did not resume", "calm window without quotes"),
        waits_for_ever,
    ),
    Defect(
        "no liveness",
        "a half-open stream is never noticed",
        HALF_OPEN,
        ("quoting did not resume", "calm window without quotes"),
        never_looks_for_life,
    ),
    Defect("deaf to SIGTERM", "the signal kills instead of stopping", STOPPED, ("engine crashed",), deaf_to_sigterm),
    Defect("ready as it was", "/ready answers from memory", PAUSED, ("ready while a gate is red",), ready_as_it_was),
    Defect(
        "answers in one piece",
        "an answer in fragments ends its connection",
        FRAGMENTS,
        ("cancel late", "not flat in time", "calm window without quotes"),
        whole_or_nothing,
    ),
    Defect(
        "addresses in turn",
        "a name's addresses are tried one after the other, not raced",
        FIRST_DEAD,
        ("cancel late", "not flat in time", "quoting did not resume", "calm window without quotes"),
        addresses_in_turn,
    ),
)
