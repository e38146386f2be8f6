"""Each state of `/ops/status` occurs in a real engine by its own cause, row by row of docs/contracts.md, HTTP."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from daemon.engine.picture import Process, draw
from daemon.settings.build import ReferenceData, build_engine
from daemon.settings.build_id_io import build_id, sources_id
from domain.actions import Place
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import KillSwitch, Stop, Tick
from domain.market import SERIES
from domain.money import IndexValue
from ops.ops_status import Identity, ops_status
from ops.status import TaskHealth
from tests.daemon.exchange import BASE
from tests.daemon.stand import FEES, Stand, short_settings

S, MS = NS_PER_S, NS_PER_MS
CALENDAR = (Path(__file__).resolve().parents[3] / "configs" / "nyse_days.csv").read_bytes()
ALIVE = (TaskHealth("runner", 0.02, 3.0), TaskHealth("loop", 0.01, 3.0))
BEFORE_ITS_FIRST_STEP = (TaskHealth("runner", 0.02, 3.0, began=False), TaskHealth("loop", 0.01, 3.0))
WEDGED = (TaskHealth("runner", 61.0, 3.0), TaskHealth("loop", 0.01, 3.0))


def status(
    stand: Stand, tasks: tuple[TaskHealth, ...] = ALIVE, build: str = "b1f0c2d", now: Now | None = None
) -> dict[str, Any]:
    hosts = {"massive": "a", "polygon": "b"}
    process = Process(1, "run", "paper", build, "hash", 0, 1, hosts, {}, 0, {})
    return ops_status(draw(stand.engine.state, process, now or stand.now()), tasks, Identity())


def state(document: dict[str, Any]) -> tuple[str, list[str]]:
    return document["status"]["state"], document["status"]["reason_codes"]


def quoting(**changes: Any) -> Stand:  # noqa: ANN401 - values of any setting
    stand = Stand(**changes)
    stand.quote_both()
    return stand


def on_day(text: str) -> tuple[Stand, Now]:
    """A stand with the hourly windows and the committed calendar, whose indices have values of that instant."""
    stand = Stand(begin=False)
    stand.settings = short_settings(windows={"template": "hourly"})
    stand.engine = build_engine(stand.settings, ReferenceData(FEES, CALENDAR))
    stand.utc_ns = round(dt.datetime.fromisoformat(text).timestamp()) * S
    stand.begin()
    for series in BASE:
        value = IndexValue(BASE[series])
        stand.step(Tick("massive", SERIES[series].symbol, value, "0", stand.utc_ns - MS, stand.mono_ns, stand.utc_ns))
    return stand, stand.now()


def test_a_daemon_that_quotes_is_ok() -> None:
    document = status(quoting())
    assert state(document) == ("OK", [])
    assert document["safety"]["safe_to_execute_orders"] is True


@pytest.mark.step("A03")
def test_a_build_that_nobody_can_name_is_unknown(tmp_path: Path) -> None:
    unnamed = sources_id(tmp_path)
    assert unnamed == ""
    assert state(status(quoting(), build=unnamed)) == ("UNKNOWN", ["REQUIRED_FIELDS_MISSING"])
    assert state(status(quoting(), build=build_id())) == ("OK", [])


@pytest.mark.step("A03")
def test_execution_disabled_by_the_configuration_is_offline_and_places_nothing() -> None:
    stand = Stand(quoting={"enabled": False})
    stand.run(20 * S)
    assert stand.closed() == ("execution_disabled",)
    assert stand.sent(Place) == []
    document = status(stand)
    assert state(document) == ("OFFLINE", ["EXECUTION_DISABLED"])
    assert document["safety"]["safe_to_run_strategies"] is False
    assert "execution_disabled" in document["safety"]["gating_reasons"]


@pytest.mark.step("A03")
def test_a_process_that_is_going_down_is_offline() -> None:
    stand = quoting()
    stand.step(Stop("SIGTERM"))
    assert state(status(stand)) == ("OFFLINE", ["PROCESS_DOWN"])


@pytest.mark.step("A03")
@pytest.mark.parametrize("reason", ["drill", "cannot be read: permission denied"])
def test_a_kill_switch_that_is_on_or_cannot_be_read_halts(reason: str) -> None:
    stand = quoting()
    stand.step(KillSwitch(active=True, source="file", reason=reason))
    document = status(stand)
    assert state(document) == ("HALTED", ["KILL_SWITCH"])
    assert reason in document["status"]["summary"]
    assert document["safety"]["kill_switch"] is True


@pytest.mark.step("A03", "H04")
@pytest.mark.parametrize("dead", sorted(BASE))
def test_one_dead_index_halts_within_its_limit_whichever_other_ticks(dead: str) -> None:
    stand = quoting()
    stand.silence(dead)
    stand.run(1_400 * MS)
    assert state(status(stand)) == ("OK", [])
    stand.run(400 * MS)
    document = status(stand)
    assert state(document) == ("HALTED", ["MARKETDATA_STALE"])
    assert document["marketdata"]["is_fresh"] is False
    assert {row["series"]: row["is_fresh"] for row in document["marketdata"]["series"]} == {
        series: series != dead for series in BASE
    }
    stand.run(30 * S)
    assert state(status(stand)) == ("HALTED", ["MARKETDATA_STALE"])


@pytest.mark.step("A03")
def test_an_index_never_seen_halts_and_is_not_safe_to_run() -> None:
    stand = Stand(begin=False)
    for fed in stand.feeding.values():
        fed.discard("INXU")
    stand.begin()
    stand.run(10 * S)
    document = status(stand)
    assert state(document) == ("HALTED", ["MARKETDATA_MISSING"])
    assert document["safety"]["safe_to_run_strategies"] is False


@pytest.mark.step("A03")
@pytest.mark.parametrize(
    ("tasks", "age_s"), [(BEFORE_ITS_FIRST_STEP, None), (WEDGED, 61.0)], ids=["before its first step", "wedged"]
)
def test_a_runner_without_a_heartbeat_is_degraded(tasks: tuple[TaskHealth, ...], age_s: float | None) -> None:
    document = status(quoting(), tasks)
    assert state(document) == ("DEGRADED", ["HEARTBEAT_STALE"])
    assert document["heartbeat"]["age_seconds"] == age_s


@pytest.mark.step("A03")
@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        ("2026-03-06T09:29:59-05:00", "MARKET_CLOSED"),
        ("2026-03-06T09:30:00-05:00", "OK"),
        ("2026-03-06T15:59:59-05:00", "OK"),
        ("2026-03-06T16:00:05-05:00", "MARKET_CLOSED"),
        ("2026-03-07T12:00:00-05:00", "MARKET_CLOSED"),  # a Saturday
        ("2026-04-03T12:00:00-04:00", "MARKET_CLOSED"),  # Good Friday
        ("2026-11-27T12:59:59-05:00", "OK"),  # the half day after Thanksgiving
        ("2026-11-27T13:00:05-05:00", "MARKET_CLOSED"),
    ],
)
def test_the_market_is_closed_on_nights_holidays_and_after_half_days(instant: str, expected: str) -> None:
    stand, now = on_day(instant)
    assert state(status(stand, now=now)) == (expected, [])


@pytest.mark.step("A03")
def test_a_closed_market_needs_no_data_but_the_same_silence_halts_in_its_hours() -> None:
    stand, _ = on_day("2026-03-06T12:00:00-05:00")
    stand.wait(600 * S)
    assert state(status(stand)) == ("HALTED", ["MARKETDATA_STALE"])
    stand.wait(5 * 3600 * S)
    assert state(status(stand)) == ("MARKET_CLOSED", [])
