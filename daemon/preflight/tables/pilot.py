"""Whether what was earned, and what is known of the model, is enough for more than a pilot. Pure.

Each look is a finding with its number and its limit. `ladderd scoreboard` is the looks at the journal's own record;
`ladderd pilot-readiness` has in addition those at the evidence about the model. What is not there is UNKNOWN, what is
there and is not enough is FAIL, and both are against.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from daemon.preflight.tables.evidence_file import FileLook, Told
from daemon.preflight.tables.gates import DAY
from domain.clock import NS_PER_S
from domain.door import DOCUMENT_BYTES_MAX, Door
from domain.findings.finding import FAIL, PASS, UNKNOWN, Finding, FindingStatus
from domain.stamps import parse_rfc3339
from journal.reports.track_record import Ratio, TrackRecord

FILLS_MIN: Final = 300
SESSIONS_MIN: Final = 20
T_MIN: Final = 2.0
BPS_MIN: Final = 6.0
FILL_SHARE_OFF_MAX: Final = 0.05
EVENTS_MIN: Final = 120
CLAMP_MIN_PPM: Final = 750_000
RECORD_LIMIT_S: Final = 14 * DAY
MODEL_LIMIT_S: Final = 14 * DAY
KEPT_LIMIT_S: Final = DAY
BPS: Final = 10_000
CENTS: Final = 100
PPM: Final = 1_000_000


class JournalRead(NamedTuple):
    """A journal, read to its end. `head`: the hash of its last record, which stands for all before it.

    `others`: how many fills of each other environment were not counted. `grown`: whether the record that an earlier
    look rested on still stands in it. `problem`: why it cannot be believed; `absent`: that there is none.
    """

    record: TrackRecord
    path: str
    head: str
    mtime_utc: str
    others: dict[str, int]
    grown: bool = False
    problem: str = ""
    absent: bool = False


class HonestyEvidence(msgspec.Struct, frozen=True):
    """What the model's honesty came to, in the file that `honesty` keeps."""

    environment: str
    config_hash: str
    build_id: str
    taken_utc: str
    settled_events: int
    clamp_ppm: int


class FillModelEvidence(msgspec.Struct, frozen=True):
    """Which share of what is sent the fill model expects to be filled, in the file that `fill_model` keeps."""

    environment: str
    config_hash: str
    build_id: str
    taken_utc: str
    alpha_ppm: int


_honesty: Final = Door(HonestyEvidence, DOCUMENT_BYTES_MAX)
_fill_model: Final = Door(FillModelEvidence, DOCUMENT_BYTES_MAX)


def scoreboard_looks(read: JournalRead, environment: str, now_ns: int) -> tuple[Finding, ...]:
    """The record that counts, and what it has earned; each figure with its limit."""
    record = read.record
    rows: tuple[tuple[str, Callable[[TrackRecord], tuple[FindingStatus, str]]], ...] = (
        ("fills", _fills),
        ("sessions", _sessions),
        ("profit", _profit),
        ("profit_bps", _bps),
        ("expected", _expected),
    )
    counted = _counted(read, environment, now_ns)
    return (counted, *(_row(name, look, record, read) for name, look in rows))


def _counted(read: JournalRead, environment: str, now_ns: int) -> Finding:
    """Whether there is a record of this environment at all, whole and young."""
    rests_on = read.path, read.head, read.mtime_utc
    newest_ns = read.record.newest_ns
    age_s = None if newest_ns is None else (now_ns - newest_ns) / NS_PER_S
    others = ", ".join(f"{count} of {name}" for name, count in sorted(read.others.items()))
    left_out = f"; not counted: {others}" if others else ""
    if read.problem:
        status, said = (UNKNOWN if read.absent else FAIL), read.problem
    elif age_s is None:
        status, said = UNKNOWN, f"no settled fill of {environment}{left_out}"
    elif age_s > RECORD_LIMIT_S:
        status, said = FAIL, f"too old: the last fill was {age_s / DAY:.0f} days ago, limit {RECORD_LIMIT_S // DAY}"
    elif age_s < 0:
        status, said = FAIL, "a fill from the future: a clock was wrong"
    else:
        status, said = PASS, f"{len(read.record.windows)} windows, {read.record.unsettled} not settled yet{left_out}"
    return Finding("record", status, said, age_s, RECORD_LIMIT_S, *rests_on)


def _row(
    name: str,
    look: Callable[[TrackRecord], tuple[FindingStatus, str]],
    record: TrackRecord,
    read: JournalRead,
) -> Finding:
    if read.problem:
        return Finding(name, UNKNOWN if read.absent else FAIL, f"no record: {read.problem}")
    try:
        status, said = look(record)
    except Exception as problem:  # noqa: BLE001 # tidy: swallow - a look that raises FAILS, by contract
        status, said = FAIL, f"the look itself raised {type(problem).__name__}: {problem}"
    return Finding(name, status, said, None, None, read.path, read.head, read.mtime_utc)


