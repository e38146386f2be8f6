"""Citations in code: `docs/exchange.md 3.10`, `docs/contracts.md, Windows`. Each opens in this tree alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

_NUMBER = r"\d+(?:\.\d+)?"
_CITED = re.compile(
    rf"docs/(?P<page>[\w/-]+\.md)"
    rf"(?:,? (?P<numbers>{_NUMBER}(?:(?:, | and ){_NUMBER})*)|, (?P<name>[A-Z][\w/-]*(?: [a-z][\w-]*){{0,2}}))?"
)
_ELSEWHERE = re.compile(
    r"Kalshi API|\bFEED\.md|Massive FEED|STYLE habit|\bsections? \d|\bcontracts, [\"A-Z]|reference, section"
)


class Citation(NamedTuple):
    """A page of `docs/` and what of it is meant: a section's number or name, or "" for the whole page."""

    page: str
    part: str


def citations(text: str) -> Iterator[Citation]:
    """Every citation in a text; one that runs over a line break counts."""
    for match in _CITED.finditer(re.sub(r"\s*\n\s*(?:#\s*)?", " ", text)):
        numbers = re.findall(_NUMBER, match["numbers"] or "")
        for part in numbers or [match["name"] or ""]:
            yield Citation(match["page"], part)


def cites_elsewhere(text: str) -> list[str]:
    """What is cited that this tree does not hold."""
    return _ELSEWHERE.findall(text)


def opens(citation: Citation, read: Callable[[str], str | None]) -> bool:
    """Whether the page is there and has the part; a name counts when a heading begins the cited words."""
    text = read(citation.page)
    if text is None:
        return False
    if not citation.part:
        return True
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    if re.fullmatch(_NUMBER, citation.part):
        return any(heading.split()[0] == citation.part for heading in headings)
    return any(re.match(rf"{re.escape(heading)}\b", citation.part) for heading in headings)
