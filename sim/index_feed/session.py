"""One client's connection, as the vendor's side of the protocol sees it. Bytes in, frames and closes out.

Three clients must be served (docs/feed.md 3.3): Python waits for `connected` and for the auth reply; JS sends auth at
once; Go sends auth and all subscribes at once. So commands are taken in any order and answered in theirs, exactly one
frame after the upgrade and exactly one per auth.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from domain.clock import Now
from sim.index_feed import wire
from sim.index_feed.faults import FaultBoard
from sim.index_feed.wire import Topic

CLOSE_POLICY: Final = 1008


class Send(NamedTuple):
    """Send one text frame, `late_ms` after its turn."""

    text: str
    late_ms: float = 0.0


class Close(NamedTuple):
    """Send a Close frame and end."""

    code: int
    reason: str = ""


class Drop(NamedTuple):
    """End the TCP connection without a Close frame; `reset` sends RST."""

    reset: bool = False


Out = Send | Close | Drop


class Plan(msgspec.Struct, frozen=True):
    """What the account has bought: keys that work, whether it has a websocket, and its channels."""

    keys: tuple[str, ...]
    websocket: bool = True
    channels: tuple[str, ...] = wire.CHANNELS


PLANS: Final[dict[str, tuple[bool, tuple[str, ...]]]] = {
    "basic": (False, ()),
    "starter": (True, ("V", "AM")),
    "advanced": (True, wire.CHANNELS),
}


class Session:
    """The protocol state of one connection: authenticated or not, and its topics."""

    __slots__ = ("_board", "_lost", "_plan", "authed_key", "host", "ident", "topics")

    def __init__(self, ident: int, host: int, plan: Plan, board: FaultBoard) -> None:
        """Number the connection `ident` on host 1 or 2."""
        self.ident: Final = ident
        self.host: Final = host
        self._plan: Final = plan
        self._board: Final = board
        self.authed_key: str | None = None
        self.topics: dict[Topic, None] = {}
        self._lost = False

    def opened(self, now: Now) -> tuple[Out, ...]:
        """The upgrade is done."""
        if self._struck("connected_missing", now):
            return ()
        late = self._board.strike("connected_late", now.mono_ns, self.host)
        late_ms = late.fault.ms or 0.0 if late else 0.0
        return (Send(wire.frame([wire.status("connected", "Connected Successfully")]), late_ms),)

    def auth_overdue(self) -> tuple[Out, ...]:
        """No auth came in time."""
        if self.authed_key is not None:
            return ()
        text = wire.frame([wire.status("auth_timeout", "No authentication request received.")])
        return (Send(text), Close(CLOSE_POLICY))

    def received(self, data: str | bytes, now: Now) -> tuple[Out, ...]:
        """One message from the client; what is not understood is passed over in silence."""
        command = wire.read_command(data)
        if command is None:
            return ()
        if command.action == "auth":
            return self._auth(command.params, now)
        if command.action == "subscribe":
            return self._subscribe(command.params, now)
        if command.action == "unsubscribe":
            return self._unsubscribe(command.params)
        return ()

    def wants(self, channel: str, ticker: str) -> bool:
        """Whether an event of this channel and ticker is to be delivered here."""
        return not self._lost and (Topic(channel, ticker) in self.topics or Topic(channel, "*") in self.topics)

    @staticmethod
    def evicted() -> tuple[Out, ...]:
        """This connection is one too many."""
        return (Send(wire.frame([wire.status("max_connections", wire.CAP_TEXT)])), Close(CLOSE_POLICY))

    def _auth(self, key: str, now: Now) -> tuple[Out, ...]:
        if self.authed_key is not None or self._struck("auth_silent", now):
            return ()
        if self._struck("auth_timeout", now):
            return self.auth_overdue()
        if self._struck("auth_cap", now):
            return self.evicted()
        if key not in self._plan.keys or self._struck("auth_bad", now):
            return (Send(wire.frame([wire.status("auth_failed", "authentication failed")])), Drop())
        if not self._plan.websocket or self._struck("auth_plan", now):
            return (Send(wire.frame([wire.status("auth_failed", wire.PLAN_TEXT)])), Drop())
        self.authed_key = key
        kind = "success" if self._struck("auth_legacy", now) else "auth_success"
        return (Send(wire.frame([wire.status(kind, "authenticated")])),)

    def _subscribe(self, params: str, now: Now) -> tuple[Out, ...]:
        if self.authed_key is None:
            return (Send(wire.frame([wire.status("error", "not authorized")])),)
        fresh = [topic for topic in wire.read_topics(params) if topic not in self.topics]
        if not fresh:
            return ()
        refused = {topic for topic in fresh if topic.channel not in self._plan.channels}
        if self._struck("ack_not_authorized", now):
            refused.add(fresh[0])
        allowed = [topic for topic in fresh if topic not in refused]
        self.topics.update(dict.fromkeys(allowed))
        self._lost = self._lost or self._struck("lost_subscription", now)
        if self._struck("ack_missing", now):
            return ()
        acks = [wire.status("error", "not authorized") for _ in refused]
        acks += [wire.status("success", f"subscribed to: {topic}") for topic in allowed]
        if self._struck("ack_per_frame", now):
            return tuple(Send(wire.frame([ack])) for ack in acks)
        return (Send(wire.frame(acks)),)

    def _unsubscribe(self, params: str) -> tuple[Out, ...]:
        gone = [topic for topic in wire.read_topics(params) if topic in self.topics]
        for topic in gone:
            del self.topics[topic]
        if not gone:
            return ()
        return (Send(wire.frame([wire.status("success", f"unsubscribed to: {topic}") for topic in gone])),)

    def _struck(self, name: str, now: Now) -> bool:
        return self._board.strike(name, now.mono_ns, self.host) is not None
