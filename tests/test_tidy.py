"""The rules of the house, run over the tree; and each rule shown to fire on a planted breach.

A rule that has not caught a planted breach is not yet a rule: every entry of RULES needs at least one line in PLANTED.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tidy.rules import DECLARED, EXCUSABLE, RULES, breaches
from tests.tidy.source import SHOPS, Source
from tests.tidy.text import names_no_machine

pytestmark = pytest.mark.xdist_group("tidy")  # one worker parses the tree, once
ROOT = Path(__file__).resolve().parent.parent

# rule, path, source: each must be reported
PLANTED = [
    ("effects", "guards/freshness.py", "async def tick(): ..."),
    ("effects", "guards/freshness.py", "import asyncio"),
    ("effects", "feeds/massive.py", "from websockets.asyncio.client import connect"),
    ("effects", "feeds/massive.py", "import socket as s"),
    ("effects", "daemon/engine/step.py", "import threading"),
    ("effects", "daemon/cli/commands.py", "import signal"),
    ("effects", "daemon/cli/commands.py", "import asyncio\nasyncio.run(main())"),
    ("effects", "pricing/fees.py", "fees = open('configs/fees.json')"),
    ("effects", "pricing/fees.py", "text = path.read_text()"),
    ("effects", "journal/reader.py", "from pathlib import Path\nPath('x').open()"),
    ("effects", "guards/killswitch.py", "from os import replace\nreplace('a', 'b')"),
    ("effects", "guards/killswitch.py", "import os\nos.kill(1, 9)"),
    ("effects", "ops/status.py", "rows = [r async for r in feed]"),
    ("doors", "daemon/engine/step.py", "from execution.kalshi.venue_io import Venue"),
    ("doors", "daemon/engine/step.py", "from execution import kalshi_io"),
    ("doors", "ops/terminal.py", "import journal.writer_io"),
    ("clock", "guards/windows.py", "import time\nstart = time.time()"),
    ("clock", "guards/windows.py", "from time import monotonic_ns as tick\nstart = tick()"),
    ("clock", "feeds/socket_io.py", "import time\nstart = time.perf_counter_ns()"),
    ("clock", "journal/record.py", "from datetime import UTC, datetime\nat = datetime.now(UTC)"),
    ("clock", "journal/record.py", "import datetime as dt\nat = dt.datetime.utcnow()"),
    ("clock", "guards/windows.py", "from datetime import date\nday = date.today()"),
    ("clock", "daemon/runtime/runner_io.py", "import asyncio\nat = asyncio.get_running_loop().time()"),
    ("clock", "daemon/runtime/runner_io.py", "at = self._loop.time()"),
    ("clock", "sim/exchange/book/state.py", "import time\nat = time.time_ns()"),
    ("clock", "domain/events.py", "import time\nfield = make(default_factory=time.monotonic_ns)"),
    ("chance", "feeds/backoff.py", "import random\nwait = random.uniform(0, 1)"),
    ("chance", "execution/orders.py", "import uuid\nname = uuid.uuid4()"),
    ("chance", "sim/campaign/faults.py", "import random\ngenerator = random.Random()"),
    ("now", "guards/windows.py", "def phase(now): return now or read()"),
    ("now", "guards/windows.py", "def phase(now_ns):\n    if now_ns is None: pass"),
    ("state", "daemon/engine/picture.py", "from daemon.engine.state import State"),
    ("state", "daemon/engine/votes.py", "import daemon.engine.state as known"),
    ("state", "daemon/runtime/snapshots_io.py", "from daemon.engine import state"),
    ("cleared", "execution/converge.py", "from domain.actions import Cleared\nc = Cleared(not_after=1)"),
    ("prepared", "daemon/client/requests_io.py", "import msgspec\nmsgspec.json.decode(raw, type=Request)"),
    ("prepared", "daemon/client/requests_io.py", "import msgspec\nmsgspec.json.decode(raw, type=list[Request])"),
    ("prepared", "ops/alerts/subjects.py", "import msgspec\nmsgspec.convert(raw, kind)"),
    (
        "prepared",
        "journal/reader.py",
        "import msgspec\ndef f(x):\n    return msgspec.json.Decoder(Row).decode(x)",
    ),
    ("json", "journal/facts.py", "import msgspec\n_step = msgspec.json.Decoder(Step)"),
    ("json", "feeds/massive_wire.py", "from msgspec import json\nframe = json.decode(data)"),
    ("json", "ops/client_io.py", "import json\ndocument = json.loads(text)"),
    ("json", "ops/logs/log_io.py", "from orjson import loads as read\ntable = {'line': read}"),
    ("json", "ops/alerts/delivery_io.py", "async def said(answer):\n    return await answer.json()"),
    ("prepared", "journal/reader.py", "from domain.door import Door\ndef f(x):\n    return Door(Row, 10).read(x)"),
    ("cleared", "execution/converge.py", "from domain.actions import Cleared as Yes\nc = Yes(1)"),
    ("cleared", "daemon/engine/step.py", "from domain import actions\nc = actions.Cleared(1)"),
    (
        "cleared",
        "sim/chaos/clock.py",
        "import msgspec\nfrom domain.actions import Cleared\nmsgspec.convert({}, Cleared)",
    ),
    ("cleared", "sim/campaign/checks/suite.py", "from domain.actions import Cleared\nd = Decoder(type=list[Cleared])"),
    ("cleared", "execution/converge.py", "import msgspec\nmsgspec.structs.replace(order.cleared, not_after=9)"),
    ("cleared", "execution/paper.py", "from domain.actions import Cleared\nclass Free(Cleared): ..."),
    (
        "cleared",
        "daemon/closeout/close_all_io.py",
        "from execution.closeout.permission import CloseOut\nc = CloseOut('a', 'b', 'c', 1)",
    ),
    (
        "cleared",
        "execution/closeout/run.py",
        "import msgspec\nmsgspec.structs.replace(order.leave, not_after_mono_ns=9)",
    ),
    ("cleared", "daemon/closeout/fees.py", "from execution.closeout import permission\npermission.CloseOut('a')"),
    ("cleared", "execution/converge.py", "from execution.closeout.permission import CloseOut\nclass A(CloseOut): ..."),
    ("swallow", "ops/http/http_io.py", "try: f()\nexcept: pass"),
    ("swallow", "ops/http/http_io.py", "try: f()\nexcept Exception as e: log(e)"),
    ("swallow", "ops/http/http_io.py", "try: f()\nexcept (OSError, BaseException): x = 1"),
    ("swallow", "ops/http/http_io.py", "try: f()\nexcept Exception:\n    def g(): raise ValueError"),
    ("swallow", "ops/http/http_io.py", "import contextlib\nwith contextlib.suppress(Exception): f()"),
    ("names", "feeds/socket_utils.py", ""),
    ("names", "common/money.py", ""),
    ("names", "execution/orders.py", "class OrderManager: ..."),
    ("names", "execution/orders.py", "class BaseOrder: ..."),
    ("names", "tests/helpers.py", ""),
    ("size", "domain/money.py", "x = 1\n" * 401),
    ("size", "domain/money.py", "def f():\n" + "    x = 1\n" * 60),
    ("size", "domain/money.py", "class C:\n    async def f(self):\n        '''Doc.'''\n" + "        x = 1\n" * 60),
    ("docstring", "domain/money.py", "x = 1"),
    ("docstring", "domain/money.py", '"""' + "theory\n" * 16 + '"""'),
    ("docstring", "domain/money.py", '"""M."""\ndef price(): ...'),
    ("docstring", "domain/money.py", '"""M."""\nclass Price: ...'),
    ("docstring", "domain/money.py", '"""M."""\nclass Price:\n    """P."""\n    def up(self): ...'),
    ("float", "execution/orders.py", "price = 0.5"),
    ("float", "domain/money.py", "half = cash / 2"),
    ("float", "domain/money.py", "cash /= 2"),
    ("float", "domain/actions.py", "class Place:\n    price: float"),
    ("float", "execution/kalshi/wire.py", "price = float(text)"),
    ("test-sleep", "tests/guards/test_freshness.py", "import time\ntime.sleep(1)"),
    ("test-sleep", "tests/guards/test_freshness.py", "from asyncio import sleep\nsleep(0.01)"),
    ("block", "daemon/runtime/runner_io.py", "import time\ntime.sleep(0.01)"),
    ("library", "pricing/fair.py", "import numpy as np"),
    ("redirects", "daemon/client/history_io.py", "async def f():\n    await session.get(url)"),
    ("redirects", "ops/alerts/delivery_io.py", "async def f():\n    await self._session.post(u, allow_redirects=1)"),
    ("redirects", "ops/client_io.py", "import urllib.request"),
    ("library", "sim/exchange/http/server.py", "from hypothesis import given"),
]

# rule, path, source: near misses that must stay quiet
INNOCENT = [
    ("effects", "feeds/socket_io.py", "import asyncio\nasync def run(): await asyncio.sleep(1)"),
    ("effects", "sim/virtual/loop.py", "import asyncio, socket, threading"),
    ("effects", "execution/kalshi/wire.py", "from http import HTTPStatus"),
    ("effects", "pricing/fair.py", "best = book.touch()\nshop.open()"),
    ("effects", "daemon/cli/commands.py", "import os\nhome = os.environ.get('HOME')"),
    ("doors", "daemon/cli/commands.py", "from daemon.runtime.app_io import run"),
    ("doors", "daemon/runtime/app_io.py", "from ops.http.http_io import serve"),
    ("doors", "daemon/engine/step.py", "from execution.orders import Orders"),
    ("clock", "daemon/system_clock.py", "import time\nat = time.time_ns()"),
    ("clock", "daemon/engine/step.py", "at = self.clock.now()"),
    ("clock", "guards/windows.py", "from datetime import datetime\nat = datetime.fromtimestamp(t, zone)"),
    ("clock", "bench/latency.py", "import time\nat = time.perf_counter()"),
    ("chance", "sim/campaign/faults.py", "import random\ngenerator = random.Random(seed)"),
    ("chance", "feeds/socket_io.py", "import random\nwait = random.uniform(0, 1)"),
    ("now", "guards/windows.py", "at = known or later"),
    ("state", "daemon/engine/step.py", "from daemon.engine.state import State"),
    ("state", "daemon/engine/picture.py", "from daemon.engine.state_view import StateView"),
    ("cleared", "guards/gate.py", "from domain.actions import Cleared\nc = Cleared(1)"),
    ("cleared", "execution/closeout/permission.py", "c = CloseOut(1)"),
    (
        "cleared",
        "execution/converge.py",
        "from domain.actions import Cleared\ndef f(c: Cleared | None) -> list[Cleared]: ...",
    ),
    ("cleared", "execution/converge.py", "from domain.actions import Cleared\nisinstance(x, Cleared)"),
    ("swallow", "ops/http/http_io.py", "try: f()\nexcept Exception as e:\n    if x: raise Ours from e"),
    ("swallow", "ops/http/http_io.py", "try: f()\nexcept OSError: pass"),
    (
        "swallow",
        "ops/http/http_io.py",
        "try: f()\nexcept Exception: pass  # tidy: swallow - a dead receiver must not stop the others",
    ),
    ("names", "journal/database.py", "class Baseline: ..."),
    ("size", "domain/money.py", "# long: one table, read as a whole\n" + "x = 1\n" * 401),
    ("size", "domain/money.py", "def f():  # long: one column a state\n" + "    x = 1\n" * 60),
    ("size", "domain/money.py", "def f():\n    '''" + "theory\n" * 30 + "'''\n" + "    x = 1\n" * 50),
    ("docstring", "domain/money.py", '"""M."""\nclass _Hidden:\n    def up(self): ...\ndef _f(): ...'),
    ("float", "execution/orders.py", "half = cash // 2"),
    ("float", "execution/kalshi/venue_io.py", "wait_s = 0.5  # tidy: float - a socket deadline, not money"),
    ("float", "pricing/fair.py", "p = 0.5"),
    ("test-sleep", "tests/live/test_window.py", "import asyncio\nasyncio.sleep(0.1)"),
    ("test-sleep", "tests/daemon/test_inbox.py", "import asyncio\nasyncio.sleep(0)"),
    ("block", "ops/metrics/page_io.py", "import time\ntime.sleep(0)"),
    ("prepared", "journal/reader.py", "import msgspec\nmsgspec.json.decode(raw, type=dict[str, list[int]])"),
    ("prepared", "journal/reader.py", "import msgspec\n_read = msgspec.json.Decoder(Row).decode"),
    ("prepared", "journal/reader.py", "import msgspec\nmsgspec.json.decode(raw)"),
    ("redirects", "daemon/client/history_io.py", "async def f():\n    await session.get(u, allow_redirects=False)"),
    ("json", "domain/door.py", "import msgspec\nread = msgspec.json.Decoder(kind).decode"),
    ("json", "sim/exchange/wire/requests.py", "import orjson\norjson.loads(body)"),
    ("json", "ops/status_text.py", "import msgspec\nmsgspec.json.encode(status)"),
    ("library", "pricing/fair.py", "import math\nfrom domain.money import Price\nimport msgspec"),
]


def committed() -> list[str]:
    """Every file git would publish: tracked, or new and not ignored; gone ones left out."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return sorted(name for name in listed.split("\0") if name and (ROOT / name).is_file())


