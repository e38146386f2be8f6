"""A configuration that must not run: one readable line that names the key, exit 78, no secret in it. Taken port: 69."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from sim.local.setting import ROOT

SECRETS = {
    "LADDERD_EXCHANGE__API_KEY_ID": "key-id-4711-do-not-print",
    "LADDERD_FEEDS__API_KEY": "feed-key-0815-do-not-print",
    "LADDERD_HTTP__CONTROL_TOKEN": "token-1234-do-not-print",
}
PLAIN = """
[exchange]
rest_url = "http://127.0.0.1:9/trade-api/v2"
ws_url = "ws://127.0.0.1:9/trade-api/ws/v2"
[feeds]
primary = { name = "massive", url = "ws://127.0.0.1:9/indices" }
secondary = { name = "polygon", url = "ws://127.0.0.1:9/indices" }
[http]
port = 0
"""
LIVE = """
mode = "live"
[windows]
template = "short"
preflight_lead_s = 100
open_lead_s = 90
strict_lead_s = 20
[exchange]
rest_url = "https://external-api.kalshi.com/trade-api/v2"
ws_url = "wss://external-api-ws.kalshi.com/trade-api/ws/v2"
"""


class Desk:
    """A directory with a configuration, a key and an environment, to start the daemon in."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.config = place / "ladderd.toml"
        self.config.write_text(PLAIN, encoding="utf-8")
        self.key = place / "key.pem"
        self.key.touch(mode=0o600)
        pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.key.write_bytes(pem)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("LADDERD_")}
        self.environment |= SECRETS
        self.environment |= {
            "LADDERD_EXCHANGE__PRIVATE_KEY_FILE": str(self.key),
            "LADDERD_STATE_DIR": str(place / "state"),
            "PYTHONPATH": str(ROOT),
        }

    def run(self) -> tuple[int, str]:
        """Start the daemon, which must refuse; its exit code and the one line it says."""
        command = [sys.executable, "-m", "daemon", "run", "--config", str(self.config)]
        try:
            done = subprocess.run(
                command, cwd=self.place, env=self.environment, capture_output=True, text=True, check=False, timeout=20
            )
        except subprocess.TimeoutExpired:
            raise AssertionError("it is not refused: the daemon runs") from None
        secrets = [*SECRETS.values(), self.key.read_text("ascii").splitlines()[1]]
        assert not [secret for secret in secrets if secret in done.stdout + done.stderr]
        assert done.stdout == ""
        lines = done.stderr.splitlines()
        assert len(lines) == 1, done.stderr
        return done.returncode, lines[0]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.step("K16")
def test_unknown_key_in_the_file(desk: Desk) -> None:
    desk.config.write_text(PLAIN + "[quoting]\nrungs_maximum = 3\n", encoding="utf-8")
    code, line = desk.run()
    assert code == 78
    assert "quoting.rungs_maximum" in line
    assert str(desk.config) in line


@pytest.mark.step("K16")
def test_unknown_variable(desk: Desk) -> None:
    desk.environment["LADDERD_QUOTING__RUNGS_MAXIMUM"] = "3"
    code, line = desk.run()
    assert code == 78
    assert "LADDERD_QUOTING__RUNGS_MAXIMUM" in line


@pytest.mark.step("K16")
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("freshness.strict_limit_ms", "10"),
        ("mode", "casual"),
        ("freshness.soft_limit_ms", "5000"),
    ],
)
def test_value_out_of_range(desk: Desk, key: str, value: str) -> None:
    desk.environment["LADDERD_" + key.upper().replace(".", "__")] = value
    code, line = desk.run()
    assert code == 78
    assert key.rpartition(".")[2] in line


@pytest.mark.step("H02")
@pytest.mark.parametrize(
    ("variable", "named"),
    [
        ("LADDERD_EXCHANGE__API_KEY_ID", "exchange.api_key_id"),
        ("LADDERD_EXCHANGE__PRIVATE_KEY_FILE", "exchange.private_key_file"),
        ("LADDERD_FEEDS__API_KEY", "feeds.primary"),
    ],
)
def test_missing_secret(desk: Desk, variable: str, named: str) -> None:
    del desk.environment[variable]
    code, line = desk.run()
    assert code == 78
    assert named in line
    assert variable in line, "the remedy"


def test_key_file_that_others_can_read(desk: Desk) -> None:
    desk.key.chmod(0o644)
    code, line = desk.run()
    assert code == 78
    assert "0644" in line
    assert f"chmod 600 {desk.key}" in line


