"""A small client of the daemon's own HTTP server, for commands: one request, one answer, plain words for what fails.

It goes straight to loopback: proxies from the environment are ignored, redirects are not followed, and answers over
ANSWER_BYTES_MAX are refused. A daemon that cannot be reached raises UnavailableError, whose exit code is 69.
"""

from __future__ import annotations

import http.client
import json
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from domain.door import PAGE_BYTES_MAX, Door, Refused
from domain.errors import EX_NOT_OK, EX_OK, UnavailableError, UsageError
from domain.money import CASH_PER_DOLLAR, COUNT_PER_CONTRACT
from ops.status import PASSING
from ops.status_text import (
    Frame,
    all_is_well,
    breakers_text,
    controls_text,
    positions_text,
    providers_text,
    status_text,
    vix_text,
    vix_verdict,
)

ANSWER_BYTES_MAX = 16 * 1024 * 1024
TIMEOUT_S = 3.0
DEFAULT_ADDRESS = "http://127.0.0.1:8080"
HTTP_OK = 200
_document: Final = Door(object, PAGE_BYTES_MAX)


class PageAnswer(msgspec.Struct, frozen=True):
    """Status code, text, and the document when the text is JSON (None otherwise)."""

    status: int
    text: str
    document: Any


def fetch(address: str, path: str, *, timeout_s: float = TIMEOUT_S, accept: str = "application/json") -> PageAnswer:
    """GET one path. Raises UnavailableError when nobody answers, UsageError for an address that is none."""
    return _exchange(address, "GET", path, None, {"Accept": accept}, timeout_s)


def order(address: str, command: str, *, by: str, cause: str, token: str, timeout_s: float = TIMEOUT_S) -> PageAnswer:
    """POST one control command with its bearer token. Raises as `fetch` does."""
    body = json.dumps({"by": by, "cause": cause}).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return _exchange(address, "POST", f"/control/{command}", body, headers, timeout_s)


def health(address: str = DEFAULT_ADDRESS, *, raw: bool = False) -> tuple[int, str]:
    """Exit code and text of `ladderd health`: 0 healthy, 1 not. Raises UnavailableError (69)."""
    answer = fetch(address, "/health")
    document = answer.document if isinstance(answer.document, dict) else {}
    healthy = answer.status == HTTP_OK and document.get("status") == "ok"
    code = EX_OK if healthy else EX_NOT_OK
    if raw and not document:
        return code, answer.text.strip()
    if raw:
        return code, json.dumps(document | _beside_health(fetch(address, "/picture")), indent=1)
    lines = [f"{'healthy' if healthy else 'NOT HEALTHY'} (HTTP {answer.status})"]
    tasks = document.get("tasks") or {}
    for name, task in tasks.items():
        word = "ok" if task["age_s"] <= task["limit_s"] else "STUCK"
        lines.append(f"  {word:5} {name}: progress {task['age_s']:.2f} s ago, limit {task['limit_s']:g} s")
    if not tasks:
        lines.append(f"  no task is known: nothing proves that the daemon makes progress; is {address} its address?")
    return code, "\n".join(lines)


def _beside_health(answer: PageAnswer) -> dict[str, Any]:
    """Feeds, providers, positions and P&L of the running daemon; every part null when its picture is not to be had.

    Positions are net YES contracts by market; money is in dollars.
    """
    seen = answer.document.get("picture") if answer.status == HTTP_OK and isinstance(answer.document, dict) else None
    if not isinstance(seen, dict):
        return {"feeds": None, "providers": None, "positions": None, "pnl": None}
    feeds = [{key: feed[key] for key in ("name", "state", "active", "ages_ms")} for feed in seen["feeds"]]
    providers = [{"name": "exchange", "up": seen["exchange_up"] and seen["stream_up"], "why": ""}]
    providers += [{"name": f["name"], "up": f["state"] == "live", "why": f["reason"]} for f in seen["feeds"]]
    return {
        "feeds": feeds,
        "providers": providers,
        "positions": [
            {"series": one["series"], "ticker": one["ticker"], "position": one["count"] / COUNT_PER_CONTRACT}
            for one in seen["holdings"]
        ],
        "pnl": {name: seen[name] / CASH_PER_DOLLAR for name in ("realised", "unrealised", "fees")},
    }


def status(address: str = DEFAULT_ADDRESS, *, raw: bool = False) -> tuple[int, str]:
    """Exit code and text of `ladderd status`: 0 where the state is good and no gate holds orders back, 1 otherwise.

    `raw`: the document of `/ops/status`. Raises UnavailableError when nobody answers.
    """
    answer, frame = _frame(address)
    code = EX_OK if frame is not None and all_is_well(frame) else EX_NOT_OK
    if raw:
        return code, fetch(address, "/ops/status").text.strip()
    if frame is None:
        return (
            code,
            f"{address} answers HTTP {answer.status} without a state: is that the daemon? Its page names its port",
        )
    return code, status_text(frame)


