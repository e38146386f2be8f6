"""Where the configuration comes from: later sources win, and every mistake is one line that names it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.settings.load_io import load, private_key_pem, require_secrets
from domain.errors import ConfigurationError

KEY = "k3y~0123456789abcdef"


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration but the test's own."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("LADDERD_") or name == "CREDENTIALS_DIRECTORY":
            monkeypatch.delenv(name)


def refused(config: Path | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(config)
    text = str(caught.value)
    assert text
    assert "\n" not in text
    return text


def toml(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "ladderd.toml"
    path.write_text(text, "utf-8")
    return path


def test_without_any_source_the_defaults_hold() -> None:
    assert load(None).mode == "paper"


def test_environment_over_env_local_over_credentials_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = toml(tmp_path, '[risk]\nper_day_dollars = 1\nmarkets_max = 1\n[log]\nlevel = "debug"\n[http]\nport = 1\n')
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "risk__per_day_dollars").write_text("2\n")
    (folder / "risk__markets_max").write_text("2\n")
    (folder / "http__port").write_text("2\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    (tmp_path / ".env.local").write_text("LADDERD_RISK__MARKETS_MAX=3\nLADDERD_HTTP__PORT=3\n")
    monkeypatch.setenv("LADDERD_HTTP__PORT", "4")
    found = load(config)
    assert (found.log.level, found.risk.per_day_dollars, found.risk.markets_max, found.http.port) == ("debug", 2, 3, 4)
    assert load(config, mode="paper", state_dir=Path("x")).state_dir == Path("x")


def test_secrets_come_from_the_credential_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "exchange__api_key_id").write_text(KEY + "\n")
    (folder / "ladderd_feeds__api_key").write_text(KEY)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    found = load(None)
    assert found.exchange.api_key_id is not None
    assert found.exchange.api_key_id.get_secret_value() == KEY
    assert found.feeds.key_of(found.feeds.primary) == KEY


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nonsense = 1\n", "nonsense"),
        ("[windows]\nopen_led_s = 3\n", "windows.open_led_s"),
        ("[risk]\nper_day_dollars = 0\n", "risk.per_day_dollars"),
        ('[risk]\nper_day_dollars = "many"\n', "risk.per_day_dollars"),
        ("[risk\n", "ladderd.toml"),
        ("mode = live\n", "ladderd.toml"),
        ('mode = "live"\n', "live mode only talks to"),
        ("[windows]\nseries = 3\n", "windows.series"),
        ("windows = 3\n", "windows"),
        ("[a]\nx=1\n[b]\ny=1\n", "and 1 more"),
    ],
)
def test_a_bad_file_is_one_line_that_names_the_place(tmp_path: Path, text: str, told: str) -> None:
    assert told in refused(toml(tmp_path, text))


def test_a_file_that_is_not_there_or_not_text_is_one_line(tmp_path: Path) -> None:
    assert "no such configuration file" in refused(tmp_path / "nowhere.toml")
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    assert "binary.toml" in refused(path)
    assert refused(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LADDERD_NONSENSE", "1"),
        ("LADDERD_RISK__NONSENSE", "1"),
        ("LADDERD_RISK__PER_DAY_DOLLARS", "-1"),
        ("LADDERD_RISK", "{"),
        ("LADDERD_RISK", "[]"),
        ("LADDERD_MODE", ""),
        ("LADDERD_FEEDS__NONSENSE", "1"),
        ("LADDERD_FEEDS__PRIMARY__NONSENSE", "1"),
        ("LADDERD_MODE__X", "1"),
    ],
)
def test_a_bad_variable_is_one_line(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert name.removeprefix("LADDERD_").split("__")[-1].lower() in refused().lower()


@pytest.mark.parametrize("text", ["LADDERD_NONSENSE=1\n", "LADDERD_RISK__NONSENSE=1\n", "LADDERD_HTTP__PORT=x\n"])
def test_a_bad_env_local_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / ".env.local").write_text(text)
    assert refused()


@pytest.mark.parametrize("names", [("nonsense",), ("exchange", "exchange__api_key_id"), ("exchange__api_key_id__x",)])
def test_a_bad_credential_directory_is_one_line(
    names: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir()
    for name in names:
        (folder / name).write_text(KEY)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    assert KEY not in refused()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "nowhere"))
    assert refused()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(text=st.text(alphabet="[]=\"'{},.#\n\\ abc_019-:", max_size=40), wrap=st.booleans())
def test_no_text_of_a_file_makes_more_than_one_line_or_shows_a_key(tmp_path: Path, text: str, wrap: bool) -> None:  # noqa: FBT001 - drawn
    body = f'[exchange]\napi_key_id = "{KEY}"\n{text}' if wrap else f'{text}\n[feeds]\napi_key = "{KEY}"\n'
    config = toml(tmp_path, body)
    said = _said(config)
    assert "\n" not in said
    assert KEY not in said


def _said(config: Path) -> str:
    """What a person sees of it: the settings, or why there are none."""
    try:
        return repr(load(config))
    except ConfigurationError as problem:
        return str(problem)


# --- keys ------------------------------------------------------------------------------------------------------------


def test_a_missing_secret_is_named_with_the_variable_that_sets_it(tmp_path: Path) -> None:
    pem = tmp_path / "key.pem"
    pem.write_text("PEM")
    pem.chmod(0o600)
    steps: list[tuple[dict[str, object], str]] = [
        ({}, "LADDERD_EXCHANGE__API_KEY_ID"),
        ({"exchange": {"api_key_id": KEY}}, "LADDERD_EXCHANGE__PRIVATE_KEY_FILE"),
        ({"exchange": {"api_key_id": KEY, "private_key_file": str(pem)}}, "LADDERD_FEEDS__API_KEY"),
    ]
    for tree, told in steps:
        with pytest.raises(ConfigurationError) as caught:
            require_secrets(load(None, **tree))
        assert told in str(caught.value)
        assert KEY not in str(caught.value)
    require_secrets(load(None, exchange=steps[2][0]["exchange"], feeds={"api_key": KEY}))


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    pem = tmp_path / "key.pem"
    pem.write_text("PEM")
    for mode, allowed in ((0o600, True), (0o400, True), (0o640, False), (0o604, False)):
        pem.chmod(mode)
        found = load(None, exchange={"private_key_file": str(pem)})
        if allowed:
            assert private_key_pem(found) == b"PEM"
            continue
        with pytest.raises(ConfigurationError, match="chmod 600"):
            private_key_pem(found)


def test_a_key_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.pem cannot be read"):
        private_key_pem(load(None, exchange={"private_key_file": str(tmp_path / "nowhere.pem")}))


def test_the_pem_itself_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LADDERD_EXCHANGE__PRIVATE_KEY", "PEM")
    assert private_key_pem(load(None)) == b"PEM"


def test_the_committed_file_is_good() -> None:
    root = Path(__file__).resolve().parents[3]
    read: Callable[..., object] = load
    assert read(root / "configs" / "ladderd.toml")
