"""Files that are there whole or not at all, and locks that die with us."""
from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows: no lock, whose place the atomic rename takes
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file that nobody ever sees in part.

    Args:
        path (Path): Replaced at the end, unless something is raised.

    Yields:
        BinaryIO: To write to.
    """
    # the same folder, because a rename is atomic only within a disk; host
    # and process, because several may write there
    temporary = path.parent / (
        f'.{path.name}.{socket.gethostname()}.{os.getpid()}.tmp')
    try:
        with open(temporary, 'wb') as f:
            yield f
            f.flush()
            os.fsync(f.fileno())
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left; only for the holder of the lock."""
    for path in folder.glob('.*.tmp'):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


@contextlib.contextmanager
def lock(path: Path, busy: str) -> Iterator[int | None]:
    """Hold a lock that the system takes back when the process dies.

    Args:
        path (Path): The file to lock; stays there, empty.
        busy (str): What to say when another process holds it.

    Yields:
        int, optional: The lock's file descriptor: a process that inherits
        it holds the lock as well. None where there is no lock; some file
        systems have none.

    Raises:
        OSError: If another process holds it, or the file cannot be made.
    """
    if fcntl is None:
        yield None
        return
    with open(path, 'wb') as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = f.fileno()
        except BlockingIOError as e:
            raise OSError(busy) from e
        except OSError:
            held = None
        yield held
