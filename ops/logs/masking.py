"""Keeps secrets out of every text that leaves the process.

Three nets. A value under a telling name (token, password, signature ...) is hidden whatever it is. A known secret is
hidden wherever it stands, also escaped, URL-quoted or base64, and so is each longer line of a secret of many lines.
And shapes that are secret by nature (private keys, bearer tokens, credentials in an address) are hidden though nobody
told us. Values are masked before they are rendered, so that a JSON line stays valid JSON.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

HIDDEN = "***"
SECRET_CHARS_MIN = 4
LINE_CHARS_MIN = 12
DEPTH_MAX = 12

TELLING = re.compile(
    r"(?i)(pass(word|wd|phrase)|secret|token$|api[-_]?key$|private[-_]?key|authorization|signature|credential|cookie)"
)
SHAPES = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), HIDDEN),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"(?i)\b(api_?key|token|secret|password|signature)(=|%3D)[^&\s\"']+"), rf"\1\2{HIDDEN}"),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^/\s:@\"']*:[^/\s@\"']+@"), rf"\1{HIDDEN}@"),
)


class Masker:
    """Hides what it knows and what looks secret. `secrets` shorter than 4 characters are too common to hide."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms: set[str] = set()
        for secret in secrets:
            forms |= _forms(secret)
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def text(self, text: str) -> str:
        """The text with every secret hidden."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        for shape, instead in SHAPES:
            text = shape.sub(instead, text)
        return text

    def value(self, value: object, depth: int = 0) -> Any:  # noqa: ANN401 - JSON in, JSON out
        """The value as plain JSON types with every secret hidden; what is not JSON becomes its masked repr."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.text(str(value))
        if isinstance(value, int | float):
            return value if self.text(repr(value)) == repr(value) else HIDDEN
        if depth >= DEPTH_MAX:
            return "..."
        if isinstance(value, Mapping):
            return self.fields(value, depth + 1)
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(item, depth + 1) for item in value]
        if isinstance(value, bytes):
            return self.text(value.decode(errors="backslashreplace"))
        return self.text(repr(value))

    def fields(self, fields: Mapping[Any, object], depth: int = 0) -> dict[str, Any]:
        """A mapping with masked keys and values; values under telling names are hidden whole."""
        out: dict[str, Any] = {}
        for key, value in fields.items():
            name = key if isinstance(key, str) else str(key)
            masked = self.text(name)
            out[masked] = HIDDEN if TELLING.search(name) and value not in (None, "") else self.value(value, depth)
        return out


def _forms(secret: str) -> set[str]:
    """Every form in which a secret may turn up."""
    lines = [line.strip() for line in secret.splitlines()]
    parts = {secret, secret.strip(), *(line for line in lines if len(line) >= LINE_CHARS_MIN and "-----" not in line)}
    forms: set[str] = set()
    for part in parts:
        if len(part) < SECRET_CHARS_MIN:
            continue
        raw = part.encode(errors="surrogatepass")
        forms |= {part, json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1], repr(part)[1:-1]}
        forms |= {quote(raw, safe=""), quote(raw), base64.b64encode(raw).decode().rstrip("=")}
        forms.add(repr(raw)[2:-1])
    return {form for form in forms if len(form) >= SECRET_CHARS_MIN}
