from __future__ import annotations

from daemon.rescue.watch import Sight
from daemon.rescue.watch_page_io import WatchPage
from journal.marker_io import KillFile
from ops.watcher_status import WatcherIdentity
from tests.ops.pictures import HandClock

WHO = WatcherIdentity(pid=4711, build_id="b1", config_hash="c1", mode="paper", execution_enabled=True)
NO_KILL = KillFile(active=False, reason="")


async def test_the_page_shows_the_last_look_and_a_taken_port_stops_no_watcher() -> None:
    clock = HandClock()
    page = WatchPage(WHO, 5_000, 0, clock)
    said = await page.open()
    try:
        assert said.startswith("status at http://127.0.0.1:")
        port = int(said.removesuffix("/ops/status").rpartition(":")[2])
        second = WatchPage(WHO, 5_000, port, clock)
        assert (await second.open()).endswith("watching without a page")
        page.looked(clock.now(), clock.now().mono_ns, Sight("a", 1, ended=False), NO_KILL)
        assert page.document()["status"]["state"] == "OK"
        clock.advance(5.1)
        assert page.document()["status"]["state"] == "DEGRADED"
        page.looked(clock.now(), None, Sight("a", 1, ended=True), NO_KILL)
        assert page.document()["status"]["state"] == "OFFLINE"
        page.looked(clock.now(), clock.now().mono_ns, Sight("a", 1, ended=False), KillFile(active=True, reason="fire"))
        assert page.document()["status"]["summary"] == "kill switch: fire"
    finally:
        await page.close()
