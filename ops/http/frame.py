"""What one look at the daemon sends to a screen: the picture, the tasks' health, and the two words that matter.

Screens (page, terminal) get the same document from `/picture` and, without the raw histogram samples, from `/events`.
"""

from __future__ import annotations

import msgspec

from ops.ops_status import Identity, facts_of, is_ready, verdict
from ops.status import Status, TaskHealth


class Frame(msgspec.Struct, frozen=True):
    """One look. `ready`: orders could be sent; `state` and `reasons`: as in `/ops/status`."""

    picture: Status
    tasks: tuple[TaskHealth, ...]
    ready: bool
    healthy: bool
    state: str
    summary: str
    reasons: tuple[str, ...]


def is_healthy(tasks: tuple[TaskHealth, ...]) -> bool:
    """Whether every task made progress within its limit. No task at all is not health."""
    return bool(tasks) and all(task.age_s <= task.limit_s for task in tasks)


def frame_of(picture: Status, tasks: tuple[TaskHealth, ...], identity: Identity, *, samples: bool) -> Frame:
    """Put one look together; `samples` keeps the raw histogram samples."""
    outcome = verdict(facts_of(picture, tasks, identity))
    return Frame(
        picture=picture if samples else msgspec.structs.replace(picture, histograms={}),
        tasks=tasks,
        ready=is_ready(picture),
        healthy=is_healthy(tasks),
        state=outcome.state,
        summary=outcome.summary,
        reasons=outcome.reason_codes,
    )


def encode(frame: Frame) -> bytes:
    """A frame as JSON; `picture.now` is the pair [mono_ns, utc_ns]."""
    return msgspec.json.encode(frame)
