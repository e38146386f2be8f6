"""What the engine decides reaches the one that carries it out, with what it belongs to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from daemon.runtime.perform_io import Performer
from domain.actions import Alert


class Sent:
    """Alerts end here."""

    def __init__(self) -> None:
        self.alerts: list[tuple[str, str, dict[str, Any], str]] = []

    def send(self, action: str, severity: str, payload: dict[str, Any], correlation_id: str = "") -> None:
        self.alerts.append((action, severity, payload, correlation_id))


def test_an_alert_carries_the_step_in_which_it_all_began() -> None:
    sent, belongs_to = Sent(), ["17"]
    other: Any = SimpleNamespace(perform=None, files=None)
    fan: Any = sent
    performer = Performer(other, other, other, {}, fan, other, other, lambda: belongs_to[0])
    performer.perform(Alert("paused", "warning", {"cause": "lunch"}))
    belongs_to[0] = "18"
    performer.perform(Alert("paused", "warning", {"cause": "lunch"}))
    assert [alert[3] for alert in sent.alerts] == ["17", "18"]
    assert sent.alerts[0][:3] == ("paused", "warning", {"cause": "lunch"})
