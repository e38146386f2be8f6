"""Faults that only connections have, beside those of the campaign: what a network does between two sound programs.

Which way: to the exchange's REST and websocket port, or to one of the vendor's hosts. Those of a path last as long as
they last; a reset or a half-open connection strikes the connections there are.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from domain.clock import NS_PER_MS, NS_PER_S
from domain.events import AnyEvent, Stop
from sim.campaign import faults as menu
from sim.campaign.faults import Fault, Kind, WindowSpan
from sim.campaign.operator_acts import OperatorActs
from sim.sockets.servers import EXCHANGE_PORT, FEED_PORTS
from sim.virtual.connection import Path
from sim.virtual.network import Network

if TYPE_CHECKING:
    from sim.campaign.world import World

WIRE = "wire"
SOUND = Path()
# How long after its end the connections to the exchange may still be ill: back-off and connect limit, or keep-alives.
RECOVERS_S = {
    "wire_reset": 3,
    "wire_half_open": 20,
    "wire_fragments": 0,
    "wire_slow_reader": 3,
    "wire_latency": 1,
    "wire_refused": 4,
    "wire_unanswered": 4,
    "first_address_dead": 3,
    "early_timers": 0,
}
# On a slow way every connection of the cancels may be busy with an answer; on these one is free at once.
LETS_OUT = frozenset({"wire_fragments", "wire_half_open", "early_timers"})
EARLY_NS = NS_PER_MS
PORTS = (EXCHANGE_PORT, EXCHANGE_PORT, *FEED_PORTS)
EXTRA = 2


def _way(rng: Random) -> dict[str, Any]:
    return {"port": rng.choice(PORTS)}


def _some(rng: Random) -> dict[str, Any]:
    return {"port": rng.choice(PORTS), "share": rng.choice([0.3, 0.6, 1.0])}


KINDS: dict[str, Kind] = {
    "wire_reset": Kind(WIRE, _some, 0, 60, mild=True),
    "wire_half_open": Kind(WIRE, _some, 0, 75),
    "wire_fragments": Kind(WIRE, _way, 30, 20, mild=True),
    "wire_slow_reader": Kind(WIRE, lambda r: {**_way(r), "bytes_per_s": r.choice([4_000, 20_000])}, 12, 75),
    "wire_latency": Kind(WIRE, lambda r: {**_way(r), "ms": r.choice([20, 80, 250])}, 20, 30, mild=True),
    "wire_refused": Kind(WIRE, _some, 5, 75),
    "wire_unanswered": Kind(WIRE, _some, 5, 75),
    "early_timers": Kind(WIRE, lambda _: {"port": EXCHANGE_PORT}, 30, 20, mild=True),
}
# Not dealt to campaigns, but there for plans: the first address of a host, the one that all know, swallows everything.
PLANNED = {"first_address_dead": Kind(WIRE, _way, 30, 60)}
ALL = menu.KINDS | KINDS | PLANNED
# Those that strike the connections there are; those that change the way for a while. Some do both.
STRIKES = frozenset({"wire_reset", "wire_half_open", "wire_refused", "wire_unanswered"})
CHANGES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "wire_fragments": lambda _: {"fragments": True},
    "wire_slow_reader": lambda p: {"bytes_per_s": p["bytes_per_s"], "window_bytes": 4_096},
    "wire_latency": lambda p: {"latency_ns": p["ms"] * NS_PER_MS, "jitter_ns": p["ms"] * NS_PER_MS},
    "wire_refused": lambda _: {"refuses": True},
    "wire_unanswered": lambda _: {"unanswered": True},
}


def schedule(seed: str, mode: str, spans: list[WindowSpan], start: int) -> list[Fault]:
    """The faults of one unit: the campaign's, and beside them those of the wire."""
    drawn = menu.schedule(seed, mode, spans, start)
    # What a start reads from damaged files has its drills on real processes, and its place in the other level.
    found = [fault for fault in drawn if not menu.KINDS[fault.kind].files]
    if not drawn:
        return []
    rng = Random(f"{seed}|wires|{start}")
    kinds = menu.deal(KINDS, Random(f"{seed}|wire pack"), mode)
    for _ in range(start * EXTRA):
        next(kinds)
    for span in spans[:-1]:
        found.extend(menu.draw(KINDS, next(kinds), span, rng) for _ in range(EXTRA if mode == "all" else 1))
    return sorted(found, key=lambda fault: (fault.at_ns, fault.kind))


class WireOperatorActs(OperatorActs):
    """Carries out the faults of one unit, those of the wire too. Signals are signals here."""

    _box: Any

    def __init__(self, world: World, network: Network, rng: Random) -> None:
        super().__init__(world, rng)
        self._network = network

    def strike(self, fault: Fault) -> None:
        """A fault begins."""
        if fault.where != WIRE:
            super().strike(fault)
            return
        self._checks.tell(f"FAULT {fault.kind} for {fault.for_s:g} s {fault.params}")
        self.look_after(fault)
        port, kind = fault.params["port"], fault.kind
        if kind in STRIKES:
            chosen = [end for end in self._network.to_port(port) if self._rng.random() < fault.params["share"]]
            for end in chosen:
                (end.fall_silent if kind == "wire_half_open" else end.reset)()
            self.reached[kind] += len(chosen)
        if kind == "early_timers":
            self.reached[kind] += 1
            self._network.loop.early_ns = EARLY_NS
            self._timeline.at(fault.until_ns, setattr, self._network.loop, "early_ns", 0)
        if kind in CHANGES:
            self.reached[kind] += 1
            path = self._network.path(port)
            for name, value in CHANGES[kind](fault.params).items():
                setattr(path, name, value)
                self._timeline.at(fault.until_ns, setattr, path, name, getattr(SOUND, name))
        if kind == "first_address_dead":
            # The way that all know breaks: the first address swallows everything, and the name has a second one.
            self.reached[kind] += 1
            self._network.first_dead.add(port)
            self._timeline.at(fault.until_ns, self._network.first_dead.discard, port)
            for end in self._network.to_port(port):
                end.reset()
        if port == EXCHANGE_PORT:
            checks, until_ns = self._checks, fault.until_ns + RECOVERS_S[kind] * NS_PER_S
            checks.rest_disturbed_ns = max(checks.rest_disturbed_ns, until_ns)
            if kind not in LETS_OUT:
                begun_ns = self._timeline.now_ns if kind == "first_address_dead" else fault.until_ns
                cut_off_ns = begun_ns + RECOVERS_S[kind] * NS_PER_S
                checks.cut_off_until_ns = max(checks.cut_off_until_ns, cut_off_ns)

    def _tell(self, event: AnyEvent) -> None:
        self._box.signal(signal.SIGTERM if isinstance(event, Stop) else signal.SIGUSR1)
