"""Breakers: each trips on its own evidence, stays tripped, and a broken one counts as tripped."""

from __future__ import annotations

import json

import pytest

from domain.reasons import GateStatus, Reason
from guards.model.breakers import Breakers, BreakerSettings, first_tripped
from tests.guards.made import at


def begun(**settings: int) -> Breakers:
    breakers = Breakers(BreakerSettings(**settings))  # type: ignore[arg-type]
    breakers.begin()
    return breakers


def spread(breakers: Breakers, wins: int, count: int = 50) -> str:
    """Settle `count` quotes with well-spread probabilities, `wins` of them won; what tripped last."""
    said = ""
    for n in range(count):
        said = breakers.settled(100_000 + n * 16_000, n < wins) or said
    return said


def test_breakers_closed_when_they_know_nothing() -> None:
    vote = Breakers().vote(at(0))
    assert (vote.status, vote.reason) == (GateStatus.UNKNOWN, Reason.QUALITY_GATE)
    assert begun().vote(at(0)).status is GateStatus.PASS
    assert Breakers(BreakerSettings(enabled=False)).vote(at(0)).status is GateStatus.NOT_CONFIGURED


@pytest.mark.parametrize(("wins", "trips"), [(2, True), (3, False), (25, False), (47, False), (48, True)])
def test_calibration_drift_outside_its_bounds(wins: int, *, trips: bool) -> None:
    assert spread(begun(), wins).startswith("calibration drift" if trips else "") is True
    assert bool(spread(begun(), wins)) is trips


def test_less_than_a_sample_is_no_evidence() -> None:
    assert spread(begun(), 0, 49) == ""


def test_confidence_collapse() -> None:
    said = ""
    breakers = begun()
    for n in range(50):
        said = breakers.settled(500_000 + (n % 2) * 190_000, n % 2 == 0) or said  # variance 0.009
    assert said.startswith("confidence collapse: variance 0.0090")
    breakers = begun()
    for n in range(50):
        said = breakers.settled(500_000 + (n % 2) * 200_000, n % 2 == 0)  # variance 0.01
    assert said == ""


def test_loss_concentration() -> None:
    breakers = begun(losses_in_a_row=50)
    for _ in range(4):
        assert breakers.closed("A", -800) == ""
    assert breakers.closed("B", -800) == ""  # exactly 0.80
    assert breakers.closed("A", -1).startswith("loss concentration: A makes 80 %")


def test_regime_stuck() -> None:
    breakers = begun()
    said = [breakers.regime(62) for _ in range(50)]
    assert said[48] == ""
    assert said[49].startswith("regime stuck")
    moving = begun()
    assert not any(moving.regime(62 + (n == 49)) for n in range(50))


def test_five_losses_in_a_row() -> None:
    breakers = begun()
    for n, pnl in enumerate((-1, -1, -1, -1, 0, -1, -1, -1, -1)):
        assert breakers.closed(f"M{n}", pnl) == ""
    assert breakers.closed("M9", -1) == "losing streak: 5 losses in a row"
    vote = breakers.vote(at(0))
    assert (vote.status, vote.detail) == (GateStatus.FAIL, "losing streak: 5 losses in a row")


def test_the_first_trip_is_kept_until_resumed_and_its_evidence_forgotten() -> None:
    breakers = begun()
    for n in range(5):
        breakers.closed(f"M{n}", -1)
    tripped = breakers.tripped
    spread(breakers, 0)
    assert breakers.tripped == tripped
    breakers.resume()
    assert breakers.vote(at(0)).status is GateStatus.PASS
    assert breakers.closed("M9", -1) == ""
    assert breakers.next_deadline(at(0)) is None


def test_a_breaker_that_raises_counts_as_tripped() -> None:
    def broken() -> str:
        return str(1 // 0)

    def sound() -> str:
        return ""

    assert first_tripped((sound, broken)).startswith("broken failed: ZeroDivisionError")
    assert first_tripped((sound, sound)) == ""


def test_evidence_and_trip_survive_a_restart() -> None:
    breakers = begun()
    spread(breakers, 20, 30)
    breakers.regime(60)
    for n in range(5):
        breakers.closed(f"M{n}", -1)
    quiet = Breakers()
    quiet.restore(begun().state())
    assert quiet.vote(at(0)).status is GateStatus.PASS
    again = Breakers()
    again.restore(json.loads(json.dumps(breakers.state())))
    assert again.state() == breakers.state()
    assert again.vote(at(0)).status is GateStatus.FAIL
