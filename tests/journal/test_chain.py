"""The verifier finds every kind of damage, at the right place, and nothing in a sound journal."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.clock import NS_PER_S
from journal.chain import EMPTY, Anchor, ChainVerdict, FaultKind, verify
from journal.record import decode_record

MakeLines = Callable[..., list[bytes]]
COUNT = 12


@pytest.fixture
def lines(chain_lines: MakeLines) -> list[bytes]:
    return chain_lines(COUNT)


def anchor_at(line: bytes) -> Anchor:
    record = decode_record(line)
    return Anchor(record.seq, record.hash, record.seq, record.ts_utc, "minute")


def check(lines: Sequence[bytes], anchors: Sequence[Anchor] = ()) -> ChainVerdict:
    """Verify bytes as a file would give them: cut at newlines again, whatever was done to them."""
    return verify([("one", io.BytesIO(b"".join(lines)))], anchors)


def offset_of(lines: Sequence[bytes], index: int) -> int:
    return sum(len(line) for line in lines[:index])


def expect(verdict: ChainVerdict, kind: FaultKind, line: int, offset: int) -> None:
    assert not verdict.ok
    fault = verdict.first_fault
    assert fault is not None
    assert (fault.kind, fault.file, fault.line, fault.offset) == (kind, "one", line, offset), fault
    assert str(line) in str(fault)


def test_a_sound_chain_is_ok_across_files(lines: list[bytes]) -> None:
    verdict = verify([("one", lines[:5]), ("two", lines[5:])], [anchor_at(lines[4]), anchor_at(lines[-1])])
    assert verdict.ok
    assert (verdict.head.seq, verdict.head.count, verdict.anchors_met) == (COUNT, COUNT, 2)
    assert verdict.head.hash == decode_record(lines[-1]).hash
    assert verdict.torn_tail is None


def test_nothing_is_ok_too() -> None:
    assert verify([]).ok
    assert verify([("one", [])]).ok


@settings(max_examples=300)
@given(data=st.data())
def test_any_changed_byte_is_found_on_its_line(chain_made: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(b"".join(chain_made))
    at = data.draw(st.integers(0, len(whole) - 1))
    flipped = data.draw(st.integers(1, 255))
    whole[at] ^= flipped
    verdict = check([bytes(whole)], [anchor_at(chain_made[-1])])
    assert not verdict.ok
    assert verdict.first_fault is not None
    assert verdict.first_fault.line == 1 + bytes(whole[:at]).count(b"\n")


@pytest.fixture(scope="module")
def chain_made() -> list[bytes]:
    """Made once: Hypothesis calls the test many times with one fixture."""
    from tests.journal.conftest import make_lines  # noqa: PLC0415 - the module-wide fixture cannot use a narrower one

    return make_lines(COUNT)


@pytest.mark.parametrize("index", range(COUNT - 1))
def test_a_removed_line_is_named(lines: list[bytes], index: int) -> None:
    verdict = check(lines[:index] + lines[index + 1 :])
    expect(verdict, FaultKind.MISSING, index + 1, offset_of(lines, index))
    assert f"record(s) {index + 1} to {index + 1} are missing" in str(verdict.first_fault)


@pytest.mark.parametrize("index", range(COUNT))
def test_a_repeated_line_is_named(lines: list[bytes], index: int) -> None:
    verdict = check([*lines[: index + 1], lines[index], *lines[index + 1 :]])
    expect(verdict, FaultKind.DUPLICATE, index + 2, offset_of(lines, index + 1))


def test_lines_in_the_wrong_order_are_found(lines: list[bytes]) -> None:
    lines[3], lines[4] = lines[4], lines[3]
    expect(check(lines), FaultKind.MISSING, 4, offset_of(lines, 3))


def test_a_wrong_number_with_a_right_link_is_found(chain_lines: MakeLines) -> None:
    lines = chain_lines(3)
    head = verify([("one", lines)]).head
    wrong = chain_lines(1, start=msgspec.structs.replace(head, seq=head.seq + 5))
    expect(check(lines + wrong), FaultKind.WRONG_SEQ, 4, offset_of(lines, 3))


def test_a_replaced_record_breaks_the_link(lines: list[bytes], chain_lines: MakeLines) -> None:
    before = verify([("one", lines[:4])]).head
    lines[4] = chain_lines(1, start=before, salt="another story")[0]
    expect(check(lines), FaultKind.BROKEN_LINK, 6, offset_of(lines, 5))


@pytest.mark.parametrize("kept", range(COUNT))
def test_a_cut_tail_is_found_by_the_anchor_alone(lines: list[bytes], kept: int) -> None:
    assert check(lines[:kept]).ok
    verdict = check(lines[:kept], [anchor_at(lines[2]), anchor_at(lines[-1])] if kept > 2 else [anchor_at(lines[-1])])
    assert verdict.first_fault is not None
    assert verdict.first_fault.kind is FaultKind.TRUNCATED
    assert f"at least {COUNT - kept} record(s)" in verdict.first_fault.sentence


def test_a_rewritten_file_is_found_by_the_anchor_alone(lines: list[bytes], chain_lines: MakeLines) -> None:
    forged = chain_lines(COUNT, salt="a better story")
    assert check(forged).ok
    expect(check(forged, [anchor_at(lines[6])]), FaultKind.REWRITTEN, 7, offset_of(forged, 6))


@settings(max_examples=100)
@given(data=st.data())
def test_a_torn_last_line_is_reported_apart(chain_made: list[bytes], data: st.DataObject) -> None:
    kept = data.draw(st.integers(1, len(chain_made[-1]) - 1))
    verdict = check([*chain_made[:-1], chain_made[-1][:kept]], [anchor_at(chain_made[-2])])
    assert verdict.ok
    assert verdict.torn_tail == chain_made[-1][:kept]
    assert verdict.torn_offset == offset_of(chain_made, COUNT - 1)
    assert verdict.head.seq == COUNT - 1


def test_a_torn_line_that_was_durable_once_is_damage(lines: list[bytes]) -> None:
    expect(
        check([*lines[:-1], lines[-1][:-1]], [anchor_at(lines[-1])]),
        FaultKind.TRUNCATED,
        COUNT,
        offset_of(lines, COUNT - 1),
    )


def test_a_torn_line_before_another_line_is_damage(lines: list[bytes]) -> None:
    expect(verify([("one", [lines[0], lines[1][:9], lines[2]])]), FaultKind.CUT_LINE, 2, offset_of(lines, 1))


def test_a_torn_line_before_another_file_is_damage(lines: list[bytes]) -> None:
    verdict = verify([("one", [*lines[:3], lines[3][:50]]), ("two", lines[4:])])
    expect(verdict, FaultKind.CUT_LINE, 4, offset_of(lines, 3))


def test_a_missing_file_is_missing_records(lines: list[bytes]) -> None:
    verdict = verify([("one", lines[:3]), ("three", lines[8:])])
    assert verdict.first_fault is not None
    assert (verdict.first_fault.kind, verdict.first_fault.file) == (FaultKind.MISSING, "three")
    assert "record(s) 4 to 8 are missing" in verdict.first_fault.sentence


def test_a_journal_that_does_not_begin_at_its_beginning_is_found(lines: list[bytes]) -> None:
    expect(check(lines[1:]), FaultKind.MISSING, 1, 0)


def test_verification_can_go_on_from_a_known_head(lines: list[bytes]) -> None:
    head = verify([("one", lines[:5])]).head
    assert verify([("two", lines[5:])], [anchor_at(lines[0]), anchor_at(lines[9])], head).anchors_met == 1


def test_nothing_after_the_first_fault_is_judged(lines: list[bytes]) -> None:
    lines[2] = lines[2].replace(b"simulation", b"simulatjon")
    lines[7] = b"rubbish\n"
    verdict = check(lines)
    expect(verdict, FaultKind.ALTERED, 3, offset_of(lines, 2))
    assert verdict.head.seq == 2


def required(files: list[list[bytes]], anchors: list[Anchor]) -> ChainVerdict:
    """A verification that misses the anchors that must be there."""
    named = [(f"file {n}", lines) for n, lines in enumerate(files, start=1)]
    return verify(named, anchors, required_in="folder")


BEGUN = Anchor(EMPTY.seq, EMPTY.hash, EMPTY.count, "2026-03-06T13:50:00.000000000Z", "open")


def test_with_all_its_anchors_nothing_is_missed(lines: list[bytes]) -> None:
    verdict = required([lines[:4], [], lines[4:8], lines[8:]], [BEGUN, anchor_at(lines[3]), anchor_at(lines[7])])
    assert (verdict.ok, verdict.anchors_met) == (True, 3)
    assert required([], []).ok
    assert required([[]], []).ok


def test_deleted_anchors_are_missed_at_the_first_record(lines: list[bytes]) -> None:
    fault = required([lines], []).first_fault
    assert fault is not None
    assert (fault.kind, fault.file, fault.line, fault.offset) == (FaultKind.UNANCHORED, "file 1", 1, 0)
    assert "anchors in folder were deleted" in fault.sentence
    assert required([lines], [anchor_at(lines[5])]).first_fault == fault


@pytest.mark.parametrize("lost", [1, 2])
def test_a_missing_anchor_of_a_file_s_end_is_named(lines: list[bytes], lost: int) -> None:
    anchors = [BEGUN, anchor_at(lines[3]), anchor_at(lines[7])]
    del anchors[lost]
    fault = required([lines[:4], lines[4:8], lines[8:]], anchors).first_fault
    assert fault is not None
    assert (fault.kind, fault.file, fault.line) == (FaultKind.UNANCHORED, f"file {lost}", 4)
    assert f"record {4 * lost} is the last of its file" in fault.sentence


def test_records_that_were_not_anchored_for_long_are_missed(chain_lines: MakeLines) -> None:
    def verdict(anchors: list[int], step_s: int = 100, run_of: Callable[[int], str] = lambda _: "run") -> ChainVerdict:
        lines = chain_lines(20, run_of=run_of, mono_of=lambda n: n * step_s * NS_PER_S)
        return required([lines], [BEGUN, *(anchor_at(lines[n - 1]) for n in anchors)])

    fault = verdict([]).first_fault
    assert fault is not None
    assert (fault.kind, fault.line) == (FaultKind.UNANCHORED, 8), "the first record after 600 s"
    fault = verdict([5]).first_fault
    assert fault is not None
    assert fault.line == 13
    assert verdict([7, 14]).ok
    assert verdict([], step_s=30).ok
    assert verdict([], run_of=lambda n: f"run {n // 7}").ok, "a new run counts from its own start"
