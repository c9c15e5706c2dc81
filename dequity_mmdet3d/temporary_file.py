"""Temporaries that become files, and those that killed processes left."""
from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from .locks import hold, is_held

_OURS = '.dequity-'  # before host and token
_DAY = 86_400  # seconds: no writer is silent for as long
# No link is followed, nor a pipe waited for, in the place of a temporary.
_FLAGS = (os.O_RDWR | getattr(os, 'O_NOFOLLOW', 0) | getattr(
    os, 'O_NONBLOCK', 0) | getattr(os, 'O_BINARY', 0))


class Temporary:
    """A file that is to take the place of another one.

    While it is open, a lock tells other processes that its writer lives.

    Args:
        target (Path): In a folder that is there.

    Attributes:
        file (BinaryIO): To write to.

    Raises:
        OSError: If it cannot be made.
    """

    def __init__(self, target: Path):
        self.target = target
        self.waits = True
        while True:
            # the same folder, because a rename is atomic only within a disk;
            # a name that nobody can guess, to put a link there
            self.path = target.parent / (
                f'{_here()}-{secrets.token_hex(8)}.tmp')
            self.file = open(os.open(
                self.path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o666), 'wb')
            hold(self.file)
            # meanwhile another process may have taken it for a left one
            if self.path.exists():
                return
            self.file.close()

    def appear(self) -> None:
        """Take the place."""
        if os.name == 'nt':  # which renames no open file
            self.file.close()
        os.replace(self.path, self.target)
        self.waits = False

    def close(self) -> None:
        """Go, unless it has appeared."""
        with contextlib.suppress(OSError):  # of a full disk, once more
            self.file.close()
        if self.waits:
            with contextlib.suppress(OSError):
                os.unlink(self.path)


@contextlib.contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """A folder for what is not finished yet, with all in it gone at the end.

    A temporary beside it tells other processes that its owner lives; the
    next :func:`sweep` removes both after a kill.

    Args:
        parent (Path): Folder that is there.

    Yields:
        Path: Absolute.

    Raises:
        OSError: If it cannot be made.
    """
    sweep(parent)
    owner = Temporary(parent.absolute() / 'folder')
    folder = _folder_of(owner.path)
    try:
        folder.mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        owner.close()


def _folder_of(temporary: Path) -> Path:
    return temporary.with_suffix('.d')


def is_temporary(path: str | Path, folder: Path) -> bool:
    """Whether a path is that of a temporary in a folder."""
    return str(path).startswith(str(folder / _OURS))


def sweep(folder: str | Path) -> None:
    """Remove what killed processes left in a folder, and nothing else.

    A temporary is left if its lock can be had. Where it was another
    machine's, or made before the last start of this one, or the disk has no
    locks, a day without a write tells.
    """
    with contextlib.suppress(OSError):  # a folder that cannot be listed
        for path in Path(folder).glob(f'{_OURS}*-*.tmp'):
            with contextlib.suppress(OSError):
                _remove_if_left(path)


def _here() -> str:
    """How temporaries begin whose locks this machine can tell.

    Hosts of one name share disks whose locks each has for itself; of one
    start of one kernel there is but one, whatever its containers are called.
    """
    host = re.sub(r'[^\w.-]', '_', socket.gethostname(), flags=re.ASCII)
    boot = ''
    with contextlib.suppress(OSError):  # Linux alone has it
        boot = Path('/proc/sys/kernel/random/boot_id').read_text()[:8]
    return f'{_OURS}{host[:64]}-{boot}'


def _remove_if_left(path: Path) -> None:
    with open(os.open(path, _FLAGS), 'rb') as f:
        about = os.fstat(f.fileno())
        if not stat.S_ISREG(about.st_mode):
            return
        held = (is_held(f) if path.name.rpartition('-')[0] == _here()
                else None)
        folder = _folder_of(path)
        if held is None:
            written = [about, *(p.lstat() for p in folder.rglob('*'))]
            held = time.time() - max(s.st_mtime for s in written) <= _DAY
        if not held:
            shutil.rmtree(folder, ignore_errors=True)  # follows no link
            os.unlink(path)


def remove_leftovers(folder: Path) -> None:
    """Remove all temporaries; only for the holder of the folder's lock."""
    for path in folder.glob('.*.tmp'):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


