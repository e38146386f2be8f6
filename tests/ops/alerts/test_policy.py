from __future__ import annotations

import pytest

from ops.alerts.policy import DEDUPE_KEYS_MAX, DEDUPE_NS, Dedupe, Policy


@pytest.mark.parametrize(
    ("policy", "action", "severity", "wanted"),
    [
        (Policy("warning"), "a", "info", False),
        (Policy("warning"), "a", "warning", True),
        (Policy("warning"), "a", "critical", True),
        (Policy("critical", {"a": "info"}), "a", "info", True),
        (Policy("info", {"a": "critical"}), "a", "error", False),
        (Policy("debug", {"a": "off"}), "a", "critical", False),
        (Policy("critical"), "a", "catastrophe", True),
    ],
)
def test_who_wants_what(policy: Policy, action: str, severity: str, wanted: bool) -> None:  # noqa: FBT001 - a case
    assert policy.wants(action, severity) is wanted


def test_the_same_alert_is_said_once_a_minute_and_then_counts_the_rest() -> None:
    dedupe = Dedupe()
    assert dedupe.admit("k", "error", 0) == 0
    assert dedupe.admit("k", "error", 1) is None
    assert dedupe.admit("k", "error", DEDUPE_NS - 1) is None
    assert dedupe.admit("k", "error", DEDUPE_NS) == 2
    assert dedupe.admit("other", "error", DEDUPE_NS) == 0


def test_a_louder_one_is_never_held_back() -> None:
    dedupe = Dedupe()
    dedupe.admit("k", "warning", 0)
    assert dedupe.admit("k", "critical", 1) == 0
    assert dedupe.admit("k", "warning", 2) is None


def test_memory_is_bounded() -> None:
    dedupe = Dedupe()
    for number in range(DEDUPE_KEYS_MAX + 1):
        dedupe.admit(str(number), "info", 0)
    assert dedupe.admit("0", "info", 1) == 0