def _fills(record: TrackRecord) -> tuple[FindingStatus, str]:
    return _at_least(record.fills, FILLS_MIN, "fills")


def _sessions(record: TrackRecord) -> tuple[FindingStatus, str]:
    return _at_least(len(record.sessions), SESSIONS_MIN, "sessions with a fill")


def _at_least(found: int, least: int, what: str) -> tuple[FindingStatus, str]:
    return (PASS if found >= least else FAIL), f"{found} {what}, {least} needed"


def _profit(record: TrackRecord) -> tuple[FindingStatus, str]:
    earned = record.profit()
    if earned is None:
        return UNKNOWN, "no contract was filled and settled"
    spread = record.interval()
    between = "" if spread is None else f" (95 % by session {spread[0] * CENTS:+.2f} to {spread[1] * CENTS:+.2f})"
    said = f"{earned.mean * CENTS:+.2f} c a contract after fees{between}, {_t(earned)}, {T_MIN:g} needed"
    if earned.t is None:
        return UNKNOWN, said
    return (PASS if earned.mean > 0 and earned.t >= T_MIN else FAIL), said


def _bps(record: TrackRecord) -> tuple[FindingStatus, str]:
    earned = record.profit()
    if earned is None:
        return UNKNOWN, "no contract was filled and settled"
    bps = earned.mean * BPS
    return (PASS if bps >= BPS_MIN else FAIL), f"{bps:+.1f} bps of a contract's dollar, {BPS_MIN:+g} needed"


def _expected(record: TrackRecord) -> tuple[FindingStatus, str]:
    beyond = record.beyond_expected()
    if beyond is None:
        return UNKNOWN, "what the fills were expected to make is not in the journal"
    said = f"{beyond.mean * CENTS:+.2f} c a contract beyond what was expected, {_t(beyond)}, not {-T_MIN:g} or below"
    if beyond.t is None:
        return UNKNOWN, said
    return (FAIL if beyond.t <= -T_MIN else PASS), said


def _t(ratio: Ratio) -> str:
    return "t unknown" if ratio.t is None else f"t {ratio.t:+.2f} by window"


def model_looks(record: TrackRecord) -> tuple[FileLook, ...]:
    """The looks at evidence about the model that lies in files of its own."""
    rows: tuple[tuple[str, str, Callable[[bytes], Told]], ...] = (
        ("fill_model", "measure the fill model", lambda data: _fill_share(data, record)),
        ("honesty", "judge the model's honesty", _clamp),
    )
    return tuple(FileLook(name, MODEL_LIMIT_S, todo, same_build=False, read=read) for name, todo, read in rows)


def _fill_share(data: bytes, record: TrackRecord) -> Told:
    said, share = _fill_model.read(data), record.fill_share
    alpha = said.alpha_ppm / PPM
    if share is None:
        against = "nothing was sent that counts"
    elif abs(share - alpha) > FILL_SHARE_OFF_MAX:
        against = f"{share:.3f} of what was sent was filled, {alpha:.3f} expected: {FILL_SHARE_OFF_MAX:g} apart at most"
    else:
        against = ""
    return Told(against, parse_rfc3339(said.taken_utc), said.environment, said.config_hash, said.build_id)


def _clamp(data: bytes) -> Told:
    said = _honesty.read(data)
    against = [
        f"{said.settled_events} settled events, {EVENTS_MIN} needed" if said.settled_events < EVENTS_MIN else "",
        f"clamp {said.clamp_ppm / PPM:g}, {CLAMP_MIN_PPM / PPM:g} needed" if said.clamp_ppm < CLAMP_MIN_PPM else "",
    ]
    told = "; ".join(word for word in against if word)
    return Told(told, parse_rfc3339(said.taken_utc), said.environment, said.config_hash, said.build_id)


def differences(then: Sequence[Finding], now: Sequence[Finding], read: JournalRead) -> Iterator[str]:
    """What a kept table says otherwise than the same looks do now. The journal may have grown, and nothing else."""
    before = {finding.name: finding for finding in then}
    if set(before) != {finding.name for finding in now}:
        yield "it has other lines"
        return
    for finding in now:
        had = before[finding.name]
        if had.status is not finding.status:
            yield f"{finding.name}: it was {had.status.value}, it is {finding.status.value}"
        elif had.sha256 != finding.sha256 and not (read.grown and finding.path == read.path):
            yield f"{finding.name}: other evidence lies there now"
