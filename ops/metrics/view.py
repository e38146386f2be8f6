"""What one rendering of the metrics looks at. Apart from families.py, whose library no start has to wait for."""

from __future__ import annotations

import msgspec

from ops.metrics.buckets import BucketView
from ops.status import Status, TaskHealth


class Runtime(msgspec.Struct, frozen=True):
    """Figures of the shell that the engine does not know: inbox lanes, own counters, histograms, proofs (Unix s)."""

    bus_depth: dict[str, int] = {}
    counters: dict[str, int] = {}
    histograms: dict[str, BucketView] = {}
    proofs: dict[str, float] = {}
    http_refused: dict[str, int] = {}


class View(msgspec.Struct, frozen=True):
    """All that one rendering looks at: frozen, so that it may be rendered in another thread."""

    picture: Status
    tasks: tuple[TaskHealth, ...]
    runtime: Runtime
    histograms: dict[str, BucketView]
    samples_lost: int = 0
