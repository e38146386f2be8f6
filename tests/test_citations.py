"""Every comment's citation opens: the page is in this tree and has the section."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.tidy.citations import Citation, citations, cites_elsewhere, opens

ROOT = Path(__file__).resolve().parent.parent
PAGES = {"exchange.md": "# X\n\n## 3 Orders\n\n### 3.10 Reads\n", "contracts.md": "## Money and prices\n\n## Time\n"}


def page(name: str) -> str | None:
    path = ROOT / "docs" / name
    return path.read_text("utf-8") if path.is_file() else None


def cited_in() -> list[tuple[str, str]]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py", "*.toml", "*.sh", "*.yml"],
        cwd=ROOT, check=True, capture_output=True, text=True, timeout=60,
    ).stdout.split()  # fmt: skip
    # The runbook's rows are quoted as they are written: they name pages that steps not built yet will leave.
    own = {"tests/test_citations.py", "tests/tidy/citations.py", "docs/steps.toml"}
    return [(name, (ROOT / name).read_text("utf-8")) for name in listed if name not in own and (ROOT / name).is_file()]


def test_every_citation_opens() -> None:
    closed = [f"{name}: {cited}" for name, text in cited_in() for cited in citations(text) if not opens(cited, page)]
    assert not closed, "write the section, or cite one that is there:\n" + "\n".join(closed)


def test_nothing_is_cited_that_is_not_in_the_tree() -> None:
    found = [f"{name}: {cited}" for name, text in cited_in() for cited in cites_elsewhere(text)]
    assert not found, "cite a page of docs/ instead:\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see docs/exchange.md 3.10).", [Citation("exchange.md", "3.10")]),
        ("docs/exchange.md\n    3, 4 and 8.", [Citation("exchange.md", part) for part in ("3", "4", "8")]),
        ("(docs/contracts.md, Money and prices)", [Citation("contracts.md", "Money and prices")]),
        ("docs/chaos.md says", [Citation("chaos.md", "")]),
    ],
)
def test_what_a_citation_is(text: str, expected: list[Citation]) -> None:
    assert list(citations(text)) == expected


@pytest.mark.parametrize(
    ("page_name", "part", "expected"),
    [
        ("exchange.md", "3.10", True),
        ("exchange.md", "3.1", False),
        ("exchange.md", "", True),
        ("feed.md", "", False),
        ("contracts.md", "Money and prices", True),
        ("contracts.md", "Time", True),
        ("contracts.md", "Timely", False),
        ("contracts.md", "Windows", False),
    ],
)
def test_whether_it_opens(page_name: str, part: str, *, expected: bool) -> None:
    assert opens(Citation(page_name, part), PAGES.get) is expected


@pytest.mark.parametrize(
    "text",
    [
        "Kalshi API, section 3",
        "see FEED.md 5",
        "STYLE habit 13",
        '(contracts, "Time")',
        "contracts, Orders",
        "section 9.2",
    ],
)
def test_a_citation_of_something_else_is_found(text: str) -> None:
    assert cites_elsewhere(text)


def test_contracts_that_are_traded_are_no_citation() -> None:
    assert not cites_elsewhere("limits in whole dollars and contracts; at most 5 contracts, 20 a window")
