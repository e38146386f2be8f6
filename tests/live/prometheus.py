"""A real Prometheus beside a stage, with the shipped files and with the same files made faster.

A drill cannot wait a quarter of an hour for a `for: 15m`. `divided` divides every duration of a file by one factor and
leaves everything else as it is; `same_but_for_durations` proves that of the result. The rules are loaded twice: as they
are shipped, and divided under another name; a rule has fired when either did, since the shipped one is the stricter.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sim.local.setting import ROOT
from sim.local.waiting import utc_s
from tests.live.stage import fetch, until
from tests.programs import need

FOLDER = ROOT / "deploy" / "prometheus"
# By 60, a scrape would have 83 ms: on a busy machine one in a hundred comes late, and a late one begins a `for` anew.
FACTOR = 30
DURATION = re.compile(r"(?P<before>\bfor: |\[|\boffset |_interval: |_timeout: )(?P<number>\d+)(?P<unit>ms|s|m|h)")
UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
TIMEOUT = "_timeout: "
FASTER = "Faster"


def durations_ms(text: str) -> list[tuple[str, int]]:
    """What stands before each duration of a file, and the duration in milliseconds."""
    return [(m["before"], int(m["number"]) * UNIT_MS[m["unit"]]) for m in DURATION.finditer(text)]


def divided(text: str, factor: int = FACTOR) -> str:
    """The file with every duration divided, rounded to a millisecond; only the time-out of one scrape stays."""

    def faster(found: re.Match[str]) -> str:
        if found["before"] == TIMEOUT:
            return found[0]
        return f"{found['before']}{round(int(found['number']) * UNIT_MS[found['unit']] / factor)}ms"

    return DURATION.sub(faster, text)


def same_but_for_durations(text: str, faster: str, factor: int = FACTOR) -> bool:
    """Whether two files differ in nothing but durations, and in those by the factor to the millisecond."""
    if DURATION.sub(lambda m: m["before"], text) != DURATION.sub(lambda m: m["before"], faster):
        return False
    return all(
        abs(slow_ms - fast_ms * (1 if before == TIMEOUT else factor)) <= factor // 2
        for (before, slow_ms), (_, fast_ms) in zip(durations_ms(text), durations_ms(faster), strict=True)
    )


def expression_of(rule: str) -> str:
    """What a rule of the shipped file asks."""
    found = re.search(
        rf"- alert: {rule}\n +expr: (.+)\n", (FOLDER / "ladderd.rules.yml").read_text("utf-8"), re.MULTILINE
    )
    assert found is not None, rule
    return found[1]


def rule_names() -> list[str]:
    """Every alert of the shipped file, in order."""
    return re.findall(r"^ +- alert: (\w+)$", (FOLDER / "ladderd.rules.yml").read_text("utf-8"), re.MULTILINE)


class Prometheus:
    """One server over one folder; `targets` are host:port, none for a Prometheus that lost its scrape job."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder, self.address = folder, address

    def query(self, expression: str, at_s: float | None = None) -> list[dict[str, Any]]:
        """The vector that an expression gives, now or at an instant."""
        asked = {"query": expression} | ({} if at_s is None else {"time": str(at_s)})
        status, body = fetch(f"{self.address}/api/v1/query?{urllib.parse.urlencode(asked)}")
        if status != 200:
            return []
        found: list[dict[str, Any]] = json.loads(body)["data"]["result"]
        return found

    def active(self) -> set[str]:
        """Every version of a rule that is pending or fires now: the shipped one, and the divided one as `Faster...`."""
        return self._names("ALERTS")

    def loud(self, rules: tuple[str, ...]) -> set[str]:
        """The rules with no quiet version left: the shipped one goes on for minutes after its cause."""
        active = self.active()
        return {rule for rule in rules if {rule, FASTER + rule} <= active}

    def fired_since(self, began_s: float, before: set[str]) -> set[str]:
        """The rules of which a version has fired since an instant; `before`: the versions active then, not counted."""
        window_ms = max(int((utc_s() - began_s) * 1_000), 1)
        names = self._names(f'count_over_time(ALERTS{{alertstate="firing"}}[{window_ms}ms])')
        return {name.removeprefix(FASTER) for name in names - before}

    def _names(self, expression: str) -> set[str]:
        return {row["metric"]["alertname"] for row in self.query(f"count by (alertname) ({expression})")}


def _files(folder: Path, target: str) -> Path:
    """The shipped files beside their divided selves, for one target or none."""
    rules = (FOLDER / "ladderd.rules.yml").read_text("utf-8")
    config = (FOLDER / "prometheus.yml").read_text("utf-8")
    faster, quick = divided(rules), divided(config)
    assert same_but_for_durations(rules, faster)
    assert same_but_for_durations(config, quick)
    (folder / "ladderd.rules.yml").write_text(rules)
    (folder / "faster.rules.yml").write_text(
        faster.replace("name: ladderd-", "name: faster-").replace("- alert: ", f"- alert: {FASTER}")
    )
    quick = quick.replace("  - ladderd.rules.yml\n", "  - ladderd.rules.yml\n  - faster.rules.yml\n")
    # A scrape may take its time, but not longer than its interval; nobody listens for alerts here.
    quick = quick.replace("scrape_timeout: 2s", f"scrape_timeout: {round(5_000 / FACTOR)}ms")
    quick = quick.partition("alerting:")[0]
    quick = quick.replace('["127.0.0.1:8080"]', json.dumps([target] if target else []))
    if not target:
        quick = quick.replace("job_name: ladderd", "job_name: another")
    path = folder / "prometheus.yml"
    path.write_text(quick)
    return path


@contextlib.contextmanager
def prometheus(folder: Path, target: str, port: int, history: str = "") -> Iterator[Prometheus]:
    """Run one on a port of loopback until the block ends; `history` is OpenMetrics text that it already has."""
    folder.mkdir(parents=True, exist_ok=True)
    config = _files(folder, target)
    if history:
        (folder / "history.txt").write_text(history)
        made = subprocess.run(
            [need("promtool"), "tsdb", "create-blocks-from", "openmetrics", folder / "history.txt", folder / "data"],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
    with (folder / "prometheus.log").open("ab") as log:
        process = subprocess.Popen(
            [need("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
             f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"],
            stdout=log, stderr=log, cwd=folder, start_new_session=True,
        )  # fmt: skip
    server = Prometheus(folder, f"http://127.0.0.1:{port}")
    try:
        until("Prometheus is ready", lambda: fetch(f"{server.address}/-/ready")[0] == 200, 30)
        yield server
    finally:
        process.terminate()
        process.wait(20)
