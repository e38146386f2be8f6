"""`ladderd scoreboard` and `ladderd pilot-readiness`: the journal and the evidence read, judged, kept and printed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from daemon.preflight.kept_io import folder_of
from daemon.preflight.tables.commands_io import Printed
from daemon.preflight.tables.evidence_file import FileLook, Ours, judge, of_findings
from daemon.preflight.tables.gates import GATES
from daemon.preflight.tables.gates_io import look_at, read_newest
from daemon.preflight.tables.manifest_io import ours_of
from daemon.preflight.tables.pilot import KEPT_LIMIT_S, JournalRead, differences, model_looks, scoreboard_looks
from daemon.preflight.tables.printed_io import code_of, kept, markdown, print_table, table_of
from daemon.settings.tree import Settings
from daemon.system_clock import SystemClock
from domain.door import DOCUMENT_BYTES_MAX, Door, Refused
from domain.findings.finding import FAIL, PASS, UNKNOWN, Finding, environment_of, read_findings
from domain.hosts import is_loopback
from domain.records import OrderFilledEntry
from domain.stamps import utc_text
from journal.facts import told_in
from journal.layout import journal_dir
from journal.reader_io import JournalDamaged, read_proven, segment_paths
from journal.reports.fold import Fold
from journal.reports.track_record import TrackRecord, track_record

SCOREBOARD: Final = "scoreboard"
PILOT: Final = "pilot_readiness"
UNKNOWN_HOST: Final = "a host that is not known"
SIMULATED: Final = "a simulated exchange on this machine proves nothing; say --simulated for a try"
NOTHING: Final = TrackRecord((), 0)


class _Exchange(msgspec.Struct, frozen=True):
    rest_url: str


class _KeptConfig(msgspec.Struct, frozen=True):
    exchange: _Exchange


_kept_config: Final = Door(_KeptConfig, DOCUMENT_BYTES_MAX)


def read_journal(state_dir: Path, environment: str, wanted: str = "") -> JournalRead:
    """Read and prove a whole journal; what another environment made is counted apart. `wanted`: the hash of a record.

    Never raises: a journal that cannot be believed is one of nothing, with its problem.
    """
    nothing = JournalRead(NOTHING, str(journal_dir(state_dir)), "", "", {})
    try:
        segments = segment_paths(state_dir)
        if not segments:
            return nothing._replace(problem="no journal: nothing was traded here", absent=True)
        mtime = utc_text(segments[-1].stat().st_mtime_ns)
        return _fold(state_dir, environment, wanted, nothing._replace(mtime_utc=mtime))
    except JournalDamaged as damage:
        return nothing._replace(problem=f"{damage.file}:{damage.line}: {damage.what}")
    except (OSError, Refused, ValueError) as error:
        return nothing._replace(problem=f"cannot be read: {error}")
    except Exception as error:  # noqa: BLE001 # tidy: swallow - a look that raises FAILS, by contract
        return nothing._replace(problem=f"the look itself raised {type(error).__name__}: {error}")


def _fold(state_dir: Path, environment: str, wanted: str, read: JournalRead) -> JournalRead:
    fold = Fold()
    others: dict[str, int] = {}
    hosts: dict[tuple[str, str], str] = {}
    head, grown = "", False
    for fact in told_in(read_proven(state_dir)):
        line = fact.record
        head, grown = line.hash, grown or line.hash == wanted
        made = line.environment, line.config_hash
        if made not in hosts:
            hosts[made] = _environment(state_dir, *made)
        if hosts[made] == environment:
            fold.take(fact.utc_ns, fact.entry)
        elif type(fact.entry) is OrderFilledEntry:
            others[hosts[made]] = others.get(hosts[made], 0) + 1
    return read._replace(record=track_record(fold), head=head, others=others, grown=grown)


def _environment(state_dir: Path, mode: str, config_hash: str) -> str:
    """The environment of a record: its mode, and the exchange of the configuration that is kept beside the journal."""
    try:
        address = _kept_config.read((state_dir / "config" / f"{config_hash}.json").read_bytes()).exchange.rest_url
    except (OSError, Refused, ValueError):
        return environment_of(mode, UNKNOWN_HOST)
    return environment_of(mode, urlsplit(address).hostname or UNKNOWN_HOST)


def scoreboard(settings: Settings, shape: Printed, *, simulated: bool, check: bool) -> int:
    """What was earned, each figure against its limit; the exit code."""
    return _table(settings, SCOREBOARD, shape, simulated=simulated, check=check)


def pilot_readiness(settings: Settings, shape: Printed, *, simulated: bool, check: bool) -> int:
    """The scoreboard and the evidence about the model: GO or NO-GO; the exit code."""
    return _table(settings, PILOT, shape, simulated=simulated, check=check)


def _table(settings: Settings, name: str, shape: Printed, *, simulated: bool, check: bool) -> int:
    """Look at everything, and keep it; with `check` compare it with what was kept last, and keep nothing."""
    now_ns, ours = SystemClock().now().utc_ns, ours_of(settings)
    before = _kept(settings.state_dir, name, ours, now_ns) if check else None
    read = read_journal(settings.state_dir, ours.environment, "" if before is None else before.head)
    findings = scoreboard_looks(read, ours.environment, now_ns)
    if name == PILOT:
        looks = (*(gate for gate in GATES if gate.name == "calibration"), *model_looks(read.record))
        findings = (*findings, *(look_at(look, settings.state_dir, ours, now_ns) for look in looks))
    if simulated:
        findings = tuple(msgspec.structs.replace(one, reason=f"{one.reason} (simulated)") for one in findings)
    elif is_loopback(urlsplit(settings.exchange.rest_url).hostname or ""):
        findings = (Finding("exchange", FAIL, SIMULATED), *findings)
    if before is not None:
        findings = (*findings, _still(before, findings, read))
    table = table_of(name, settings.mode, findings, code_of(findings), ours, now_ns)
    code = table.exit_code
    if not check:
        table, _, code = kept(settings.state_dir, table, now_ns)
    if shape.as_json:
        sys.stdout.write(msgspec.json.encode(table).decode() + "\n")
    elif shape.as_md:
        sys.stdout.write(markdown(table, ()))
    else:
        print_table(findings)
    return code


class _Kept(NamedTuple):
    """The table that was kept last: its finding as a file, its lines, and the record of the journal below it."""

    finding: Finding
    checks: tuple[Finding, ...]
    head: str


def _kept(state_dir: Path, name: str, ours: Ours, now_ns: int) -> _Kept:
    look = FileLook(
        "kept", KEPT_LIMIT_S, f"run ladderd {name.replace('_', '-')}", same_build=True, read=of_findings(name)
    )
    try:
        found = read_newest(folder_of(state_dir, name))
    except OSError as problem:
        return _Kept(Finding("kept", UNKNOWN, f"its file cannot be opened: {problem.strerror}"), (), "")
    finding = judge(look, found, ours, now_ns)
    try:
        checks = () if found is None else read_findings(found.data).checks
    except Refused:
        checks = ()
    return _Kept(finding, checks, next((one.sha256 for one in checks if one.name == "record"), ""))


def _still(before: _Kept, now: tuple[Finding, ...], read: JournalRead) -> Finding:
    """Whether the table that was kept still says what is so."""
    if before.finding.status is not PASS:
        return before.finding
    against = "; ".join(differences(before.checks, now, read))
    return msgspec.structs.replace(before.finding, status=FAIL, reason=against) if against else before.finding
