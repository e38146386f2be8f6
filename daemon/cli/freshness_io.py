"""`ladderd freshness`: whether every index is young enough to arm, asked of the daemon, else read from its file.

The daemon's own answer comes first. Where none comes, the file it writes four times a second is read, and judged by
the stamps in it and by its own age: what a dead daemon left behind never passes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from daemon.client.living_io import page_of
from daemon.client.requests_io import FRESHNESS, MONITORS
from daemon.system_clock import SystemClock
from domain.errors import EX_NOT_OK, EX_OK, UnavailableError
from domain.reasons import GateStatus
from ops.client_io import HTTP_OK, fetch
from ops.freshness import FreshnessDocument, JudgedFreshness, judge, read_freshness


def freshness_view(state_dir: Path, http: str | None, *, as_json: bool) -> tuple[int, str]:
    """Exit code and text: 0 when every index may be armed now, 1 when not, or not known.

    Raises UnavailableError (69) when neither a daemon nor its file can be asked, UsageError for a bad address.
    """
    source, document, problem = _from_daemon(state_dir, http)
    if document is None:
        path = state_dir / MONITORS / FRESHNESS
        source = str(path)
        try:
            document = read_freshness(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            raise UnavailableError(
                f"freshness: nothing to ask: {problem}, and there is no {path}; give --state-dir or --http"
            ) from None
        except (OSError, msgspec.MsgspecError) as unread:
            return _unknown(source, f"{path} cannot be read: {unread}", as_json=as_json)
    judged = judge(document, SystemClock().now().utc_ns)
    code = EX_OK if judged.status is GateStatus.PASS else EX_NOT_OK
    return code, _json(source, judged) if as_json else _text(source, judged)


def _from_daemon(state_dir: Path, http: str | None) -> tuple[str, FreshnessDocument | None, str]:
    """The answer of the daemon named, or of the one that this state directory names; None, and why there is none."""
    address, pid = http, None
    if address is None:
        page = page_of(state_dir)
        if page is None:
            return "", None, f"no daemon has left its address in {state_dir}"
        address, pid = f"http://127.0.0.1:{page.port}", page.pid
    try:
        answer = fetch(address, "/freshness")
        document = read_freshness(answer.text) if answer.status == HTTP_OK else None
    except UnavailableError:
        return address, None, f"no daemon answers at {address}"
    except msgspec.MsgspecError:
        document = None
    if document is None or (pid is not None and document.pid != pid):
        return address, None, f"what answers at {address} is not this state directory's daemon"
    return f"daemon at {address}", document, ""


def _unknown(source: str, why: str, *, as_json: bool) -> tuple[int, str]:
    if as_json:
        told = {"status": GateStatus.UNKNOWN, "why": why, "source": source, "series": []}
        return EX_NOT_OK, msgspec.json.encode(told).decode()
    return EX_NOT_OK, f"freshness: {GateStatus.UNKNOWN}: {why}"


def _json(source: str, judged: JudgedFreshness) -> str:
    told: dict[str, Any] = {"source": source} | msgspec.to_builtins(judged)
    return msgspec.json.encode(told).decode()


def _text(source: str, judged: JudgedFreshness) -> str:
    why = f": {judged.why}" if judged.why else ""
    lines = [f"freshness: {judged.status}{why}", f"  asked: {source}, {judged.document_age_seconds:.2f} s old"]
    for row in judged.series:
        age = "never seen" if row.age_seconds is None else f"{row.age_seconds:.2f} s old"
        came = f", came {row.received_utc} on {row.feed}" if row.received_utc else ""
        lines.append(
            f"  {row.status:7} {row.series} {row.symbol}: {age}, under {row.arm_limit_seconds:g} s to arm{came}"
        )
    return "\n".join(lines)
