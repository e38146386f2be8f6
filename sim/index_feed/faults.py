"""What can go wrong with the vendor's feed, as a menu, and the board of what is wrong now.

A fault is asked for by name with its parameters, for one host (1 or 2) or all, one symbol or all. It ends when it has
struck `count` times, when `for_s` has passed, or when it is cleared; with neither it stays. Faults that act on a
connection at once (`close`, `rst`, `drop`, `half_open`, `slow_consumer`, `evict`) strike every connection open at that
moment; with `count` or `for_s` they go on to strike each later connection, as soon as it is subscribed.
"""

from __future__ import annotations

from typing import Final

import msgspec

from domain.clock import NS_PER_S

MENU: Final[dict[str, tuple[frozenset[str], str]]] = {
    "refuse": (frozenset({"status"}), "reset the connection at its upgrade, or answer it with HTTP `status`"),
    "connected_missing": (frozenset(), "say nothing after the upgrade; later steps work"),
    "connected_late": (frozenset({"ms"}), "send `connected` this much late"),
    "auth_bad": (frozenset(), "auth_failed as for a wrong key, then the TCP connection ends without a Close frame"),
    "auth_plan": (frozenset(), "auth_failed because the plan has no websocket"),
    "auth_silent": (frozenset(), "never answer the auth"),
    "auth_timeout": (frozenset(), "answer a valid auth with auth_timeout and close (seen in 2020)"),
    "auth_legacy": (frozenset(), "auth success with the status text used before 2020"),
    "auth_cap": (frozenset(), "answer the auth with max_connections and close 1008"),
    "ack_per_frame": (frozenset(), "one frame per acknowledged topic instead of one for all"),
    "ack_missing": (frozenset(), "subscribe silently"),
    "ack_not_authorized": (frozenset(), "refuse the first topic of a subscribe with the nameless `not authorized`"),
    "lost_subscription": (frozenset(), "acknowledge, and deliver nothing to connections subscribed meanwhile"),
    "close": (frozenset({"code", "reason"}), "close with `code` (1000, 1001, 1008, 1011, 1012 ...)"),
    "rst": (frozenset(), "reset the TCP connection"),
    "drop": (frozenset(), "end the TCP connection without a Close frame"),
    "half_open": (frozenset(), "keep the TCP connection, send and read nothing more"),
    "evict": (frozenset(), "max_connections status, then Close 1008 with an empty reason"),
    "slow_consumer": (frozenset({"ms"}), "deliver later and later up to `ms`, then slow_consumer and Close 1008"),
    "pong_missing": (frozenset(), "leave pings unanswered"),
    "frame_size": (frozenset({"n"}), "`n` values (1..1000) in each frame, at least a millisecond apart"),
    "mixed": (frozenset(), "put A, AM and status objects into the frames of values"),
    "unknown_event": (frozenset(), "put events of an unknown kind, and of unknown tickers, into the frames"),
    "bad_json": (frozenset(), "send a frame that is not JSON in place of a value"),
    "duplicate": (frozenset(), "send each value twice"),
    "out_of_order": (frozenset(), "repeat the value before after each value"),
    "frozen": (frozenset(), "keep the value, let the stamp advance"),
    "stuck_stamp": (frozenset(), "keep the stamp, let the value move"),
    "ns_stamp": (frozenset(), "stamps in nanoseconds"),
    "old_stamp": (frozenset({"ms"}), "stamps older by `ms` (default 15 minutes), as on a delayed plan"),
    "unrounded": (frozenset(), "all values as raw doubles"),
    "silence": (frozenset(), "no values"),
    "divergence": (frozenset({"bps"}), "values off by `bps` basis points"),
    "jump": (frozenset({"bps"}), "one value off by `bps` (count 1 unless told)"),
    "delay": (frozenset({"ms"}), "everything sent this much late"),
    "rest_error": (frozenset({"status"}), "answer REST reads with `status` (429, 401, 403, 500 ...)"),
}
INSTANT: Final = frozenset({"close", "rst", "drop", "half_open", "evict", "slow_consumer"})
DEFAULTS: Final[dict[str, dict[str, float]]] = {
    "close": {"code": 1000},
    "connected_late": {"ms": 3_000},
    "old_stamp": {"ms": 900_000},
    "slow_consumer": {"ms": 1_000},
    "delay": {"ms": 500},
    "frame_size": {"n": 10},
    "divergence": {"bps": 10},
    "jump": {"bps": 50},
    "rest_error": {"status": 500},
}
GENERAL: Final = frozenset({"fault", "host", "symbol", "count", "for_s"})
FRAME_SIZE_MAX: Final = 1_000
CLOSE_CODE_MIN, CLOSE_CODE_MAX = 1_000, 4_999


