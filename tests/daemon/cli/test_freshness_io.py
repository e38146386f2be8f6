"""`ladderd freshness` against a served document, a file, and nothing at all."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import msgspec
import pytest

from daemon.cli.freshness_io import freshness_view
from daemon.system_clock import SystemClock
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.errors import UnavailableError
from domain.window import Phase
from ops.freshness import FreshnessDocument, freshness_document
from tests.ops.pictures import freshness

PID = 4711


def document(age_ms: float | None = 100.0, written_ago_ms: float = 0.0) -> FreshnessDocument:
    """A document of two indices, the first of this age when it was written."""
    clock = SystemClock().now()
    now = Now(clock.mono_ns, clock.utc_ns - round(written_ago_ms * NS_PER_MS))
    rows = [
        (Phase.PREFLIGHT, freshness("INXU", "I:SPX", age_ms, 2000.0, now)),
        (Phase.PREFLIGHT, freshness("NASDAQ100U", "I:NDX", 50.0, 2000.0, now)),
    ]
    return freshness_document(now, PID, "massive", rows)


def keep(state_dir: Path, told: FreshnessDocument | bytes) -> None:
    (state_dir / "monitors").mkdir(exist_ok=True)
    body = told if isinstance(told, bytes) else msgspec.json.encode(told)
    (state_dir / "monitors" / "freshness.json").write_bytes(body)


@contextmanager
def daemon(state_dir: Path, age_ms: float | None, pid: int = PID) -> Iterator[str]:
    """Something that answers /freshness, and the address that a daemon leaves."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = msgspec.json.encode(document(age_ms))
            self.send_response(200 if self.path == "/freshness" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        (state_dir / "monitors").mkdir(exist_ok=True)
        told = {"port": server.server_port, "pid": pid}
        (state_dir / "monitors" / "http.json").write_bytes(msgspec.json.encode(told))
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.step("H04")
@pytest.mark.parametrize(
    ("age_ms", "written_ago_ms", "code", "word"),
    [
        (100.0, 0.0, 0, "PASS"),
        (142_000.0, 0.0, 1, "FAIL"),
        (1_900.0, 600.0, 1, "FAIL"),
        (100.0, 1_500.0, 1, "UNKNOWN"),
        (17.0, 3_600_000.0, 1, "UNKNOWN"),
        (None, 0.0, 1, "UNKNOWN"),
    ],
)
def test_without_a_daemon_the_file_is_judged_and_nothing_frozen_passes(
    tmp_path: Path, age_ms: float | None, written_ago_ms: float, code: int, word: str
) -> None:
    keep(tmp_path, document(age_ms, written_ago_ms))
    got, text = freshness_view(tmp_path, None, as_json=False)
    assert (got, text.split()[1].rstrip(":")) == (code, word)
    assert freshness_view(tmp_path, None, as_json=True)[0] == code


def test_the_daemon_is_asked_first(tmp_path: Path) -> None:
    keep(tmp_path, document(100.0))
    with daemon(tmp_path, 142_000.0) as address:
        code, text = freshness_view(tmp_path, None, as_json=True)
        told = json.loads(text)
        assert (code, told["status"], told["source"]) == (1, "FAIL", f"daemon at {address}")
        assert told["age_seconds"] > 142
        assert [row["status"] for row in told["series"]] == ["FAIL", "PASS"]
        assert freshness_view(tmp_path / "elsewhere", address, as_json=False)[0] == 1
    keep(tmp_path, document(100.0))
    code, text = freshness_view(tmp_path, None, as_json=False)
    assert code == 0, "it has gone, and its file is young"
    assert "freshness.json" in text


def test_another_daemon_on_the_port_is_not_taken_for_ours(tmp_path: Path) -> None:
    keep(tmp_path, document(100.0, 5 * NS_PER_S / NS_PER_MS))
    with daemon(tmp_path, 100.0, pid=PID + 1):
        code, text = freshness_view(tmp_path, None, as_json=False)
    assert code == 1
    assert "UNKNOWN" in text


def test_a_damaged_file_is_unknown(tmp_path: Path) -> None:
    keep(tmp_path, b'{"written_utc": "20')
    assert freshness_view(tmp_path, None, as_json=False)[0] == 1
    assert json.loads(freshness_view(tmp_path, None, as_json=True)[1])["status"] == "UNKNOWN"


def test_with_nothing_to_ask_it_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="nothing to ask"):
        freshness_view(tmp_path, None, as_json=False)
