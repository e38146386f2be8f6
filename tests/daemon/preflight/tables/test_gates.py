"""Each gate's evidence: absent, empty, unreadable, too old, another environment's or raising, it never passes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from daemon.preflight.kept_io import folder_of, keep
from daemon.preflight.tables.evidence_file import FileLook, Ours, Told
from daemon.preflight.tables.gates import GATES, Waiver, blockers
from daemon.preflight.tables.gates_io import decide, last_decision, look_at, look_at_gates, waive, waivers_of
from domain.clock import NS_PER_S
from domain.errors import ConfigurationError
from domain.findings.finding import DUE_LATER, FAIL, NOT_CONFIGURED, PASS, UNKNOWN, Finding, Findings
from domain.stamps import utc_text

NOW_NS = 1_796_000_000 * NS_PER_S
OURS = Ours("paper@localhost", "config", "build", "lock")
NAMES = [look.name for look in GATES]


def good(look: FileLook, **changes: object) -> Findings:
    """A table that this gate takes."""
    table = Findings(
        *(look.name, True, 0, "paper", OURS.environment, OURS.config_hash, OURS.build_id),
        checked_utc=utc_text(NOW_NS),
        checks=(Finding("one", PASS, "well"), Finding("two", NOT_CONFIGURED, "left out")),
    )
    return msgspec.structs.replace(table, **changes)


def lay(state_dir: Path, look: FileLook, **changes: object) -> Path:
    return Path(keep(state_dir, good(look, **changes), NOW_NS)[0].path)


def test_every_gate_is_named_once() -> None:
    assert len(set(NAMES)) == len(NAMES) >= 13


@pytest.mark.step("O15")
@pytest.mark.parametrize("look", GATES, ids=NAMES)
def test_a_gate_passes_by_its_own_young_whole_evidence_alone(look: FileLook, tmp_path: Path) -> None:
    def now(at_ns: int = NOW_NS) -> Finding:
        return look_at(look, tmp_path, OURS, at_ns)

    assert (now().status, look.remedy in now().reason) == (UNKNOWN, True)
    path = lay(tmp_path, look)
    passed = now()
    assert passed.status is PASS, passed
    assert (passed.path, len(passed.sha256), bool(passed.mtime_utc)) == (str(path), 64, True)
    whole = path.read_bytes()
    for broken in (b"", b" \n", b"{", b"null", b"[]", b"\xff", whole[:-1], b"[" * 100):
        path.write_bytes(broken)
        assert now().status is FAIL, broken
    path.write_bytes(whole)
    assert now(NOW_NS + look.limit_s * NS_PER_S).status is PASS
    assert "too old" in now(NOW_NS + (look.limit_s + 1) * NS_PER_S).reason
    assert "a clock was wrong" in now(NOW_NS - 60 * NS_PER_S).reason
    path.unlink()
    assert now().status is UNKNOWN, "deleted after it had passed"


@pytest.mark.step("O15")
@pytest.mark.parametrize("look", GATES, ids=NAMES)
@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"environment": "live@api.example"}, "of live@api.example"),
        ({"environment": ""}, "of no environment"),
        ({"table": "another"}, "a table of another"),
        ({"checks": ()}, "without a line"),
        ({"checks": (Finding("one", FAIL, "broken"),)}, "one: FAIL broken"),
        ({"checks": (Finding("one", UNKNOWN, "gone"),)}, "one: UNKNOWN gone"),
        ({"checks": (Finding("one", DUE_LATER, "at 09:31"),)}, "one: DUE_LATER"),
        ({"ok": False, "exit_code": 69}, "exit code 69"),
    ],
)
def test_what_is_not_a_pass_of_ours_is_named(
    look: FileLook, changes: dict[str, object], named: str, tmp_path: Path
) -> None:
    path = lay(tmp_path, look)
    changed = msgspec.json.encode(good(look, **changes))
    path.write_bytes(changed)
    finding = look_at(look, tmp_path, OURS, NOW_NS)
    assert finding.status is FAIL
    assert named in finding.reason


@pytest.mark.step("O15")
@pytest.mark.parametrize("look", [look for look in GATES if look.same_build], ids=lambda look: look.name)
@pytest.mark.parametrize("field", ["config_hash", "build_id"])
def test_what_counts_for_one_build_counts_for_no_other(look: FileLook, field: str, tmp_path: Path) -> None:
    lay(tmp_path, look, **{field: "another"})
    assert look_at(look, tmp_path, OURS, NOW_NS).status is FAIL


def test_a_look_that_raises_fails_and_a_file_that_cannot_be_opened_is_unknown(tmp_path: Path) -> None:
    def broken(_data: bytes) -> Told:
        raise ZeroDivisionError("bug")

    look = GATES[0]._replace(read=broken)
    path = lay(tmp_path, look)
    assert "the look itself raised ZeroDivisionError" in look_at(look, tmp_path, OURS, NOW_NS).reason
    path.unlink()
    path.mkdir()
    assert look_at(GATES[0], tmp_path, OURS, NOW_NS).status is UNKNOWN


def all_good(state_dir: Path) -> None:
    for look in GATES:
        lay(state_dir, look)


@pytest.mark.step("O15")
def test_a_waiver_lets_a_gate_be_until_its_instant_and_is_kept(tmp_path: Path) -> None:
    all_good(tmp_path)
    next(folder_of(tmp_path, "soak").iterdir()).unlink()
    findings = look_at_gates(tmp_path, OURS, NOW_NS)
    assert len(blockers(findings, (), NOW_NS)) == 1
    waive(tmp_path, Waiver("soak", "ann", "the rack moves", utc_text(NOW_NS + 60 * NS_PER_S)))
    (kept,) = waivers_of(tmp_path)
    assert blockers(findings, (kept,), NOW_NS) == ()
    assert len(blockers(findings, (kept,), NOW_NS + 60 * NS_PER_S)) == 1
    assert "waived until" in kept.line(NOW_NS)
    assert "waiver over" in kept.line(NOW_NS + 60 * NS_PER_S)
    (tmp_path / "audit_artifacts" / "waivers.json").write_bytes(b"{")
    with pytest.raises(ConfigurationError):
        waivers_of(tmp_path)


@pytest.mark.step("O17")
def test_a_decision_is_go_only_without_blockers_and_names_its_evidence(tmp_path: Path) -> None:
    made, _ = decide(tmp_path, look_at_gates(tmp_path, OURS, NOW_NS), OURS, "ann", "why", NOW_NS)
    assert not made.go
    assert len(made.blockers) == len(GATES)
    assert "NO-GO" in last_decision(tmp_path, OURS, NOW_NS)[1]
    all_good(tmp_path)
    made, path = decide(tmp_path, look_at_gates(tmp_path, OURS, NOW_NS + 1), OURS, "ann", "why", NOW_NS + NS_PER_S)
    assert made.go
    assert all(len(gate.sha256) == 64 for gate in made.gates)
    assert last_decision(tmp_path, OURS, NOW_NS + NS_PER_S) == (str(path), "")


@pytest.fixture(name="went")
def _went(tmp_path: Path) -> Path:
    """A state directory with a GO that stands."""
    all_good(tmp_path)
    decide(tmp_path, look_at_gates(tmp_path, OURS, NOW_NS), OURS, "ann", "why", NOW_NS)
    assert last_decision(tmp_path, OURS, NOW_NS)[1] == ""
    return tmp_path


def _replace(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"well"', b'"swell"'))


@pytest.mark.step("O17")
@pytest.mark.parametrize("act", [Path.unlink, _replace, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("name", NAMES)
def test_a_go_counts_no_more_when_any_evidence_is_gone_or_another(
    name: str, act: Callable[[Path], None], went: Path
) -> None:
    (path,) = folder_of(went, name).iterdir()
    act(path)
    assert name in last_decision(went, OURS, NOW_NS)[1]


@pytest.mark.step("O17")
def test_a_go_expires_and_is_of_this_build_alone(went: Path) -> None:
    day_ns = 24 * 3600 * NS_PER_S
    assert "expired" in last_decision(went, OURS, NOW_NS + day_ns)[1]
    assert "another environment" in last_decision(went, OURS._replace(build_id="another"), NOW_NS)[1]
    (path,) = folder_of(went, "decision").iterdir()
    path.write_bytes(b"{")
    assert "cannot be read" in last_decision(went, OURS, NOW_NS)[1]
    path.unlink()
    assert "there is none" in last_decision(went, OURS, NOW_NS)[1]
