"""An approved configuration is known by its hash, whoever approved it, and a change of it is seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.settings.pin_io import read_pin, write_pin
from daemon.settings.tree import Settings, config_hash


def test_none_was_ever_approved(tmp_path: Path) -> None:
    assert read_pin(tmp_path) is None


def test_the_hash_is_read_without_who_and_why(tmp_path: Path) -> None:
    digest = config_hash(Settings())
    path = write_pin(tmp_path / "state", digest, "ada", "as\nreviewed")
    assert path.read_text(encoding="utf-8") == f"{digest} by ada: as reviewed\n"
    assert read_pin(tmp_path / "state") == digest
    write_pin(tmp_path / "state", "another", "ada", "more")
    assert read_pin(tmp_path / "state") == "another"


@pytest.mark.parametrize(("text", "approved"), [("abc\n", "abc"), ("", ""), ("\n", "")])
def test_a_hash_written_by_hand_counts_too(tmp_path: Path, text: str, approved: str) -> None:
    (tmp_path / "config_pin").write_text(text, encoding="utf-8")
    assert read_pin(tmp_path) == approved