def positions(address: str = DEFAULT_ADDRESS, *, as_json: bool = False) -> tuple[int, str]:
    """Exit code and text of `ladderd positions`: 0 when the daemon told them. Raises UnavailableError otherwise."""
    picture = picture_of(address)
    if as_json:
        return EX_OK, json.dumps({"positions": picture["holdings"], "series": picture["exposures"]})
    return EX_OK, positions_text(picture)


def providers(address: str = DEFAULT_ADDRESS, *, as_json: bool = False) -> tuple[int, str]:
    """Exit code and text of `ladderd providers`: 0 when the daemon told them. Raises UnavailableError otherwise."""
    picture = picture_of(address)
    if as_json:
        return EX_OK, json.dumps({key: picture[key] for key in ("session", "providers", "fallbacks")})
    return EX_OK, providers_text(picture)


def vix(address: str = DEFAULT_ADDRESS, *, as_json: bool = False) -> tuple[int, str]:
    """Exit code and text of `ladderd vix`: 0 when I:VIX lets us quote. Raises UnavailableError without a daemon."""
    seen = picture_of(address)["vix"]
    verdict = vix_verdict(seen)
    text = json.dumps({"status": verdict} | seen) if as_json else vix_text(seen)
    return EX_OK if verdict in {"PASS", "NOT_CONFIGURED"} else EX_NOT_OK, text


def controls(address: str = DEFAULT_ADDRESS, *, as_json: bool = False) -> tuple[int, str]:
    """Exit code and text of `ladderd controls`: 0 when each one asked for is proven. Raises UnavailableError."""
    rows = picture_of(address)["controls"]
    proven = all(row["status"] in PASSING for row in rows)
    return EX_OK if rows and proven else EX_NOT_OK, json.dumps(rows) if as_json else controls_text(rows)


def picture_of(address: str) -> dict[str, Any]:
    """What the page shows. Raises UnavailableError where no daemon answers."""
    answer, frame = _frame(address)
    if frame is None:
        raise UnavailableError(f"{address} answers HTTP {answer.status} without a picture: is that the daemon?")
    picture: dict[str, Any] = frame["picture"]
    return picture


def breakers(address: str = DEFAULT_ADDRESS, *, as_json: bool = False) -> tuple[int, str]:
    """Exit code and text of `ladderd breakers`: 0 while none is tripped. Raises UnavailableError without a daemon."""
    answer, frame = _frame(address)
    if frame is None:
        raise UnavailableError(f"{address} answers HTTP {answer.status} without a picture: is that the daemon?")
    picture = frame["picture"]
    seen = {"breakers": picture["breakers"], "warning": picture["breaker_warning"]}
    tripped = any(each["tripped"] for each in picture["breakers"])
    return EX_NOT_OK if tripped else EX_OK, json.dumps(seen) if as_json else breakers_text(picture)


def _frame(address: str) -> tuple[PageAnswer, Frame | None]:
    """The frame that the page shows; None from something that is not the daemon."""
    answer = fetch(address, "/picture")
    document = answer.document
    known = answer.status == HTTP_OK and isinstance(document, dict) and "picture" in document
    return answer, document if known else None


def _exchange(
    address: str, method: str, path: str, body: bytes | None, headers: dict[str, str], timeout_s: float
) -> PageAnswer:
    try:
        parts = urlsplit(address)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        scheme, host, port = "", None, None
    if scheme != "http" or not host:
        raise UsageError(f"--http {address!r} is not an address of the daemon; write it like {DEFAULT_ADDRESS}")
    connection = http.client.HTTPConnection(host, port or 80, timeout=timeout_s)
    try:
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        raw = response.read(ANSWER_BYTES_MAX + 1)
    except (OSError, http.client.HTTPException) as error:
        raise UnavailableError(
            f"no answer from the daemon at {address} ({str(error) or type(error).__name__}); "
            "is it running? `ladderd run` starts it, `ladderd cancel-all` works without it"
        ) from error
    finally:
        connection.close()
    if len(raw) > ANSWER_BYTES_MAX:
        raise UnavailableError(f"the answer of {address}{path} is over {ANSWER_BYTES_MAX} bytes; is that the daemon?")
    text = raw.decode(errors="replace")
    try:
        document = _document.read(text)
    except Refused:
        document = None
    return PageAnswer(response.status, text, document)