@functools.cache
def python_sources() -> list[Source]:
    return [Source(name, (ROOT / name).read_text("utf-8")) for name in committed() if name.endswith(".py")]


@pytest.mark.parametrize("rule", RULES)
def test_the_tree_keeps(rule: str) -> None:
    found = [f"{src.path}:{b.line}: {b.what}" for src in python_sources() for b in breaches(rule, src)]
    way_out = {"size": "`# long: reason`"} | {name: f"`# tidy: {name} - reason`" for name in EXCUSABLE}
    remedy = f" Or write on that line {way_out[rule]}." if rule in way_out else ""
    assert not found, f"{rule}: {RULES[rule].__doc__}{remedy}\n" + "\n".join(found)


@pytest.mark.parametrize(("rule", "path", "text"), PLANTED)
def test_a_planted_breach_is_found(rule: str, path: str, text: str) -> None:
    assert breaches(rule, Source(path, text))


@pytest.mark.parametrize(("rule", "path", "text"), INNOCENT)
def test_a_near_miss_is_left_alone(rule: str, path: str, text: str) -> None:
    assert not breaches(rule, Source(path, text))


def test_every_rule_has_been_seen_to_fire() -> None:
    assert {rule for rule, _, _ in PLANTED} == set(RULES)


@pytest.mark.parametrize("rule", sorted(set(RULES) - EXCUSABLE))
def test_no_excuse_lifts_a_rule_that_safety_rests_on(rule: str) -> None:
    path, text = next((path, text) for name, path, text in PLANTED if name == rule)
    excused = "\n".join(f"{line}  # tidy: {rule} - because I say so" for line in text.splitlines())
    assert breaches(rule, Source(path, excused))


