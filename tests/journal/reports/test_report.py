"""A report has every named part, prints money exactly, and says "not recorded" where the journal is silent."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from domain.clock import NS_PER_S
from domain.window import Phase
from journal.facts import facts
from journal.reader_io import read_records
from journal.reports.fold import Fold
from journal.reports.plot import Band, Dot, GuideLine, Picture, Stroke, bars, draw, spread
from journal.reports.render import Block, Heading, Line, Table, html, markdown
from journal.reports.report import clock, count, day_report, price, trimmed, window_report
from journal.reports.report_io import fold_day, write_day, write_reports
from journal.reports.report_plots import ages_plot, index_plot
from journal.reports.window_fold import WindowFold
from journal.writer_io import JournalWriter
from tests.journal import story
from tests.journal.story import DAY, SERIES, TARGET_NS

OpenWriter = Callable[..., JournalWriter]
PARTS = [
    "fee_path",
    "scheduler_window",
    "ws_freshness",
    "limits",
    "Quotes",
    "Fills",
    "Settlement",
    "P&L",
    "Guard trips",
    "Latency",
]


@pytest.fixture
def state(open_writer: OpenWriter, tmp_path: Path) -> Path:
    writer = open_writer()
    story.journal(writer, story.story())
    writer.append("note", {"text": "looked | slow <b>", "by": "night desk"})
    writer.close()
    return tmp_path


@pytest.fixture
def fold(state: Path) -> Fold:
    return Fold().take_all(facts(read_records(state)))


def svg_of(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - our own text


@pytest.mark.step("H20")
def test_the_day_s_report_has_every_part(fold: Fold) -> None:
    text = markdown(day_report(fold, SERIES, DAY))
    for part in PARTS:
        assert f"\n### {part}\n" in text, part
    assert text.startswith(f"# {SERIES} {DAY}\n")
    for expected in (
        "| fee_type | quadratic |",
        "| target_et | 10:00:00 |",
        "| age_p50_ms | 120 |",
        "| created | 3 |",
        "| mean edge against fair value, before fees | 0.0267 |",
        "| failed, by stage | exchange 1 |",
        "| booked | 0.58 |",
        "| worked out from fills and results | 0.58 |",
        "701.0 ms | 700.0 ms |",
        "| place, round trip | 2 | 12.5 ms | 20.0 ms | 20.0 ms |",
        "| time to flat, stale | 1 | 412.0 ms | 412.0 ms | 412.0 ms |",
        "preflight 14:40:00.000",
        "looked \\| slow &lt;b>",
        "mode demo, build build-1",
    ):
        assert expected in text, expected


def test_a_window_of_which_nothing_is_known_says_so() -> None:
    fold = Fold()
    fold.take(TARGET_NS, story.phase(Phase.PREFLIGHT))
    text = markdown(window_report(fold, fold.windows[(SERIES, TARGET_NS)]))
    for part in PARTS:
        assert f"\n### {part}\n" in text, part
    assert text.count("not recorded") >= 7
    assert "| booked | not recorded |" in text
    assert "No fill." in text
    page = html(window_report(fold, fold.windows[(SERIES, TARGET_NS)]))
    assert "<svg" not in page


def test_disagreeing_profits_are_shouted(fold: Fold) -> None:
    fold.take(TARGET_NS + NS_PER_S, story.result(570_000))
    assert "DISAGREE by -0.01" in markdown(window_report(fold, fold.windows[(SERIES, TARGET_NS)]))


class Closing(HTMLParser):
    """Checks that every tag is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass


def test_the_page_is_whole_and_loads_nothing(fold: Fold) -> None:
    page = html(day_report(fold, SERIES, DAY))
    parser = Closing()
    parser.feed(page.removeprefix("<!doctype html>"))
    assert parser.open == []
    assert parser.loads == []
    assert page.count("<svg") == 3
    assert "<b>" not in page
    assert "looked | slow &lt;b&gt;" in page


def test_the_index_plot_shows_strikes_orders_and_fills(fold: Fold) -> None:
    window = fold.windows[(SERIES, TARGET_NS)]
    window.switches.clear()
    svg = svg_of(index_plot(window, window.tracks["primary"]))
    kinds = [element.get("class") for element in svg.iter()]
    assert (kinds.count("bid"), kinds.count("ask"), kinds.count("fill"), kinds.count("level")) == (2, 1, 1, 2)
    assert kinds.count("band") == 1
    text = "".join(svg.itertext())
    assert "5800" in text
    assert "ask KXINXU-26MAR06H1000-T5810 at 0.3800" in text


def limit_lines(window: WindowFold) -> dict[str, float]:
    """How high each limit is drawn, by its name."""
    lines = iter(svg_of(ages_plot(window, window.tracks["primary"])).iter())
    return {next(lines).text or "": float(line.get("y1", "")) for line in lines if line.get("class") == "limit"}


