from __future__ import annotations

from domain.clock import NS_PER_MS, Now
from feeds.quarantine import Quarantine


def at(ms: int) -> Now:
    return Now(ms * NS_PER_MS, ms * NS_PER_MS)


def test_a_mark_lasts_for_its_span_and_is_news_once() -> None:
    marks = Quarantine(1_000)
    marks.set_aside("P", "I:SPX", "silent", at(100))
    marks.set_aside("P", "I:SPX", "silent", at(500))
    assert [mark.why for mark in marks.news] == ["silent"]
    assert marks.of("S", at(100)) == ()
    assert len(marks.of("P", at(1_099))) == 1
    assert marks.next_end(at(500)) == at(1_100).mono_ns
    assert marks.of("P", at(1_100)) == ()
    assert marks.next_end(at(1_100)) is None
    marks.set_aside("P", "I:SPX", "silent", at(1_200))
    assert len(marks.news) == 2


def test_leaving_a_feed_begins_its_span_anew() -> None:
    marks = Quarantine(1_000)
    marks.set_aside("P", "I:SPX", "silent", at(0))
    marks.renew("P", at(900))
    assert len(marks.of("P", at(1_800))) == 1
    assert marks.of("P", at(1_900)) == ()


def test_what_was_bad_before_an_instant_is_not_bad_since() -> None:
    marks = Quarantine(1_000)
    marks.set_aside("P", "I:SPX", "silent", at(0))
    assert marks.bad_since("P", at(200).mono_ns, at(300)) == ()
    marks.set_aside("P", "I:SPX", "silent", at(300))
    assert len(marks.bad_since("P", at(200).mono_ns, at(300))) == 1
