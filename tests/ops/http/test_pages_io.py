from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ops.http.pages_io import WEB_DIR
from tests.ops.conftest import Start


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    root = tmp_path / "reports"
    (root / "INXU").mkdir(parents=True)
    (root / "INXU" / "2026-03-06.md").write_text("# day\n")
    (root / "INXU" / "2026-03-06.html").write_text("<p>day</p>")
    (root / "INXU" / "run.py").write_text("print()")
    (tmp_path / "secret.md").write_text("outside")
    (root / "link.md").symlink_to(tmp_path / "secret.md")
    return root


async def test_the_page_and_its_parts(start: Start) -> None:
    site = await start()
    status, headers, body = await site.get("/")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    for path in re.findall(rb'(?:src|href)="(/web/[^"]+)"', body):
        assert (await site.get(path.decode()))[0] == 200


def test_the_page_names_no_other_host() -> None:
    for path in WEB_DIR.iterdir():
        found = re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z]{2,}[^\s\"']*", path.read_text())
        assert [url for url in found if not url.endswith("www.w3.org/2000/svg")] == []


def test_the_page_builds_no_markup_from_text() -> None:
    script = (WEB_DIR / "page.js").read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script)


@pytest.mark.parametrize(
    "path",
    ["/web/", "/web/index.html", "/web/../http_io.py", "/web/%2e%2e/http_io.py", "/web/page.js/x", "/web/%00"],
)
async def test_nothing_else_is_under_web(start: Start, path: str) -> None:
    site = await start()
    assert (await site.get(path))[0] == 404


async def test_reports_are_served_and_listed(start: Start, reports: Path) -> None:
    site = await start(reports_dir=reports)
    status, headers, body = await site.get("/reports/INXU/2026-03-06.md")
    assert (status, headers["content-type"], body) == (200, "text/plain; charset=utf-8", b"# day\n")
    _, headers, _ = await site.get("/reports/INXU/2026-03-06.html")
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["content-security-policy"].endswith("sandbox")
    _, _, body = await site.get("/reports")
    listed = json.loads(body)["reports"]
    assert "INXU/2026-03-06.md" in listed
    assert "INXU/run.py" not in listed


@pytest.mark.parametrize(
    "path",
    [
        "../secret.md",
        "..%2fsecret.md",
        "%2e%2e/secret.md",
        "INXU/../../secret.md",
        "INXU/%2e%2e/%2e%2e/secret.md",
        "link.md",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "INXU",
        "INXU/run.py",
        "INXU/none.md",
        "%00.md",
        "x" * 300 + ".md",
        "..\\secret.md",
    ],
)
async def test_nothing_outside_the_reports_is_served(start: Start, reports: Path, path: str) -> None:
    site = await start(reports_dir=reports)
    status, _, body = await site.get(f"/reports/{path}")
    assert status in {400, 404}
    assert b"outside" not in body


async def test_without_a_folder_there_are_no_reports(start: Start) -> None:
    site = await start(reports_dir=None)
    assert (await site.get("/reports/INXU/2026-03-06.md"))[0] == 404
    assert json.loads((await site.get("/reports"))[2]) == {"reports": []}


async def test_the_runbooks_are_served_and_their_headings_can_be_linked_to(start: Start) -> None:
    site = await start()
    status, headers, body = await site.get("/docs/runbooks/gates.md")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "sandbox" in headers["content-security-policy"]
    assert b'<h2 id="kill-switch">' in body
    for link in re.findall(rb'href="/docs/([^"#]+)', (await site.get("/"))[2]):
        assert (await site.get(f"/docs/{link.decode()}"))[0] == 200


@pytest.mark.parametrize(
    "path", ["/docs/", "/docs/../README.md", "/docs/%2e%2e/README.md", "/docs/steps.toml", "/docs/%6e.md", "/docs/%00"]
)
async def test_nothing_else_is_under_docs(start: Start, path: str) -> None:
    site = await start()
    assert (await site.get(path))[0] == 404
