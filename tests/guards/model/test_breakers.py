"""Each breaker: what trips it, what does not, and that a trip stays through a restart until a person resumes."""

from __future__ import annotations

import msgspec
import pytest

from domain.reasons import GateStatus, Reason
from guards.model import breakers as module
from guards.model.breakers import PPB, Breaker, BreakerRecord, Breakers, BreakerSettings, WindowOutcome

RIGHT, LOW, HIGH = 800_000, 1_001_000, 619_000
DOLLAR = 1_000_000
S = 1_000_000_000


def fed(z_ppm: int, events: int) -> Breakers:
    made = Breakers()
    for _ in range(events):
        made.event((z_ppm,) * 5)
    return made


def window(gap: int, loss_ppb: int = PPB // 2) -> WindowOutcome:
    return WindowOutcome(DOLLAR, DOLLAR + gap, loss_ppb)


@pytest.mark.step("K20")
def test_breakers_let_quote_while_nothing_has_settled() -> None:
    made = Breakers()
    assert made.vote().open
    assert [each.tripped for each in made.readings()] == [""] * 5
    assert Breakers(BreakerSettings(enabled=False)).vote().status is GateStatus.NOT_CONFIGURED


@pytest.mark.step("K20")
@pytest.mark.parametrize(
    ("z_ppm", "trips"), [(RIGHT, False), (LOW, True), (HIGH, True), (620_000, False), (PPB // 1000, False)]
)
def test_forecast_error_is_judged_over_sixty_events(z_ppm: int, *, trips: bool) -> None:
    made = fed(z_ppm, 59)
    assert made.vote().open
    assert made.event((z_ppm,) * 5) == ([Breaker.FORECAST_ERROR] if trips else [])
    assert (made.vote().reason is Reason.BREAKER_TRIPPED) is trips
    assert made.vote().open is not trips


@pytest.mark.step("K20")
def test_an_event_without_an_interval_is_no_evidence() -> None:
    made = fed(LOW, 59)
    assert made.event(()) == []
    assert made.vote().open


@pytest.mark.step("K20")
def test_a_milder_error_over_240_events_is_a_warning_alone() -> None:
    made = fed(628_000, 239)
    assert made.warning() == ""
    made.event((628_000,) * 5)
    assert "mean abs z 0.628" in made.warning()
    assert made.vote().open
    assert fed(RIGHT, 240).warning() == ""


@pytest.mark.step("K20")
def test_results_below_what_was_expected_trip_from_thirty_windows_on() -> None:
    made = Breakers()
    for number in range(29):
        assert made.window(window(-DOLLAR - number % 2 * DOLLAR)) == []
    assert made.window(window(-DOLLAR)) == [Breaker.RESULT_DRIFT]
    assert "t -" in made.tripped[Breaker.RESULT_DRIFT]


@pytest.mark.step("K20")
def test_results_around_what_was_expected_do_not_trip() -> None:
    made = Breakers()
    for number in range(200):
        made.window(window(DOLLAR if number % 2 else -DOLLAR))
    assert made.vote().open


@pytest.mark.step("K20")
def test_a_run_of_losses_trips_by_its_chance_and_not_by_its_length() -> None:
    likely = Breakers(BreakerSettings(windows_min=1000))
    for _ in range(100):
        likely.window(window(-2 * DOLLAR, loss_ppb=900_000_000))
    assert likely.vote().open
    made = Breakers()
    assert [made.window(window(-2 * DOLLAR, loss_ppb=20_000_000)) for _ in range(2)] == [[], []]
    made.window(window(DOLLAR))
    assert [made.window(window(-2 * DOLLAR, loss_ppb=20_000_000)) for _ in range(2)] == [[], []]
    assert made.window(window(-2 * DOLLAR, loss_ppb=20_000_000)) == [Breaker.LOSS_RUN]
    assert "3 losing windows" in made.tripped[Breaker.LOSS_RUN]


@pytest.mark.step("K20")
def test_prices_that_do_not_move_for_a_minute_trip() -> None:
    made, near = Breakers(), (("A", 4_000), ("B", 6_000))
    assert made.rungs("INXU", near, 0) == []
    assert made.rungs("INXU", near, 60 * S - 1) == []
    assert made.rungs("INXU", near, 60 * S) == [Breaker.CONFIDENCE_COLLAPSE]
    assert "INXU: all 2 rungs" in made.tripped[Breaker.CONFIDENCE_COLLAPSE]


@pytest.mark.step("K20")
def test_one_price_that_moves_or_a_pause_of_quoting_begins_the_minute_anew() -> None:
    made = Breakers()
    made.rungs("INXU", (("A", 4_000), ("B", 6_000)), 0)
    made.rungs("INXU", (("A", 4_000), ("B", 6_001)), 59 * S)
    assert made.rungs("INXU", (("A", 4_000), ("B", 6_001)), 61 * S) == []
    made.rungs("INXU", (), 62 * S)
    assert made.rungs("INXU", (("A", 4_000), ("B", 6_001)), 119 * S) == []
    assert made.vote().open


@pytest.mark.step("K20")
def test_prices_that_all_lie_at_floor_or_cap_count_as_unchanged() -> None:
    made = Breakers()
    made.rungs("INXU", (("A", 100),), 0, at_edge=True)
    made.rungs("INXU", (("A", 9_900),), 30 * S, at_edge=True)
    assert made.rungs("INXU", (("A", 100),), 60 * S, at_edge=True) == [Breaker.CONFIDENCE_COLLAPSE]


@pytest.mark.step("K20")
def test_a_volatility_that_is_the_same_at_three_session_ends_trips() -> None:
    made = Breakers()
    assert [made.session_ended("INXU", sigma) for sigma in (33.1, 33.1, 33.2, 33.2)] == [[]] * 4
    assert made.session_ended("NASDAQ100U", 33.2) == []
    assert made.session_ended("INXU", 33.2) == [Breaker.ESTIMATE_STUCK]


@pytest.mark.step("K20")
def test_a_breaker_that_raises_has_tripped(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Breakers) -> str:
        raise ZeroDivisionError("no windows")

    monkeypatch.setattr(module.Breakers, "loss_run", broken)
    made = Breakers()
    assert made.event((RIGHT,)) == [Breaker.LOSS_RUN]
    assert "could not be judged" in made.vote().detail


@pytest.mark.step("K20")
def test_a_trip_and_its_evidence_survive_a_restart_until_a_resume() -> None:
    made = fed(LOW, 60)
    for _ in range(3):
        made.window(window(-DOLLAR))
    made.session_ended("INXU", 1.5)
    text = msgspec.json.encode(made.record())
    again = Breakers()
    again.restore(msgspec.json.decode(text, type=BreakerRecord))
    assert again.record() == made.record()
    assert not again.vote().open
    again.resume()
    assert again.vote().open
    assert again.event((LOW,) * 5) == []
    assert len(again.record().windows) == 3


def test_a_left_out_guard_never_trips() -> None:
    made = Breakers(BreakerSettings(enabled=False))
    for _ in range(60):
        assert made.event((LOW,) * 5) == []
    assert made.warning() == ""
