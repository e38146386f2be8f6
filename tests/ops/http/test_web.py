"""The page in a real browser: Debian's Chromium, driven by Playwright, against a real server on loopback."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec
import pytest

from ops.status import CancelAllView
from tests.daemon.scenes import SCENES, drawn
from tests.ops.conftest import Site, Start
from tests.ops.pictures import GATES, aged, gate, picture

if TYPE_CHECKING:
    from playwright.async_api import Page

CHROMIUM = shutil.which("chromium")
playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed here")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed here"),
]


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        opened = await browser.new_page(viewport={"width": 1280, "height": 800})
        opened.set_default_timeout(10_000)
        yield opened
        await browser.close()


async def show(page: Page, site: Site) -> list[str]:
    """Open the page and wait for its first frame; returns the list that script errors are put on."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "requestfinished", lambda request: None if site.server.address in request.url else errors.append(request.url)
    )
    await page.goto(site.server.address, wait_until="commit")
    await page.wait_for_selector(".countdown:is(.good, .warn, .bad, .cool, .off)")
    return errors


async def text(page: Page, selector: str) -> str:
    return " ".join((await page.locator(selector).first.inner_text()).split())


async def test_it_shows_what_the_operator_asks_first(page: Page, start: Start) -> None:
    site = await start(cadence_s=0.05)
    errors = await show(page, site)
    assert re.fullmatch(r"04:5\d\.\d", (await text(page, ".countdown")).replace(" ", ""))
    assert "MAY QUOTE" in await text(page, "#series")
    assert "6,797.31" in await text(page, "#series")
    assert await page.locator(".ladder tr.ours").count() == 4
    assert await page.locator("#orders tbody tr").count() == 8
    assert await text(page, "#gates-count") == "all pass"
    assert "$1.24" in await text(page, "#money")
    assert await page.locator("#windows a").get_attribute("href") == "/reports/INXU/2026-03-06.md"
    assert await text(page, "#ready") == "MAY QUOTE"
    assert not await page.locator("#lost").is_visible()
    assert errors == []


async def test_trouble_is_said_in_words(page: Page, start: Start) -> None:
    site = await start(cadence_s=0.05)
    views = list(picture().series)
    views[0] = msgspec.structs.replace(
        aged((views[0],), None)[0], open=False, permission="NOT READY", reasons=("freshness_missing",)
    )
    site.daemon.changes = {
        "kill_switch": True,
        "kill_reason": "<b>file</b>",
        "orders_wait": "lists are behind",
        "series": tuple(views),
        "gates": (*GATES, gate("freshness", "UNKNOWN", "INXU", "freshness_missing")),
        "cancel_all": CancelAllView(
            active=True, reason="operator_cli", tail_s=65.0, last_time_to_flat_ms=None, completed=0
        ),
    }
    errors = await show(page, site)
    trouble = await text(page, "#trouble")
    assert "KILL SWITCH ON <b>file</b>" in trouble
    assert "find who set it and why; remove it; then ladderd resume" in trouble
    assert await page.locator(".countdown.good").count() == 1, "green is for the series that may quote"
    assert "CANCEL-ALL UNDER WAY an operator asked for cancel-all; 8 orders may be live" in trouble
    assert "NEW ORDERS WAIT lists are behind" in trouble
    assert "why not: no index value has been seen yet" in await text(page, "#series")
    assert "never seen, limit 1.50 s" in await text(page, "#series")
    assert "? UNKNOWN freshness INXU no index value has been seen yet" in await text(page, "#gates")
    link = page.locator("#gates a")
    assert await link.get_attribute("href") == "/docs/runbooks/gates.md#index-stale"
    assert await text(page, "#ready") == "NOT READY: INXU"
    assert "HALTED KILL_SWITCH" in await text(page, "#state")
    assert errors == []


async def test_each_scene_has_one_verdict_on_the_whole_page(page: Page, start: Start) -> None:
    """Header, cards and gates, in every phase and with everything that closes the gate."""
    for name, (make, want) in SCENES.items():
        shown = drawn(make())
        site = await start(cadence_s=0.05, picture=lambda shown=shown: shown)
        errors = await show(page, site)
        header, cards = await text(page, "#ready"), await page.locator(".window .may").all_inner_texts()
        assert header.partition(":")[0] == want, name
        assert cards == [view.permission for view in shown.series], name
        gates = await text(page, "#gates-count")
        told = {"MAY QUOTE": "all pass", "WAITING": "wait", "NOT READY": "against" if shown.gates else "none known"}
        assert told[want] in gates, name
        green = await page.locator("#state.good").count()
        assert not (green and want == "NOT READY"), f"{name}: green beside NOT READY"
        if want == "NOT READY" and shown.gates and name != "flattening":
            assert await page.locator("#trouble .banner").count(), f"{name}: no banner says why"
        none = await text(page, "#orders tbody")
        assert ("nothing of ours rests" in none) == (shown.flat.proven and not shown.orders), name
        assert errors == [], name
        await page.goto("about:blank")
        await site.server.stop()


async def test_a_clean_stop_is_one_calm_sentence(page: Page, start: Start) -> None:
    """The last picture comes with the end of the stream, so that the proof is known."""
    pictures = [drawn(SCENES["stopping"][0]())]
    site = await start(cadence_s=60, picture=lambda: pictures[-1])
    await show(page, site)
    assert "THE DAEMON IS STOPPING" in await text(page, "#trouble")
    pictures.append(drawn(SCENES["stopped"][0]()))
    await site.server.stop()
    await page.wait_for_selector("#lost.cool:has-text('STOPPED, FLAT PROVEN')")
    assert not await page.locator("#trouble .banner").first.is_visible()
    assert "none: that was proven when the daemon ended" in await text(page, "#orders tbody")


