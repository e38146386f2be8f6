"""The manifest: what runs is what was released, or it is named what differs."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from daemon.preflight.tables.evidence_file import Ours
from daemon.preflight.tables.manifest import Manifest, manifest_finding
from daemon.preflight.tables.manifest_io import FILE, look_at_manifest, ours_of, write_manifest
from domain.findings.finding import FAIL, NOT_CONFIGURED, PASS, UNKNOWN
from tests.daemon.stand import short_settings

OURS = Ours("live@host", "config", "build", "lock")
RISK = {"per_day_dollars": 1000}
RELEASED = Manifest("build", "lock", "config", "live@host", RISK, "now", "ann", "why")


def found(manifest: Manifest | None, *, live: bool = True) -> tuple[str, str]:
    data = None if manifest is None else msgspec.json.encode(manifest)
    finding = manifest_finding(data, OURS, RISK, live=live)
    return finding.status, finding.reason


@pytest.mark.step("O01")
def test_live_wants_one_and_paper_may_do_without() -> None:
    assert found(None)[0] == UNKNOWN
    assert found(None, live=False)[0] == NOT_CONFIGURED
    assert found(RELEASED)[0] == PASS


@pytest.mark.step("O01")
@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"build_id": "another"}, "build another is named, build is here"),
        ({"lock_hash": "another"}, "lock another is named"),
        ({"config_hash": "another"}, "configuration another is named"),
        ({"environment": "paper@host"}, "environment paper@host is named"),
        ({"risk": {"per_day_dollars": 9999}}, "risk limits"),
    ],
)
def test_what_it_does_not_name_fails(changes: dict[str, object], named: str) -> None:
    for live in (True, False):
        status, reason = found(msgspec.structs.replace(RELEASED, **changes), live=live)
        assert (status, named in reason) == (FAIL, True)


@pytest.mark.parametrize("data", [b"", b"{}", b"null", b"[" * 99])
def test_what_is_no_manifest_fails(data: bytes) -> None:
    assert manifest_finding(data, OURS, RISK, live=True).status is FAIL


@pytest.mark.step("O01")
def test_it_is_written_whole_and_a_dated_copy_is_kept(tmp_path: Path) -> None:
    settings = short_settings(state_dir=tmp_path)
    assert look_at_manifest(settings).status is NOT_CONFIGURED
    made, path = write_manifest(settings, "ann", "why", 1)
    assert (made.build_id, made.lock_hash, made.config_hash, made.environment) == (
        ours_of(settings).build_id,
        ours_of(settings).lock_hash,
        ours_of(settings).config_hash,
        "paper@127.0.0.1",
    )
    assert made.lock_hash
    assert made.risk["per_day_dollars"] == settings.risk.per_day_dollars
    assert len(list((tmp_path / "audit_artifacts" / "manifest").iterdir())) == 1
    assert look_at_manifest(settings).status is PASS
    assert look_at_manifest(short_settings(state_dir=tmp_path, risk={"markets_max": 3})).status is FAIL
    path.unlink()
    (tmp_path / FILE).mkdir()
    assert look_at_manifest(settings).status is FAIL
