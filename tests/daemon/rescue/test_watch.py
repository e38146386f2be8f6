from __future__ import annotations

import pytest

from daemon.rescue.watch import Sight, Watcher, WatcherAction
from domain.clock import NS_PER_MS, Now

LIMIT_MS = 5_000


def at(ms: int) -> Now:
    return Now(10**12 + ms * NS_PER_MS, 10**18 + ms * NS_PER_MS)


@pytest.mark.step("X07")
def test_a_journal_that_stands_still_for_the_limit_means_flatten_and_not_a_moment_earlier() -> None:
    watcher = Watcher(LIMIT_MS)
    assert watcher.look(Sight("a", 10, ended=False), at(0)) is WatcherAction.NOTHING
    assert watcher.look(Sight("a", 10, ended=False), at(LIMIT_MS - 1)) is WatcherAction.NOTHING
    assert watcher.look(Sight("a", 10, ended=False), at(LIMIT_MS)) is WatcherAction.FLATTEN


def test_growth_or_a_new_segment_is_progress() -> None:
    watcher = Watcher(LIMIT_MS)
    watcher.look(Sight("a", 10, ended=False), at(0))
    assert watcher.look(Sight("a", 11, ended=False), at(LIMIT_MS)) is WatcherAction.NOTHING
    assert watcher.look(Sight("b", 1, ended=False), at(2 * LIMIT_MS)) is WatcherAction.NOTHING


def test_it_acts_once_for_each_stop() -> None:
    watcher = Watcher(LIMIT_MS)
    watcher.look(Sight("a", 10, ended=False), at(0))
    assert watcher.look(Sight("a", 10, ended=False), at(LIMIT_MS)) is WatcherAction.FLATTEN
    watcher.flattened()
    assert watcher.look(Sight("a", 10, ended=False), at(3 * LIMIT_MS)) is WatcherAction.NOTHING
    assert watcher.look(Sight("a", 20, ended=False), at(4 * LIMIT_MS)) is WatcherAction.NOTHING
    assert watcher.look(Sight("a", 20, ended=False), at(5 * LIMIT_MS)) is WatcherAction.FLATTEN


def test_it_keeps_asking_until_the_account_was_seen_flat() -> None:
    watcher = Watcher(LIMIT_MS)
    watcher.look(Sight("a", 10, ended=False), at(0))
    assert watcher.look(Sight("a", 10, ended=False), at(LIMIT_MS)) is WatcherAction.FLATTEN
    assert watcher.look(Sight("a", 10, ended=False), at(LIMIT_MS + 1)) is WatcherAction.FLATTEN


def test_an_orderly_end_and_a_missing_journal_are_left_alone() -> None:
    for sight in (Sight("a", 10, ended=True), Sight("", 0, ended=False)):
        watcher = Watcher(LIMIT_MS)
        watcher.look(sight, at(0))
        assert watcher.look(sight, at(10 * LIMIT_MS)) is WatcherAction.NOTHING


def test_a_daemon_that_was_dead_before_we_looked_is_flattened_too() -> None:
    watcher = Watcher(LIMIT_MS)
    watcher.look(Sight("a", 10, ended=False), at(0))
    assert watcher.look(Sight("a", 10, ended=False), at(LIMIT_MS)) is WatcherAction.FLATTEN


def test_only_growth_that_was_seen_is_progress_to_tell_of() -> None:
    watcher = Watcher(LIMIT_MS)
    watcher.look(Sight("a", 10, ended=False), at(0))
    assert watcher.progress_ns is None, "what stood there at the start proves no life"
    watcher.look(Sight("a", 11, ended=False), at(500))
    watcher.look(Sight("a", 11, ended=False), at(1_000))
    assert watcher.progress_ns == at(500).mono_ns


def test_what_the_daemon_asks_for_is_done_at_once_though_it_makes_progress_and_once() -> None:
    watcher, asked = Watcher(LIMIT_MS), at(1_000).utc_ns
    assert watcher.look(Sight("a", 10, ended=False), at(0)) is WatcherAction.NOTHING
    assert watcher.look(Sight("a", 20, ended=False, asked_utc_ns=asked), at(1_000)) is WatcherAction.FLATTEN
    seen = Sight("a", 30, ended=False, asked_utc_ns=asked)
    assert watcher.look(seen, at(1_500)) is WatcherAction.FLATTEN, "until it is flat"
    watcher.flattened()
    assert watcher.look(Sight("a", 40, ended=False, asked_utc_ns=asked), at(2_000)) is WatcherAction.NOTHING
    assert watcher.look(Sight("a", 40, ended=False, asked_utc_ns=asked), at(2_000 + LIMIT_MS)) is WatcherAction.FLATTEN
    watcher.flattened()
    assert watcher.look(Sight("a", 40, ended=False, asked_utc_ns=asked + 1), at(9_000)) is WatcherAction.FLATTEN


@pytest.mark.parametrize(("age_ms", "action"), [(64_000, WatcherAction.FLATTEN), (66_000, WatcherAction.NOTHING)])
def test_of_what_was_asked_before_the_watcher_began_only_the_young_counts(age_ms: int, action: WatcherAction) -> None:
    watcher = Watcher(LIMIT_MS)
    sight = Sight("a", 10, ended=False, asked_utc_ns=at(-age_ms).utc_ns)
    assert watcher.look(sight, at(0)) is action
