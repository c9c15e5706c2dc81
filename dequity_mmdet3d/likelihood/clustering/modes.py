"""Modes: groups of samples that look alike, however unequal their sizes.

Shape letters: N samples, D embedding size, Q dimensions, K cells.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .cells import make_cells
from .faiss_kmeans import nearest_rows
from .large import EXACT, large_cells
from .merge import merge_cells
from .stored_rows import StoredRows, store_rows
from .subspace import Rows, Subspace, principal_subspace
from .viewpoint import directions

# A new sample this many times as far from its nearest cell as the farthest
# training sample of that mode belongs to none.
REACH = 1.25
_BLOCK = 65536  # rows at a time, to bound the memory of large inputs


@dataclass(frozen=True)
class Modes:
    """The modes of a training set, to which new samples can be assigned.

    Args:
        subspace (Subspace): Where distances are taken.
        cells (np.ndarray): (K, Q) float32 means.
        cell_mode (np.ndarray): (K,) int64 mode of each cell.
        reach (np.ndarray): (K,) float32, how far from the cell's mean the
            farthest training sample of the cell's mode lies from its own.
        level (float): d' at which merging stopped.
        viewpoint (np.ndarray, optional): (Q,) float32, from where samples
            are looked at, if only their directions count.
    """
    subspace: Subspace
    cells: np.ndarray
    cell_mode: np.ndarray
    reach: np.ndarray
    level: float
    viewpoint: np.ndarray | None = None

    def place(self, vectors: Rows) -> np.ndarray:
        """Where samples lie among the cells.

        Args:
            vectors (UnitVectors): (M, D) embeddings by the same encoder.

        Returns:
            np.ndarray: (M, Q) float32.
        """
        rows = self.subspace.project(vectors)
        if self.viewpoint is None:
            return rows
        return directions(rows, self.viewpoint)

    def assign(self, vectors: Rows) -> np.ndarray:
        """The mode of new samples.

        Args:
            vectors (UnitVectors): (M, D) embeddings by the same encoder.

        Returns:
            np.ndarray: (M,) int64 mode, -1 where the sample is farther from
            all cells than ``REACH`` times what training samples were.
        """
        return self.assign_rows(self.place(vectors))

    def assign_rows(self, rows: np.ndarray) -> np.ndarray:
        """As :meth:`assign`, for what :meth:`place` returned."""
        cell, far = nearest_rows(rows, self.cells)
        return np.where(far > REACH * self.reach[cell] + 1e-6, -1,
                        self.cell_mode[cell])


def find_modes(vectors, seed=0, exact=EXACT, room=None):
    """Find the modes of embeddings; see docs/likelihood.md.

    Args:
        vectors (UnitVectors): (N, D) embeddings.
        seed (int): Of all choices by chance. Defaults to 0.
        exact, room: As for :func:`.soft.find_soft`.

    Returns:
        tuple[np.ndarray, Modes, np.ndarray | StoredRows]: Mode of each
        sample, (N,) int64 from 0 in no order; the fitted modes; and the
        samples in the subspace, (N, Q) float32.
    """
    subspace = principal_subspace(vectors, seed)
    rows = placed(subspace, vectors, exact, room)
    labels, cells, merged = modes_of(rows, seed, exact=exact)
    return labels, describe_modes(subspace, rows, cells, merged), rows


def placed(subspace, vectors, exact=EXACT, room=None):
    """Samples in their subspace, on disk if they are many.

    Args:
        subspace (Subspace): Q dimensions.
        vectors (UnitVectors): (N, D) embeddings.
        exact, room: As for :func:`.soft.find_soft`.

    Returns:
        np.ndarray | StoredRows: (N, Q) float32.
    """
    if len(vectors) <= exact:
        return subspace.project(vectors)
    return store_rows(subspace, vectors, room)


def describe_modes(subspace, rows, cells, merged, viewpoint=None):
    """Modes as they are kept, to assign others.

    Args:
        subspace (Subspace): Of the samples.
        rows (np.ndarray): (N, Q) float32 samples, as the cells saw them.
        cells (Cells): Of these rows.
        merged (Merged): What became of the cells.
        viewpoint (np.ndarray, optional): See :class:`Modes`.

    Returns:
        Modes: K cells.
    """
    mean = cells.mean.astype(np.float32)
    reach = np.zeros(merged.labels.max() + 1, dtype=np.float32)
    for start in range(0, len(rows), _BLOCK):
        cell = cells.labels[start:start + _BLOCK]
        far = np.linalg.norm(rows[start:start + _BLOCK] - mean[cell], axis=1)
        np.maximum.at(reach, merged.labels[cell], far)
    return Modes(subspace, mean, merged.labels, reach[merged.labels],
                 merged.level, viewpoint)


def modes_of(rows, seed=0, factor=1.0, exact=EXACT):
    """Find the modes of samples in their subspace.

    Args:
        rows (np.ndarray | StoredRows): (N, Q) float32.
        seed (int): Of k-means. Defaults to 0.
        factor (float): Times the usual number of cells. Defaults to 1.
        exact (int): Of stored rows, from how many cells are learned.

    Returns:
        tuple[np.ndarray, Cells, Merged]: Mode of each sample, (N,) int64,
        and how it was found.
    """
    if isinstance(rows, StoredRows):
        cells = large_cells(rows, exact, seed, factor)
    else:
        cells = make_cells(rows, seed, factor)
    merged = merge_cells(cells)
    return merged.labels[cells.labels], cells, merged
