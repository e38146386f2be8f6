"""What the engine decides reaches the one that carries it out, with what it belongs to."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from daemon.runtime import perform_io
from daemon.runtime.perform_io import Performer
from domain.actions import Answer, CancelAll
from domain.alert_types.catalogue import PausedAlert, Severity
from domain.errors import UnavailableError
from domain.ids import RequestId
from ops.alerts.raised import Raised


class Sent:
    """Alerts end here."""

    def __init__(self) -> None:
        self.alerts: list[tuple[Raised, str]] = []

    def send(self, raised: Raised, correlation_id: str = "") -> None:
        self.alerts.append((raised, correlation_id))


@pytest.mark.step("O14")
def test_an_alert_carries_the_step_in_which_it_all_began() -> None:
    sent, belongs_to = Sent(), ["17"]
    other: Any = SimpleNamespace(perform=None, files=None)
    fan: Any = sent
    performer = Performer(other, other, other, {}, fan, other, other, lambda: belongs_to[0])
    performer.perform(PausedAlert(Severity.WARNING, "lunch"))
    belongs_to[0] = "18"
    performer.perform(PausedAlert(Severity.WARNING, "lunch"))
    assert [correlation for _, correlation in sent.alerts] == ["17", "18"]
    told = sent.alerts[0][0]
    assert (told.kind, told.severity, told.payload) == ("paused", "warning", {"cause": "lunch"})


class Parts:
    """Whatever a performer is made of, in the hands of a test: it notes each call."""

    def __init__(self, *, durable: bool = True) -> None:
        self.calls: list[str] = []
        self.durable = durable
        self.files = self.journal = self
        self.answers: list[tuple[str, str, str]] = []

    def perform(self, action: object) -> None:
        self.calls.append(type(action).__name__)

    def purge_places(self) -> int:
        self.calls.append("purge_places")
        return 0

    async def drain(self, _limit_s: float) -> bool:
        self.calls.append("drain")
        return self.durable

    async def snapshot(self) -> None:
        self.calls.append("snapshot")

    async def answered(self, ident: str, text: str, note: str) -> None:
        self.answers.append((ident, text, note))


def made_of(parts: Parts) -> Performer:
    part = cast("Any", parts)
    return Performer(part, part, part, {}, part, part, part, lambda: "")


def test_a_cancel_all_takes_back_the_places_that_were_not_written_yet() -> None:
    parts = Parts()
    made_of(parts).perform(CancelAll(RequestId(1), "drill"))
    assert parts.calls == ["CancelAll", "purge_places"], "what waits to be written must not follow the cancel"


@pytest.mark.step("K11")
@pytest.mark.parametrize("durable", [True, False])
async def test_an_answer_stands_behind_the_disks_word(durable: bool) -> None:  # noqa: FBT001 - a case
    parts = Parts(durable=durable)
    made = made_of(parts)
    made.perform(Answer("1-1", "", "note"))
    await asyncio.gather(*made.background)
    assert parts.calls[0] == "drain"
    ((ident, text, note),) = parts.answers
    assert (ident, note) == ("1-1", "note")
    assert text == ("" if durable else perform_io.NOT_DURABLE)
    waiting = asyncio.create_task(made.acknowledged("http-1"))
    await asyncio.sleep(0)
    made.perform(Answer("http-1", "", ""))
    assert await waiting == ("" if durable else perform_io.NOT_DURABLE)
    assert len(parts.answers) == 1, "the other road has its own answer"


async def test_an_answer_that_never_comes_is_not_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perform_io, "ANSWER_WAIT_S", 0.0)
    monkeypatch.setattr(perform_io, "ENGINE_WAIT_S", 0.01)
    with pytest.raises(UnavailableError, match="nothing proves"):
        await made_of(Parts()).acknowledged("http-1")
