from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from daemon.rescue import kill_io
from daemon.rescue.kill_io import kill
from daemon.system_clock import SystemClock
from domain.errors import ConfigurationError

FLAT = {"pid": 7, "kill_switch": True, "flat": {"proven": True}}


class Said(list[str]):
    """What the command printed."""

    def __call__(self, text: str) -> None:
        self.append(text)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A state directory in which a daemon has run."""
    (tmp_path / "journal").mkdir()
    (tmp_path / "monitors").mkdir()
    return tmp_path


@pytest.fixture
def picture(home: Path) -> Iterator[dict[str, Any]]:
    """A daemon's picture, served on the port that the state directory names; to be changed by the test."""
    shown = dict(FLAT)

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"picture": shown}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answering)
    (home / "monitors" / "http.json").write_text(json.dumps({"port": server.server_port, "pid": 7}), encoding="utf-8")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield shown
    server.shutdown()
    thread.join()
    server.server_close()


def no_key() -> int:
    raise ConfigurationError("exchange.api_key_id: not set")


def run(home: Path, cancel: kill_io.Cancel) -> tuple[int, str]:
    said = Said()
    return kill(home, "ann: fire", cancel, SystemClock(), said), "\n".join(said)


def test_the_file_lies_before_anything_is_cancelled_and_a_proof_is_0(home: Path) -> None:
    def cancel() -> int:
        assert (home / "KILL_SWITCH").read_text() == "ann: fire\n"
        return 0

    assert run(home, cancel)[0] == 0


@pytest.mark.parametrize(("cancelled", "code"), [(1, 1), (69, 69), (78, 1)])
def test_without_a_proof_and_without_a_daemon(home: Path, cancelled: int, code: int) -> None:
    got, said = run(home, lambda: cancelled)
    assert got == code
    assert "nothing proves that the account is flat" in said
    assert (home / "KILL_SWITCH").exists()


def test_without_a_key_the_file_lies_and_it_says_what_is_missing(home: Path) -> None:
    code, said = run(home, no_key)
    assert code == 1
    assert "not cancelled from here: exchange.api_key_id: not set" in said
    assert (home / "KILL_SWITCH").exists()


@pytest.mark.usefixtures("picture")
@pytest.mark.parametrize("cancel", [no_key, lambda: 69])
def test_the_word_of_the_live_daemon_is_a_proof_too(home: Path, cancel: kill_io.Cancel) -> None:
    code, said = run(home, cancel)
    assert code == 0
    assert "has seen the account flat" in said


@pytest.mark.parametrize("change", [{"kill_switch": False}, {"flat": {"proven": False}}])
def test_a_daemon_that_is_not_latched_or_not_flat_proves_nothing(
    home: Path, picture: dict[str, Any], change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture |= change
    monkeypatch.setattr(kill_io, "DAEMON_LIMIT_S", 0.2)
    code, said = run(home, lambda: 69)
    assert code == 1, "a daemon is there, and has the file to go by"
    assert "orders may rest" in said


def test_another_process_on_the_daemons_port_proves_nothing(home: Path, picture: dict[str, Any]) -> None:
    picture["pid"] = 8
    assert run(home, no_key)[0] == 1


def test_a_file_that_cannot_be_written_is_1_even_when_the_account_is_flat(home: Path) -> None:
    blocked = home / "nowhere"
    blocked.touch()
    code, said = run(blocked, lambda: 0)
    assert code == 1
    assert "cannot be written" in said
