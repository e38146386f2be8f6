from __future__ import annotations

import json

from ops.http.frame import encode, frame_of, is_healthy
from ops.ops_status import Identity
from ops.status import TaskHealth
from tests.ops.pictures import TASKS, picture


def test_a_frame_carries_the_picture_and_the_words() -> None:
    document = json.loads(encode(frame_of(picture(), TASKS, Identity())))
    assert document["picture"]["now"] == [1_000_000_000_000, picture().now.utc_ns]
    assert document["picture"]["holdings"][0]["count"] == 100
    assert (document["readiness"]["ready"], document["healthy"], document["state"]) == (True, True, "OK")


def test_health_needs_every_task_and_at_least_one() -> None:
    assert is_healthy(TASKS)
    assert is_healthy((TaskHealth("a", 1.0, 1.0),))
    assert not is_healthy((*TASKS, TaskHealth("a", 1.001, 1.0)))
    assert not is_healthy(())
