"""Files that are there whole or not at all, and locks that die with us."""
from __future__ import annotations

import contextlib
import csv
import errno
import io
import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows: no lock, whose place the atomic rename takes
    fcntl = None  # type: ignore[assignment]


class UnwritableFile(OSError):
    """A file that cannot be written: ``errno``, ``strerror``, ``filename``."""

    def __str__(self) -> str:
        return (f'cannot write {self.filename}: {self.strerror}; give a file '
                'in a folder that you can write to')


def real_target(path: str | Path) -> Path:
    """Where a file lies that is to be written.

    Args:
        path (str | Path): Of a file or of a link to one, there or not.

    Returns:
        Path: The file behind the link, which so stays one.

    Raises:
        UnwritableFile: If a folder, a device or a pipe is there.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise UnwritableFile(errno.EISDIR, 'that is a folder', str(path))
    if target.exists() and not target.is_file():
        # a rename would put a file in the place of a device, such as
        # /dev/null, for everybody on the machine
        raise UnwritableFile(errno.EINVAL, 'that is a device or a pipe',
                             str(path))
    return target


@contextlib.contextmanager
def whole_file(path: str | Path, parents: bool = False) -> Iterator[BinaryIO]:
    """Write a file that nobody ever sees in part.

    Args:
        path (str | Path): Replaced at the end, unless something is raised.
        parents (bool): Make its folder if needed. Defaults to False.

    Yields:
        BinaryIO: To write to.

    Raises:
        UnwritableFile: If it cannot be made, or the disk is full.
    """
    target = real_target(path)
    # the same folder, because a rename is atomic only within a disk; host
    # and process, because several may write there
    temporary = target.parent / (
        f'.{target.name}.{socket.gethostname()}.{os.getpid()}.tmp')
    ours = (None, *map(str, (temporary, *target.parents)))
    try:
        if not target.parent.exists():
            if not parents:
                raise FileNotFoundError(
                    errno.ENOENT, f'there is no folder {target.parent}')
            target.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, 'wb') as f:
            yield f
            f.flush()
            os.fsync(f.fileno())
        os.replace(temporary, target)
    except OSError as e:
        if e.errno is None or e.filename not in ours:
            raise  # what the caller says, or met elsewhere
        # of the file that was asked for, not of the temporary one
        raise UnwritableFile(e.errno, e.strerror, str(path)) from e
    finally:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(temporary)


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left; only for the holder of the lock."""
    for path in folder.glob('.*.tmp'):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


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


def csv_text(columns: Sequence[str], rows: Iterable[Sequence]) -> str:
    """CSV with a header line, then a line a row."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def write_csv(path: str | Path, columns: Sequence[str],
              rows: Iterable[Sequence]) -> None:
    """Write :func:`csv_text`, whole or not at all; makes the folder.

    Raises:
        OSError: If it cannot be written there.
    """
    with whole_file(path, parents=True) as f:
        f.write(csv_text(columns, rows).encode())
