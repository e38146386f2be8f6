"""The freshness sentry: limits to the nanosecond, what refreshes nothing, trips that latch, the planned stand-down."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clock import NS_PER_MS, Now
from domain.errors import ConfigurationError
from domain.reasons import GateStatus, Reason
from domain.window import Phase
from guards.freshness import Admission, FreshnessSentry, FreshnessSettings, Trip
from tests.guards.made import at, tick

DAY = "2026-03-06"
TARGET = 1_772_809_200_000_000_000
NEXT_TARGET = TARGET + 3_600_000_000_000


def sentry(**settings: object) -> FreshnessSentry:
    return FreshnessSentry("INXU", "I:SPX", FreshnessSettings(**settings))  # type: ignore[arg-type]


def fed(until_ms: float, step_ms: float = 200.0, **settings: object) -> FreshnessSentry:
    """A sentry that saw a value every `step_ms` from 0 to `until_ms`."""
    guard = sentry(**settings)
    for n in range(int(until_ms / step_ms) + 1):
        moment = n * step_ms
        guard.advance(at(moment), Phase.QUOTING, TARGET, DAY)
        assert guard.observe(tick(moment, 6700 + n % 7), at(moment)) is Admission.ACCEPTED
    return guard


def strict(guard: FreshnessSentry, ms: float, target: int = TARGET) -> Trip | None:
    return guard.advance(at(ms), Phase.STRICT, target, DAY)


@pytest.mark.parametrize("phase", list(Phase))
def test_freshness_closed_when_it_knows_nothing(phase: Phase) -> None:
    guard = sentry()
    verdict = guard.verdict(at(0), phase)
    assert (verdict.ok, verdict.age_ns, verdict.reason) == (False, None, Reason.FRESHNESS_MISSING)
    assert guard.vote(at(0), phase).status is GateStatus.UNKNOWN
    assert guard.next_deadline(at(0), phase) is None


@pytest.mark.step("H14")
@pytest.mark.parametrize(
    ("phase", "age_ns", "ok"),
    [
        (Phase.PREFLIGHT, 2_000_000_000 - 1, True),
        (Phase.PREFLIGHT, 2_000_000_000, False),  # under 2 s to arm
        (Phase.CLOSED, 1_999_000_000, True),
        (Phase.QUOTING, 1_500_000_000, True),
        (Phase.QUOTING, 1_500_000_001, False),
        (Phase.STRICT, 700_000_000, True),  # 700.0 passes
        (Phase.STRICT, 700_000_001, False),
        (Phase.STRICT, 700_100_000, False),  # 700.1 trips
        (Phase.FLATTENING, 700_000_001, False),
        (Phase.FROZEN, 700_000_001, False),
    ],
)
def test_limits_to_the_nanosecond(phase: Phase, age_ns: int, *, ok: bool) -> None:
    guard = fed(1000)
    start = at(1000)
    verdict = guard.verdict(Now(start.mono_ns + age_ns, start.utc_ns + age_ns), phase)
    assert (verdict.ok, verdict.age_ns) == (ok, age_ns)
    assert verdict.age_ms == age_ns / NS_PER_MS
    if not ok:
        final = phase in {Phase.STRICT, Phase.FLATTENING, Phase.FROZEN}
        assert verdict.reason is (Reason.FINAL_MINUTE_STALE if final else Reason.WS_STALE)


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("basis", ["age", "lateness"])
def test_the_deadline_is_the_first_nanosecond_that_trips(phase: Phase, basis: str) -> None:
    guard = fed(5000, basis=basis)
    deadline = guard.next_deadline(at(5000), phase)
    assert deadline is not None
    before = Now(deadline - 1, at(5000).utc_ns)
    assert guard.verdict(before, phase).ok
    assert not guard.verdict(Now(deadline, at(5000).utc_ns), phase).ok
    assert guard.next_deadline(before, phase) == deadline
    assert guard.next_deadline(Now(deadline, at(5000).utc_ns), phase) is None


@pytest.mark.step("H14")
@pytest.mark.parametrize(
    ("value", "admission"),
    [
        (tick(300, 6701), Admission.ACCEPTED),
        (tick(300, 6701, symbol="I:NDX"), Admission.OTHER_SYMBOL),
        (tick(300, 0), Admission.NOT_POSITIVE),
        (tick(300, -1), Admission.NOT_POSITIVE),
        (tick(300, 6700, stamp_ms=200), Admission.NOT_NEWER),  # equal (T, t, val)
        (tick(300, 6701, stamp_ms=200), Admission.NOT_NEWER),  # same stamp, other value
        (tick(300, 6701, stamp_ms=100), Admission.NOT_NEWER),
        (tick(300, 6701, stamp_ms=551), Admission.FUTURE),
        (tick(300, 6701, stamp_ms=86_400_300), Admission.FUTURE),
        (tick(300, 6701, received_ms=301), Admission.FUTURE),  # a receive stamp later than the decision
    ],
)
def test_what_refreshes(value: object, admission: Admission) -> None:
    guard = fed(200)
    assert guard.observe(value, at(300)) is admission  # type: ignore[arg-type]
    age_ms = guard.verdict(at(300), Phase.QUOTING).age_ms
    assert age_ms == (0 if admission is Admission.ACCEPTED else 100)


@pytest.mark.parametrize(("lag_ms", "ok"), [(1000, True), (1000.001, False)])
def test_a_value_over_a_second_late_refreshes_nothing(lag_ms: float, *, ok: bool) -> None:
    guard = fed(1000)
    admission = guard.observe(tick(3000, stamp_ms=3000 - lag_ms), at(3000))
    assert admission is (Admission.ACCEPTED if ok else Admission.LATE)


def test_a_constant_offset_is_learned_and_then_judged_around() -> None:
    guard = sentry()
    seen = [guard.observe(tick(n * 1000, 6700 + n, stamp_ms=n * 1000 - 1400), at(n * 1000)) for n in range(10)]
    assert seen == [Admission.LATE] * 4 + [Admission.ACCEPTED] * 6
    assert guard.observe(tick(11_000, stamp_ms=11_000 - 2401), at(11_000)) is Admission.LATE


@pytest.mark.parametrize(
    ("lag_ms", "phase", "blocks"),
    [
        (1_600, Phase.QUOTING, True),
        (1_400, Phase.QUOTING, False),
        (800, Phase.STRICT, True),
        (600, Phase.STRICT, False),
    ],
)
def test_an_offset_that_alone_exceeds_the_limit_in_force_blocks_and_is_shown(
    lag_ms: int, phase: Phase, *, blocks: bool
) -> None:
    guard = sentry()
    for n in range(10):
        guard.observe(tick(n * 1000, 6700 + n, stamp_ms=n * 1000 - lag_ms), at(n * 1000))
    verdict = guard.verdict(at(9_001), phase)
    assert (verdict.ok, verdict.offset_ms) == (not blocks, lag_ms)


def test_a_delayed_feed_is_never_learned() -> None:
    guard = sentry()
    for n in range(100):
        assert guard.observe(tick(n * 1000, stamp_ms=n * 1000 - 900_000), at(n * 1000)) is Admission.LATE
    assert not guard.verdict(at(100_000), Phase.QUOTING).ok


def test_a_growing_delay_is_not_learned_away() -> None:
    guard = sentry()
    admissions = [guard.observe(tick(n * 1000, stamp_ms=n * 990), at(n * 1000)) for n in range(200)]
    assert admissions[50] is Admission.ACCEPTED
    assert set(admissions[110:]) == {Admission.LATE}


def test_a_growing_delay_is_named_and_not_called_silence() -> None:
    guard = sentry()
    for n in range(900):
        guard.observe(tick(n * 1000, 6700 + n, stamp_ms=n * 1000 - n * 3 // 2), at(n * 1000))
    told = guard.vote(at(900_000), Phase.QUOTING).detail
    assert "later than they used to" in told, told


def test_after_a_loop_stall_values_are_believed_once_their_own_stamp_agrees() -> None:
    guard = fed(1000)
    guard.stalled()
    verdict = guard.verdict(at(1000), Phase.QUOTING)
    assert (verdict.ok, verdict.reason) == (False, Reason.LOOP_STALL)
    # A frame that waited in the socket for 600 ms looks new by its arrival.
    assert guard.observe(tick(1900, stamp_ms=1300), at(1900)) is Admission.AFTER_STALL
    assert not guard.verdict(at(1900), Phase.QUOTING).ok
    assert guard.observe(tick(2000, stamp_ms=1990), at(2000)) is Admission.ACCEPTED
    assert guard.verdict(at(2000), Phase.QUOTING).ok


def test_a_stall_alone_is_no_trip() -> None:
    guard = fed(1000)
    guard.stalled()
    assert strict(guard, 1200) is None
    assert guard.trips == 0


@pytest.mark.step("H14")
def test_a_trip_in_strict_latches_for_the_window_however_fresh_it_gets() -> None:
    guard = fed(1000)
    assert strict(guard, 1700) is None
    trip = strict(guard, 1700.000001)
    assert trip is not None
    assert (trip.count, trip.age_ns, trip.target_ns, trip.session_frozen) == (1, 700_000_001, TARGET, False)
    guard.observe(tick(1800), at(1800))
    verdict = guard.verdict(at(1800), Phase.STRICT)
    assert (verdict.ok, verdict.latched, verdict.reason) == (False, True, Reason.FINAL_MINUTE_STALE)
    assert strict(guard, 1800) is None
    assert strict(guard, 9000) is None  # stale again: still the same trip
    assert guard.trips == 1
    # The next window starts clean.
    guard.advance(at(10_000), Phase.QUOTING, NEXT_TARGET, DAY)
    guard.observe(tick(10_000), at(10_000))
    assert guard.verdict(at(10_000), Phase.QUOTING).ok


def test_a_late_value_cannot_hide_a_trip() -> None:
    guard = fed(1000)
    # One step: time first, then the value that came after the limit.
    trip = strict(guard, 1750)
    guard.observe(tick(1750), at(1750))
    assert trip is not None
    assert not guard.verdict(at(1750), Phase.STRICT).ok


@pytest.mark.step("H14")
def test_never_seen_is_stale_in_strict() -> None:
    guard = sentry()
    trip = strict(guard, 0)
    assert trip is not None
    assert (trip.age_ns, trip.feed) == (None, "")


def test_strict_resume_quotes_again_and_counts_each_time() -> None:
    guard = fed(1000, strict_resume=True, trips_max=3)
    assert strict(guard, 1701) is not None
    assert strict(guard, 1702) is None
    guard.observe(tick(1800), at(1800))
    assert strict(guard, 1800) is None
    assert guard.verdict(at(1800), Phase.STRICT).ok
    assert strict(guard, 2501) is not None
    assert guard.trips == 2


@pytest.mark.step("H15")
def test_the_second_trip_of_a_session_freezes_it_until_resumed() -> None:
    guard = fed(1000)
    assert strict(guard, 1701) is not None
    guard.advance(at(5000), Phase.QUOTING, NEXT_TARGET, DAY)
    guard.observe(tick(5000), at(5000))
    second = strict(guard, 5701, NEXT_TARGET)
    assert second is not None
    assert (second.count, second.session_frozen) == (2, True)
    guard.advance(at(8000), Phase.QUOTING, NEXT_TARGET + 1, DAY)
    guard.observe(tick(8000), at(8000))
    assert not guard.verdict(at(8000), Phase.QUOTING).ok
    assert guard.verdict(at(8000), Phase.QUOTING).session_frozen
    guard.resume()
    assert guard.verdict(at(8000), Phase.QUOTING).ok
    third = strict(guard, 8701, NEXT_TARGET + 1)
    assert third is not None
    assert third.session_frozen


def test_a_new_session_starts_without_trips() -> None:
    guard = fed(1000)
    strict(guard, 1701)
    guard.advance(at(2000), Phase.CLOSED, None, DAY)
    strict(guard, 5000, NEXT_TARGET)
    assert guard.session_frozen
    guard.advance(at(6000), Phase.CLOSED, None, "2026-03-09")
    assert (guard.trips, guard.session_frozen) == (0, False)


def test_a_feed_that_cannot_meet_the_strict_limit_plans_a_stand_down() -> None:
    guard = fed(30_000, step_ms=1000)
    assert (guard.cadence_median_ms, guard.cadence_p99_ms, guard.cadence_too_slow) == (1000, 1000, True)
    assert strict(guard, 30_000) is None
    verdict = guard.verdict(at(30_000), Phase.STRICT)
    assert (verdict.ok, verdict.planned_stand_down, verdict.reason) == (False, True, Reason.STRICT_STAND_DOWN)
    assert strict(guard, 30_900) is None
    assert guard.trips == 0
    vote = guard.vote(at(30_900), Phase.STRICT)
    assert "1000 ms" in vote.detail
    # Decided on entering STRICT: it also holds while flattening, and not in the next window's QUOTING.
    guard.advance(at(31_000), Phase.FLATTENING, TARGET, DAY)
    assert guard.verdict(at(31_000), Phase.FLATTENING).planned_stand_down
    guard.advance(at(31_000), Phase.QUOTING, NEXT_TARGET, DAY)
    assert not guard.verdict(at(31_000), Phase.QUOTING).planned_stand_down


def test_an_unknown_cadence_plans_nothing() -> None:
    guard = fed(5000, step_ms=1000)
    assert guard.cadence_p99_ms is None
    assert not guard.cadence_too_slow
    assert strict(guard, 5701) is not None


def test_lateness_lets_the_same_feed_quote_through_strict() -> None:
    guard = fed(30_000, step_ms=1000, basis="lateness")
    assert strict(guard, 30_000) is None
    assert guard.verdict(at(30_999), Phase.STRICT).ok
    verdict = guard.verdict(at(31_700), Phase.STRICT)
    assert (verdict.ok, verdict.age_ms, verdict.lateness_ms, verdict.basis) == (True, 1700, 700, "lateness")
    assert not guard.verdict(at(31_700.000001), Phase.STRICT).ok


def test_lateness_without_a_cadence_is_age() -> None:
    guard = fed(3000, step_ms=1000, basis="lateness")
    verdict = guard.verdict(at(3701), Phase.STRICT)
    assert (verdict.ok, verdict.basis, verdict.lateness_ms) == (False, "age", None)


def test_a_switch_of_feeds_is_no_gap_of_the_cadence() -> None:
    guard = fed(3000)
    before = guard.cadence_p99_ms
    guard.observe(tick(4100, feed="polygon"), at(4100))
    assert guard.cadence_p99_ms == before == 200


def test_a_stepped_wall_clock_forgets_the_offsets() -> None:
    guard = fed(3000)
    later = at(3200, wall_ms=5000)
    assert guard.observe(tick(3200), later) is Admission.LATE
    guard.clock_stepped()
    assert guard.observe(tick(3400, stamp_ms=8400), at(3400, wall_ms=5000)) is Admission.ACCEPTED


def test_trips_and_latches_survive_a_restart() -> None:
    guard = fed(1000)
    strict(guard, 1701)
    kept = json.loads(json.dumps(guard.state()))
    again = sentry()
    again.restore(kept)
    assert again.state() == guard.state()
    assert strict(again, 1800) is None
    again.observe(tick(1900), at(1900))
    verdict = again.verdict(at(1900), Phase.STRICT)
    assert (verdict.ok, verdict.latched) == (False, True)
    trip = strict(again, 9000, NEXT_TARGET)
    assert trip is not None
    assert trip.count == 2


def test_a_planned_stand_down_survives_a_restart_and_can_say_so() -> None:
    guard = fed(30_000, step_ms=1000)
    strict(guard, 30_000)
    again = sentry()
    again.restore(guard.state())
    assert strict(again, 30_100) is None
    assert "unknown since the restart" in again.vote(at(30_100), Phase.STRICT).detail


@pytest.mark.parametrize("limits", [(2000, 1500, 0), (1000, 1500, 700), (2000, 600, 700)])
def test_limits_out_of_order_are_refused(limits: tuple[int, int, int]) -> None:
    arm, soft, tight = limits
    with pytest.raises(ConfigurationError, match="limits"):
        FreshnessSettings(arm_limit_ms=arm, soft_limit_ms=soft, strict_limit_ms=tight)


STEPS = st.lists(
    st.tuples(
        st.integers(1, 3000), st.sampled_from(["tick", "old", "future", "stall", "wait"]), st.sampled_from(list(Phase))
    ),
    min_size=1,
    max_size=30,
)


@given(steps=STEPS, basis=st.sampled_from(["age", "lateness"]), waits=st.lists(st.integers(1, 4000), max_size=5))
def test_no_verdict_improves_by_waiting_and_every_deadline_lies_ahead(
    steps: list[tuple[int, str, Phase]], basis: str, waits: list[int]
) -> None:
    guard = sentry(basis=basis, cadence_samples_min=3)
    moment = 0
    for number, (wait, what, phase) in enumerate(steps):
        moment += wait
        now = at(moment)
        guard.advance(now, phase, TARGET, DAY)
        if what == "stall":
            guard.stalled()
        elif what != "wait":
            shift = {"tick": 0, "old": -1500, "future": 400}[what]
            guard.observe(tick(moment, 6700 + number, stamp_ms=moment + shift), now)
        deadline = guard.next_deadline(now, phase)
        assert deadline is None or deadline > now.mono_ns
        ok = guard.verdict(now, phase).ok
        assert guard.vote(now, phase).open is ok
        ahead = moment
        for more in waits:
            ahead += more
            later_ok = guard.verdict(at(ahead), phase).ok
            assert ok or not later_ok
            if ok and not later_ok:
                assert deadline is not None
                assert deadline <= at(ahead).mono_ns
            ok = later_ok
    again = sentry(basis=basis, cadence_samples_min=3)
    again.restore(json.loads(json.dumps(guard.state())))
    assert again.state() == guard.state()