def test_an_excuse_without_a_reason_is_none() -> None:
    text = "try: f()\nexcept Exception: pass  # tidy: swallow -"
    assert breaches("swallow", Source("ops/http/http_io.py", text))


def test_committed_text_names_no_machine_and_no_registry() -> None:
    found = []
    for name in committed():
        try:
            text = (ROOT / name).read_text("utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        found += [f"{name}:{b.line}: {b.what}" for b in names_no_machine(text)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "see https://py" + "pi.org/project/x",
        "--index" + "-url=somewhere",
        "open('/wo" + "rk/main/x')",
        "cd /ro" + "ot/.cache",
        "/home/" + "jo/ladderd",
        "apt from deb.deb" + "ian.org",
    ],
)
def test_a_planted_machine_name_is_found(line: str) -> None:
    assert list(names_no_machine(line))


def test_ordinary_paths_are_no_machine_names() -> None:
    text = "/opt/ladderd/.venv/bin/ladderd /var/lib/ladderd https://example.com/work/x the root/leaf pip install"
    assert not list(names_no_machine(text))


def test_the_daemon_that_is_imported_is_ours() -> None:
    # python-daemon installs the same import name
    for name in SHOPS:
        assert Path(str(importlib.import_module(name).__file__)).parent == ROOT / name
    owners = set(importlib.metadata.packages_distributions().get("daemon", []))
    assert owners <= {"ladderd"}
    assert not any(dist.metadata["Name"].lower() == "python-daemon" for dist in importlib.metadata.distributions())


