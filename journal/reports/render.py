"""A report as Markdown and as one HTML file that needs nothing else.

A report is a list of blocks: headings, tables, lines of text, plots. Both forms print the same blocks; Markdown leaves
the plots to the HTML. What the journal does not hold is printed as "not recorded".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

NOT_RECORDED: Final = "not recorded"


@dataclass(slots=True, frozen=True)
class Heading:
    """A title; level 1 is the page's own."""

    level: int
    text: str


@dataclass(slots=True, frozen=True)
class Line:
    """One line of text."""

    text: str


@dataclass(slots=True, frozen=True)
class Table:
    """Rows under headers; every cell is text already."""

    headers: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


@dataclass(slots=True, frozen=True)
class Plot:
    """An SVG element, made by `plot`; only HTML shows it."""

    svg: str


Block = Heading | Line | Table | Plot

_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#6a737d;--line:#d0d7de;--paper:#fff;--blue:#0969da;--green:#1a7f37;
--red:#cf222e;--band:#fff3d6}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#8d96a0;--line:#30363d;--paper:#0d1117;--blue:#58a6ff;
--green:#3fb950;--red:#f85149;--band:#3a2d0c}}
body{font:15px/1.45 system-ui,sans-serif;max-width:920px;margin:2rem auto;padding:0 1rem;color:var(--ink);
background:var(--paper)}
table{border-collapse:collapse;margin:.4rem 0 1.2rem;font-variant-numeric:tabular-nums;display:block;overflow-x:auto}
th,td{text-align:left;padding:.2rem .7rem .2rem 0;border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--soft);font-weight:600}
h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:2px solid var(--line)}h3{font-size:1rem}
.empty{color:var(--soft)}
svg{width:100%;height:auto;margin:.4rem 0 1rem}
svg text{fill:var(--ink);font:11px system-ui,sans-serif}svg .title{font-weight:600;font-size:13px}
svg .tick{fill:var(--soft)}svg .mid{text-anchor:middle}svg .end{text-anchor:end}
svg .grid{stroke:var(--line);stroke-width:1}svg .level{stroke:var(--soft);stroke-dasharray:4 4}
svg .limit{stroke:var(--red);stroke-dasharray:6 3}svg .line{stroke:var(--blue);stroke-width:1.5;fill:none}
svg .bid{stroke:var(--green);stroke-width:4}svg .ask{stroke:var(--red);stroke-width:4}
svg .fill{fill:var(--paper);stroke:var(--ink);stroke-width:2}svg .band{fill:var(--band)}
svg .gain{fill:var(--green)}svg .loss{fill:var(--red)}
"""


def markdown(blocks: Sequence[Block]) -> str:
    """The report as Markdown text."""
    parts: list[str] = []
    for block in blocks:
        if isinstance(block, Heading):
            parts.append(f"{'#' * block.level} {inline_text(block.text)}")
        elif isinstance(block, Line):
            parts.append(inline_text(block.text))
        elif isinstance(block, Table):
            parts.append(_markdown_table(block))
    return "\n\n".join(parts) + "\n"


def html(blocks: Sequence[Block]) -> str:
    """The report as one HTML document with its style and plots inside; it loads nothing."""
    title = next((block.text for block in blocks if isinstance(block, Heading)), "report")
    body = "\n".join(_html_block(block) for block in blocks)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _html_block(block: Block) -> str:
    if isinstance(block, Plot):
        return block.svg
    if isinstance(block, Heading):
        return f"<h{block.level}>{escape(block.text)}</h{block.level}>"
    if isinstance(block, Line):
        return f"<p>{escape(block.text)}</p>"
    head = "".join(f"<th>{escape(cell)}</th>" for cell in block.headers)
    rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in block.rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _markdown_table(table: Table) -> str:
    lines = [table.headers, tuple("---" for _ in table.headers), *table.rows]
    return "\n".join("| " + " | ".join(inline_text(cell) for cell in line) + " |" for line in lines)


def inline_text(text: str) -> str:
    """Text that stays text in Markdown: one line, no cell border, no tag."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
