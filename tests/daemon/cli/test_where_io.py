from __future__ import annotations

import os
from pathlib import Path

import pytest

from daemon.cli.where_io import home_in_an_emergency, home_of, words
from domain.errors import ConfigurationError


@pytest.mark.parametrize(("raw", "text"), [(b"M\xc3\xbcller", "Müller"), (b"M\xfcller", "Müller"), (b"ann", "ann")])
def test_words_in_any_encoding_are_words(raw: bytes, text: str) -> None:
    assert words(os.fsdecode(raw)) == text
    assert words(os.fsdecode(raw)).encode()


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("LADDERD_"):
            monkeypatch.delenv(name)


def test_option_then_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "c.toml").write_text('state_dir = "of-the-file"\n')
    assert home_of(None, None) == Path("state")
    assert home_of(tmp_path / "c.toml", None) == Path("of-the-file")
    assert home_of(tmp_path / "no.toml", Path("given")) == Path("given"), "needs no configuration"
    monkeypatch.setenv("LADDERD_STATE_DIR", "of-the-environment")
    assert home_of(tmp_path / "c.toml", None) == Path("of-the-environment")


def test_an_emergency_goes_on_without_a_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.toml").write_text("nonsense = 1\n")
    with pytest.raises(ConfigurationError):
        home_of(tmp_path / "c.toml", None)
    assert home_in_an_emergency(tmp_path / "c.toml", None) == Path("state")
    assert "the request goes to state" in capsys.readouterr().err
    monkeypatch.setattr("daemon.settings.load_io.INSTALLED_STATE", str(tmp_path))
    assert home_in_an_emergency(tmp_path / "c.toml", None) == tmp_path
    monkeypatch.setenv("LADDERD_STATE_DIR", "of-the-environment")
    assert home_in_an_emergency(tmp_path / "c.toml", None) == Path("of-the-environment")
