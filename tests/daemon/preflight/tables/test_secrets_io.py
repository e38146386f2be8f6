"""The scan finds a secret wherever it lies, and says where and never what."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.preflight.tables import secrets_io
from daemon.preflight.tables.secrets_io import OVERLAP_BYTES, PART_BYTES, scan_place
from domain.findings.finding import FAIL, PASS, UNKNOWN, Finding

SECRET = b"key-0123456789"
PEM = b"-----BEGIN PRIVATE KEY-----\n" + b"QUJD" * 20 + b"\n-----END PRIVATE KEY-----\n"


def scanned(folder: Path, *keys: Path, forms: bool = True) -> Finding:
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return scan_place("state", paths, [SECRET], frozenset(keys), forms=forms)


@pytest.mark.step("O15")
@pytest.mark.parametrize("body", [SECRET, b"x" * 100 + SECRET + b"y", PEM, b"a" * (PART_BYTES - 5) + SECRET])
def test_a_secret_is_found_and_not_told(body: bytes, tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(b"nothing")
    assert scanned(tmp_path).status is PASS
    (tmp_path / "log.jsonl").write_bytes(body)
    finding = scanned(tmp_path)
    assert finding.status is FAIL
    assert "log.jsonl" in finding.reason
    assert SECRET.decode() not in finding.reason
    assert len(SECRET) < OVERLAP_BYTES


def test_our_own_key_may_lie_where_it_is_configured(tmp_path: Path) -> None:
    own = tmp_path / "key.pem"
    own.write_bytes(PEM)
    (tmp_path / "other").write_bytes(b"x")
    assert scanned(tmp_path, own).status is PASS
    assert scanned(tmp_path).status is FAIL
    assert scanned(tmp_path, forms=False).status is PASS


def test_nothing_looked_through_or_unreadable_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert scanned(tmp_path).status is UNKNOWN

    def refuses(*_: object, **__: object) -> bool:
        raise PermissionError(13, "no")

    (tmp_path / "closed").write_bytes(b"x")
    monkeypatch.setattr(secrets_io, "_holds", refuses)
    assert scanned(tmp_path).status is UNKNOWN
