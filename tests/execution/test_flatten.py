from __future__ import annotations

from domain.clock import NS_PER_MS
from execution.flatten import POLL_NS, Flattening
from execution.list_lag import SETTLE_NS
from execution.orders import OrderBook
from tests.execution.made import opened, order, said

MS = NS_PER_MS


def begun() -> Flattening:
    return Flattening("INXU", "why", 100, 2, 100)


def test_two_empty_lists_asked_settle_after_the_last_act_and_nothing_live_are_flat() -> None:
    flat = begun()
    asked = 100 + SETTLE_NS
    flat.listed(0, 0, asked, asked + MS)
    assert not flat.done
    flat.listed(0, 0, asked + POLL_NS, asked + POLL_NS + MS)
    assert flat.done


def test_a_list_asked_a_nanosecond_too_early_does_not_count() -> None:
    flat = begun()
    for _ in range(9):
        flat.listed(0, 0, 100 + SETTLE_NS - 1, 10**12)
    assert not flat.done


def test_while_something_may_be_live_no_list_makes_it_flat() -> None:
    flat = begun()
    for number in range(9):
        flat.listed(0, 1, 100 + SETTLE_NS + number, 10**12)
    assert not flat.done
    flat.listed(0, 0, 100 + SETTLE_NS + 10, 10**12)
    assert flat.done


def test_a_list_that_shows_something_and_a_new_act_begin_the_count_again() -> None:
    flat = begun()
    asked = 100 + SETTLE_NS
    flat.listed(0, 0, asked, asked)
    flat.listed(1, 0, asked + 1, asked + 1)
    flat.listed(0, 0, asked + 2, asked + 2)
    assert not flat.done
    flat.acted(asked + 3)
    flat.listed(0, 0, asked + 4, asked + 4)
    flat.listed(0, 0, asked + 5, asked + 5)
    assert not flat.done
    for number in range(2):
        flat.listed(0, 0, asked + 3 + SETTLE_NS + number, 10**12)
    assert flat.done


def test_the_time_runs_from_the_trigger_to_the_first_empty_list_of_the_proof() -> None:
    flat = begun()
    took = [flat.time_to_flat_ns]
    for resting, live, asked, now in ((0, 0, 99, 150), (0, 1, 200, 300), (1, 1, 400, 500), (0, 0, 600, 700)):
        flat.listed(resting, live, asked, now)
        took.append(flat.time_to_flat_ns)
    assert took == [None, None, 200, None, 600], "a list asked before it began says nothing"


def test_lists_are_asked_quickly_until_one_is_empty_and_then_only_those_that_can_count() -> None:
    flat = begun()
    assert flat.next_listing_ns(150) == 150 + POLL_NS
    flat.listed(0, 0, 200, 300)
    assert flat.next_listing_ns(200) == 100 + SETTLE_NS
    assert flat.next_listing_ns(100 + SETTLE_NS) == 100 + SETTLE_NS + POLL_NS


def test_a_list_too_young_to_know_an_order_is_not_the_end_of_the_time_to_flat() -> None:
    born = 100 - SETTLE_NS // 2
    flat, young = begun(), order(now_ns=born)
    flat.join((young,))
    flat.listed(0, 1, 200, 300)
    flat.listed(0, 1, born + SETTLE_NS - 1, born + SETTLE_NS)
    assert flat.time_to_flat_ns is None, "the list may be older than the order"
    flat.listed(0, 1, born + SETTLE_NS, born + SETTLE_NS + 7)
    assert flat.time_to_flat_ns == born + SETTLE_NS + 7 - 100


def test_a_list_that_has_shown_the_order_before_knows_of_its_end_at_once() -> None:
    flat, book = begun(), OrderBook()
    young = opened(book, now_ns=90)
    flat.join((young,))
    book.describe(young, said(young.client_order_id), 110, 120)
    flat.listed(1, 1, 110, 120)
    flat.listed(0, 1, 200, 300)
    assert flat.time_to_flat_ns == 200
