"""Samples in their subspace where they are too many for memory: on disk.

Shape letters: N samples, Q dimensions, M rows, B rows of a block.
"""
from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator

import numpy as np

from ...machine import release
from .subspace import Rows, Subspace

BLOCK = 65_536  # rows at a time
# Each row that is gathered costs pages around it, until they are released.
_GATHER = 512


class StoredRows:
    """Rows that are read as they are asked for, like an array's.

    Args:
        stored (np.ndarray): (N, Q) float16, a memory map.
        seen (Callable, optional): What to make of (M, Q) float32 rows, such
            as directions. Defaults to the rows themselves.
    """

    def __init__(self, stored: np.ndarray,
                 seen: Callable[[np.ndarray], np.ndarray] | None = None):
        self.stored, self._seen = stored, seen
        self.shape = stored.shape

    def __len__(self) -> int:
        return len(self.stored)

    def through(self, seen: Callable[[np.ndarray], np.ndarray]) -> StoredRows:
        """The same rows, looked at in another way."""
        return StoredRows(self.stored, seen)

    def __getitem__(self, which: slice | np.ndarray) -> np.ndarray:
        """(M, Q) float32: a slice of rows, or those of (M,) numbers."""
        if isinstance(which, slice):
            a, b, step = which.indices(len(self))
            if step == 1:
                rows = self.stored[a:max(a, b)].astype(np.float32)
                release(self.stored)
                return rows if self._seen is None else self._seen(rows)
            which = np.arange(a, b, step)
        return np.concatenate([
            self._gathered(which[i:i + _GATHER])
            for i in range(0, max(len(which), 1), _GATHER)])

    def _gathered(self, which):
        rows = self.stored[which].astype(np.float32)
        release(self.stored)
        return rows if self._seen is None else self._seen(rows)

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """First row and (B, Q) float32 of each block, in order."""
        for start in range(0, len(self), BLOCK):
            yield start, self[start:start + BLOCK]


def store_rows(subspace: Subspace, vectors: Rows,
               folder: str | None = None) -> StoredRows:
    """Project embeddings into a file without a name, which ends with us.

    Args:
        subspace (Subspace): Q dimensions.
        vectors (UnitVectors): N embeddings.
        folder (str, optional): Where there is room for N x Q numbers of two
            bytes; made if needed. Defaults to the system's for temporary
            files.

    Returns:
        StoredRows: All N.

    Raises:
        OSError: If there is not.
    """
    if folder is not None:
        os.makedirs(folder, exist_ok=True)
    n, q = len(vectors), subspace.axes.shape[1]
    with tempfile.TemporaryFile(dir=folder) as file:
        for _, rows in subspace.blocks(vectors):
            file.write(rows.astype(np.float16).tobytes())
        file.flush()
        # the map keeps the file when its descriptor is closed
        return StoredRows(np.memmap(file, np.float16, 'r', shape=(n, q)))
