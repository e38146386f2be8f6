"""A capture before or after a session: whole, hashed, taken anew, and honest about what could not be read."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from daemon.preflight.tables import capture_io
from daemon.preflight.tables.capture_io import PHASES, Source, Taken, ops_run, sources, take
from daemon.settings.tree import Settings
from domain.findings.finding import PASS, UNKNOWN, Finding, Findings, read_findings
from tests.daemon.stand import short_settings

ASKED = {
    "status", "metrics", "preflight", "reconcile", "orders", "positions", "windows", "config", "manifest", "alerts",
    "feed", "calendar",
}  # fmt: skip


def index(state_dir: Path) -> list[Findings]:
    paths = sorted((state_dir / "audit_artifacts" / "ops_runs").glob("*/index.json"))
    return [read_findings(path.read_bytes()) for path in paths]


@pytest.mark.step("A06")
@pytest.mark.parametrize("phase", PHASES)
def test_each_file_is_taken_anew_with_time_and_hash(
    phase: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []

    def read(source: Source, *_: object) -> Taken:
        taken.append(source.name)
        return Taken(f"{source.name} {len(taken)}".encode(), Finding(source.name, PASS, "read"))

    monkeypatch.setattr(capture_io, "take", read)
    settings = short_settings(state_dir=tmp_path)
    assert ops_run(settings, phase, (), as_json=True) == 0
    assert ops_run(settings, phase, (), as_json=True) == 0
    first, second = index(tmp_path)
    assert {Path(one.path).stem for one in first.checks} >= ASKED
    assert len(first.checks) >= 12
    for table in (first, second):
        for one in table.checks:
            assert hashlib.sha256(Path(one.path).read_bytes()).hexdigest() == one.sha256
            assert one.mtime_utc
            assert phase in one.path
    assert {one.sha256 for one in first.checks}.isdisjoint(one.sha256 for one in second.checks), "nothing is reused"


@pytest.mark.step("A06")
def test_one_that_could_not_be_read_is_there_as_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(source: Source, settings: Settings, options: tuple[str, ...]) -> Taken:
        return take(source, settings, options) if source.page else Taken(b"x", Finding(source.name, PASS, "read"))

    monkeypatch.setattr(capture_io, "take", read)
    assert ops_run(short_settings(state_dir=tmp_path), "pre_market", (), as_json=False) == 1
    (table,) = index(tmp_path)
    unknown = [one for one in table.checks if one.status is UNKNOWN]
    pages = {source.name for source in sources(short_settings(state_dir=tmp_path)) if source.page}
    assert {Path(one.path).name for one in unknown} == pages
    assert all(b"UNKNOWN" in Path(one.path).read_bytes() for one in unknown)


@pytest.mark.step("A06")
def test_a_command_that_fails_or_says_nothing_and_a_file_that_is_gone_are_unknown(tmp_path: Path) -> None:
    settings = short_settings(state_dir=tmp_path)
    assert take(Source("x", ("no-such-command",)), settings, ()).finding.status is UNKNOWN
    assert take(Source("x", file=tmp_path / "gone"), settings, ()).finding.status is UNKNOWN
    (tmp_path / "empty").touch()
    assert take(Source("x", file=tmp_path / "empty"), settings, ()).finding.status is UNKNOWN
    assert len({source.name for source in sources(settings)}) == len(sources(settings))