def test_key_file_that_holds_no_key(desk: Desk) -> None:
    desk.key.write_text("-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5\n-----END PRIVATE KEY-----\n", encoding="ascii")
    code, line = desk.run()
    assert code == 78
    assert "key" in line


def in_env_local(desk: Desk, mode: int, *lines: str) -> None:
    path = desk.place / ".env.local"
    path.touch()
    path.chmod(mode)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize("mode", [0o644, 0o640])
def test_a_key_in_an_env_local_that_others_can_read(desk: Desk, mode: int) -> None:
    del desk.environment["LADDERD_EXCHANGE__PRIVATE_KEY_FILE"]
    in_env_local(desk, mode, f'LADDERD_EXCHANGE__PRIVATE_KEY="{desk.key.read_text("ascii")}"')
    code, line = desk.run()
    assert code == 78
    assert ".env.local:1: LADDERD_EXCHANGE__PRIVATE_KEY is a secret" in line
    assert f"mode {mode:04o}" in line


def test_a_line_of_env_local_that_does_not_parse(desk: Desk) -> None:
    in_env_local(desk, 0o600, "# limits", "LADDERD_RISK__PER_DAY_DOLLARS: 50")
    code, line = desk.run()
    assert code == 78
    assert ".env.local:2: LADDERD_RISK__PER_DAY_DOLLARS is not followed by =" in line


def test_a_credential_that_others_can_read(desk: Desk) -> None:
    folder = desk.place / "credentials"
    folder.mkdir()
    (folder / "exchange__private_key").write_bytes(desk.key.read_bytes())
    (folder / "exchange__private_key").chmod(0o444)
    desk.environment["CREDENTIALS_DIRECTORY"] = str(folder)
    code, line = desk.run()
    assert code == 78
    assert f"{folder / 'exchange__private_key'} has mode 0444" in line


@pytest.mark.parametrize("codec", ["utf-16", "utf-8-sig"])
def test_a_file_in_another_encoding(desk: Desk, codec: str) -> None:
    desk.config.write_bytes(PLAIN.encode(codec))
    code, line = desk.run()
    assert code == 78
    assert str(desk.config) in line
    assert "UTF-8" in line


def test_a_file_that_is_empty_or_a_directory(desk: Desk) -> None:
    desk.config.write_text("# nothing\n", encoding="utf-8")
    code, line = desk.run()
    assert (code, "is empty" in line) == (78, True)
    desk.config.unlink()
    desk.config.mkdir()
    code, line = desk.run()
    assert (code, "is a directory" in line) == (78, True)


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("LADDERD_FEEDS__API_KEY", "feed-key-0815-do-not-print\n", "feeds.api_key"),
        ("LADDERD_STATE_DIR", "~/x", "~"),
        ("LADDERD_EXCHANGE__PRIVATE_KEY_FILE", "/", "is a directory"),
    ],
)
def test_a_value_that_cannot_be_used(desk: Desk, variable: str, value: str, told: str) -> None:
    desk.environment[variable] = value
    code, line = desk.run()
    assert code == 78
    assert told in line


def test_a_calendar_in_another_encoding(desk: Desk) -> None:
    days = desk.place / "days.csv"
    days.write_bytes("day,session,close_et,note\n2026-11-29,closed,,d\u00e9j\u00e0\n".encode("latin-1"))
    desk.environment["LADDERD_CALENDAR_FILE"] = str(days)
    code, line = desk.run()
    assert code == 78
    assert f"{days}:2: not UTF-8" in line


def test_short_windows_against_a_live_host(desk: Desk) -> None:
    desk.config.write_text(LIVE, encoding="utf-8")
    code, line = desk.run()
    assert code == 78
    assert "windows.template" in line


def test_paper_orders_for_a_live_host(desk: Desk) -> None:
    desk.config.write_text(LIVE.replace('"live"', '"paper"'), encoding="utf-8")
    code, line = desk.run()
    assert code == 78
    assert "external-api.kalshi.com" in line


def test_file_that_is_no_toml(desk: Desk) -> None:
    desk.config.write_text("mode = = 3", encoding="utf-8")
    code, line = desk.run()
    assert code == 78
    assert str(desk.config) in line


def test_file_that_is_not_there(desk: Desk) -> None:
    desk.config.unlink()
    code, line = desk.run()
    assert code == 78
    assert str(desk.config) in line


def test_port_that_is_taken(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        desk.environment["LADDERD_HTTP__PORT"] = str(port)
        done = subprocess.run(
            [sys.executable, "-m", "daemon", "run", "--config", str(desk.config)],
            cwd=desk.place, env=desk.environment, capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip
    assert done.returncode == 69
    assert f"127.0.0.1:{port}" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
