"""Every rule is seen to fire by a real Prometheus that scrapes a real daemon, under its own fault."""

from __future__ import annotations

import datetime as dt
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from sim.local.waiting import utc_s
from tests.live.prometheus import (
    DURATION,
    FOLDER,
    Prometheus,
    divided,
    durations_ms,
    expression_of,
    prometheus,
    same_but_for_durations,
)
from tests.live.rule_faults import FAULTS, Fault
from tests.live.stage import Stage, playing, until

RULES = (FOLDER / "ladderd.rules.yml").read_text("utf-8")
QUIET_LIMIT_S = 30


class Told(Prometheus):
    """One that answers every question with the same versions of rules."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def query(self, expression: str, at_s: float | None = None) -> list[dict[str, Any]]:  # noqa: ARG002 - the same
        """These, whatever was asked."""
        return [{"metric": {"alertname": name}} for name in self.names]


def drilled(server: Prometheus, stage: Stage, fault: Fault) -> str:
    """Make one fault; what is wrong, empty when each of its rules fired after it began."""
    try:
        # What an earlier fault left pending or firing proves nothing of this one.
        until("quiet", lambda: not server.loud(fault.rules), QUIET_LIMIT_S, 0.25)
    except AssertionError:
        return f"{fault.name}: not quiet before it: {sorted(server.loud(fault.rules))}"
    began_s, before = utc_s(), server.active()
    problems: list[str] = []
    for _ in range(fault.tries):
        try:
            with fault.act(stage):
                until("fired", lambda: set(fault.rules) <= server.fired_since(began_s, before), fault.limit_s, 0.25)
        except AssertionError as problem:
            stage.heal()
            problems.append(str(problem))
        else:
            return ""
    return f"{fault.name}: {sorted(set(fault.rules) - server.fired_since(began_s, before))}: {'; '.join(problems)}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_division_changes_durations_and_nothing_else() -> None:
    faster = divided(RULES)
    assert same_but_for_durations(RULES, faster)
    assert DURATION.sub("", faster) == DURATION.sub("", RULES)
    assert len(durations_ms(faster)) == len(durations_ms(RULES)) > 40


@pytest.mark.parametrize(
    ("was", "becomes"), [("> 0.25\n", "> 0.26\n"), ("for: 30000ms", "for: 29000ms"), ("== 1", "== 0")]
)
def test_a_change_beside_the_division_is_noticed(was: str, becomes: str) -> None:
    faster = divided(RULES)
    assert was in faster
    assert not same_but_for_durations(RULES, faster.replace(was, becomes, 1))


def test_what_was_active_before_a_fault_does_not_count_as_fired_by_it() -> None:
    both = Told("LadderdErrors", "FasterLadderdErrors")
    assert both.loud(("LadderdErrors", "LadderdFiles")) == {"LadderdErrors"}
    assert both.fired_since(utc_s(), both.active()) == set()
    assert both.fired_since(utc_s(), {"LadderdErrors"}) == {"LadderdErrors"}
    assert Told("LadderdErrors").loud(("LadderdErrors",)) == set()


@pytest.mark.live
@pytest.mark.long
def test_a_prometheus_that_lost_its_job_says_that_ladderd_is_missing(tmp_path: Path) -> None:
    with prometheus(tmp_path, "", free_port()) as server:
        until("told", lambda: server.fired_since(utc_s() - 60, set()) == {"LadderdMissing"}, 30, 0.25)


@pytest.mark.live
@pytest.mark.long
def test_a_daemon_that_is_gone_is_down_in_trading_hours_only(tmp_path: Path) -> None:
    days = {"Friday": "2026-11-20", "Saturday": "2026-11-21"}
    instants = {
        (day, clock, up): dt.datetime.fromisoformat(f"{date}T{clock}:00Z").timestamp() + up * 60
        for day, date in days.items()
        for clock in ("12:50", "13:00", "21:00", "21:15")
        for up in (0, 1)
    }
    told = [f'up{{job="ladderd"}} {up} {at:.0f}' for (_, _, up), at in instants.items()]
    history = "\n".join(["# TYPE up gauge", *told, "# EOF", ""])
    with prometheus(tmp_path, "", free_port(), history) as server:
        down = {which for which, at_s in instants.items() if server.query(expression_of("LadderdDown"), at_s)}
    assert down == {("Friday", "13:00", 0), ("Friday", "21:00", 0)}


@pytest.mark.live
@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.step("K21")
@pytest.mark.parametrize("long", [False, True], ids=["short", "long"])
def test_each_rule_fires_under_its_own_fault(tmp_path: Path, *, long: bool) -> None:
    if long and "RULES_DRILL" not in os.environ:
        pytest.skip("some minutes more: make rules-drill")
    chosen = [fault for fault in FAULTS if fault.long is long]
    settings = {"http.port": str(free_port()), "quoting.reject_cooldown_ms": "100"}
    stage = Stage(tmp_path / "state", period_s=20, strict_s=8, first_open_s=8, settings=settings)
    missed: list[str] = []
    with playing(stage), prometheus(tmp_path / "prometheus", stage.http.removeprefix("http://"), free_port()) as server:
        until("scraped", lambda: server.query("ladderd_ready"), 20, 0.2)
        for fault in chosen:
            began_s = utc_s()
            missed += filter(None, [drilled(server, stage, fault)])
            print(f"{utc_s() - began_s:5.1f} s  {fault.name}")  # noqa: T201 - for the log of a long test
    assert not missed, "\n".join(missed)
