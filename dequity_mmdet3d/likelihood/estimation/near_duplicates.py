"""Samples that are nearly the same as another.

Shape letters: N samples, Q dimensions.
"""
from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from ...messages import counted
from ..clustering.faiss_kmeans import import_faiss

# Of the mean square distance of two samples. All frames of a standing car are
# this near to another, nine in ten of a moving one's at 10 Hz, and of
# photographs of other places one or two in 100 (benchmarks/drives.py).
NEAR = 0.05
_EXACT = 5000  # samples up to which all pairs are compared
_ASKED = 30_000  # samples that are looked at, where there are more
_PROBES = 4
_INDEXED = 1_000_000  # rows at a time, to bound the memory of an index


@dataclass(frozen=True)
class NearDuplicates:
    """How many samples are nearly the same as another.

    Args:
        looked_at (int): Samples that were looked at.
        near (int): Those of them whose nearest other is a near duplicate,
            in all of their cameras.
        same_drive (int, optional): Those of them whose nearest other is of
            the same drive. None where drives are not known.
        threshold (float): ``NEAR``.
    """
    looked_at: int
    near: int
    same_drive: int | None = None
    threshold: float = NEAR

    def line(self) -> str:
        """str: For people."""
        of = counted(self.looked_at, 'sample')
        if not self.near:
            return f'none of {of} is a near duplicate of another'
        are = ('is a near duplicate' if self.near == 1 else
               'are near duplicates')
        line = (f'{self.near} of {of} ({self.near / self.looked_at:.1%}) '
                f'{are} of another')
        if self.same_drive is not None:
            line += f', {self.same_drive} of them within a drive'
        return line

    def as_dict(self) -> dict:
        """dict: JSON-able."""
        return asdict(self)


def near_duplicates(views, n, drives=None):
    """Look for near duplicates.

    Args:
        views (Sequence[tuple[np.ndarray, np.ndarray]]): Of each camera, or
            of all at once: (V, Q) float32 samples in their subspace, and
            (V,) int64 which of the N they are.
        n (int): N.
        drives (np.ndarray, optional): (N,) int64.

    Returns:
        NearDuplicates: Of the samples, 30,000 of them at most; None if no
        sample is left to look at.
    """
    asked = np.zeros(n, dtype=bool)
    asked[::-(-n // _ASKED)] = True
    near, same = asked.copy(), asked.copy()
    for rows, samples in views:
        some = np.flatnonzero(asked[samples])
        if not len(some):
            continue
        other, square = nearest_other(rows, some)
        near[samples[some]] &= (square <= NEAR * spread_of(rows)) & (
            other >= 0)
        if drives is not None:
            same[samples[some]] &= (drives[samples[some]] ==
                                    drives[samples[other]])
    return NearDuplicates(
        int(asked.sum()), int(near.sum()),
        None if drives is None else int((near & same).sum()))


def nearest_other(rows, some):
    """The nearest other row of some rows.

    Args:
        rows (np.ndarray | StoredRows): (N, Q) float32.
        some (np.ndarray): (M,) int64 rows. With more than 5,000 rows only
            the four nearest cells of each are searched.

    Returns:
        tuple[np.ndarray, np.ndarray]: (M,) int64 row, -1 for none, and (M,)
        float64 square distance.
    """
    square, found = search(rows, rows[some], 2)
    # among exact copies, itself may come second
    pick = (found[:, 0] == some).astype(np.int64)
    at = np.arange(len(some))
    other = found[at, pick]
    return other, np.where(other < 0, np.inf,
                           square[at, pick].astype(np.float64))


def search(rows, queries, count):
    """The nearest rows of queries; a part of the rows at a time is indexed.

    Args:
        rows (np.ndarray | StoredRows): (N, Q) numbers.
        queries (np.ndarray): (M, Q) float32.
        count (int): C.

    Returns:
        tuple[np.ndarray, np.ndarray]: (M, C) float32 square distances,
        rising, and (M, C) int64 rows, -1 for none; see :func:`index_of`.
    """
    queries = np.ascontiguousarray(queries, dtype=np.float32)
    found = []
    for start in range(0, max(len(rows), 1), _INDEXED):
        square, row = index_of(rows[start:start + _INDEXED]).search(
            queries, count)
        found.append((square, np.where(row < 0, -1, row + start)))
    if len(found) == 1:
        return found[0]
    square, row = (np.concatenate(f, axis=1) for f in zip(*found))
    order = np.argsort(square, axis=1, kind='stable')[:, :count]
    return (np.take_along_axis(square, order, axis=1),
            np.take_along_axis(row, order, axis=1))


def index_of(rows):
    """An index of faiss over (N, Q) float32 rows, by square distance.

    Exact up to 5,000 rows; of more, those of the four nearest cells are
    found.
    """
    faiss = import_faiss()
    rows = np.ascontiguousarray(rows, dtype=np.float32)
    index = faiss.IndexFlatL2(rows.shape[1])
    if len(rows) > _EXACT:
        k = int(2 * np.sqrt(len(rows)))
        index = faiss.IndexIVFFlat(index, rows.shape[1], k)
        index.cp.niter, index.cp.max_points_per_centroid = 5, 40
        index.cp.min_points_per_centroid = 1
        index.nprobe = _PROBES
        index.train(rows)
    index.add(rows)
    return index


def spread_of(rows):
    """float: Mean square distance of two of (N, Q) rows.

    Of more than a million, every second, third, ... tells it.
    """
    rows = rows[::-(-len(rows) // _INDEXED)].astype(np.float32, copy=False)
    return 2 * float(np.einsum('q->', rows.var(axis=0, dtype=np.float64)))
