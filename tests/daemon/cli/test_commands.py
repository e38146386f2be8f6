"""Every command ends with the exit code of the contracts and one readable line."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from daemon.cli import commands as cli
from daemon.cli import spawn_io, views_io
from daemon.client.requests_io import answer, pending
from daemon.settings.pin_io import read_pin
from domain.errors import UnavailableError
from journal.record import GENESIS
from journal.snapshot_io import write_snapshot
from tests.daemon.kept import a_short_story, keep
from tests.journal.lines import sealed_again

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration but the test's own."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("LADDERD_") or name == "CREDENTIALS_DIRECTORY":
            monkeypatch.delenv(name)


class Run:
    """Runs one command in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch = monkeypatch
        self.capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        self.monkeypatch.setattr(sys, "argv", ["ladderd", *words])
        code = cli.main()
        said = self.capsys.readouterr()
        return code, said.out, said.err


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(monkeypatch, capsys)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--help",), 0),
        (("--version",), 0),
        (("report", "--date", "yesterday"), 2),
        (("report",), 2),
        (("windows", "--now", "2026-03-06T14:50:00Z", "--json"), 0),
        (("windows", "--date", "2026-04-03"), 0),
        (("config", "show"), 0),
        (("config", "explain", "risk.per_day_dollars"), 0),
        (("nonsense",), 2),
        (("windows", "--nonsense"), 2),
        (("pause",), 2),
        (("pause", "--by", "ann"), 2),
        (("pause", "--by", " ", "--cause", "b"), 2),
        (("resume", "--by", "ann", "--cause", ""), 2),
        (("note", ""), 2),
        (("kill", "--nonsense"), 2),
        (("windows", "--series", "SPX"), 2),
        (("windows", "--now", "yesterday"), 2),
        (("windows", "--now", "2026-03-06T14:50:00"), 2),
        (("windows", "--date", "2026-02-30"), 2),
        (("windows", "--date", "9999-12-31"), 2),
        (("windows", "--date", "0001-01-01"), 2),
        (("windows", "--now", "9999-12-31T23:59:59Z"), 2),
        (("windows", "--now", "0001-01-01T00:00:00+14:00"), 2),
        (("report", "--target-ns", "9" * 26), 2),
        (("report", "--target-ns", "-5"), 2),
        (("windows", "--config", "nowhere.toml"), 78),
        (("config", "explain", "nonsense"), 2),
        (("config", "explain", "mode.x"), 2),
        (("run", "--mode", "demo"), 2),
        (("preflight", "--mode", "demo"), 2),
        (("run", "--mode", "live"), 78),
        (("run",), 78),
        (("cancel-all",), 69),
        (("verify", "--state-dir", "nowhere"), 78),
        (("journal", "--state-dir", "nowhere"), 78),
        (("journal", "--type", "nonsense"), 2),
        (("pause", "--by", "a", "--cause", "b", "--state-dir", "nowhere"), 78),
        (("snapshot", "show", "--state-dir", "nowhere"), 1),
        (("replay", "--state-dir", "nowhere"), 78),
        (("health", "--http", NOWHERE), 69),
        (("health", "--http", "nonsense"), 2),
        (("health", "--http", "http://[::1"), 2),
        (("health", "--http", "http://127.0.0.1:99999"), 2),
        (("status", "--http", NOWHERE), 69),
    ],
    ids=str,
)
def test_exit_codes(run: Run, words: tuple[str, ...], code: int) -> None:
    got, out, err = run(*words)
    assert got == code, (out, err)
    assert "Traceback" not in out + err
    if code in {2, 78}:
        assert err.startswith("ladderd: ")
        assert err.count("\n") == 1
        assert out == ""


def test_a_usage_error_points_at_its_own_commands_help(run: Run) -> None:
    assert run("pause")[2] == "ladderd: Missing option '--by'; see ladderd pause --help\n"
    assert run("config", "explain")[2].endswith("see ladderd config explain --help\n")
    assert run("nonsense")[2] == "ladderd: No such command 'nonsense'; see ladderd --help\n"


