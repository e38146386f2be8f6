"""The few marks that docs/ is written with, as HTML: headings with ids, paragraphs, lists, tables, fences, code, links.

Everything else is text. Text is escaped first and only then marked, so a page can carry no markup of its own. The id of
a heading is its words in lower case with hyphens, as GitHub makes it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

HEADING = re.compile(r"(#{1,6}) +(.*)")
ITEM = re.compile(r"(?:[-*]|[0-9]+[.]) +(.*)")
RULE = re.compile(r"[|][-: |]+[|]")
CODE = re.compile(r"`([^`]+)`")
BOLD = re.compile(r"[*][*]([^*]+)[*][*]")
LINK = re.compile(r"\[([^\]]+)\]\(((?:https?://|[\w./-]*)[\w./#-]*)\)")
FENCE = "```"
STYLE = (
    "body{max-width:60rem;margin:1.5rem auto;padding:0 1rem;font:16px/1.5 system-ui,sans-serif;background:#0b0f14;"
    "color:#e8eef5}a{color:#6cb6ff}code,pre{background:#1b2430;border-radius:3px;padding:0 .3em}pre{padding:.6em;"
    "overflow-x:auto}table{border-collapse:collapse}td,th{border:1px solid #263140;padding:.2em .6em;text-align:left;"
    "vertical-align:top}:target{background:#3a2a08}"
)


def anchor(heading: str) -> str:
    """The id of a heading."""
    return re.sub(r"[^\w-]", "", heading.strip().lower().replace(" ", "-"))


def page_of(text: str) -> str:
    """A whole HTML page."""
    first = next((found[2] for found in map(HEADING.fullmatch, text.splitlines()) if found), "docs")
    body = "\n".join(_blocks(text.splitlines()))
    head = f'<meta charset="utf-8"><title>{html.escape(first)}</title><style>{STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _inline(text: str) -> str:
    """Code spans keep their text as it is; the rest may be bold and may link."""
    parts = CODE.split(html.escape(text))
    for index, part in enumerate(parts):
        if index % 2:
            parts[index] = f"<code>{part}</code>"
        else:
            parts[index] = LINK.sub(r'<a href="\2">\1</a>', BOLD.sub(r"<b>\1</b>", part))
    return "".join(parts)


def _blocks(lines: list[str]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        begin = at
        kind = _kind(lines[at])
        at += 1
        if kind == "fence":
            while at < len(lines) and not lines[at].startswith(FENCE):
                at += 1
            yield f"<pre>{html.escape(chr(10).join(lines[begin + 1 : at]))}</pre>"
            at += 1
            continue
        if kind in {"text", "item", "row"}:
            while at < len(lines) and (_kind(lines[at]) == kind or (kind == "item" and _kind(lines[at]) == "text")):
                at += 1
        yield from _block(kind, lines[begin:at])


def _kind(line: str) -> str:
    if not line.strip():
        return "empty"
    if line.startswith(FENCE):
        return "fence"
    if HEADING.fullmatch(line):
        return "heading"
    if line.startswith("|"):
        return "row"
    return "item" if ITEM.match(line) else "text"


def _block(kind: str, lines: list[str]) -> Iterator[str]:
    if kind == "heading":
        found = HEADING.fullmatch(lines[0])
        assert found is not None, "it is a heading"
        level = len(found[1])
        yield f'<h{level} id="{anchor(found[2])}">{_inline(found[2])}</h{level}>'
    elif kind == "row":
        yield "<table>"
        for number, line in enumerate(line for line in lines if not RULE.fullmatch(line.strip())):
            cell = "td" if number else "th"
            cells = (f"<{cell}>{_inline(text.strip())}</{cell}>" for text in line.strip().strip("|").split("|"))
            yield f"<tr>{''.join(cells)}</tr>"
        yield "</table>"
    elif kind == "item":
        items: list[str] = []
        for line in lines:
            found = ITEM.match(line)
            if found:
                items.append(found[1])
            else:
                items[-1] += " " + line.strip()
        yield f"<ul>{''.join(f'<li>{_inline(item)}</li>' for item in items)}</ul>"
    elif kind == "text":
        yield f"<p>{_inline(' '.join(lines))}</p>"
