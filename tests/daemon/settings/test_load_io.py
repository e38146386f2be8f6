"""Where the configuration comes from: later sources win, and every mistake is one line that names it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from daemon.settings.load_io import load, load_configured
from daemon.settings.secrets_io import private_key_pem, require_secrets, whereabouts
from daemon.settings.sections import Exchange
from daemon.settings.tree import Settings
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


def secret_file(path: Path, text: str, mode: int = 0o600) -> Path:
    path.touch()
    path.chmod(mode)
    path.write_text(text, "utf-8")
    return path


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
    secret_file(folder / "exchange__api_key_id", KEY + "\n")
    secret_file(folder / "ladderd_feeds__api_key", KEY)
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
        ("[quoting]\nrungs_max = true\n", "quoting.rungs_max: true and false are no number"),
        ('[exchange]\nrest_url = "https://[::1"\n', "exchange.rest_url: 'https://[::1' is no address"),
        ('[exchange]\nws_url = "wss://demo.kalshi.co:99999"\n', "exchange.ws_url: 'wss://demo.kalshi.co:99999' is no"),
        ('[feeds.primary]\nname = "a"\nurl = "wss://[::1"\n', "feeds: a url: 'wss://[::1' is no address"),
        ('state_dir = "a\\u0000b"\n', "state_dir: is empty, holds a zero byte"),
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


# --- secrets in files ------------------------------------------------------------------------------------------------

PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIabcdefghijklmnopqrstuvwxyz01234\n-----END PRIVATE KEY-----\n"
LINE_OF_PEM = PEM.splitlines()[1]


def secret_lines() -> dict[str, str]:
    return {
        "id": f"LADDERD_EXCHANGE__API_KEY_ID={KEY}\n",
        "pem": f'LADDERD_EXCHANGE__PRIVATE_KEY="{PEM}"\n',
        "feed": f"export LADDERD_FEEDS__API_KEY='{KEY}'\n",
        "own": f"LADDERD_FEEDS__PRIMARY__API_KEY={KEY}\n",
        "section": f'LADDERD_EXCHANGE={{"api_key_id": "{KEY}"}}\n',
        "token": f"LADDERD_HTTP__CONTROL_TOKEN={KEY} # typed in\n",
    }


@pytest.mark.step("H02")
@pytest.mark.parametrize("which", sorted(secret_lines()))
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o700, 0o601])
def test_a_secret_in_an_env_local_that_others_can_open_is_refused(tmp_path: Path, which: str, mode: int) -> None:
    secret_file(tmp_path / ".env.local", f"# ours\n{secret_lines()[which]}", mode)
    said = refused()
    assert ".env.local:2" in said
    assert f"has mode {mode:04o}; run chmod 600" in said
    assert KEY not in said
    assert LINE_OF_PEM not in said


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_secret_in_an_env_local_of_its_owner_alone_is_read(tmp_path: Path, mode: int) -> None:
    secret_file(
        tmp_path / ".env.local",
        "".join(text for name, text in secret_lines().items() if name not in {"section", "own"}),
    )
    (tmp_path / ".env.local").chmod(mode)
    found = load(None)
    assert private_key_pem(found) == PEM.encode()
    assert found.feeds.key_of(found.feeds.primary) == KEY
    assert found.http.control_token is not None
    assert found.http.control_token.get_secret_value() == KEY


def test_an_env_local_without_secrets_may_be_open(tmp_path: Path) -> None:
    secret_file(tmp_path / ".env.local", "LADDERD_RISK__PER_DAY_DOLLARS=50\n", 0o644)
    assert load(None).risk.per_day_dollars == 50


def test_a_secret_in_the_configuration_file_wants_the_same(tmp_path: Path) -> None:
    config = secret_file(tmp_path / "ladderd.toml", f'[feeds]\napi_key = "{KEY}"\n', 0o644)
    assert "feeds.api_key: stands in" in refused(config)
    config.chmod(0o600)
    assert load(config).feeds.api_key is not None


@pytest.mark.step("H02")
@pytest.mark.parametrize("name", ["exchange__api_key_id", "exchange__private_key", "LADDERD_FEEDS__API_KEY"])
def test_a_credential_that_others_can_read_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir()
    path = secret_file(folder / name, KEY, 0o644)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    said = refused()
    assert f"{path} has mode 0644" in said
    assert KEY not in said
    path.chmod(0o400)
    assert load(None).mode == "paper"


def test_a_credential_that_is_a_directory_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "credentials" / "feeds__api_key").mkdir(parents=True)
    (tmp_path / "credentials" / "..data").mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    assert "feeds__api_key is a directory" in refused()


@pytest.mark.parametrize("value", ["", f"{KEY}\n", f"{KEY} x", "k\u00e9y"])
def test_a_key_that_no_header_can_carry_is_refused_in_one_line(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FEEDS__API_KEY", "EXCHANGE__API_KEY_ID", "HTTP__CONTROL_TOKEN"):
        monkeypatch.setenv(f"LADDERD_{name}", value)
        said = refused()
        assert f"variable LADDERD_{name}" in said
        assert KEY not in said
        monkeypatch.delenv(f"LADDERD_{name}")


# --- lines that are not dropped --------------------------------------------------------------------------------------


@pytest.mark.step("H02", "K16")
@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        ("LADDERD_RISK__PER_DAY_DOLLARS: 50\n", ":1", "LADDERD_RISK__PER_DAY_DOLLARS is not followed by ="),
        ("\n# a comment\nLADDERD_RISK__PER_DAY_DOLLARS 50", ":3", "is not followed by ="),
        ("LADDERD_MODE\n", ":1", "LADDERD_MODE is not followed by ="),
        ("LADDERD_HTTP__PORT=1\nLADDERD_HTTP__PORT=2\n", ":2", "first on line 1"),
        ("LADDERD_MODE='paper\n\n", ":1", "never closed"),
        ("LADDERD_MODE='paper' live\n", ":1", "follows the closing quote"),
        ('LADDERD_LOG__LEVEL="in\\fo"\n', ":1", "backslash"),
        ("EXECUTION_HALTED=0\n", ":1", "EXECUTION_HALTED is read from the environment alone"),
        (f"LADDERD_EXCHANGE__PRIVATE_KEY={PEM}", ":2", "not understood"),
        ("abc==\n", ":1", "not one of LADDERD_*"),
        ("LADDERD_RISK__PER_DAY_DOLARS=50\n", ":1", "did you mean LADDERD_RISK__PER_DAY_DOLLARS?"),
        ("LADDERD_RISK__PER_DAY_DOLLARS=0\n", ":1", "greater than or equal to 1"),
        ("LADDERD_WINDOWS__SERIES=INXU\n", ":1", "LADDERD_WINDOWS"),
    ],
)  # fmt: skip
def test_a_line_that_does_not_parse_is_refused_with_its_number(
    tmp_path: Path, text: str, place: str, told: str
) -> None:
    secret_file(tmp_path / ".env.local", text)
    said = refused()
    assert f".env.local{place}" in said, said
    assert told in said
    assert LINE_OF_PEM not in said
    assert "abc" not in said


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-be", "utf-16-le", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize("name", [".env.local", "ladderd.toml"])
def test_another_encoding_is_told_of_the_file_that_has_it(tmp_path: Path, codec: str, name: str) -> None:
    (tmp_path / "configs").mkdir()
    path = tmp_path / ("configs/ladderd.toml" if name == "ladderd.toml" else name)
    text = 'mode = "paper" # \u00e9\n' if name == "ladderd.toml" else "LADDERD_MODE=paper # \u00e9\n"
    path.write_bytes(text.encode(codec))
    said = refused()
    assert name in said
    assert "UTF-8" in said


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n"])
def test_an_empty_configuration_is_none(tmp_path: Path, text: str) -> None:
    assert "is empty" in refused(toml(tmp_path, text))


def test_a_default_file_that_is_a_directory_or_leads_nowhere_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "configs" / "ladderd.toml").mkdir(parents=True)
    assert "configs/ladderd.toml is a directory" in refused()
    (tmp_path / "configs" / "ladderd.toml").rmdir()
    (tmp_path / "configs" / "ladderd.toml").symlink_to(tmp_path / "nowhere")
    assert "configs/ladderd.toml cannot be read" in refused()


def test_what_must_be_configured_is_not_run_on_the_defaults(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no configuration file"):
        load_configured(None)
    assert load_configured(toml(tmp_path, 'mode = "paper"\n')).mode == "paper"


@pytest.mark.parametrize("value", ["~/x", "", "~"])
@pytest.mark.parametrize("name", ["STATE_DIR", "FEES_FILE", "CALENDAR_FILE", "EXCHANGE__PRIVATE_KEY_FILE"])
def test_a_path_that_a_shell_would_have_to_read_is_refused(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"LADDERD_{name}", value)
    assert f"variable LADDERD_{name}" in refused()


def test_the_source_that_gave_a_bad_value_is_the_one_that_is_blamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = toml(tmp_path, "[risk]\nper_day_dollars = 0\n[http]\nport = 1\n")
    assert str(config) in refused(config)
    monkeypatch.setenv("LADDERD_RISK__PER_DAY_DOLLARS", "0")
    assert "variable LADDERD_RISK__PER_DAY_DOLLARS" in refused(config)


def test_a_wrong_name_in_the_file_says_which_was_meant(tmp_path: Path) -> None:
    said = refused(toml(tmp_path, "[risk]\nper_day_dolars = 50\n"))
    assert "risk.per_day_dolars: no such setting; did you mean risk.per_day_dollars?" in said


# --- where the key lies ----------------------------------------------------------------------------------------------


def test_the_private_key_is_looked_at_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = secret_file(tmp_path / "key.pem", PEM)
    assert "mode 0600" in whereabouts(load(None, exchange={"private_key_file": str(file)}))
    secret_file(tmp_path / ".env.local", secret_lines()["pem"])
    found = load(None)
    assert whereabouts(found).startswith(".env.local: mode 0600")
    (tmp_path / ".env.local").chmod(0o644)  # after the settings were read
    with pytest.raises(ConfigurationError, match="mode 0644"):
        whereabouts(found)
    (tmp_path / ".env.local").unlink()
    (tmp_path / "credentials").mkdir()
    path = secret_file(tmp_path / "credentials" / "exchange__private_key", PEM)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    found = load(None)
    assert whereabouts(found).startswith(f"{path}: mode 0600")
    path.chmod(0o440)
    with pytest.raises(ConfigurationError, match="mode 0440"):
        whereabouts(found)
    monkeypatch.setenv("LADDERD_EXCHANGE__PRIVATE_KEY", PEM)
    path.chmod(0o400)
    assert "environment" in whereabouts(load(None))


def test_a_key_of_unknown_whereabouts_is_not_called_safe() -> None:
    with pytest.raises(ConfigurationError, match="not known"):
        whereabouts(Settings(exchange=Exchange(private_key=SecretStr(PEM))))


def test_the_example_of_env_local_is_taken_as_it_is(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    example = (root / ".env.local.example").read_text("utf-8")
    secret_file(tmp_path / ".env.local", example)
    found = load(None)
    assert found.exchange.api_key_id is not None
    assert found.exchange.api_key_id.get_secret_value() == "your-key-id"
    assert found.exchange.private_key_file == Path("/path/to/key.pem")
    assert found.feeds.key_of(found.feeds.primary) == "your-key"
    named = re.findall(r"^(LADDERD_\w+)=", (root / "README.md").read_text("utf-8"), re.MULTILINE)
    assert named == re.findall(r"^(LADDERD_\w+)=", example, re.MULTILINE), "the README tells the same names"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which the unit is installed."""
    home = tmp_path / "etc"
    (home / "credentials").mkdir(parents=True)
    (home / "ladderd.toml").write_text('[exchange]\nrest_url = "https://demo-api.kalshi.co/trade-api/v2"\n', "utf-8")
    (home / "ladderd.env").write_text("PATH=/bin\nEXECUTION_HALTED=0\nLADDERD_HTTP__PORT=9000\n", "utf-8")
    secret_file(home / "credentials" / "exchange__api_key_id", "the-units")
    monkeypatch.setattr("daemon.settings.load_io.INSTALLED", home)
    return home


