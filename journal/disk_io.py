"""The few things the journal asks of a disk, in one class, so that a test or the simulation can hand in a bad one.

Every call here may fail with OSError. A failed `sync` says nothing about what is on the disk, so no caller ever tries
it a second time. Files are made for their owner and for his group to read, nobody else: the journal holds what was
traded, and an operator who is no root reads it. A narrower umask keeps the group out.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Final

from journal.shared_folder_io import share

OWNER_AND_GROUP: Final = 0o640
_DIRECTORY_MODE: Final = 0o750


class Disk:
    """The real disk. Subclass it and override one method to make a disk that is full, slow or failing."""

    def append_to(self, path: Path) -> int:
        """Open for appending, made when absent; a new file's name is durable on return."""
        existed = path.exists()
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, OWNER_AND_GROUP)
        if not existed:
            self.sync_directory(path.parent)
        return file

    def write(self, file: int, data: bytes | memoryview) -> int:
        """Write some of the bytes; the number written."""
        return os.write(file, data)

    def sync(self, file: int) -> None:
        """Make what was written durable: data and length."""
        os.fdatasync(file)

    def cut(self, path: Path, size_bytes: int) -> None:
        """Shorten a file to so many bytes, durable on return."""
        file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.ftruncate(file, size_bytes)
            os.fsync(file)
        finally:
            os.close(file)

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
        """Make a directory and its parents, for the owner to use and his group to read."""
        if not path.is_dir():
            path.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
            self.sync_directory(path.parent)

    def reserve(self, path: Path, size_bytes: int) -> None:
        """Fill a file with `size_bytes` of real blocks."""
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, OWNER_AND_GROUP)
        try:
            os.posix_fallocate(file, 0, size_bytes)
        finally:
            os.close(file)

    def remove(self, path: Path) -> None:
        """Delete a file."""
        path.unlink()

    def replace(self, path: Path, data: bytes, *, durable: bool = True, shared: bool = False) -> None:
        """Put `data` in place of a file, whole or not at all, and durable on return unless told otherwise.

        `shared`: for the folder's group to read too, as in the folders through which accounts speak.

        The draft's name carries process and thread, since several of them may replace one file; it is deleted when the
        write fails, so that a full disk is not made fuller.
        """
        draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, OWNER_AND_GROUP)
        try:
            try:
                if shared:
                    share(file, path.parent)
                self.write_all(file, data)
                if durable:
                    self.sync(file)
            finally:
                self.close(file)
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        if durable:
            self.sync_directory(path.parent)

    def create(self, path: Path, data: bytes, *, shared: bool = False) -> bool:
        """Make a file whole and durable, unless its name is taken; False when it is, and that file stays as it was.

        A link fails when the name is taken, where a rename would replace it.
        """
        draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.new")
        self.replace(draft, data, shared=shared)
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
        finally:
            draft.unlink()
        self.sync_directory(path.parent)
        return True

    def write_all(self, file: int, data: bytes) -> None:
        """Write every byte, however often the system takes only some."""
        rest = memoryview(data)
        while rest:
            rest = rest[self.write(file, rest) :]
