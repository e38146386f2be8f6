"""The units as systemd reads them: valid, hardened, and wired so that whatever ends the daemon cancels its orders."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from daemon.client.requests_io import open_requests_folder
from journal.marker_io import open_cancel_all
from tests.programs import need

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "deploy" / "systemd"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
INSTALLED = "/opt/ladderd"
WORST_SCORE = 2.0


def settings(name: str) -> dict[str, list[str]]:
    """`Section.Key` -> its values in order."""
    found: dict[str, list[str]] = defaultdict(list)
    section = ""
    for line in (UNITS / name).read_text("utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found[f"{section}.{key}"].append(value)
    return found


def one(name: str, key: str) -> str:
    (value,) = settings(name)[key]
    return value


def here(folder: Path) -> list[str]:
    """All units, copied to `folder` as if this tree stood in /opt/ladderd."""
    for path in UNITS.glob("*.*"):
        if path.suffix in {".service", ".timer"}:
            (folder / path.name).write_text(path.read_text("utf-8").replace(INSTALLED, str(ROOT)))
    return sorted(str(path) for path in folder.iterdir())


def verify(units: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [need("systemd-analyze"), "verify", "--man=no", *units], check=False, capture_output=True, text=True, timeout=60
    )


def score(unit: Path) -> float:
    done = subprocess.run(
        [need("systemd-analyze"), "security", "--offline=true", "--no-pager", str(unit)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    return float(found[1])


def test_systemd_takes_the_units_without_a_word(tmp_path: Path) -> None:
    done = verify(here(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "broken",
    [
        "[Service]\nExecStart=/no/such/program\n",
        "[Service]\nExecStart=/bin/true\nWatchDog=5\n",
        "[Service]\nType=notify\n",
    ],
)
def test_verify_would_notice_a_broken_unit(tmp_path: Path, broken: str) -> None:
    (tmp_path / "broken.service").write_text(broken)
    done = verify([str(tmp_path / "broken.service")])
    assert done.returncode or done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_hardening_scores_well(name: str) -> None:
    assert score(UNITS / name) <= WORST_SCORE


def test_a_bare_unit_would_not_score_well(tmp_path: Path) -> None:
    bare = tmp_path / "bare.service"
    bare.write_text("[Service]\nExecStart=/bin/true\n")
    assert score(bare) > WORST_SCORE


def test_the_calendar_lines_mean_what_they_say() -> None:
    for timer, at in (("ladderd.timer", "07:45:00"), ("ladderd-stop.timer", "17:15:00")):
        line = one(timer, "Timer.OnCalendar")
        done = subprocess.run(
            [need("systemd-analyze"), "calendar", line], check=False, capture_output=True, text=True, timeout=60
        )
        assert f"Mon..Fri *-*-* {at} America/New_York" in done.stdout


def test_whatever_ends_the_daemon_cancels_its_orders() -> None:
    stop = one("ladderd.service", "Service.ExecStopPost")
    assert stop.endswith(f" {INSTALLED}/.venv/bin/ladderd cancel-all --reason shutdown")
    assert one("ladderd.service", "Service.ExecStart").startswith(f"{INSTALLED}/.venv/bin/ladderd run")


def test_cancel_all_after_a_crash_still_has_the_key() -> None:
    # systemd 252 makes /run/credentials inaccessible to ExecStopPost once the unit has a mount namespace (seen in a
    # real one: exit 78, nothing cancelled): what it reads must be the copy that the start left in the runtime directory
    copied = one("ladderd.service", "Service.ExecStartPre").split()
    assert copied[:3] == ["/bin/cp", "-rfT", "%d"]
    assert f"CREDENTIALS_DIRECTORY={copied[3]}" in one("ladderd.service", "Service.ExecStopPost").split()
    assert copied[3].startswith(f"/run/{one('ladderd.service', 'Service.RuntimeDirectory')}/")
    assert one("ladderd.service", "Service.RuntimeDirectoryMode") == "0700"


@pytest.mark.parametrize("key", ["ExecStart", "ExecStopPost"])
def test_the_command_in_the_unit_is_one_that_exists(key: str) -> None:
    line = one("ladderd.service", f"Service.{key}").replace(INSTALLED, str(ROOT))
    program, command, *options = line[line.index(str(ROOT)) :].split()
    told = subprocess.run([program, command, "--help"], check=False, capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stderr
    for option in options[::2]:
        assert option in told.stdout


@pytest.mark.parametrize("name", ["ladderd.service", "ladderd-watch.service"])
def test_progress_is_watched_and_a_wedged_process_dies_soon(name: str) -> None:
    assert one(name, "Service.Type") == "notify"
    assert one(name, "Service.NotifyAccess") == "main"
    assert 0 < int(one(name, "Service.WatchdogSec")) <= 10
    assert 0 < int(one(name, "Service.TimeoutAbortSec")) <= 5
    assert one(name, "Service.Restart") == "always"


def test_a_wrong_configuration_is_not_tried_again() -> None:
    for name in ("ladderd.service", "ladderd-watch.service"):
        assert "78" in one(name, "Service.RestartPreventExitStatus").split()


def test_a_crash_loop_ends() -> None:
    assert 1 <= int(one("ladderd.service", "Unit.StartLimitBurst")) <= 10
    assert int(one("ladderd.service", "Unit.StartLimitIntervalSec")) >= 60


def test_daemon_and_watcher_have_keys_of_their_own() -> None:
    sources = {
        name: {line.partition(":")[2] for line in settings(name)["Service.LoadCredential"]}
        for name in ("ladderd.service", "ladderd-watch.service")
    }
    assert not sources["ladderd.service"] & sources["ladderd-watch.service"]
    names = {line.partition(":")[0] for line in settings("ladderd.service")["Service.LoadCredential"]}
    assert names == {"exchange__api_key_id", "exchange__private_key", "feeds__api_key"}


def test_no_secret_and_no_live_switch_stands_in_a_unit() -> None:
    text = "".join(path.read_text("utf-8") for path in UNITS.glob("*.service"))
    assert not re.search(r"(KEY|TOKEN|PASSWORD)\S*=", text)
    assert "EXECUTION_HALTED=" not in text


def test_both_write_their_markers_into_one_state_directory() -> None:
    for name in ("ladderd.service", "ladderd-watch.service"):
        assert one(name, "Service.StateDirectory") == "ladderd"
        assert "LADDERD_STATE_DIR=/var/lib/ladderd" in one(name, "Service.Environment").split()
        assert one(name, "Service.User") == "ladderd"


def test_process_metrics_stay_visible() -> None:
    # ProcSubset=pid removes prometheus-client's process_* metrics without a word
    assert "Service.ProcSubset" not in settings("ladderd.service")


def test_the_account_is_declared() -> None:
    program = shutil.which("systemd-sysusers")
    line = (UNITS / "ladderd.sysusers.conf").read_text("utf-8").splitlines()[-1]
    assert line.startswith("u ladderd ")
    if program:
        done = subprocess.run(
            [program, "--dry-run", str(UNITS / "ladderd.sysusers.conf")], check=False, capture_output=True, timeout=60
        )
        assert done.returncode == 0


def test_members_of_the_group_can_ask_and_read_and_the_daemon_makes_the_same_folders(tmp_path: Path) -> None:
    lines = (UNITS / "ladderd.tmpfiles.conf").read_text("utf-8").splitlines()
    rows = {Path(row[1]).name: row for line in lines if not line.startswith("#") and (row := line.split())}
    assert {name: row[2] for name, row in rows.items()} == {"ladderd": "0750", "requests": "0770", "cancel_all": "0770"}
    assert {(row[0], row[3], row[4]) for row in rows.values()} == {("d", "ladderd", "ladderd")}
    open_requests_folder(tmp_path)
    open_cancel_all(tmp_path, 1)
    for name in ("requests", "cancel_all"):
        assert f"{stat.S_IMODE((tmp_path / name).stat().st_mode):04o}" == rows[name][2]
    for unit in ("ladderd.service", "ladderd-watch.service"):
        assert one(unit, "Service.UMask") == "0027"
        assert one(unit, "Service.StateDirectoryMode") == "0750"


def test_members_of_the_group_start_the_one_unit_that_empties_the_account() -> None:
    rule = (UNITS / "ladderd.rules").read_text("utf-8")
    for words in ('"ladderd-cancel-all.service"', '"start"', 'isInGroup("ladderd")', "polkit.Result.YES"):
        assert rule.count(words) == 1
    unit = "ladderd-cancel-all.service"
    assert one(unit, "Service.ExecStart").startswith(f"{INSTALLED}/.venv/bin/ladderd cancel-all ")
    assert "--reason shutdown" not in one(unit, "Service.ExecStart"), "an operator's: it pauses"
    credentials = settings("ladderd.service")["Service.LoadCredential"]
    assert set(settings(unit)["Service.LoadCredential"]) <= set(credentials)
    assert one(unit, "Service.User") == one("ladderd.service", "Service.User")
