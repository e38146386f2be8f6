"""Write and read the snapshot of a state directory: whole and durable, or the one before it."""

from __future__ import annotations

from pathlib import Path

from journal.disk_io import Disk
from journal.snapshot import Snapshot, SnapshotDamaged, parse_snapshot, print_snapshot


def snapshot_path(state_dir: Path) -> Path:
    """Where the snapshot of a state directory stands."""
    return state_dir / "snapshot.json"


def write_snapshot(
    state_dir: Path, payload: bytes, seq: int, taken_utc_ns: int, *, disk: Disk | None = None, durable: bool = True
) -> None:
    """Replace the snapshot by this state (JSON) after record `seq`. Call it off the event loop: it waits for the disk.

    `durable=False` leaves out the syncs (a kill still leaves a whole file; a power cut may leave the one before, or a
    damaged one, which reading refuses). Raises OSError; msgspec.DecodeError when `payload` is not JSON.
    """
    (disk or Disk()).replace(snapshot_path(state_dir), print_snapshot(payload, seq, taken_utc_ns), durable=durable)


def read_snapshot(state_dir: Path) -> Snapshot | None:
    """The snapshot, checked; None when there is none. Raises SnapshotDamaged, also when it cannot be read at all."""
    path = snapshot_path(state_dir)
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SnapshotDamaged(f"{path}: cannot be read: {error}") from error
    return parse_snapshot(text, str(path))
