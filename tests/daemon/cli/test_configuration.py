"""The commands about the configuration, as an operator types them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from daemon.cli import commands
from daemon.settings.pin_io import read_pin


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration but the test's own."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("LADDERD_") or name == "CREDENTIALS_DIRECTORY":
            monkeypatch.delenv(name)


def typed(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["ladderd", "config", *arguments])
    return commands.main()


def toml(tmp_path: Path, text: str) -> str:
    path = tmp_path / "ladderd.toml"
    path.write_text(text, "utf-8")
    return str(path)


PIN = ("pin", "--by", "ada", "--cause", "reviewed")


@pytest.mark.step("K16")
def test_diff_names_what_differs_from_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = toml(tmp_path, "[risk]\nper_day_dollars = 50\n")
    assert typed(monkeypatch, "diff", "--config", config) == 1
    assert "risk.per_day_dollars: 50, not 1000" in capsys.readouterr().out
    assert typed(monkeypatch, "diff", "--config", config, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["differences"] == [{"key": "risk.per_day_dollars", "ours": "50", "theirs": "1000"}]
    assert typed(monkeypatch, "diff", "--config", toml(tmp_path, 'mode = "paper"\n')) == 0


@pytest.mark.step("K16")
def test_diff_compares_with_another_file_and_refuses_a_bad_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = toml(tmp_path, "[risk]\nper_day_dollars = 50\n")
    other = tmp_path / "other.toml"
    other.write_text("[risk]\nper_day_dollars = 50\n")
    assert typed(monkeypatch, "diff", "--config", config, "--against", str(other)) == 0
    other.write_text("[risk]\nper_day_dolars = 50\n")
    assert typed(monkeypatch, "diff", "--config", config, "--against", str(other)) == 78
    assert "did you mean risk.per_day_dollars?" in capsys.readouterr().err
    assert typed(monkeypatch, "diff", "--config", config, "--against", str(tmp_path / "nowhere")) == 78


@pytest.mark.step("K16")
def test_diff_compares_with_the_approved_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state = str(tmp_path / "elsewhere")
    config = toml(tmp_path, "[risk]\nper_day_dollars = 50\n")
    asked = ("diff", "--config", config, "--against", "pin", "--state-dir", state)
    assert typed(monkeypatch, *asked) == 78
    assert "nothing was approved" in capsys.readouterr().err
    assert typed(monkeypatch, *PIN, "--config", config, "--state-dir", state) == 0
    assert not (tmp_path / "state").exists(), "it honours --state-dir"
    monkeypatch.setenv("LADDERD_EXCHANGE__API_KEY_ID", "who-asks-holds-the-keys")
    assert typed(monkeypatch, *asked) == 0
    monkeypatch.setenv("LADDERD_RISK__PER_DAY_DOLLARS", "60")
    assert typed(monkeypatch, *asked) == 1
    assert "risk.per_day_dollars: 60, not 50" in capsys.readouterr().out
    for kept in (tmp_path / "elsewhere" / "config").iterdir():
        kept.unlink()
    assert typed(monkeypatch, *asked) == 78
    assert "was not kept" in capsys.readouterr().err


@pytest.mark.step("K16")
def test_the_built_in_defaults_are_never_approved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(monkeypatch, *PIN) == 78
    assert "no configuration file" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()
    assert typed(monkeypatch, *PIN, "--config", toml(tmp_path, 'mode = "paper"\n')) == 0
    assert read_pin(tmp_path / "state")


def test_show_honours_the_state_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(monkeypatch, "show", "--config", toml(tmp_path, 'mode = "paper"\n'), "--state-dir", "there") == 0
    assert '"state_dir": "there"' in capsys.readouterr().out


def test_explain_says_what_a_key_means(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(monkeypatch, "explain", "quoting.minimum_ev_cents") == 0
    assert "The least expected gain" in capsys.readouterr().out
    assert typed(monkeypatch, "explain", "quoting.minimum_ev_cent") == 2
    assert "did you mean quoting.minimum_ev_cents?" in capsys.readouterr().err