def test_a_kill_is_never_refused_for_want_of_words(run: Run, tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    assert run("kill", "--by", "", "--reason", "", "--state-dir", str(tmp_path))[0] == 1, "laid, and nothing is proven"
    assert (tmp_path / "KILL_SWITCH").read_text() == "operator: no reason given\n"


def test_an_interrupt_is_no_bug(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(views_io, "windows_view", interrupted)
    assert run("windows")[0] == 130


def test_an_exchange_out_of_reach_is_69_and_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> str:
        raise UnavailableError("https://x: no answer")

    monkeypatch.setattr(views_io, "windows_view", gone)
    assert run("windows") == (69, "", "ladderd: https://x: no answer\n")


def test_a_bug_is_not_hidden(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(views_io, "windows_view", broken)
    with pytest.raises(ZeroDivisionError):
        run("windows")


# --- windows, as the contracts' cases -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "label", "target"),
    [
        ("2026-03-06T14:50:00Z", "hourly-1000", "2026-03-06T10:00:00-05:00"),
        ("2026-03-09T13:50:00Z", "hourly-1000", "2026-03-09T10:00:00-04:00"),
        ("2026-04-03T14:50:00Z", None, None),
        ("2025-11-28T17:50:00Z", None, None),
    ],
)
def test_the_present_window(run: Run, now: str, label: str | None, target: str | None) -> None:
    tree = msgspec.json.decode(run("windows", "--series", "INXU", "--now", now, "--json")[1])
    assert set(tree) == {"now_utc", "phase", "scheduler_window", "seconds_to_freeze"}
    window = tree["scheduler_window"]
    assert (window and window["label"], window and window["target_et"]) == (label, target)
    assert (tree["seconds_to_freeze"] is None) is (label is None)


def test_the_windows_of_a_day(run: Run) -> None:
    rows = msgspec.json.decode(run("windows", "--date", "2026-03-06", "--json")[1])
    assert [row["label"] for row in rows] == [f"hourly-{hour}00" for hour in range(10, 16)]
    assert run("windows", "--date", "2026-04-03")[1] == "no windows that day\n"


# --- asking a daemon -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "code"), [("", 0), ("file still says stop", 1)])
def test_a_request_is_answered_through_the_state_directory(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, code: int
) -> None:
    real = views_io._read_answer  # noqa: SLF001 - where the daemon would have been heard

    def daemon_answers(done: Path) -> str | None:
        for request, _ in pending(tmp_path):
            assert (request.by, request.cause, request.command.value) == ("ann", "why not", "resume")
            answer(tmp_path, request, text)
        return real(done)

    monkeypatch.setattr(views_io, "_read_answer", daemon_answers)
    got, out, _ = run("resume", "--by", "ann", "--cause", "why not", "--state-dir", str(tmp_path))
    assert got == code
    assert text in out


def test_a_request_that_nobody_answers_stays_written_down(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views_io, "ANSWER_LIMIT_S", 0.0)
    code, out, _ = run("pause", "--by", "ann", "--cause", "b", "--state-dir", str(tmp_path))
    assert code == 69
    assert "written down" in out
    assert len(pending(tmp_path)) == 1


def test_kill_writes_the_file_and_keeps_the_first_reason(run: Run, tmp_path: Path) -> None:
    home = tmp_path / "state"
    (home / "journal").mkdir(parents=True)
    assert run("kill", "--reason", "fire", "--by", "ann", "--state-dir", str(home))[0] == 1
    code, out, _ = run("kill", "--reason", "flood", "--state-dir", str(home))
    assert code == 1, "no key and no daemon: nothing proves that the account is flat"
    assert "no configuration file" in out
    assert "ann: fire" in out
    assert (home / "KILL_SWITCH").read_text() == "ann: fire\n"


def test_a_kill_where_no_daemon_ever_ran_is_written_and_says_so(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("kill", "--state-dir", str(tmp_path / "state"))
    assert code == 1
    assert "none ever has" in out
    assert (tmp_path / "state" / "KILL_SWITCH").read_text() == "operator: no reason given\n"


def test_a_kill_where_the_daemon_is_dead_says_that_nothing_is_proven(run: Run, tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    (tmp_path / "monitors").mkdir()
    (tmp_path / "monitors" / "http.json").write_text('{"port": 9, "pid": 7}')
    for _ in range(2):
        code, out, _ = run("kill", "--reason", "fire", "--state-dir", str(tmp_path))
        assert (code, "not cancelled from here" in out, "nothing proves" in out) == (1, True, True), out
    assert (tmp_path / "KILL_SWITCH").read_text() == "operator: fire\n"


def test_the_state_directory_of_the_environment_is_the_one_meant(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "elsewhere"
    (home / "journal").mkdir(parents=True)
    monkeypatch.setenv("LADDERD_STATE_DIR", str(home))
    assert run("kill", "--reason", "fire")[0] == 1
    assert (home / "KILL_SWITCH").exists()
    assert not (tmp_path / "state").exists()


def test_a_kill_on_a_full_disk_still_leaves_a_file(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> bool:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "journal").mkdir()
    monkeypatch.setattr("journal.disk_io.Disk.create", full)
    assert run("kill", "--reason", "fire", "--state-dir", str(tmp_path))[0] == 1
    assert (tmp_path / "KILL_SWITCH").read_bytes() == b""


def test_a_configuration_that_cannot_be_read_keeps_nobody_from_halting(run: Run, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("nonsense = 1\n", encoding="utf-8")
    code, _, err = run("kill", "--reason", "fire", "--config", str(tmp_path / "c.toml"))
    assert code == 1
    assert "the request goes to state" in err
    assert (tmp_path / "state" / "KILL_SWITCH").read_text() == "operator: fire\n"


def test_a_pinned_configuration_is_approved_until_it_changes(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(f'state_dir = "{tmp_path}/state"\n', encoding="utf-8")
    pin = ("config", "pin", "--by", "ada", "--cause", "reviewed", "--config", str(config))
    code, out, _ = run(*pin)
    digest = read_pin(tmp_path / "state")
    assert code == 0
    assert digest
    assert digest in out
    (tmp_path / "file").touch()
    config.write_text(f'state_dir = "{tmp_path}/file/state"\n', encoding="utf-8")
    assert run(*pin)[0] == 1
    assert run("config", "pin", "--by", "ada")[0] == 2, "nobody approves without a cause"


# --- looking at what is kept -----------------------------------------------------------------------------------------


def test_verify_and_replay_of_a_whole_and_of_a_spoilt_journal(run: Run, tmp_path: Path) -> None:
    stand, _ = a_short_story(tmp_path)
    keep(stand, tmp_path)
    assert run("verify", "--state-dir", str(tmp_path))[0] == 0
    assert run("replay", "--state-dir", str(tmp_path), "--json")[0] == 0
    (segment, *_) = sorted((tmp_path / "journal").glob("*"))
    body = bytearray(segment.read_bytes())
    body[len(body) // 2] ^= 1
    segment.write_bytes(bytes(body))
    code, out, _ = run("verify", "--state-dir", str(tmp_path))
    assert code == 1
    assert "NOT whole" in out


def flip(lines: list[bytes]) -> list[bytes]:
    """One digit of one record, which stays readable."""
    middle = len(lines) // 2
    return [*lines[:middle], lines[middle].replace(b'"type":"step"', b'"type":"stop"'), *lines[middle + 1 :]]


def remove(lines: list[bytes]) -> list[bytes]:
    return [*lines[: len(lines) // 2], *lines[len(lines) // 2 + 1 :]]


def truncate(lines: list[bytes]) -> list[bytes]:
    """Cut at a record's end: each line left is sound, and only the anchor outside knows better."""
    return lines[:-3]


def rewrite(lines: list[bytes]) -> list[bytes]:
    """Another history, sound in itself from its first record to its last."""
    before, made = GENESIS, []
    for line in lines:
        sealed, before = sealed_again(line, prev_hash=before, correlation_id="rewritten")
        made.append(sealed)
    return made


@pytest.mark.step("K23")
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (flip, "does not have the hash it carries"),
        (remove, "are missing before this line"),
        (truncate, "were cut off its end"),
        (rewrite, "the journal was rewritten here or before"),
    ],
)
def test_verify_finds_each_damage_and_says_where(
    run: Run, tmp_path: Path, damage: Callable[[list[bytes]], list[bytes]], words: str
) -> None:
    stand, _ = a_short_story(tmp_path)
    keep(stand, tmp_path)
    (segment,) = (tmp_path / "journal").glob("*.jsonl")
    lines = segment.read_bytes().splitlines(keepends=True)
    code, out, _ = run("verify", "--state-dir", str(tmp_path))
    assert (code, f"journal whole: {len(lines) - 1} records" in out) == (0, True), "nothing is wrong with it as it is"
    segment.write_bytes(b"".join(damage(lines)))
    code, out, _ = run("verify", "--state-dir", str(tmp_path))
    assert (code, out.startswith(f"journal NOT whole: {segment}:")) == (1, True), out
    assert words in out


def test_verify_tells_lost_anchors_and_a_lost_journal(run: Run, tmp_path: Path) -> None:
    stand, _ = a_short_story(tmp_path)
    keep(stand, tmp_path)
    (anchors,) = (tmp_path / "anchor").glob("*")
    sound = anchors.read_bytes()
    anchors.write_bytes(b"rubbish\n" + sound)
    code, out, _ = run("verify", "--state-dir", str(tmp_path))
    assert (code, out.startswith(f"journal NOT whole: {anchors}:1: it is not an anchor")) == (1, True), out
    assert run("verify", "--state-dir", str(tmp_path), "--json")[0] == 1
    shutil.rmtree(tmp_path / "anchor")
    (segment,) = (tmp_path / "journal").glob("*.jsonl")
    code, out, _ = run("verify", "--state-dir", str(tmp_path))
    what = f"nothing was anchored before the first record: anchors in {tmp_path / 'anchor'} were deleted or cut"
    assert (code, out.strip()) == (1, f"journal NOT whole: {segment}:1 (byte 0): {what}")
    shutil.rmtree(tmp_path / "journal")
    (tmp_path / "anchor").mkdir()
    anchors.write_bytes(sound)
    code, out, _ = run("verify", "--state-dir", str(tmp_path))
    assert (code, f"{tmp_path / 'journal'}:1" in out) == (1, True), out


@pytest.mark.step("H05")
def test_a_snapshot_is_shown_with_its_age_and_an_old_one_is_not_ok(run: Run, tmp_path: Path) -> None:
    stand, number = a_short_story(tmp_path)
    from daemon.system_clock import SystemClock  # noqa: PLC0415 - the age is of now

    now_ns = SystemClock().now().utc_ns
    for age_ns, code in ((0, 0), (60 * 10**9, 1)):
        write_snapshot(tmp_path, stand.memories[number], 7, now_ns - age_ns)
        got, out, _ = run("snapshot", "show", "--state-dir", str(tmp_path))
        assert got == code
        assert "3 live orders" in out or "4 live orders" in out
        tree = msgspec.json.decode(run("snapshot", "show", "--state-dir", str(tmp_path), "--json")[1])
        assert tree["seq"] == 7
    tree = msgspec.json.decode(stand.memories[number])
    market = next(iter(tree["ledger"]["markets"].values()))
    for result, shown in (("", True), ("yes", False)):
        market |= {"position": -100, "result": result}
        write_snapshot(tmp_path, msgspec.json.encode(tree), 8, now_ns)
        out = run("snapshot", "show", "--state-dir", str(tmp_path))[1]
        assert (" -1.00, cancel-all" in out) is shown, "what is settled is held no more"
        assert "{" not in out


def test_config_show_has_the_hash_and_no_secret(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LADDERD_FEEDS__API_KEY", "k3y~secret")
    code, out, err = run("config", "show")
    assert code == 0
    assert "config hash " in out
    assert "k3y~secret" not in out + err


# --- becoming a simulator --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "handed"),
    [
        (("demo", "--once", "--http-port", "1"), ["demo", "--once", "--http-port", "1"]),
        (("simulate", "--seed", "3"), ["simulate", "--seed", "3"]),
        (("sim", "exchange", "--port", "1"), ["exchange", "--port", "1"]),
        (("demo", "--help"), ["demo", "--help"]),
    ],
)
def test_simulators_are_other_programs_and_get_their_words_unchanged(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], handed: list[str]
) -> None:
    seen: list[tuple[str, list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda *call: seen.append(call))
    run(*words)
    ((program, arguments, environment),) = seen
    assert program == sys.executable
    assert arguments == [sys.executable, "-m", "sim", *handed]
    root = str(Path(spawn_io.__file__).resolve().parents[2])
    assert environment["PYTHONPATH"].split(os.pathsep)[0] == root


@pytest.mark.parametrize("command", ["health", "status", "positions", "providers"])
def test_a_screen_asks_the_daemon_of_the_state_directory_that_was_given(command: str, tmp_path: Path, run: Run) -> None:
    (tmp_path / "demo" / "monitors").mkdir(parents=True)
    (tmp_path / "demo" / "monitors" / "http.json").write_text('{"pid": 7, "port": 9}')
    code, said, complaint = run(command, "--state-dir", str(tmp_path / "demo"))
    assert (code, NOWHERE in said + complaint) == (69, True), said + complaint
