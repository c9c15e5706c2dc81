"""Locks that die with their process, where the file system has any."""
from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows: no lock, whose place the atomic rename takes
    fcntl = None  # type: ignore[assignment]


class Busy(OSError):
    """Another process holds a lock."""


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
        Busy: If another process holds it.
        OSError: If the file cannot be made.
    """
    if fcntl is None:
        yield None
        return
    with open(path, 'wb') as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = f.fileno()
        except BlockingIOError as e:
            raise Busy(busy) from e
        except OSError:
            held = None
        yield held


def hold(file: IO) -> None:
    """Lock an open file until it is closed; nothing where there are none."""
    if fcntl is not None:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)


def is_held(file: IO) -> bool | None:
    """Whether another process holds an open file; if not, this one does.

    Returns:
        bool, optional: None where there are no locks to tell it.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    except OSError:
        return None
