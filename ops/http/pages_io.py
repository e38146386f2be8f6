"""The page's own three files, held in memory, and the reports and runbooks on disk, read-only.

The page is served under a content policy that lets it load nothing from elsewhere. A report's path is resolved and
must lie inside the reports folder after every link is followed; only kinds of file that reports are made of go out.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
from aiohttp import web

from ops.http.markdown import page_of

WEB_DIR = Path(__file__).parent.parent / "web"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
DOCS_DIR = Path(__file__).parent.parent.parent / "docs"
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; sandbox"
ASSET_TYPES = {"page.js": "text/javascript", "page.css": "text/css", "icon.svg": "image/svg+xml"}
REPORT_TYPES = {
    ".md": "text/plain",
    ".html": "text/html",
    ".json": "application/json",
    ".csv": "text/csv",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".txt": "text/plain",
}
DOCS_TYPES = {".md": "text/html"}
REPORT_BYTES_MAX = 16 * 1024 * 1024
REPORTS_LISTED_MAX = 500


class PageFiles:
    """Routes of everything that is a file."""

    def __init__(self, reports_dir: Path | None) -> None:
        self._reports_dir = reports_dir
        self._files: dict[str, bytes] = {}

    async def load(self) -> None:
        """Read the page's files once."""
        names = ("index.html", *ASSET_TYPES)
        self._files = await asyncio.to_thread(lambda: {name: (WEB_DIR / name).read_bytes() for name in names})

    async def index(self, _: web.Request) -> web.Response:
        """The page."""
        headers = {"Content-Security-Policy": PAGE_POLICY, "Referrer-Policy": "no-referrer"}
        return web.Response(body=self._files["index.html"], content_type="text/html", charset="utf-8", headers=headers)

    async def asset(self, request: web.Request) -> web.Response:
        """Its script, style and icon: nothing else is under /web."""
        name = request.match_info["name"]
        kind = ASSET_TYPES.get(name)
        if kind is None:
            raise web.HTTPNotFound
        return web.Response(body=self._files[name], content_type=kind, charset="utf-8")

    async def reports(self, _: web.Request) -> web.Response:
        """The newest reports' paths, as a JSON list."""
        root = self._reports_dir
        paths = [] if root is None else await asyncio.to_thread(_listed, root)
        return web.Response(body=msgspec.json.encode({"reports": paths}), content_type="application/json")

    async def report(self, request: web.Request) -> web.Response:
        """One report."""
        found = None
        if self._reports_dir is not None:
            found = await asyncio.to_thread(_read, self._reports_dir, request.match_info["path"], REPORT_TYPES)
        if found is None:
            raise web.HTTPNotFound
        kind, body = found
        return _sandboxed(kind, body)

    async def doc(self, request: web.Request) -> web.Response:
        """One page of docs/, as plain HTML whose headings can be linked to."""
        found = await asyncio.to_thread(_read, DOCS_DIR, request.match_info["path"], DOCS_TYPES)
        if found is None:
            raise web.HTTPNotFound
        kind, body = found
        return _sandboxed(kind, page_of(body.decode(errors="replace")).encode())


def _sandboxed(kind: str, body: bytes) -> web.Response:
    headers = {"Content-Security-Policy": REPORT_POLICY, "Referrer-Policy": "no-referrer"}
    charset = None if kind == "image/png" else "utf-8"
    return web.Response(body=body, content_type=kind, charset=charset, headers=headers)


def _listed(root: Path) -> list[str]:
    found = [
        path
        for path in root.rglob("*")
        if path.suffix in REPORT_TYPES and path.is_file() and not any(p.startswith((".", "_")) for p in path.parts[-2:])
    ]
    found.sort(key=lambda path: path.relative_to(root).as_posix(), reverse=True)
    return [path.relative_to(root).as_posix() for path in found[:REPORTS_LISTED_MAX]]


def _read(root: Path, asked: str, kinds: dict[str, str]) -> tuple[str, bytes] | None:
    """Kind and bytes of a file of these kinds inside `root`, or None for anything else that was asked for."""
    if "\0" in asked:
        return None
    try:
        inside = root.resolve(strict=True)
        path = (inside / asked).resolve(strict=True)
        kind = kinds.get(path.suffix)
        if kind is None or not path.is_relative_to(inside) or not path.is_file():
            return None
        if path.stat().st_size > REPORT_BYTES_MAX:
            return None
        return kind, path.read_bytes()
    except (OSError, RuntimeError):
        return None  # gone, a loop of links, a name too long: all the same to the one who asks