def test_the_locks_pin_every_package_by_hash_and_agree() -> None:
    pins: dict[str, set[str]] = {}
    for lock in sorted(path.name for path in ROOT.glob("requirements*.txt")):
        for block in (ROOT / lock).read_text("ascii").replace("\\\n", " ").splitlines():
            if block.startswith("#"):
                continue
            name, _, rest = block.partition("==")
            assert "--hash=sha256:" in rest, f"{lock}: {name} is not pinned by hash"
            pins.setdefault(name, set()).add(rest.split()[0])
    assert not {name: versions for name, versions in pins.items() if len(versions) > 1}


def test_what_is_installed_is_what_the_locks_say() -> None:
    text = (ROOT / "requirements-dev.txt").read_text("ascii") + (ROOT / "requirements.txt").read_text("ascii")
    wrong = []
    for line in text.splitlines():
        if "==" in line and not line.startswith((" ", "#")):
            name, _, version = line.removesuffix(" \\").partition("==")
            if importlib.metadata.version(name) != version:
                wrong.append(f"{name}: locked {version}, installed {importlib.metadata.version(name)}")
    assert not wrong, "run `make setup-dev`:\n" + "\n".join(wrong)


def test_the_locks_are_complete() -> None:
    # set-up installs them without resolving, so a dependency that no lock names would be missed silently
    command = [sys.executable, "-m", "pip", "check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_every_declared_library_is_in_the_runtime_lock() -> None:
    lock = (ROOT / "requirements.txt").read_text("ascii")
    assert not [name for name in DECLARED if f"\n{name.replace('_', '-')}==" not in lock]
