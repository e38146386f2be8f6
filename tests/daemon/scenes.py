"""A daemon in every phase, and with each thing that closes it: engines on a stand, for tests of what screens show."""

from __future__ import annotations

import os
from collections.abc import Callable

from daemon.engine.picture import Process, draw
from domain.clock import NS_PER_MS, NS_PER_S
from domain.events import BooksStale, Command, KillSwitch, Stop
from ops.status import Status
from tests.daemon.exchange import BASE
from tests.daemon.stand import LEAD_NS, OPEN_S, STRICT_S, Stand

S = NS_PER_S


def drawn(stand: Stand) -> Status:
    """The picture of this instant."""
    hosts = {"massive": "a", "polygon": "b"}
    process = Process(os.getpid(), "run", "paper", "build", "hash", 0, 1, hosts, {}, 0, {})
    return draw(stand.engine.state, process, stand.now())


def quoting() -> Stand:
    """Both series have orders resting."""
    stand = Stand()
    stand.quote_both()
    stand.run(500 * NS_PER_MS)
    return stand


def _at(before_target_ns: int) -> Stand:
    stand = quoting()
    stand.run_before_target(before_target_ns)
    return stand


def _preflight() -> Stand:
    stand = Stand()
    stand.run_before_target((OPEN_S + 1) * S)
    return stand


def _stand_down() -> Stand:
    """The index comes once a second: too slow for the final minute, which is known when it begins."""
    stand = Stand()
    stand.tick_every_ns = S
    stand.run_before_target((STRICT_S - 5) * S)
    return stand


def _flattening() -> Stand:
    return _at(2 * S + LEAD_NS - 100 * NS_PER_MS)


def _frozen() -> Stand:
    return _at(S // 2)


def _closed() -> Stand:
    return _at(-3 * S)


def _tripped() -> Stand:
    stand = _at((STRICT_S - 2) * S)
    for series in BASE:
        stand.silence(series)
    stand.run(3 * S)
    return stand


def _silent() -> Stand:
    stand = quoting()
    for series in BASE:
        stand.silence(series)
    stand.run(30 * S)
    return stand


def _one_silent() -> Stand:
    stand = quoting()
    stand.silence("INXU")
    stand.run(5 * S)
    return stand


def _paused() -> Stand:
    stand = quoting()
    stand.operator(Command.PAUSE)
    stand.run(3 * S)
    return stand


def _killed() -> Stand:
    stand = quoting()
    stand.step(KillSwitch(active=True, source="file", reason="ann: because"))
    stand.run(3 * S)
    return stand


def _emptying() -> Stand:
    stand = quoting()
    stand.operator(Command.CANCEL_ALL)
    return stand


def _not_reconciled() -> Stand:
    stand = Stand()
    stand.step(stand.tick("INXU"))
    return stand


def _books_stale() -> Stand:
    stand = quoting()
    stand.step(BooksStale((), "gap"))
    return stand


def _stand_down_dead() -> Stand:
    """A planned stand-down over an index that then dies does not end by itself."""
    stand = _stand_down()
    for series in BASE:
        stand.silence(series)
    stand.run(5 * S)
    return stand


def _stream_down() -> Stand:
    stand = quoting()
    stand.stream(up=False)
    stand.run(S)
    return stand


def _stopping() -> Stand:
    stand = quoting()
    stand.step(Stop("SIGTERM"))
    return stand


def _stopped() -> Stand:
    stand = _stopping()
    stand.run(5 * S)
    assert stand.exit is not None
    return stand


def _not_begun() -> Stand:
    return Stand(begin=False)


# Scene -> the verdict that it must have.
MAY_QUOTE, WAITING, NOT_READY = "MAY QUOTE", "WAITING", "NOT READY"
SCENES: dict[str, tuple[Callable[[], Stand], str]] = {
    "not begun": (_not_begun, NOT_READY),
    "not reconciled": (_not_reconciled, NOT_READY),
    "preflight": (_preflight, WAITING),
    "quoting": (quoting, MAY_QUOTE),
    "strict": (lambda: _at((STRICT_S - 5) * S), MAY_QUOTE),
    "strict stand-down": (_stand_down, WAITING),
    "flattening": (_flattening, NOT_READY),
    "frozen": (_frozen, WAITING),
    "closed": (_closed, WAITING),
    "tripped": (_tripped, NOT_READY),
    "both feeds silent": (_silent, NOT_READY),
    "one index silent": (_one_silent, NOT_READY),
    "paused": (_paused, NOT_READY),
    "killed": (_killed, NOT_READY),
    "cancel-all under way": (_emptying, NOT_READY),
    "books stale": (_books_stale, NOT_READY),
    "strict stand-down, index dead": (_stand_down_dead, NOT_READY),
    "stream down": (_stream_down, NOT_READY),
    "stopping": (_stopping, NOT_READY),
    "stopped": (_stopped, NOT_READY),
}