def test_the_ages_plot_shows_the_limits_that_were_recorded(fold: Fold) -> None:
    window = fold.windows[(SERIES, TARGET_NS)]
    before = limit_lines(window)
    assert list(before) == ["soft 1500 ms", "strict 700 ms"]
    assert before["soft 1500 ms"] < before["strict 700 ms"]
    fold.take(TARGET_NS, story.limits(1_500, 400))
    after = limit_lines(window)
    assert list(after) == ["soft 1500 ms", "strict 400 ms"]
    assert after["strict 400 ms"] > before["strict 700 ms"]  # lower on the page
    assert "not recorded" in ages_plot(window, None)


def test_limits_of_the_lateness_are_drawn_from_the_usual_gap_on(fold: Fold) -> None:
    window = fold.windows[(SERIES, TARGET_NS)]
    assert window.freshness is not None
    window.freshness = msgspec.structs.replace(window.freshness, cadence_p50_ms=1_000.0)
    fold.take(TARGET_NS, story.limits(500, 400, "age"))
    of_the_age = limit_lines(window)
    fold.take(TARGET_NS, story.limits(500, 400, "lateness"))
    assert "limits of the lateness" in ages_plot(window, window.tracks["primary"])
    late = limit_lines(window)
    assert late["strict 400 ms"] < of_the_age["strict 400 ms"]  # higher on the page, above the usual gap


def test_limits_that_were_not_recorded_are_not_drawn(fold: Fold) -> None:
    window = fold.windows[(SERIES, TARGET_NS)]
    window.limits = None
    assert limit_lines(window) == {}
    assert "limits not recorded" in ages_plot(window, window.tracks["primary"])


def test_plots_of_little_or_nothing() -> None:
    assert "not recorded" in bars("a & b", [])
    assert "a &amp; b" in bars("a & b", [])
    assert "not recorded" in draw(Picture("t", [], [], ""))
    assert "not recorded" in draw(Picture("t", [(1.0, 2.0)], [], ""))
    stroke, dot = Stroke(1.0, 2.0, 5.0, "bid", "<order>"), Dot(1.0, 5.0, "fill", "<fill>")
    line, level, band = [(1.0, 5.0), (2.0, 5.0)], GuideLine(5.0, "<five>"), Band(1.0, 2.0, "<strict>")
    marked = svg_of(draw(Picture("<t>", line, [(1.0, "<at>")], "<u>", [level], [band], [stroke], [dot])))
    text = "".join(marked.itertext())
    assert all(name in text for name in ("<t>", "<at>", "<u>", "<five>", "<strict>", "<order>", "<fill>"))
    assert svg_of(bars("t", [("one", 0.0, "0.00"), ("two", -1.0, "-1.00")])).tag == "svg"
    low, high = spread([0.0, 0.0], from_zero=True)
    assert low == 0.0 < high


def test_files_are_written_where_the_runbook_looks(state: Path, tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    written = write_day(state, reports, DAY)
    assert list(written) == [SERIES]
    assert written[SERIES].day_markdown == reports / "INXU" / "2026-03-06.md"
    assert written[SERIES].day_html == reports / "INXU" / "2026-03-06.html"
    (page,) = written[SERIES].window_html
    assert page.name == "hourly-1000_150000Z.html"
    assert written[SERIES].ledger.read_text().count("\n") == 2
    same = written[SERIES].day_html.read_bytes()
    assert write_reports(state, TARGET_NS, reports) == {(SERIES, TARGET_NS): str(page)}
    assert write_reports(state, TARGET_NS)[(SERIES, TARGET_NS)].startswith(str(state / "reports" / SERIES))
    assert write_reports(state, TARGET_NS + 1) == {}
    assert list(write_reports(state, TARGET_NS, reports, only=SERIES)) == [(SERIES, TARGET_NS)]
    assert write_reports(state, TARGET_NS, reports, only="another") == {}
    assert written[SERIES].day_html.read_bytes() == same


def test_a_day_without_a_journal_is_an_empty_report(tmp_path: Path) -> None:
    assert write_day(tmp_path, tmp_path / "reports", DAY) == {}
    written = write_day(tmp_path, tmp_path / "reports", DAY, [SERIES])
    assert "No window of this series" in written[SERIES].day_markdown.read_text()
    assert fold_day(tmp_path, DAY).windows == {}


def test_amounts_are_printed_exactly() -> None:
    assert [trimmed(text) for text in ("0.580000", "1.000000", "0.017500", "-0.100000")] == [
        "0.58",
        "1.00",
        "0.0175",
        "-0.10",
    ]
    assert (count(500), count(550), count(None)) == ("5", "5.5", "not recorded")
    assert price(4200) == "0.42"
    assert clock(TARGET_NS) == "15:00:00.000"


def test_blocks_render_in_both_forms() -> None:
    blocks: list[Block] = [Heading(1, "A <b>"), Line("x\ny"), Table(("h",), [("a|b",)])]
    assert markdown(blocks) == "# A &lt;b>\n\nx y\n\n| h |\n| --- |\n| a\\|b |\n"
    assert "<h1>A &lt;b&gt;</h1>" in html(blocks)
