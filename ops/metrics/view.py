"""What one rendering of the metrics looks at: frozen, so that it may be rendered in another thread."""

from __future__ import annotations

import msgspec

from ops.status import Status, TaskHealth


class Runtime(msgspec.Struct, frozen=True):
    """Figures of the shell that the engine does not know.

    `bus_depth`: events waiting by lane. `oldest_event_s`: the longest wait of late. `proofs`: Unix seconds by control.
    `passed_over`: what sockets brought and nobody took, by socket and reason.
    """

    bus_depth: dict[str, int] = {}
    oldest_event_s: float = 0.0
    errors: int = 0
    journal_records: int = 0
    reconnects: dict[str, int] = {}
    proofs: dict[str, float] = {}
    http_refused: dict[str, int] = {}
    passed_over: dict[str, dict[str, int]] = {}


class View(msgspec.Struct, frozen=True):
    """All that one rendering looks at beside what was folded and timed."""

    picture: Status
    tasks: tuple[TaskHealth, ...]
    runtime: Runtime = Runtime()