class FaultError(ValueError):
    """A fault that was asked for wrongly; the text says what to write instead."""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the menu, with its parameters."""

    fault: str
    host: int | None = None
    symbol: str | None = None
    count: int | None = None
    for_s: float | None = None
    ms: float | None = None
    code: int | None = None
    reason: str | None = None
    bps: float | None = None
    n: int | None = None
    status: int | None = None


_read: Final = msgspec.json.Decoder(Fault).decode


class Active(msgspec.Struct):
    """A fault at work: when it ends, how often it may still strike, and how often it has."""

    ident: int
    fault: Fault
    until_ns: int | None
    left: int | None
    struck: int = 0
    kept: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)


def read_fault(data: bytes | str) -> Fault:
    """Read one fault from JSON, filling in the defaults. Raises FaultError."""
    try:
        fault = _read(data)
    except msgspec.DecodeError as error:
        raise FaultError(f"fault: {error}; write for example {{'fault': 'close', 'code': 1001, 'host': 1}}") from error
    return check(fault)


def check(fault: Fault) -> Fault:
    """Return the fault with its defaults, or raise FaultError saying what is wrong with it."""
    if fault.fault not in MENU:
        raise FaultError(f"fault {fault.fault!r} is not on the menu; choose one of {', '.join(sorted(MENU))}")
    allowed = MENU[fault.fault][0] | GENERAL
    given = {name for name in fault.__struct_fields__ if getattr(fault, name) is not None}
    if given - allowed:
        names = ", ".join(sorted(given - allowed))
        raise FaultError(f"fault {fault.fault} takes no {names}; it takes {', '.join(sorted(allowed - {'fault'}))}")
    ranges = {
        "host": (1, 2),
        "count": (1, 10**9),
        "for_s": (0, 10**6),
        "ms": (0, 10**9),
        "code": (CLOSE_CODE_MIN, CLOSE_CODE_MAX),
        "bps": (-9_999, 10**6),
        "n": (1, FRAME_SIZE_MAX),
        "status": (400, 599),
    }
    for name, (low, high) in ranges.items():
        number = getattr(fault, name)
        if number is not None and not low <= number <= high:
            raise FaultError(f"fault {fault.fault}: {name} is {number}, must be {low} to {high}")
    defaults = {k: v for k, v in DEFAULTS.get(fault.fault, {}).items() if getattr(fault, k) is None}
    if fault.fault == "jump" and fault.count is None and fault.for_s is None:
        defaults["count"] = 1
    return msgspec.structs.replace(fault, **defaults)


class FaultBoard:
    """The faults at work. All times are monotonic nanoseconds handed in."""

    __slots__ = ("_active", "_ended", "_next")

    def __init__(self) -> None:
        self._active: list[Active] = []
        self._ended: dict[str, int] = {}
        self._next = 1

    def add(self, fault: Fault, mono_ns: int) -> Active:
        """Put a checked fault to work."""
        until = None if fault.for_s is None else mono_ns + round(fault.for_s * NS_PER_S)
        active = Active(self._next, fault, until, fault.count)
        self._next += 1
        self._active.append(active)
        return active

    def clear(self, name: str | None = None, host: int | None = None) -> int:
        """End all faults, or those of a name, or of a host; return how many ended."""
        ending = [
            a
            for a in self._active
            if (name is None or a.fault.fault == name) and (host is None or a.fault.host == host)
        ]
        for active in ending:
            self._end(active)
        return len(ending)

    def find(self, name: str, mono_ns: int, host: int, symbol: str | None = None) -> Active | None:
        """Return the oldest fault of this name that holds now for a host and symbol, without striking."""
        for active in tuple(self._active):
            fault = active.fault
            if active.until_ns is not None and mono_ns >= active.until_ns:
                self._end(active)
            elif (
                fault.fault == name
                and fault.host in (None, host)
                and (fault.symbol is None or symbol is None or fault.symbol == symbol)
            ):
                return active
        return None

    def strike(self, name: str, mono_ns: int, host: int, symbol: str | None = None) -> Active | None:
        """Like `find`, and count one strike of it."""
        active = self.find(name, mono_ns, host, symbol)
        if active is not None:
            self.spend(active)
        return active

    def spend(self, active: Active) -> None:
        """Count one strike of a fault, ending it with its last."""
        active.struck += 1
        if active.left is not None:
            active.left -= 1
            if active.left <= 0:
                self._end(active)

    def end(self, active: Active) -> None:
        """End one fault (an instant one that was to strike once)."""
        self._end(active)

    def counts(self) -> dict[str, int]:
        """How often each fault has struck since the start."""
        totals = dict(self._ended)
        for active in self._active:
            totals[active.fault.fault] = totals.get(active.fault.fault, 0) + active.struck
        return totals

    def listing(self, mono_ns: int) -> list[dict[str, object]]:
        """The faults at work, for `GET /sim/faults`."""
        return [
            {
                "id": a.ident,
                **{k: v for k, v in msgspec.to_builtins(a.fault).items() if v is not None},
                "struck": a.struck,
                "ends_in_s": None if a.until_ns is None else max(a.until_ns - mono_ns, 0) / NS_PER_S,
            }
            for a in self._active
            if a.until_ns is None or mono_ns < a.until_ns
        ]

    def _end(self, active: Active) -> None:
        if active in self._active:
            self._active.remove(active)
            name = active.fault.fault
            self._ended[name] = self._ended.get(name, 0) + active.struck
