"""The processes of one run on this machine: found when they listen, ended by their own id, and none is left."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from sim.local.child import Child, ChildError
from sim.local.programs import Programs
from sim.local.setting import ROOT, Setting
from sim.local.waiting import reached
from tests.live.stage import until

SAYS = "import time; print('x listening on http://127.0.0.1:1', flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); signal.pause()"


def is_there(pid: int) -> bool:
    """Whether there is a process of that id, one that nobody has waited for included."""
    return Path(f"/proc/{pid}").exists()


def runs(pid: int) -> bool:
    """Whether a process has not ended; one that nobody has waited for has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def child(folder: Path, code: str) -> Child:
    return Child(("-c", code), folder / "x.log", folder, dict(os.environ))


def test_what_a_process_said_before_is_not_taken_for_its_address(tmp_path: Path) -> None:
    for _ in range(2):
        one = child(tmp_path, SAYS)
        try:
            assert until("its address", one.listening) == ["http://127.0.0.1:1"]
            assert one.listening(2) == []
            assert os.getsid(one.pid) == one.pid, "a session of its own"
        finally:
            one.end(signal.SIGKILL)
    assert (tmp_path / "x.log").read_text().count("listening") == 2


def test_a_process_that_ends_instead_says_why(tmp_path: Path) -> None:
    one = child(tmp_path, "raise SystemExit('no room here')")
    with pytest.raises(ChildError) as problem:
        until("its address", one.listening)
    assert str(problem.value) == f"the x did not start: no room here (log: {tmp_path / 'x.log'})"
    assert one.end() == 1


def test_a_process_ends_when_whoever_started_it_is_killed(tmp_path: Path) -> None:
    code = (
        "import os, signal; from pathlib import Path; from sim.local.child import Child;"
        f"one = Child(('-c', {SAYS!r}), Path('y.log'), Path('.'), dict(os.environ));"
        "print('pid', one.pid, flush=True); signal.pause()"
    )
    parent = Child(("-c", code), tmp_path / "x.log", tmp_path, dict(os.environ) | {"PYTHONPATH": str(ROOT)})
    pid = int(until("its child", lambda: parent.said() if parent.said().endswith("\n") else "").split()[1])
    assert is_there(pid)
    assert parent.end(signal.SIGKILL) == -signal.SIGKILL
    until("the child's end", lambda: not runs(pid))


@pytest.mark.parametrize("state", ["runs", "stands still", "does not listen"])
def test_every_process_can_be_ended(tmp_path: Path, state: str) -> None:
    one = child(tmp_path, STUBBORN if state == "does not listen" else SAYS)
    until("it runs", one.said)
    if state == "stands still":
        one.send_signal(signal.SIGSTOP)
    assert one.end(limit_s=0.5 if state == "does not listen" else 10) == (
        -signal.SIGKILL if state == "does not listen" else -signal.SIGTERM
    )
    assert not is_there(one.pid)


def test_nothing_is_left_when_one_of_them_does_not_start(tmp_path: Path) -> None:
    programs = Programs(Setting(tmp_path, tmp_path, "tried", exchange_options=("--rungs", "none")))
    programs.setting.prepare()
    feed, exchange = programs.start_feed(), programs.start_exchange()
    try:
        with pytest.raises(ChildError, match="--rungs"):
            until("the exchange", exchange.listening, 30)
        assert len(until("both hosts", lambda: feed.listening(2), 30)) == 2
    finally:
        programs.close()
    assert not [pid for pid in (feed.pid, exchange.pid) if is_there(pid)]
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600


def test_the_daemon_is_ended_before_the_simulators_that_it_needs(tmp_path: Path) -> None:
    programs = Programs(Setting(tmp_path, tmp_path, "tried"))
    told: list[str] = []

    class Told:
        def __init__(self, name: str) -> None:
            self.name = name

        def end(self, _number: int, *_limit: float) -> int:
            told.append(self.name)
            return 0

    for name in ("exchange", "feed", "watch", "daemon"):
        programs.running[name] = Told(name)  # type: ignore[assignment]
    programs.close()
    assert told[0] == "daemon"
    assert set(told[2:]) == {"exchange", "feed"}


def test_the_page_is_that_of_the_daemon_that_runs_now(tmp_path: Path) -> None:
    programs = Programs(Setting(tmp_path, tmp_path, "tried"))
    one = programs.running["daemon"] = child(tmp_path, SAYS)
    (tmp_path / "monitors").mkdir()
    try:
        assert programs.page() == ""
        for pid, page in ((one.pid + 1, ""), (one.pid, "http://127.0.0.1:99")):
            (tmp_path / "monitors" / "http.json").write_text(f'{{"pid": {pid}, "port": 99}}')
            assert programs.page() == page
    finally:
        one.end(signal.SIGKILL)
    with pytest.raises(ChildError, match="the daemon ended with -9"):
        programs.page()


def test_a_start_hands_on_none_of_the_settings_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LADDERD_MODE", "live")
    setting = Setting(tmp_path, tmp_path, "tried", settings={"freshness.basis": "age"}, marks={"MARK": "x"})
    found = setting.environment()
    assert "LADDERD_MODE" not in found
    assert (found["LADDERD_FRESHNESS__BASIS"], found["MARK"], found["PYTHONPATH"]) == ("age", "x", str(ROOT))


@pytest.mark.parametrize(("seen", "found"), [(0, None), (7, 7)])
async def test_waiting_without_blocking_ends_in_time(seen: int, found: int | None) -> None:
    assert await reached(lambda: seen, 0.05) == found


def test_what_was_waited_for_is_said() -> None:
    with pytest.raises(AssertionError, match=r"not within 0.05 s: rain; last seen: 0"):
        until("rain", lambda: 0, 0.05)
