"""`ladderd verify-observability` over a socket: nobody there, somebody silent, somebody else."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from daemon.cli import observability_io
from daemon.cli.observability_io import verify_observability
from domain.errors import UnavailableError
from ops import client_io
from tests.ops.test_observability import page


@contextmanager
def serving(pages: dict[str, str]) -> Iterator[str]:
    """Something that always says the same."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            form = " om" if "openmetrics" in self.headers["Accept"] else ""
            text = pages.get(self.path + form, pages.get(self.path))
            self.send_response(404 if text is None else 200)
            self.end_headers()
            self.wfile.write((text or "").encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_nobody_there_is_not_reachable(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no daemon has left its address"):
        verify_observability(tmp_path, None, 2, as_json=False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(UnavailableError):
        verify_observability(tmp_path, f"http://127.0.0.1:{port}", 2, as_json=False)


@pytest.mark.step("A11")
def test_somebody_who_takes_the_connection_and_says_nothing_is_not_ok(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"http://127.0.0.1:{mute.getsockname()[1]}"
        impatient(monkeypatch)
        code, text = verify_observability(tmp_path, address, 2, as_json=False)
    assert code == 1
    assert "NOT OK" in text
    assert "FAIL  /ops/status: not the daemon's document: no answer from the daemon" in text


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each request give up at once."""

    def fetch(address: str, path: str, *, accept: str = "application/json") -> object:
        return client_io.fetch(address, path, accept=accept, timeout_s=0.05)

    monkeypatch.setattr(observability_io, "fetch", fetch)


@pytest.mark.step("A11")
def test_another_service_on_the_port_is_not_ok(tmp_path: Path) -> None:
    with serving({"/metrics": "# TYPE up gauge\nup 1\n", "/metrics om": "# TYPE up gauge\nup 1\n# EOF\n"}) as address:
        (tmp_path / "monitors").mkdir()
        told = {"port": int(address.rpartition(":")[2]), "pid": 7}
        (tmp_path / "monitors" / "http.json").write_text(json.dumps(told))
        code, text = verify_observability(tmp_path, None, 60, as_json=True)
    told = json.loads(text)
    assert (code, told["ok"]) == (1, False)
    failed = {one["what"] for one in told["findings"] if not one["ok"]}
    assert {"marketdata_ticks_total (text)", "marketdata_ticks_total (OpenMetrics)", "/ops/status"} <= failed


def test_pages_are_asked_for_in_both_formats(tmp_path: Path) -> None:
    with serving({"/metrics": page(0, form="text"), "/metrics om": page(0), "/ops/status": "{}"}) as address:
        _, text = verify_observability(tmp_path, address, 60, as_json=False)
    assert "PASS  OpenMetrics page" in text
    assert "PASS  text page" in text
    assert "FAIL  /ops/status" in text
