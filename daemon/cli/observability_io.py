"""`ladderd verify-observability`: fetch a daemon's pages over its socket as Prometheus would, and see them move.

Nobody there is 69. Somebody there who does not answer, or answers something else, is a finding: exit 1.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import msgspec

from daemon.client.living_io import read_page
from daemon.client.requests_io import HTTP, MONITORS
from daemon.system_clock import SystemClock
from domain.clock import NS_PER_S
from domain.door import Refused
from domain.errors import EX_NOT_OK, EX_OK, UnavailableError
from ops.client_io import fetch
from ops.metrics.page_io import FORMATS
from ops.observability import Got, Observed, Scrape, Watch, all_hold

PAUSE_S: Final = 1.1  # a page is rendered at most once a second


def verify_observability(state_dir: Path, http: str | None, seconds: int, *, as_json: bool) -> tuple[int, str]:
    """Exit code and text: 0 when every page holds and every counter that traffic moves rose within `seconds`.

    It ends as soon as that is so, or something is wrong that waiting does not mend. Raises UnavailableError (69) when
    nobody listens, or no daemon has left its address.
    """
    address, pid = _address(state_dir, http)
    fetch_first(address)
    findings = asyncio.run(_watched(address, pid, seconds)).findings()
    code = EX_OK if all_hold(findings) else EX_NOT_OK
    return code, _json(address, findings) if as_json else _text(address, findings)


async def _watched(address: str, pid: int | None, seconds: int) -> Watch:
    clock, watch = SystemClock(), Watch(pid)
    until_ns = clock.now().mono_ns + seconds * NS_PER_S
    while True:
        watch.take(_look(address, clock))  # nothing else is on this loop: a request may block it
        if watch.broken or watch.risen or clock.now().mono_ns + int(PAUSE_S * NS_PER_S) > until_ns:
            return watch
        await asyncio.sleep(PAUSE_S)


def fetch_first(address: str) -> None:
    """Let it be known when nobody listens. Raises UnavailableError for that alone."""
    try:
        fetch(address, "/health")
    except UnavailableError as problem:
        if isinstance(problem.__cause__, ConnectionRefusedError):
            raise


def _look(address: str, clock: SystemClock) -> Scrape:
    return Scrape(
        openmetrics=_got(address, "/metrics", FORMATS["openmetrics"]),
        text=_got(address, "/metrics", FORMATS["text"]),
        status=_got(address, "/ops/status", "application/json"),
        utc_ns=clock.now().utc_ns,
    )


def _got(address: str, path: str, accept: str) -> Got:
    try:
        answer = fetch(address, path, accept=accept)
    except UnavailableError as problem:
        return Got(0, str(problem))
    return Got(answer.status, answer.text)


def _address(state_dir: Path, http: str | None) -> tuple[str, int | None]:
    if http is not None:
        return http, None
    path = state_dir / MONITORS / HTTP
    try:
        told = read_page(state_dir)
    except (OSError, Refused) as problem:
        raise UnavailableError(f"no daemon has left its address in {path} ({problem}); give --http") from problem
    return f"http://127.0.0.1:{told.port}", told.pid


def _json(address: str, findings: tuple[Observed, ...]) -> str:
    told = {"address": address, "ok": all_hold(findings), "findings": findings}
    return msgspec.json.encode(told).decode()


def _text(address: str, findings: tuple[Observed, ...]) -> str:
    lines = [f"observability of {address}: {'OK' if all_hold(findings) else 'NOT OK'}"]
    lines += [f"  {'PASS' if one.ok else 'FAIL'}  {one.what}: {one.detail}" for one in findings]
    return "\n".join(lines)
