"""`ladderd preflight --model`: the model's health, from the journal, the decisions that were kept, and the fee file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from daemon.client.decision_files_io import FILE, FOLDER
from daemon.preflight import model_checks
from daemon.preflight.kept_io import resting_on
from daemon.preflight.model_checks import MODEL, Forecasts
from daemon.preflight.tables.manifest_io import ours_of
from daemon.preflight.tables.printed_io import code_of, emit_kept, table_of
from daemon.settings.files_io import read_optional
from daemon.settings.tree import Settings
from daemon.system_clock import SystemClock
from domain.door import Refused
from domain.errors import ConfigurationError
from domain.findings.finding import FAIL, UNKNOWN, Finding
from journal.facts import told_in
from journal.reader_io import JournalDamaged, read_proven, segment_paths
from ops.proposals import decided_id
from pricing.fees import parse_fees

EXPECTED: Final = (OSError, ConfigurationError)
DAMAGED: Final = (JournalDamaged, Refused)


def model_command(settings: Settings, *, as_json: bool) -> int:
    """Look at everything, print it, keep it as the gate `model` wants it; the exit code."""
    findings = look_at_model(settings)
    now_ns = SystemClock().now().utc_ns
    table = table_of(MODEL, settings.mode, findings, code_of(findings), ours_of(settings), now_ns)
    return emit_kept(settings.state_dir, table, now_ns, as_json=as_json)


def look_at_model(settings: Settings) -> tuple[Finding, ...]:
    """The four findings, each with the file that it rests on."""
    home = settings.state_dir
    newest = segment_paths(home)[-1:] if (home / "journal").is_dir() else []
    forecasts = Forecasts()
    problem = _fold(home, forecasts)
    quotes = forecasts.settled()
    judged = [model_checks.calibration(quotes), model_checks.out_of_sample_gap(quotes)]
    if problem:
        judged = [Finding(one.name, FAIL, problem) for one in judged]
    decided = sorted((home / FOLDER).glob(f"*/{FILE}"))
    return (
        *(_resting_on(one, newest) for one in judged),
        _resting_on(_looked("decision_memory", lambda: model_checks.decision_memory(_decisions(decided))), decided),
        _resting_on(_looked("models", lambda: _models(settings)), [settings.fees_file]),
    )


def _fold(home: Path, forecasts: Forecasts) -> str:
    """Take the whole journal in, each record once its place in the chain was proven; why it cannot be, or nothing."""
    try:
        for fact in told_in(read_proven(home)):
            forecasts.take(fact)
    except FileNotFoundError:
        return ""
    except (*DAMAGED, OSError) as problem:
        return f"the journal cannot be read: {problem}"
    return ""


def _decisions(paths: list[Path]) -> Iterator[tuple[str, str | None]]:
    for path in paths:
        for number, line in enumerate(path.read_bytes().splitlines(), start=1):
            if line.rstrip().endswith(b"}"):  # what a kill cut off is no decision, and no damage
                yield f"{path}:{number}", decided_id(line)


def _models(settings: Settings) -> Finding:
    text = read_optional(settings.fees_file)
    fees = None if text is None else parse_fees(text, str(settings.fees_file))
    return model_checks.models(fees, settings.windows.series)


def _looked(name: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except EXPECTED as problem:
        return Finding(name, UNKNOWN, str(problem))
    except Exception as problem:  # noqa: BLE001 # tidy: swallow - a check that raises FAILS, by contract
        return Finding(name, FAIL, f"the check itself raised {type(problem).__name__}: {problem}")


def _resting_on(finding: Finding, paths: list[Path]) -> Finding:
    return resting_on(finding, paths[-1]) if paths else finding
