"""Turn gathered items into chained lines and put them on the tape, in order. Runs in the writer's thread."""

from __future__ import annotations

from typing import Final

import msgspec

from domain.clock import NS_PER_S, Now
from domain.stamps import utc_ns_text
from journal.chain import Anchor, Head
from journal.record import HEAD, Body, HeadSays, ShortBody, canonical_json, seal
from journal.tape_io import Tape

Item = tuple[int, Now, str, object, str, str]
"""One append: seq, stamp, type, payload, correlation id, causation id. Seq 0 marks a control item."""

_DAY_CHARS: Final = len("2026-03-06")
_SECOND_CHARS: Final = len("2026-03-06T14:50:00.")


class Run(msgspec.Struct, frozen=True):
    """What is the same in every record of one run; it stands in the head of each segment."""

    run_id: str
    environment: str
    config_hash: str
    build_id: str = ""


class Committer:
    """The chain's growing end. `head` moves only when the disk has it."""

    __slots__ = ("_headed", "_run", "_second", "_second_text", "_tape", "anchored", "head")

    def __init__(self, tape: Tape, head: Head, run: Run) -> None:
        """Go on after `head`. `anchored` is the number of the newest anchored record, -1 before any."""
        self.head = head
        self.anchored = -1
        self._tape = tape
        self._run = run
        self._headed = False
        self._second = -1
        self._second_text = ""

    @property
    def low_space(self) -> bool:
        """Whether the disk's reserve has been released."""
        return self._tape.low_space

    def commit(self, items: list[Item]) -> None:
        """Make all items durable, in one write and one sync per segment touched.

        Raises OSError when the disk fails; TypeError or ValueError for a payload that cannot be printed, after the
        items before it were committed.
        """
        lines: list[bytes] = []
        size = 0
        head = self.head
        for item in items:
            try:
                line, digest, day = self._line(item, head.hash)
            except (TypeError, ValueError, OverflowError):
                self._flush(lines, head)
                raise
            if self._tape.wants_new_segment(day, size + len(line)):
                self._flush(lines, head)
                lines, size = [], 0
                self.anchor(item[1], "rotate")
                self._tape.begin_segment(day, item[0])
                self._headed = False
            if not self._headed:
                first, above = self._head_line(item, head.hash)
                lines.append(first)
                size += len(first)
                line, digest, day = self._line(item, above)
                self._headed = True
            lines.append(line)
            size += len(line)
            head = Head(item[0], digest, head.count + 1)
        self._flush(lines, head)

    def anchor(self, now: Now, why: str) -> None:
        """Write the head down outside the journal, unless that was done already."""
        head = self.head
        if head.seq != self.anchored:
            self._tape.anchor(Anchor(head.seq, head.hash, head.count, utc_ns_text(now.utc_ns), why))
            self.anchored = head.seq

    def close(self) -> None:
        """Give the files back."""
        self._tape.close()

    def _flush(self, lines: list[bytes], head: Head) -> None:
        if lines:
            self._tape.commit(b"".join(lines))
            self.head = head

    def _line(self, item: Item, prev_hash: str) -> tuple[bytes, str, str]:
        seq, now, record_type, payload, correlation_id, causation_id = item
        stamp = self._stamp(now.utc_ns)
        if isinstance(payload, bytes):
            payload = msgspec.Raw(canonical_json(payload))
        body = ShortBody(
            causation_id=causation_id,
            mono_ns=now.mono_ns,
            payload=payload,
            prev_hash=prev_hash,
            seq=seq,
            ts_utc=stamp,
            type=record_type,
            correlation_id=correlation_id,
        )
        return *seal(body), stamp[:_DAY_CHARS]

    def _head_line(self, item: Item, prev_hash: str) -> tuple[bytes, str]:
        """What is the same in the lines from here on; it carries the number of the record that follows."""
        seq, now = item[:2]
        return seal(
            Body(
                causation_id="",
                config_hash=self._run.config_hash,
                correlation_id="",
                environment=self._run.environment,
                event_id="",
                mono_ns=now.mono_ns,
                payload=HeadSays(self._run.build_id),
                prev_hash=prev_hash,
                run_id=self._run.run_id,
                seq=seq,
                ts_utc=self._stamp(now.utc_ns),
                type=HEAD,
            )
        )

    def _stamp(self, utc_ns: int) -> str:
        """`utc_ns_text`, with the text of the second kept: most records share it with the one before."""
        second, nanoseconds = divmod(utc_ns, NS_PER_S)
        if second != self._second:
            self._second = second
            self._second_text = utc_ns_text(second * NS_PER_S)[:_SECOND_CHARS]
        return f"{self._second_text}{nanoseconds:09d}Z"
