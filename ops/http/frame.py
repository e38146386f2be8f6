"""What one look at the daemon sends to a screen: the picture, the tasks' health, and the two words that matter.

Screens (page, terminal) get the same document from `/picture` and from `/events`.
"""

from __future__ import annotations

from typing import Final

import msgspec

from domain.door import PAGE_BYTES_MAX, Door
from domain.reasons import Advice, Reason, RungReason, advice, rung_advice
from ops.ops_status import Identity, facts_of, verdict
from ops.readiness import Readiness, readiness
from ops.status import Status, TaskHealth

KNOWN = frozenset(reason.value for reason in Reason)


class Frame(msgspec.Struct, frozen=True):
    """One look. `readiness`: whether orders may go out; `state` and `reasons`: as in `/ops/status`."""

    picture: Status
    tasks: tuple[TaskHealth, ...]
    readiness: Readiness
    healthy: bool
    state: str
    summary: str
    reasons: tuple[str, ...]
    advice: dict[str, Advice]
    rung_advice: dict[str, tuple[str, str]]


read_frame: Final = Door(Frame, PAGE_BYTES_MAX).read


def is_healthy(tasks: tuple[TaskHealth, ...]) -> bool:
    """Whether every task made progress within its limit. No task at all is not health."""
    return bool(tasks) and all(task.age_s <= task.limit_s for task in tasks)


def frame_of(picture: Status, tasks: tuple[TaskHealth, ...], identity: Identity) -> Frame:
    """Put one look together."""
    outcome = verdict(facts_of(picture, tasks, identity))
    return Frame(
        picture=picture,
        tasks=tasks,
        readiness=readiness(picture),
        healthy=is_healthy(tasks),
        state=outcome.state,
        summary=outcome.summary,
        reasons=outcome.reason_codes,
        advice=advice_for(picture),
        rung_advice=rung_advice_for(picture),
    )


def advice_for(picture: Status) -> dict[str, Advice]:
    """The words for every reason that this picture shows, by its code."""
    shown = {gate.reason for gate in picture.gates if gate.against} | {picture.cancel_all.reason}
    banners = (
        (picture.kill_switch, Reason.KILL_SWITCH),
        (picture.paused, Reason.PAUSED),
        (picture.stopping, Reason.SHUTDOWN),
        (picture.cancel_all.active, Reason.CANCEL_ALL_ACTIVE),
        (not picture.armed, Reason.NOT_ARMED),
    )
    shown |= {reason.value for said, reason in banners if said}
    return {code: advice(Reason(code)) for code in sorted(shown & KNOWN)}


def rung_advice_for(picture: Status) -> dict[str, tuple[str, str]]:
    """A word and a sentence for every reason that a rung of this picture gives."""
    shown = {why for rung in picture.ladder for why in (rung.why_bid, rung.why_ask) if why}
    return {code: rung_advice(RungReason(code)) for code in sorted(shown)}


def encode(frame: Frame) -> bytes:
    """A frame as JSON; `picture.now` is the pair [mono_ns, utc_ns]."""
    return msgspec.json.encode(frame)
