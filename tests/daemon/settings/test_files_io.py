from __future__ import annotations

from pathlib import Path

from daemon.settings.files_io import keep_config, read_optional, read_reference_data
from tests.daemon.kept import settings_in


def test_a_file_that_cannot_be_read_is_none_and_no_error(tmp_path: Path) -> None:
    assert read_optional(tmp_path / "nowhere") is None
    assert read_optional(tmp_path) is None
    (tmp_path / "x").write_bytes(b"\xff")
    assert read_optional(tmp_path / "x") == b"\xff"


def test_papers_are_the_files_that_the_settings_name(tmp_path: Path) -> None:
    settings = settings_in(tmp_path).model_copy(update={"calendar_file": tmp_path / "nowhere.csv"})
    reference = read_reference_data(settings)
    assert reference.fees == settings.fees_file.read_bytes()
    assert reference.calendar is None


def test_what_is_kept_has_no_secret_and_is_written_once(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    feeds = settings.feeds.model_validate(settings.feeds.model_dump() | {"api_key": "k3y~secret"})
    settings = settings.model_copy(update={"feeds": feeds})
    keep_config(settings, "digest")
    path = tmp_path / "config" / "digest.json"
    assert b"k3y~secret" not in path.read_bytes()
    path.write_bytes(b"first")
    keep_config(settings, "digest")
    assert path.read_bytes() == b"first"
