"""Files, variables, options and control requests, from bytes on disk to a value or a typed refusal: one door each.

Whatever the input, a door may raise what its signature names and nothing else.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

from daemon.cli.commands import main as command_line
from daemon.client.history_io import HISTORY, kept_history
from daemon.client.living_io import page_of
from daemon.client.requests_io import pending
from daemon.client.watched_files_io import execution_halted
from daemon.engine.memory import read_memory
from daemon.settings.env_file import parse_env
from daemon.settings.files_io import learned_codes, read_proofs
from daemon.settings.load_io import load, load_file
from domain.door import DOCUMENT_BYTES_MAX, Door, Refused
from domain.errors import ConfigurationError
from execution.http.http_answer import AnswerParser
from execution.kalshi.codes import read_error, read_item_error, stamp_refused
from feeds.massive_wire import read_frame, read_stamp, read_value
from journal.marker_io import cancel_all_dir, read_cancel_all, read_kill_file
from journal.opening_io import began_utc_ns, read_tail
from journal.reader_io import JournalDamaged
from journal.snapshot import SnapshotDamaged, print_snapshot
from journal.snapshot_io import read_snapshot, snapshot_path
from journal.watcher_request_io import NAME as WATCHER_REQUEST
from journal.watcher_request_io import read_request
from ops.http.http_guard_io import ControlOrder
from pricing.fees import parse_fees
from tests.fuzz.mutations import mutated, samples

ROOT: Final = Path(__file__).resolve().parents[2]
UTC_NS: Final = 1_800_000_000 * 10**9
STATE_BEFORE: Final = ROOT / "tests" / "daemon" / "runtime" / "state_before"
_order: Final = Door(ControlOrder, DOCUMENT_BYTES_MAX)

Papers = Callable[[Path, bytes], object]


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _request(home: Path, data: bytes) -> None:
    for done in (home / "requests").glob("*"):
        done.unlink()
    _write(home / "requests" / "x.json", data)
    pending(home)


def _marker(home: Path, data: bytes) -> None:
    _write(cancel_all_dir(home) / "m", data)
    assert len(read_cancel_all(home, UTC_NS)) == 1, "a marker that cannot be read is an open request"


def _kill(home: Path, data: bytes) -> None:
    _write(home / "KILL_SWITCH", data)
    assert read_kill_file(home).active


def _snapshot(home: Path, data: bytes) -> None:
    _write(snapshot_path(home), data)
    try:
        snapshot = read_snapshot(home)
        if snapshot is not None:
            read_memory(snapshot.payload)
    except (SnapshotDamaged, Refused):
        return


def _sealed(home: Path, data: bytes) -> None:
    """A snapshot whose hashes fit, whatever it says."""
    try:
        text = print_snapshot(data, 1, UTC_NS)
    except (ValueError, RecursionError):
        return
    _snapshot(home, text)


def _journal(home: Path, data: bytes) -> None:
    _write(home / "journal" / "2027-01-15.000000000001.jsonl", data + b"\n")
    try:
        began_utc_ns(home)
        list(read_tail(home, 0))
    except JournalDamaged:
        return


def _anchor(home: Path, data: bytes) -> None:
    _write(home / "anchor" / "2027-01-15.jsonl", data + b"\n")
    try:
        began_utc_ns(home)
        list(read_tail(home, 0))
    except JournalDamaged:
        return


def _refusing(read: Callable[[Path, bytes], object], *kinds: type[Exception]) -> Papers:
    def door(home: Path, data: bytes) -> None:
        try:
            read(home, data)
        except kinds:
            return

    return door


def _file(name: str, read: Callable[[Path], object]) -> Papers:
    def door(home: Path, data: bytes) -> None:
        _write(home / name, data)
        said = ""
        try:
            read(home)
        except ConfigurationError as problem:
            said = str(problem)
        assert len(said.splitlines()) <= 1, "a refusal is one line"

    return door


def _variable(home: Path, data: bytes) -> None:
    del home
    value = os.fsdecode(data.replace(b"\0", b""))
    name = ("LADDERD_HTTP", "LADDERD_HTTP__PORT", "LADDERD_WINDOWS__SERIES", "EXECUTION_HALTED")[len(data) % 4]
    os.environ[name] = value
    try:
        execution_halted(live=True)
        load(None)
    except ConfigurationError:
        return
    finally:
        del os.environ[name]


def _options(home: Path, data: bytes) -> None:
    del home
    words = [os.fsdecode(word) for word in data.replace(b"\0", b"").split(b" ")]
    kept, said, heard = sys.argv, sys.stdout, sys.stderr
    sys.argv = ["ladderd", "windows", *words]
    sys.stdout = sys.stderr = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="backslashreplace")
    try:
        assert command_line() in {0, 1, 2, 78}
    finally:
        sys.argv, sys.stdout, sys.stderr = kept, said, heard


def _http(home: Path, data: bytes) -> None:
    del home
    try:
        AnswerParser().feed(data)
    except Exception as error:
        if type(error).__name__ != "ProtocolError":
            raise


def _bodies(home: Path, data: bytes) -> None:
    del home
    read_error(data)
    read_item_error(data)
    stamp_refused(401, data)
    for item in read_frame(data)[0]:
        read_value(item.text())
        read_stamp(item.t)


HTTP: Final = b"HTTP/1.1 200 OK\r\nDate: Fri, 15 Jan 2027 08:00:00 GMT\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
REQUEST: Final = b'{"ident":"x","command":"pause","by":"ann","cause":"why","asked_utc_ns":1800000000000000000}'
MARKER: Final = b'{"ident":"m","asked_utc_ns":1800000000000000000,"by":"ann","reason":"why","epoch":7,"done":false}'
PROBE: Final = (
    b'{"version":1,"host":"h","at_utc":"t","answers":[],"learned":[{"kind":"place","status":400,"code":"x",'
    b'"verdict":"refused","why":"y"}]}'
)
RECORD: Final = (STATE_BEFORE / "journal" / "2027-01-15.000000000001.jsonl").read_bytes().splitlines()[:5]
ANCHORS: Final = (STATE_BEFORE / "anchor" / "2027-01-15.jsonl").read_bytes().splitlines()[:2]
SNAPSHOT: Final = (STATE_BEFORE / "snapshot.json").read_bytes()
KEPT: Final = b'{"asked_utc_ns":1,"histories":[{"kind":"history","symbol":"x","bar_ms":1,"bars":[[1,2,3]]}]}'
FEES: Final = (ROOT / "configs" / "fees.json").read_bytes()
TOML: Final = (ROOT / "configs" / "ladderd.toml").read_bytes()
ENV: Final = b'LADDERD_HTTP__PORT=8080\nexport LADDERD_FEEDS__API_KEY="a\\nb"\n# x\nLADDERD_MODE=paper # y\n'

PAPERS: Final[dict[str, tuple[Papers, list[bytes]]]] = {
    "request": (_request, [REQUEST]),
    "marker": (_marker, [MARKER]),
    "kill": (_kill, [b"ann: because"]),
    "snapshot": (_snapshot, [SNAPSHOT]),
    "sealed": (_sealed, [json.dumps(json.loads(SNAPSHOT)["payload"]).encode()]),
    "journal": (_journal, [b"\n".join(RECORD)]),
    "anchor": (_anchor, ANCHORS),
    "proofs": (_file("proofs.json", read_proofs), [b'{"order_group_trigger":1800000000000000000}']),
    "probe": (_file("probe.json", learned_codes), [PROBE]),
    "kept": (_file(HISTORY, kept_history), [KEPT]),
    "page": (_file("monitors/http.json", page_of), [b'{"port":8080,"pid":1}']),
    "watcher": (_file(WATCHER_REQUEST, read_request), [b'{"asked_utc_ns":1800000000000000000,"reason":"x"}']),
    "configuration": (_file("l.toml", lambda home: load_file(home / "l.toml")), [TOML]),
    "env": (_refusing(lambda _, data: parse_env(data.decode("utf-8", "replace"), "x"), ConfigurationError), [ENV]),
    "variable": (_variable, [b'{"port":8080,"host":"127.0.0.1"}', b"8080", b'["INXU"]', b"1"]),
    "options": (_options, [b"--series INXU --date 2027-01-15 --json", b"--now 2027-01-15T15:00:00Z"]),
    "fees": (_refusing(lambda _, data: parse_fees(data, "x"), ConfigurationError), [FEES]),
    "control": (_refusing(lambda _, data: _order.read(data), Refused), [b'{"by":"ann","cause":"why"}']),
    "http": (_http, [HTTP, CHUNKED]),
    "bodies": (_bodies, [*samples("answers"), *samples("index_frames")]),
}  # fmt: skip


def feeds(name: str, home: Path, rng: Random) -> Iterator[None]:
    """Feed one door for as long as somebody asks for the next."""
    door, given = PAPERS[name]
    while True:
        door(home, mutated(rng, rng.choice(given)))
        yield


def run(name: str, home: Path, rng: Random, count: int) -> None:
    """Feed one door `count` times."""
    for _ in islice(feeds(name, home, rng), count):
        pass