async def test_a_stop_without_the_proof_is_red(page: Page, start: Start) -> None:
    shown = drawn(SCENES["stopping"][0]())
    site = await start(cadence_s=0.05, picture=lambda: shown)
    await show(page, site)
    await site.server.stop()
    await page.wait_for_selector("#lost.bad:has-text('NOT PROVEN FLAT')")
    assert "ladderd cancel-all" in await text(page, "#lost")


async def test_every_position_is_on_the_page_and_rungs_say_why_they_are_not_quoted(page: Page, start: Start) -> None:
    site = await start(cadence_s=0.05)
    await show(page, site)
    rows = [" ".join(row.split()) for row in await page.locator("#holdings tbody tr").all_inner_texts()]
    assert rows[1] == "INXU 6,680 +5 6.2 $0.07 $3.10", "in no rung that is drawn"
    assert len(rows) == 3
    assert await page.locator(".ladder td.unquoted", has_text="others").count() == 14
    money = await text(page, "#money")
    assert "loss today $0.00 worst case $14.60 limit $1,000.00" in money
    await page.set_viewport_size({"width": 1440, "height": 900})
    for card in ("#holdings", "#feeds", "#daemon"):
        box = await page.locator(card).bounding_box()
        assert box is not None
        assert box["y"] + 20 < 900, f"{card} is below the fold"


async def test_a_series_without_an_order_says_why_of_the_rungs_that_might_be_quoted(page: Page, start: Start) -> None:
    site = await start(cadence_s=0.05)
    beside = picture().ladder
    reasons = ["far_from_money"] * (len(beside) - 3) + ["cooling"] * 2 + ["edge_too_small"]
    site.daemon.changes = {
        "orders": (),
        "ladder": tuple(
            msgspec.structs.replace(rung, series="INXU", why_bid=why, why_ask=why)
            for rung, why in zip(beside, reasons, strict=True)
        ),
    }
    await show(page, site)
    assert "nothing rests: the exchange refused an order here a moment ago" in await text(page, "#series")


async def test_an_order_keeps_its_row_through_requotes(page: Page, start: Start) -> None:
    site = await start(cadence_s=0.05)
    await show(page, site)
    before = await page.locator("#orders tbody tr td:last-child").all_inner_texts()
    site.daemon.changes["orders"] = tuple(
        msgspec.structs.replace(order, client_order_id=f"next-{number}", age_ms=10.0 * (8 - number))
        for number, order in enumerate(picture().orders)
    )
    await page.wait_for_selector("#orders tbody tr[data-key='next-0']")
    assert await page.locator("#orders tbody tr td:last-child").all_inner_texts() == before


async def test_when_the_stream_stops_a_banner_comes_and_ages_grow(page: Page, start: Start) -> None:
    site = await start(cadence_s=0.05)
    await show(page, site)
    await site.server.stop()
    # On a slow machine the test's clock, which never moves, may have been called a standstill before.
    await page.wait_for_selector("#lost:not([hidden]):has-text('THE DAEMON HAS STOPPED')")
    await page.wait_for_selector("#link-age:text-matches('^[3-9][.]')")  # seconds, and still counting
    age = re.search(r"age ([0-9.]+) s of", await text(page, "#series"))
    assert age is not None
    assert float(age[1]) > 1.5
    assert (await page.title()).startswith("!! LOST")
    site.daemon.clock.advance(10)
    await site.server.start()
    await page.wait_for_selector("#lost[hidden]", state="attached")


async def test_a_picture_that_stands_still_is_not_life(page: Page, start: Start) -> None:
    site = await start(cadence_s=0.05)
    await show(page, site)  # the test's clock never moves: every frame is the same instant
    await page.wait_for_selector("#lost:not([hidden])")
    assert "THE DAEMON STANDS STILL" in await text(page, "#lost")


async def test_nothing_sticks_out_sideways(page: Page, start: Start) -> None:
    site = await start(cadence_s=0.05)
    await show(page, site)
    for width in (360, 390, 768, 1024, 1280, 1920):
        await page.set_viewport_size({"width": width, "height": 800})
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), width


async def test_text_has_contrast(page: Page, start: Start) -> None:
    """Every text against the ground behind it: at least 4.5 to 1 (WCAG 2.1, 1.4.3)."""
    site = await start(cadence_s=0.05)
    await show(page, site)
    poor = await page.evaluate(
        """() => {
          const parse = (c) => (c.match(/[0-9.]+/g) || [0, 0, 0, 0]).map(Number);
          const linear = (v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
          const light = ([r, g, b]) => [r, g, b].map((v) => linear(v / 255))
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
          const ground = (n) => { for (; n; n = n.parentElement) { const c = parse(getComputedStyle(n).backgroundColor);
            if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
          const poor = [];
          for (const n of document.querySelectorAll("body *")) {
            if (![...n.childNodes].some((t) => t.nodeType === 3 && t.textContent.trim()) || !n.offsetParent) continue;
            const a = light(parse(getComputedStyle(n).color)), b = light(ground(n));
            const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            if (ratio < 4.5) poor.push([n.tagName, n.className, n.textContent.trim(), ratio.toFixed(2)].join(" "));
          }
          return poor;
        }"""
    )
    assert poor == []
