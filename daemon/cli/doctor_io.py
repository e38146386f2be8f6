"""`ladderd doctor`: what is installed here, as the account that asks sees it, what is missing, and what to type.

It changes nothing and asks nobody but the daemon's own page. What this account cannot see is UNKNOWN, never well.
"""

from __future__ import annotations

import grp
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from daemon.client.living_io import daemon_pid, page_of
from daemon.client.requests_io import folder as requests_folder
from daemon.settings.load_io import INSTALLED, load_configured
from daemon.settings.tree import Settings
from domain.errors import EX_NOT_OK, EX_OK, ConfigurationError, UnavailableError
from journal.layout import journal_dir
from journal.marker_io import cancel_all_dir, read_kill_file
from journal.shared_folder_io import FOLDER_MODE, account_name
from ops.client_io import fetch

OK, MISSING, UNKNOWN = "ok", "MISSING", "UNKNOWN"
UNIT_FILES: Final = (
    *(
        f"/etc/systemd/system/{name}"
        for name in ("ladderd.service", "ladderd-watch.service", "ladderd-cancel-all.service")
    ),
    *("/etc/sysusers.d/ladderd.conf", "/etc/tmpfiles.d/ladderd.conf", "/etc/polkit-1/rules.d/50-ladderd.rules"),
)
HTTP_OK: Final = 200


class DoctorFinding(msgspec.Struct, frozen=True):
    """One thing that was looked at: how it stands, what was seen, and what to type where it is not well."""

    name: str
    status: str
    seen: str
    type_this: str = ""


def doctor(config: Path | None, state_dir: Path | None, say: Callable[[str], None], *, as_json: bool) -> int:
    """Look at everything and say it; exit 1 when anything is missing or cannot be seen."""
    found = list(_all(config, state_dir))
    if as_json:
        say(msgspec.json.encode(found).decode())
    else:
        for one in found:
            say(
                f"{one.status:8} {one.name:14} {one.seen}"
                + (f"\n{'':24}type: {one.type_this}" if one.type_this else "")
            )
    return EX_OK if all(one.status == OK for one in found) else EX_NOT_OK


def _all(config: Path | None, state_dir: Path | None) -> Iterator[DoctorFinding]:
    yield DoctorFinding("account", OK, f"{account_name(os.geteuid())}, groups {', '.join(_groups())}")
    try:
        settings = load_configured(config, state_dir=state_dir)
    except ConfigurationError as problem:
        yield DoctorFinding("configuration", MISSING, str(problem), "ladderd doctor --config FILE")
        return
    file = config or next(
        (path for path in (INSTALLED / "ladderd.toml", Path("configs/ladderd.toml")) if path.exists()), ""
    )
    yield DoctorFinding("configuration", OK, f"{Path(file).absolute()}, mode {settings.mode}")
    yield from _papers(settings)
    yield _key(settings)
    home = Path(settings.state_dir).absolute()
    yield _home(home)
    for name, path in (("requests", requests_folder(home)), ("cancel_all", cancel_all_dir(home))):
        yield _shared(name, path)
    kill = read_kill_file(home)
    yield DoctorFinding("kill switch", OK, f"ON: {kill.reason}" if kill.active else "off")
    yield _daemon(home)
    if INSTALLED.is_dir():
        yield from _units()


def _groups() -> list[str]:
    names = []
    for gid in sorted({os.getegid(), *os.getgroups()}):
        try:
            names.append(grp.getgrgid(gid).gr_name)
        except KeyError:
            names.append(str(gid))
    return names


def _papers(settings: Settings) -> Iterator[DoctorFinding]:
    for name, path in (("fees", settings.fees_file), ("calendar", settings.calendar_file)):
        there = os.access(path, os.R_OK, effective_ids=True)
        fix = "" if there else f"give {name}_file an absolute path in the configuration"
        yield DoctorFinding(name, OK if there else MISSING, str(Path(path).absolute()), fix)


def _key(settings: Settings) -> DoctorFinding:
    """Whether this account sees the exchange key; where from, never what it is."""
    exchange = settings.exchange
    missing = [
        name for name, held in (
            ("exchange.api_key_id", exchange.api_key_id),
            ("exchange.private_key", exchange.private_key or exchange.private_key_file),
        ) if held is None
    ]  # fmt: skip
    if not missing:
        return DoctorFinding(
            "exchange key", OK, f"id from {settings.source_of('exchange.api_key_id') or 'the defaults'}"
        )
    who = "root sees it in /etc/ladderd/credentials; cancel-all here: systemctl start ladderd-cancel-all"
    return DoctorFinding("exchange key", MISSING, f"{', '.join(missing)}: not set for this account", who)


def _home(home: Path) -> DoctorFinding:
    name = "state"
    try:
        info = home.stat()
    except OSError as problem:
        return DoctorFinding(name, MISSING, f"{home}: {problem.strerror}", "start the daemon once, or give --state-dir")
    seen = f"{home}, {_rights(info)}"
    if not os.access(home, os.R_OK | os.X_OK, effective_ids=True):
        group = account_name(info.st_uid)
        return DoctorFinding(
            name, UNKNOWN, f"{seen}: not open to this account", f"usermod -aG {group} {_me()}, or be root"
        )
    ran = journal_dir(home).is_dir()
    return DoctorFinding(name, OK if ran else MISSING, seen + ("" if ran else ": no daemon has run there"))


def _shared(name: str, path: Path) -> DoctorFinding:
    try:
        info = path.stat()
    except OSError as problem:
        return DoctorFinding(name, MISSING, f"{path}: {problem.strerror}", "the daemon makes it at its start")
    if stat.S_IMODE(info.st_mode) != FOLDER_MODE:
        fix = f"chmod {FOLDER_MODE:o} {path}, or start the daemon again"
        return DoctorFinding(name, MISSING, f"{path}, {_rights(info)}: not open to the group", fix)
    if not os.access(path, os.W_OK | os.X_OK, effective_ids=True):
        return DoctorFinding(
            name, UNKNOWN, f"{path}, {_rights(info)}: this account cannot ask", "be root, or of that group"
        )
    return DoctorFinding(name, OK, f"{path}, {_rights(info)}")


def _daemon(home: Path) -> DoctorFinding:
    name, pid, page = "daemon", daemon_pid(home), page_of(home)
    if not pid:
        return DoctorFinding(name, MISSING, f"none lives in {home}", "systemctl start ladderd, or ladderd run")
    if page is None:
        return DoctorFinding(
            name, UNKNOWN, f"process {pid} lives and has left no address", "wait for its start, or look at its log"
        )
    address = f"http://127.0.0.1:{page.port}"
    try:
        answer: Any = fetch(address, "/health")
    except UnavailableError:
        return DoctorFinding(
            name, MISSING, f"process {pid} does not answer at {address}: it hangs", "ladderd kill --reason hung"
        )
    well = answer.status == HTTP_OK
    return DoctorFinding(name, OK if well else MISSING, f"process {pid} at {address}", "" if well else "ladderd health")


def _units() -> Iterator[DoctorFinding]:
    for text in UNIT_FILES:
        there = Path(text).exists()
        fix = "" if there else "see deploy/systemd/README.md"
        yield DoctorFinding("unit file", OK if there else MISSING, text, fix)


def _rights(info: os.stat_result) -> str:
    return f"mode {stat.S_IMODE(info.st_mode):04o}, owner {account_name(info.st_uid)}"


def _me() -> str:
    return account_name(os.geteuid())
