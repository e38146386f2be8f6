from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from daemon.cli import doctor_io
from daemon.cli.doctor_io import doctor
from daemon.client.requests_io import open_requests_folder
from journal.marker_io import open_cancel_all
from journal.opening_io import take_lock

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration but the test's own."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("LADDERD_") or name == "CREDENTIALS_DIRECTORY":
            monkeypatch.delenv(name)


def looked(config: Path | None) -> tuple[int, dict[str, tuple[str, str]]]:
    said: list[str] = []
    code = doctor(config, None, said.append, as_json=True)
    rows = json.loads(said[0])
    return code, {row["name"]: (row["status"], row["seen"]) for row in rows}


def test_without_a_configuration_it_says_what_to_give() -> None:
    said: list[str] = []
    assert doctor(None, None, said.append, as_json=False) == 1
    assert any("no configuration file" in line and "--config FILE" in line for line in said)


def test_each_thing_that_is_missing_is_named_and_what_is_there_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_io, "INSTALLED", tmp_path / "not-installed")
    home = tmp_path / "state"
    config = tmp_path / "c.toml"
    reference = "".join(f'{name} = "{ROOT}/configs/{file}"\n' for name, file in
                     (("fees_file", "fees.json"), ("calendar_file", "nyse_days.csv")))  # fmt: skip
    config.write_text(f'state_dir = "{home}"\n{reference}', "utf-8")
    code, seen = looked(config)
    assert code == 1
    assert {name for name, (status, _) in seen.items() if status == "ok"} == {
        "account", "configuration", "fees", "calendar", "kill switch",
    }  # fmt: skip
    (home / "journal").mkdir(parents=True)
    open_requests_folder(home)
    open_cancel_all(home, 1)
    (home / "KILL_SWITCH").write_text("ann: fire")
    monkeypatch.setenv("LADDERD_EXCHANGE__API_KEY_ID", "the-id-of-the-key")
    monkeypatch.setenv("LADDERD_EXCHANGE__PRIVATE_KEY", "the-key-itself")
    code, seen = looked(config)
    assert code == 1, "no daemon lives"
    assert {name for name, (status, _) in seen.items() if status != "ok"} == {"daemon"}
    assert seen["kill switch"][1] == "ON: ann: fire"
    assert not re.search("the-id-of|the-key-itself", repr(seen))
    (home / "requests").chmod(0o700)
    lock = take_lock(home)
    code, seen = looked(config)
    os.close(lock)
    assert seen["requests"][0] == "MISSING"
    assert seen["daemon"] == ("UNKNOWN", f"process {os.getpid()} lives and has left no address")


def test_an_installation_has_its_unit_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_io, "INSTALLED", tmp_path)
    monkeypatch.setattr(doctor_io, "UNIT_FILES", (str(tmp_path), str(tmp_path / "gone")))
    assert [one.status for one in doctor_io._units()] == ["ok", "MISSING"]  # noqa: SLF001 - needs no installation
