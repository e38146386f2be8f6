"""The preflight's evidence: what it lets through, when its age counts, and when it is run again."""

from __future__ import annotations

import msgspec
import pytest

from domain.clock import NS_PER_S, Now
from domain.events import PreflightRun
from domain.findings.finding import DUE_LATER, FAIL, UNKNOWN, Finding
from domain.reasons import GateStatus, Reason
from domain.window import Phase
from guards.evidence.preflight import AGAIN_IDLE_NS, AGAIN_NS, ANSWER_LIMIT_NS, PreflightGuard, PreflightSettings

S = NS_PER_S
MINUTE = 60 * S
TARGET = 10**18
GOOD = PreflightRun(1, "config", "build", 30, (), (), "file", "sha", "")
BAD = (Finding("disk", FAIL, "full"),)
LATER = (Finding("data_freshness", DUE_LATER, "judged at 09:31"),)


def at(ns: int) -> Now:
    return Now(ns, 10**18 + ns)


def guard(*, hurried: bool = False) -> PreflightGuard:
    made = PreflightGuard(PreflightSettings(), hurried=hurried)
    made.started("config", "build")
    return made


def told(run: PreflightRun = GOOD, ns: int = 0, *, hurried: bool = False) -> PreflightGuard:
    made = guard(hurried=hurried)
    assert made.due(at(ns), {}) == "the start"
    assert made.observe(msgspec.structs.replace(run, number=made.begun(at(ns))))
    return made


def test_it_is_closed_when_it_knows_nothing() -> None:
    made = guard()
    made.judge("INXU", Phase.QUOTING, TARGET, at(0))
    assert made.vote("INXU").status is GateStatus.UNKNOWN
    assert made.vote("another").status is GateStatus.UNKNOWN
    assert made.standing(at(0)).reason is Reason.NO_EVIDENCE


@pytest.mark.step("K01")
@pytest.mark.parametrize(
    ("run", "named"),
    [
        (msgspec.structs.replace(GOOD, against=BAD), "disk: full"),
        (msgspec.structs.replace(GOOD, against=(Finding("disk", UNKNOWN, "cannot be read"),)), "disk: cannot be read"),
        (msgspec.structs.replace(GOOD, problem="not over in 45 s"), "not over in 45 s"),
        (msgspec.structs.replace(GOOD, config_hash="another"), "of configuration another, not of config"),
        (msgspec.structs.replace(GOOD, build_id="older"), "of build older, not of build"),
        (msgspec.structs.replace(GOOD, passed=0), "passed nothing"),
    ],
)
def test_what_did_not_pass_here_stands_against_everything(run: PreflightRun, named: str) -> None:
    made = told(run)
    for opens in (False, True):
        vote = made.standing(at(0), opens=opens)
        assert not vote.open
        assert named in vote.detail


@pytest.mark.step("K01")
def test_its_age_counts_when_it_is_asked_for_and_not_inside_the_window_that_it_opened() -> None:
    made = told()
    assert made.standing(at(15 * MINUTE)).open
    assert not made.standing(at(15 * MINUTE + 1)).open
    made.judge("INXU", Phase.QUOTING, TARGET, at(15 * MINUTE))
    made.judge("INXU", Phase.STRICT, TARGET, at(40 * MINUTE))
    assert made.vote("INXU").open
    made.judge("INXU", Phase.QUOTING, TARGET + 1, at(40 * MINUTE))
    assert not made.vote("INXU").open


def test_a_window_that_opened_stays_open_when_a_later_preflight_fails() -> None:
    made = told()
    made.judge("INXU", Phase.QUOTING, TARGET, at(0))
    made.want("somebody asks")
    made.observe(msgspec.structs.replace(GOOD, number=made.begun(at(S)), against=BAD))
    made.judge("INXU", Phase.QUOTING, TARGET, at(S))
    assert made.vote("INXU").open
    made.judge("NASDAQ100U", Phase.QUOTING, TARGET, at(S))
    assert not made.vote("NASDAQ100U").open, "what was not open yet does not open"


def test_what_is_judged_later_arms_and_never_opens() -> None:
    made = told(msgspec.structs.replace(GOOD, later=LATER))
    assert made.standing(at(0)).open
    assert not made.standing(at(0), opens=True).open
    assert made.later() == ("data_freshness: judged at 09:31",)


@pytest.mark.parametrize("name", ["kill_switch", "cancel_all_markers", "risk_budget"])
def test_what_the_gate_judges_in_every_step_is_left_to_it(name: str) -> None:
    made = told(msgspec.structs.replace(GOOD, against=(Finding(name, FAIL, "on"),)))
    assert made.standing(at(0)).open


def test_a_resume_may_lift_what_it_names() -> None:
    made = told(msgspec.structs.replace(GOOD, against=BAD))
    assert made.standing(at(0), lifted=frozenset({"disk"})).open


def test_it_runs_at_the_start_before_each_window_and_while_it_fails() -> None:
    made = told()
    assert made.due(at(S), {}) == ""
    assert made.due(at(S), {TARGET: Phase.PREFLIGHT}) == "a window is about to open"
    made.observe(msgspec.structs.replace(GOOD, number=made.begun(at(S))))
    assert made.due(at(2 * S), {TARGET: Phase.QUOTING}) == "", "once for each window"
    bad = told(msgspec.structs.replace(GOOD, against=BAD))
    assert bad.due(at(AGAIN_NS), {}) == ""
    assert bad.due(at(AGAIN_IDLE_NS), {}) != ""
    bad = told(msgspec.structs.replace(GOOD, against=BAD))
    assert bad.due(at(0), {TARGET: Phase.QUOTING}) != ""


def test_short_windows_share_one() -> None:
    made = told(hurried=True)
    assert made.due(at(S), {TARGET: Phase.PREFLIGHT}) == ""
    assert made.due(at(6 * MINUTE), {TARGET + 1: Phase.PREFLIGHT}) != ""


def test_no_answer_in_time_is_no_evidence_and_a_late_one_says_nothing() -> None:
    made = guard()
    number = made.begun(at(0))
    assert made.due(at(ANSWER_LIMIT_NS), {}) == ""
    made.due(at(ANSWER_LIMIT_NS + 1), {})
    assert "no answer" in made.standing(at(ANSWER_LIMIT_NS + 1)).detail
    assert not made.observe(msgspec.structs.replace(GOOD, number=number))
    assert not made.standing(at(ANSWER_LIMIT_NS + 1)).open


def test_its_age_alone_is_waited_for_outside_windows() -> None:
    made = told()
    assert made.waits(Phase.CLOSED)
    assert not made.waits(Phase.QUOTING)
    assert not told(msgspec.structs.replace(GOOD, against=BAD)).waits(Phase.CLOSED)
    assert not guard().waits(Phase.CLOSED)
