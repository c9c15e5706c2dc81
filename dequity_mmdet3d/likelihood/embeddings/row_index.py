"""Which row of which shard is an image's, and all rows in a list's order.

Shape letters: M images, m images of one part, D embedding size.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .arrow_file import Records
from .shards import Shards

NOWHERE = -1


class Index:
    """The rows of some shards, numbered through, those of the newest first.

    Args:
        shards (Shards): Of one identity.
        records (dict[str, Records]): By the names of their files, by rising
            number.
    """

    def __init__(self, shards: Shards, records: dict[str, Records]):
        self.shards = shards
        self.files = [*reversed(records)]
        self.records = [records[name] for name in self.files]
        self.ends = np.cumsum([len(r.path) for r in self.records], dtype=int)

    def __len__(self) -> int:
        return int(self.ends[-1]) if self.files else 0

    def find(self, images: Sequence[str],
             stamps: Sequence[str] | None = None) -> np.ndarray:
        """The newest row of each image.

        Args:
            images (Sequence[str]): M names, see :mod:`.names`.
            stamps (Sequence[str], optional): M, which must be the rows', too.

        Returns:
            np.ndarray: (M,) int64 rows, ``NOWHERE`` where there is none.
        """
        if not self.files:
            return np.full(len(images), NOWHERE)
        text = pa.large_string()
        want = pa.array(images, text)
        have = [r.path for r in self.records]
        if stamps is not None:
            # no file name holds a zero byte
            want = pc.binary_join_element_wise(
                want, pa.array(stamps, text), pa.scalar('\0', text))
            have = [pc.binary_join_element_wise(
                r.path, r.stamp, pa.scalar('\0', text))
                    for r in self.records]
        found = pc.index_in(want, value_set=pa.chunked_array(have, text))
        return found.fill_null(NOWHERE).to_numpy().astype(np.int64)

    def place(self, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """File number and row in it, (M,) int64 each, of (M,) rows."""
        file = np.searchsorted(self.ends, row, 'right')
        return file, row - np.append(0, self.ends)[file]

    def reasons(self, row: np.ndarray) -> list[tuple[int, str]]:
        """Places in ``row`` that have no embedding, and why."""
        if not len(row):
            return []
        why = pa.chunked_array([r.reason for r in self.records], pa.string())
        bad = np.append(~why.is_null().to_numpy(), False)
        where = np.flatnonzero(bad[row])
        return [*zip(where.tolist(), why.take(row[where]).to_pylist())]


class Rows(Sequence):
    """Embeddings in the order of a list of images, part by part.

    Each part is opened when it is asked for, because every open one may hold
    a file descriptor, of which a process may have only 1,024.

    Args:
        index (Index): Of all shards with any of the images.
        row (np.ndarray): (M,) int64, of each image.
        size (int): Images in every part but the last.
    """

    def __init__(self, index: Index, row: np.ndarray, size: int):
        self.of = index
        self.file, self.row = index.place(row)
        self.size = size

    def __len__(self) -> int:
        return -(-len(self.row) // self.size)

    def __getitem__(self, k: Any) -> Any:
        """(m, D) memory map, or :class:`Gathered` of several shards."""
        if isinstance(k, slice):
            return [self[i] for i in range(*k.indices(len(self)))]
        if not -len(self) <= k < len(self):
            raise IndexError(k)
        span = slice(k % len(self) * self.size, (k % len(self) + 1)
                     * self.size)
        file, row = self.file[span], self.row[span]
        if (file == file[0]).all() and (np.diff(row) == 1).all():
            return self.map(file[0])[row[0]:row[-1] + 1]
        return Gathered(self, file, row)

    def map(self, file: int) -> np.ndarray:
        """Memory map of a shard by its number in the index."""
        return self.of.shards.rows(
            self.of.files[file], self.of.records[file])


class Gathered:
    """Rows that are read from several shards when they are asked for.

    Args:
        rows (Rows): Whose part this is.
        file, row (np.ndarray): (m,) int64 each.
    """

    def __init__(self, rows: Rows, file: np.ndarray, row: np.ndarray):
        self._rows, self._file, self._row = rows, file, row
        self.shape = len(row), rows.of.shards.dim
        self.dtype = rows.of.shards.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, some: Any) -> np.ndarray:
        file, row = self._file[some], self._row[some]
        out = np.empty((len(row), self.shape[1]), self.dtype)
        for f in np.unique(file):
            mine = file == f
            out[mine] = self._rows.map(f)[row[mine]]
        return out

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self[:], dtype)
