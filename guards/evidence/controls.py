"""The list of controls that must be proven, not believed: what each one does, what proves it, and how to drill it.

A control is proven by the exchange's own answer (EXCHANGE: the daemon drills it, or uses it), by a rehearsal in an
engine of this build and configuration, which every preflight holds (REHEARSED), by each start (START), or by a person's
hand (HAND): the whole road, from the file or signal that somebody leaves to the exchange's list that reads empty. A
real event proves a control as well as its drill does.
"""

from __future__ import annotations

import enum
from typing import Final, NamedTuple


class ProvenBy(enum.StrEnum):
    """What proves a control."""

    EXCHANGE = "exchange"
    REHEARSED = "rehearsal"
    START = "start"
    HAND = "hand"


class SafetyControl(NamedTuple):
    """One control: its name, what proves it, what it does, and how a person has it proven now."""

    name: str
    by: ProvenBy
    does: str
    drill: str


GROUP_TRIGGER: Final = "group_trigger"
CANCEL_ALL: Final = "cancel_all"
# The session's drill with an order of its own. It closes no gate; its age is shown and alerted.
CANCEL_ALL_ORDER: Final = "cancel_all_order"
RESTART: Final = "restart"
KILL_FILE: Final = "kill_file"
SIGUSR1: Final = "sigusr1"
CANCEL_ALL_COMMAND: Final = "cancel_all_command"
WATCHER: Final = "watcher"
CLOSE_ALL: Final = "close_all"

_LOOK: Final = "ladderd preflight --ask"
_WAIT: Final = "wait: the daemon drills it between windows"


def _rehearsed(name: str, does: str) -> SafetyControl:
    return SafetyControl(name, ProvenBy.REHEARSED, does, _LOOK)


def _hand(name: str, does: str) -> SafetyControl:
    return SafetyControl(name, ProvenBy.HAND, does, f"ladderd drill {name}")


CONTROLS: Final[tuple[SafetyControl, ...]] = (
    SafetyControl(GROUP_TRIGGER, ProvenBy.EXCHANGE, "one request ends every order of an order group", _WAIT),
    SafetyControl(CANCEL_ALL, ProvenBy.EXCHANGE, "one request ends every order of the account", _WAIT),
    SafetyControl(CANCEL_ALL_ORDER, ProvenBy.EXCHANGE, "the same, with an order of ours resting", "wait for 09:35"),
    _rehearsed("freshness", "an index older than its limit closes the gate"),
    _rehearsed("freshness_trip", "an index older than the final minute's limit keeps the window flat"),
    _rehearsed("freeze", "the gate closes before the freeze, by the lead of flattening"),
    _rehearsed("failover", "the other feed is taken when the first one falls silent"),
    _rehearsed("kill_switch", "the kill switch closes the gate and cancels everything"),
    _rehearsed("cancel_all_tail", "nothing is placed for 65 s after a cancel-all"),
    _rehearsed("day_loss", "the day's loss limit closes the kill switch"),
    _rehearsed("exchange_pause", "a pause of the exchange closes the gate"),
    _rehearsed("clock", "a clock that is off closes the gate"),
    _rehearsed("bad_print", "a jump of the index is not believed at once"),
    _rehearsed("restricted_list", "a restricted list that cannot be read closes the gate"),
    _rehearsed("journal", "a journal that cannot be written stops the daemon, flat"),
    SafetyControl(RESTART, ProvenBy.START, "a start reads the exchange's lists before it places", "restart the daemon"),
    _hand(KILL_FILE, "the kill file, from the file to the empty list"),
    _hand(SIGUSR1, "SIGUSR1, from the signal to the empty list"),
    _hand(CANCEL_ALL_COMMAND, "ladderd cancel-all: with its own requests, whatever the daemon does"),
    _hand(WATCHER, "the outside watcher empties the account with its own key"),
    _hand(CLOSE_ALL, "ladderd close-all ends with two lists of positions that show nothing"),
)
NAMED: Final = {control.name: control for control in CONTROLS}
REHEARSED: Final = tuple(control.name for control in CONTROLS if control.by is ProvenBy.REHEARSED)
HANDS: Final = tuple(control.name for control in CONTROLS if control.by is ProvenBy.HAND)
