"""Files that are there whole or not at all, alone or several together."""
from __future__ import annotations

import contextlib
import csv
import errno
import functools
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO

from .locks import lock as lock  # for folders of whole files
from .temporary_file import (
    Temporary,
    is_temporary,
    sweep,
)
from .temporary_file import remove_leftovers as remove_leftovers

# How spreadsheets tell a formula (OWASP, "CSV Injection"), and its escape.
_FORMULA = ('=', '+', '-', '@', '\t', '\r', '\n', "'")


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
        UnwritableFile: If a folder, a device, a pipe, or a link that leads
            to itself is there.
    """
    target = Path(os.path.realpath(path))
    if os.path.isdir(path):
        raise UnwritableFile(errno.EISDIR, 'that is a folder', str(path))
    if os.path.exists(path) and not os.path.isfile(path):
        # a rename would put a file in the place of a device, such as
        # /dev/null, for everybody on the machine
        raise UnwritableFile(errno.EINVAL, 'that is a device or a pipe',
                             str(path))
    if target.is_symlink():
        raise UnwritableFile(errno.ELOOP, 'that is a link to itself',
                             str(path))
    return target


# What is to appear at the end of `together`, by its target, or, as a path,
# to go.
_waiting: ContextVar[dict[Path, Temporary | Path] | None] = ContextVar(
    'waiting', default=None)


@contextlib.contextmanager
def whole_file(path: str | Path, parents: bool = False,
               sync: bool = True) -> Iterator[BinaryIO]:
    """Write a file that nobody ever sees in part.

    Args:
        path (str | Path): Replaced at the end, or at that of
            :func:`together`, unless something is raised.
        parents (bool): Make its folder if needed. Defaults to False.
        sync (bool): Whole also after a power cut, at the price of the
            disk's answer: some 30 ms for each file. Defaults to True.

    Yields:
        BinaryIO: To write to.

    Raises:
        UnwritableFile: If it cannot be made, or the disk is full.
    """
    target = real_target(path)
    temporary = None
    try:
        if not target.parent.exists():
            if not parents:
                raise FileNotFoundError(
                    errno.ENOENT, f'there is no folder {target.parent}')
            target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target.parent)
        temporary = Temporary(target)
        yield temporary.file
        temporary.file.flush()
        if sync:
            os.fsync(temporary.file.fileno())
        waiting = _waiting.get()
        if waiting is None:
            temporary.appear()
        else:
            _wait(waiting, target, temporary)
            temporary = None
    except OSError as e:
        if e.errno is None or not _is_of(e.filename, target):
            raise  # what the caller says, or met elsewhere
        # of the file that was asked for, not of the temporary one
        raise UnwritableFile(e.errno, e.strerror, str(path)) from e
    finally:
        if temporary is not None:
            temporary.close()


def _is_of(filename: str | None, target: Path) -> bool:
    """Whether an error's file is a target, its folder or its temporary."""
    return filename is None or Path(filename) in (
        target, *target.parents) or is_temporary(filename, target.parent)


@functools.lru_cache(maxsize=64)
def _sweep(folder: Path) -> None:
    """Once a process: a folder of images may hold millions of names."""
    sweep(folder)


def remove_file(path: str | Path) -> None:
    """Remove a file, if there is one; in :func:`together`, at its end.

    Raises:
        OSError: If it cannot be removed.
    """
    waiting = _waiting.get()
    if waiting is not None:
        _wait(waiting, Path(os.path.realpath(path)), Path(path))
        return
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _wait(waiting: dict[Path, Temporary | Path], target: Path,
          what: Temporary | Path) -> None:
    earlier = waiting.pop(target, None)
    if isinstance(earlier, Temporary):
        earlier.close()
    waiting[target] = what


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Let files that belong together appear, or go, at one moment.

    What is written or removed in here waits until all of it is written, and
    appears in that order. After an error, or a kill, the old files are there
    as they were. A kill in the microseconds of the renames themselves leaves
    new files beside old ones: such files name each other by a digest.

    Raises:
        UnwritableFile: If a file cannot take its place.
    """
    if _waiting.get() is not None:  # a part of what is outside
        yield
        return
    waiting: dict[Path, Temporary | Path] = {}
    token = _waiting.set(waiting)
    new: list[Temporary] = []
    try:
        try:
            yield
        finally:
            _waiting.reset(token)
            new = [w for w in waiting.values() if isinstance(w, Temporary)]
        for temporary in new:
            try:
                temporary.appear()
            except OSError as e:
                raise UnwritableFile(e.errno, e.strerror,
                                     str(temporary.target)) from e
        for path in waiting.values():
            if isinstance(path, Path):
                remove_file(path)
    finally:
        for temporary in new:
            temporary.close()


def plain_text(cell: Any) -> Any:
    """A cell of a CSV file that no spreadsheet takes for a formula.

    Args:
        cell (object): Text of any origin, or a number.

    Returns:
        object: Text that begins as a formula, or with ``'``, has a ``'``
        before it, which is all there is to take off again; anything else is
        as it was.

    Example:
        >>> plain_text('=1+1'), plain_text('a=1'), plain_text(-0.5)
        ("'=1+1", 'a=1', -0.5)
    """
    starts = isinstance(cell, str) and cell.startswith(_FORMULA)
    return f"'{cell}" if starts else cell


class _Lines(io.StringIO):
    """Takes lines of csv, which quotes what is in its own end of line: a
    lone carriage return would be the end of a row to most readers.
    """

    def write(self, line: str) -> int:
        return super().write(line.removesuffix('\r\n') + '\n')


def csv_text(columns: Sequence[str], rows: Iterable[Sequence]) -> str:
    """CSV with a header line, then a line a row.

    Args:
        columns (Sequence[str]): Their names.
        rows (Iterable[Sequence]): Of numbers, and of text, which becomes
            :func:`plain_text`.

    Returns:
        str: The file's content.
    """
    text = _Lines()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([plain_text(cell) for cell in row] for row in rows)
    return text.getvalue()


def write_csv(path: str | Path, columns: Sequence[str],
              rows: Iterable[Sequence]) -> None:
    """Write :func:`csv_text`, whole or not at all; makes the folder.

    Raises:
        OSError: If it cannot be written there.
    """
    with whole_file(path, parents=True) as f:
        f.write(csv_text(columns, rows).encode())
