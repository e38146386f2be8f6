"""The few things the journal asks of a disk, in one class, so that a test or the simulation can hand in a bad one.

Every call here may fail with OSError. A failed `sync` says nothing about what is on the disk, so no caller ever tries
it a second time. Files are made for their owner alone: the journal holds what was traded.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

OWNER_ONLY: Final = 0o600
_DIRECTORY_MODE: Final = 0o700


class Disk:
    """The real disk. Subclass it and override one method to make a disk that is full, slow or failing."""

    def append_to(self, path: Path) -> int:
        """Open for appending, made when absent; a new file's name is durable on return."""
        existed = path.exists()
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
        if not existed:
            self.sync_directory(path.parent)
        return file

    def write(self, file: int, data: bytes | memoryview) -> int:
        """Write some of the bytes; the number written."""
        return os.write(file, data)

    def sync(self, file: int) -> None:
        """Make what was written durable: data and length."""
        os.fdatasync(file)

    def close(self, file: int) -> None:
        """Give the file back."""
        os.close(file)

    def sync_directory(self, path: Path) -> None:
        """Make the names in a directory durable."""
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def make_directory(self, path: Path) -> None:
        """Make a directory and its parents, for the owner alone."""
        if not path.is_dir():
            path.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
            self.sync_directory(path.parent)

    def reserve(self, path: Path, size_bytes: int) -> None:
        """Fill a file with `size_bytes` of real blocks."""
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
        try:
            os.posix_fallocate(file, 0, size_bytes)
        finally:
            os.close(file)

    def remove(self, path: Path) -> None:
        """Delete a file."""
        path.unlink()

    def replace(self, path: Path, data: bytes) -> None:
        """Put `data` in place of a file, whole or not at all, and durable on return.

        The temporary name is fixed per target: one process writes each such file, and a leftover is overwritten.
        """
        draft = path.with_name(f".{path.name}.draft")
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, OWNER_ONLY)
        try:
            self.write_all(file, data)
            os.fsync(file)
        finally:
            self.close(file)
        draft.replace(path)
        self.sync_directory(path.parent)

    def write_all(self, file: int, data: bytes) -> None:
        """Write every byte, however often the system takes only some."""
        rest = memoryview(data)
        while rest:
            rest = rest[self.write(file, rest) :]
