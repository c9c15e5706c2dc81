"""Samples in their subspace where they are too many for memory: on disk.

Shape letters: N samples, Q dimensions, M rows, B rows of a block.
"""
from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...machine import release
from ...processes import Alone
from ...temporary_file import Temporary
from .subspace import Rows, Subspace

BLOCK = 65_536  # rows at a time
# Each row that is gathered costs pages around it, until they are released.
_GATHER = 512


@dataclass(frozen=True)
class Room:
    """Where many samples are kept meanwhile, and who works on them.

    Args:
        folder (str, optional): With room for 256 bytes a sample; made if
            needed. Defaults to the system's for temporary files.
        team (Alone): The processes of this run; all see the folder.
    """
    folder: str | None = None
    team: Alone = field(default_factory=Alone)


class StoredRows:
    """Rows that are read as they are asked for, like an array's.

    Args:
        stored (np.ndarray): (N, Q) float16, a memory map.
        seen (Callable, optional): What to make of (M, Q) float32 rows, such
            as directions. Defaults to the rows themselves.
        team (Alone, optional): The processes that can see the file, see
            :mod:`.shares`. Defaults to this one.
    """

    def __init__(self, stored: np.ndarray,
                 seen: Callable[[np.ndarray], np.ndarray] | None = None,
                 team: Alone | None = None):
        self.stored, self.seen = stored, seen
        self.team = team or Alone()
        self.shape = stored.shape

    def __len__(self) -> int:
        return len(self.stored)

    def through(self, seen: Callable[[np.ndarray], np.ndarray]) -> StoredRows:
        """The same rows, looked at in another way."""
        return StoredRows(self.stored, seen, self.team)

    def __getitem__(self, which: slice | np.ndarray) -> np.ndarray:
        """(M, Q) float32: a slice of rows, or those of (M,) numbers."""
        if isinstance(which, slice):
            a, b, step = which.indices(len(self))
            if step == 1:
                rows = self.stored[a:max(a, b)].astype(np.float32)
                release(self.stored)
                return rows if self.seen is None else self.seen(rows)
            which = np.arange(a, b, step)
        return np.concatenate([
            self._gathered(which[i:i + _GATHER])
            for i in range(0, max(len(which), 1), _GATHER)])

    def _gathered(self, which):
        rows = self.stored[which].astype(np.float32)
        release(self.stored)
        return rows if self.seen is None else self.seen(rows)

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """First row and (B, Q) float32 of each block, in order."""
        for start in range(0, len(self), BLOCK):
            yield start, self[start:start + BLOCK]


def store_rows(subspace: Subspace, vectors: Rows,
               room: Room | None = None) -> StoredRows:
    """Project embeddings into a file that ends with this process.

    Args:
        subspace (Subspace): Q dimensions.
        vectors (UnitVectors): N embeddings.
        room (Room, optional): Where. Defaults to the class's.

    Returns:
        StoredRows: All N.

    Raises:
        OSError: If there is no room.
    """
    room = room or Room()
    if room.folder is not None:
        os.makedirs(room.folder, exist_ok=True)
    shape = len(vectors), subspace.axes.shape[1]
    if room.team.world == 1:
        with tempfile.TemporaryFile(dir=room.folder) as file:
            _write(file, subspace, vectors)
            # the map keeps the file when its descriptor is closed
            return StoredRows(np.memmap(file, np.float16, 'r', shape=shape))
    # others open it by its name
    named = Temporary(Path(room.folder or tempfile.gettempdir()) / 'rows')
    try:
        _write(named.file, subspace, vectors)
        os.fsync(named.file.fileno())  # for machines that share the disk
        stored = np.memmap(named.path, np.float16, 'r', shape=shape)
    except BaseException:
        named.close()
        raise
    weakref.finalize(stored, named.close)
    return StoredRows(stored, team=room.team)


def _write(file, subspace, vectors):
    for _, rows in subspace.blocks(vectors):
        file.write(rows.astype(np.float16).tobytes())
    file.flush()
