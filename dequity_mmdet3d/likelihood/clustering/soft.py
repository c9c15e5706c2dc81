"""The default estimate: samples, seen from the middle, counted softly.

Shape letters: N samples, M others, D embedding size, Q dimensions.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .clearness import clearness, likelihood
from .drives import drive_weights
from .large import EXACT
from .modes import Modes, describe_modes, modes_of, placed
from .shares import over_shares
from .soft_count import SoftCount, far_count, soft_count
from .stored_rows import Room, StoredRows
from .subspace import Rows, Subspace, principal_subspace
from .viewpoint import ball_centre, directions

_JUDGES = 20_000  # samples that say how clear the modes are


@dataclass(frozen=True)
class Soft:
    """A fitted estimate, for other samples.

    Args:
        modes (Modes): Of the directions, with the viewpoint.
        counts (SoftCount): Of the directions.
        weight (float): Of the modes' sizes, see :func:`.clearness`.
        clear (float): R^2, see there.
        n (int): N.
    """
    modes: Modes
    counts: SoftCount
    weight: float
    clear: float
    n: int

    def share(self, rows: np.ndarray, size: np.ndarray) -> np.ndarray:
        """How much of the training set looks like each sample.

        Args:
            rows (np.ndarray): (M, Q) float32, by :meth:`.Modes.place`.
            size (np.ndarray): (M,) what its mode counts, see
                :meth:`size_of`.

        Returns:
            np.ndarray: (M,) float64 in (0, 1].
        """
        return likelihood(self.counts.log_share(rows),
                          size / self.counts.count.size.sum(), self.weight)

    def size_of(self, labels: np.ndarray) -> np.ndarray:
        """What the modes of samples count: samples, or weights of these.

        Args:
            labels (np.ndarray): (M,) int64 mode of each, -1 for none, which
                counts as one.

        Returns:
            np.ndarray: (M,) float64.
        """
        mode, size = self.modes.cell_mode, self.counts.count.size
        some = mode >= 0
        of_mode = np.bincount(mode[some], size[some])
        return np.where(labels < 0, 1, np.append(of_mode, 1)[labels])


def find_soft(
    vectors: Rows, seed: int = 0, drives: np.ndarray | None = None,
    exact: int = EXACT, room: Room | None = None
) -> tuple[np.ndarray, np.ndarray, Soft, np.ndarray | StoredRows]:
    """Fit the default estimate; see docs/likelihood.md.

    Args:
        vectors (UnitVectors): (N, D) embeddings.
        seed (int): Of all choices by chance. Defaults to 0.
        drives (np.ndarray, optional): (N,) int64 from 0: count these in
            place of samples, see :mod:`.drives`.
        exact (int): More samples than these are kept on disk, and cells
            are learned from so many, see :mod:`.large`.
        room (Room, optional): Where, and who helps.

    Returns:
        tuple[np.ndarray, np.ndarray, Soft, np.ndarray | StoredRows]: Mode of
        each sample, (N,) int64 from 0 in no order; its share, (N,) float64
        in (0, 1]; the fitted estimate; and the samples in their subspace,
        (N, Q) float32.
    """
    subspace = principal_subspace(vectors, seed)
    rows = placed(subspace, vectors, exact, room)
    labels, share, soft = soft_of(rows, subspace, seed, drives=drives,
                                  exact=exact)
    return labels, share, soft, rows


def soft_of(
    rows: np.ndarray | StoredRows, subspace: Subspace | None = None,
    seed: int = 0, factor: float = 1.0, drives: np.ndarray | None = None,
    exact: int = EXACT
) -> tuple[np.ndarray, np.ndarray, Soft]:
    """Fit the default estimate to samples in their subspace.

    Args:
        rows (np.ndarray | StoredRows): (N, Q) float32.
        subspace (Subspace, optional): Where new samples are to be placed.
        seed (int): Of all choices by chance. Defaults to 0.
        factor (float): Times the usual number of cells. Defaults to 1.
        drives, exact: As for :func:`find_soft`.

    Returns:
        tuple[np.ndarray, np.ndarray, Soft]: As :func:`find_soft`.
    """
    viewpoint = ball_centre(rows, seed)
    seen: Any  # as an array, whether it is one or not
    if isinstance(rows, StoredRows):
        seen = rows.through(partial(directions, centre=viewpoint))
    else:
        seen = directions(rows, viewpoint)
    labels, cells, merged = modes_of(seen, seed, factor, exact)
    each = None if drives is None else drive_weights(seen, cells, drives)
    counts = soft_count(seen, cells, each)
    log_share, = over_shares(partial(_log_shares, counts), seen)
    some = slice(None, None, -(-len(seen) // _JUDGES))
    # frames tell whether groups are clear, whatever is counted
    weight, clear = clearness(
        far_count(seen, cells).log_count(seen[some]), labels[some])
    modes = describe_modes(subspace, seen, cells, merged, viewpoint)
    if each is None:
        each = np.ones(len(labels))
    share = likelihood(
        log_share, np.bincount(labels, each)[labels] / each.sum(), weight)
    return labels, share, Soft(modes, counts, weight, clear, len(rows))


def _log_shares(counts, rows):
    return (counts.log_share(rows), )