@pytest.mark.usefixtures("installed")
def test_an_installation_is_found_from_any_directory_whatever_lies_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "ladderd.toml").write_text('state_dir = "here"\n', "utf-8")
    secret_file(tmp_path / ".env.local", "LADDERD_EXCHANGE__API_KEY_ID=of-a-clone\n")
    found = load_configured(None)
    assert (str(found.state_dir), found.http.port) == ("/var/lib/ladderd", 9000)
    assert found.exchange.api_key_id is not None
    assert found.exchange.api_key_id.get_secret_value() == "the-units"
    monkeypatch.setenv("LADDERD_STATE_DIR", "/elsewhere")
    assert str(load(None).state_dir) == "/elsewhere"


def test_an_installations_credentials_go_with_no_other_configuration(installed: Path, tmp_path: Path) -> None:
    other = toml(tmp_path, 'state_dir = "other"\n')
    assert load(other).exchange.api_key_id is None
    assert load(installed / "ladderd.toml").exchange.api_key_id is not None
    for path in (installed / "credentials").iterdir():
        path.unlink()
    (installed / "credentials").rmdir()
    assert load(None).exchange.api_key_id is None, "who may not read them has none"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('host = ""', "http.host"), ('host = "0.0.0.0"', "name in http.allowed_hosts"),
        ('host = "192.168.1.4"', "name in http.allowed_hosts"),
        ('allowed_hosts = ["Desk"]', "lower case"), ('allowed_hosts = [""]', "lower case"),
    ],
)  # fmt: skip
def test_a_page_that_others_can_reach_says_by_which_names(tmp_path: Path, table: str, words: str) -> None:
    assert words in refused(toml(tmp_path, f"[http]\n{table}\n"))


def test_a_page_for_a_named_host_is_taken(tmp_path: Path) -> None:
    found = load(toml(tmp_path, '[http]\nhost = "0.0.0.0"\nallowed_hosts = ["desk.example", "10.0.0.4"]\n'))
    assert set(found.http.allowed_hosts) == {"desk.example", "10.0.0.4"}
