"""The fault menu: what can go wrong on purpose, reproducibly by seed.

A fault is asked for by `POST /sim/faults` as `{"fault": NAME, ...}` and lives until used up (`count`), over (`for_s`)
or cleared; `probability` is drawn from the seeded generator at each chance; `op` names one operation, or several.
Message faults (`ws_*`) take `channel` instead. `MENU` says what each one needs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sim.exchange.book.fixed import NS

if TYPE_CHECKING:
    from random import Random

MENU: dict[str, str] = {
    "latency": "ms: wait before processing",
    "lost_request": "the connection is closed before processing",
    "lost_answer": "processed, then the connection is closed instead of an answer",
    "late_ack": "ms: processed at once, answered late",
    "http_429": "too many requests",
    "http_5xx": "code (503), processed (false): with or without processing; op ws_connect refuses upgrades",
    "refuse_orders": "status (400), code (invalid_order), details: creates are refused",
    "refuse_key": "status (401), code (authentication_error), key: what that key signs is refused, or all keys'",
    "group_trigger_refused": "status (503), code (exchange_unavailable)",
    "fill_after_cancel": "mode before|after, delay_ms (200), count: a fill that arrives after the cancel's answer",
    "ws_half_open": "websockets go silent without closing; with for_s new ones too",
    "ws_drop": "code (abort when absent): websockets are closed now",
    "ws_seq_gap": "a sequenced message is lost",
    "ws_lost": "a message is never sent, and not numbered either: nobody can see that it is missing",
    "ws_duplicate": "a message is sent twice",
    "ws_reorder": "a message is sent after the next one",
    "ws_delay": "ms: messages are sent late",
    "ws_terminal": "code (25): a terminal error on every subscription of the channel",
    "clock_skew_ms": "ms: the exchange's clock is off by that much",
    "exchange_pause": "for_s: nothing is accepted, cancels neither",
    "trading_pause": "for_s: no place, no amend",
    "maintenance": "in_s (120), lasts_s (60): announced in the schedule, then kept as a trading pause",
    "list_lag_ms": "ms: how far order reads lag",
    "fee_type": "series or event, fee_type, fee_multiplier",
    "close_early": "the markets that close next close now, as close_date_updated says; a list of open ones lacks them",
    "price_grid": "step in dollars, event: the grid of one event or of all changes, resting orders survive",
    "market_deactivate": "ticker or event, for_s: halted, then activated with everything cancelled",
}
AT_ONCE = frozenset(
    {
        "ws_half_open",
        "ws_drop",
        "ws_terminal",
        "clock_skew_ms",
        "exchange_pause",
        "trading_pause",
        "maintenance",
        "list_lag_ms",
        "fee_type",
        "market_deactivate",
        "close_early",
        "price_grid",
    }
)
KNOWN = frozenset({"fault", "op", "channel", "count", "for_s", "probability"})


class BadFault(ValueError):  # noqa: N818 - a bad line of a test script
    """The request for a fault makes no sense; the text says what to do."""


@dataclass(slots=True)
class Fault:
    """One fault that is on."""

    id: int
    name: str
    operations: tuple[str, ...]
    channels: tuple[str, ...]
    left: int | None
    until_ns: int | None
    probability: float
    params: dict[str, Any]
    injected: int = 0

    def shown(self) -> dict[str, Any]:
        """For `GET /sim/faults`."""
        return {
            "id": self.id,
            "fault": self.name,
            "op": list(self.operations),
            "channel": list(self.channels),
            "left": self.left,
            "injected": self.injected,
            **self.params,
        }


def _names(value: object, name: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise BadFault(f"{name} must be a string or a list of strings")


@dataclass(slots=True)
class FaultDesk:
    """Which faults are on, and the draws."""

    rng: Random
    active: list[Fault] = field(default_factory=list)
    injected: dict[str, int] = field(default_factory=dict)
    serial: int = 0

    def add(self, request: object, now_ns: int) -> Fault:
        """Take a request for a fault.

        Raises:
            BadFault: unknown name, or a field of the wrong type.
        """
        if not isinstance(request, dict) or request.get("fault") not in MENU:
            raise BadFault(f"fault must be one of {', '.join(MENU)}")
        count, for_s = request.get("count"), request.get("for_s")
        probability = request.get("probability", 1.0)
        if count is not None and (not isinstance(count, int) or count < 1):
            raise BadFault("count must be a whole number of at least 1")
        if for_s is not None and (not isinstance(for_s, int | float) or for_s <= 0):
            raise BadFault("for_s must be a positive number of seconds")
        if not isinstance(probability, int | float) or not 0 <= probability <= 1:
            raise BadFault("probability must lie between 0 and 1")
        self.serial += 1
        fault = Fault(
            id=self.serial,
            name=str(request["fault"]),
            operations=_names(request.get("op"), "op"),
            channels=_names(request.get("channel"), "channel"),
            left=count,
            until_ns=None if for_s is None else now_ns + int(for_s * NS),
            probability=float(probability),
            params={key: value for key, value in request.items() if key not in KNOWN},
        )
        if fault.name in AT_ONCE:
            self.note(fault)
        else:
            self.active.append(fault)
        return fault

    def note(self, fault: Fault) -> None:
        """Count an injection."""
        fault.injected += 1
        self.injected[fault.name] = self.injected.get(fault.name, 0) + 1

    def draw(self, name: str, now_ns: int, operation: str = "", channel: str = "", key_id: str = "") -> Fault | None:
        """The fault of that name that strikes here and now, used up by one; None when none does."""
        if not self.active:
            return None
        for fault in self.active:
            if fault.name != name or (fault.until_ns is not None and now_ns >= fault.until_ns):
                continue
            if (fault.operations and operation not in fault.operations) or (
                fault.channels and channel not in fault.channels
            ):
                continue
            if fault.params.get("key", key_id) != key_id:
                continue
            if fault.probability < 1.0 and self.rng.random() >= fault.probability:
                continue
            if fault.left is not None:
                fault.left -= 1
                if fault.left == 0:
                    self.active.remove(fault)
            self.note(fault)
            return fault
        return None

    def clear(self) -> None:
        """End them all."""
        self.active.clear()
