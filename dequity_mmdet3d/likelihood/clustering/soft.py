"""The default estimate: samples, seen from the middle, counted softly.

Shape letters: N samples, M others, D embedding size, Q dimensions.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .clearness import clearness, likelihood
from .modes import Modes, describe_modes, modes_of
from .soft_count import SoftCount, far_count, soft_count
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
            size (np.ndarray): (M,) samples in the mode of each, 1 for none.

        Returns:
            np.ndarray: (M,) float64 in (0, 1].
        """
        return likelihood(self.counts.log_share(rows), size / self.n,
                          self.weight)


def find_soft(
    vectors: Rows, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, Soft, np.ndarray]:
    """Fit the default estimate; see docs/likelihood.md.

    Args:
        vectors (UnitVectors): (N, D) embeddings.
        seed (int): Of all choices by chance. Defaults to 0.

    Returns:
        tuple[np.ndarray, np.ndarray, Soft, np.ndarray]: Mode of each sample,
        (N,) int64 from 0 in no order; its share, (N,) float64 in (0, 1];
        the fitted estimate; and the samples in their subspace, (N, Q)
        float32.
    """
    subspace = principal_subspace(vectors, seed)
    rows = subspace.project(vectors)
    labels, share, soft = soft_of(rows, subspace, seed)
    return labels, share, soft, rows


def soft_of(
    rows: np.ndarray, subspace: Subspace | None = None, seed: int = 0,
    factor: float = 1.0
) -> tuple[np.ndarray, np.ndarray, Soft]:
    """Fit the default estimate to samples in their subspace.

    Args:
        rows (np.ndarray): (N, Q) float32.
        subspace (Subspace, optional): Where new samples are to be placed.
        seed (int): Of all choices by chance. Defaults to 0.
        factor (float): Times the usual number of cells. Defaults to 1.

    Returns:
        tuple[np.ndarray, np.ndarray, Soft]: As :func:`find_soft`.
    """
    viewpoint = ball_centre(rows, seed)
    seen = directions(rows, viewpoint)
    labels, cells, merged = modes_of(seen, seed, factor)
    counts = soft_count(seen, cells)
    log_share = counts.log_share(seen)
    some = slice(None, None, -(-len(seen) // _JUDGES))
    weight, clear = clearness(
        far_count(seen, cells).log_count(seen[some]), labels[some])
    modes = describe_modes(subspace, seen, cells, merged, viewpoint)
    share = likelihood(
        log_share, np.bincount(labels)[labels] / len(labels), weight)
    return labels, share, Soft(modes, counts, weight, clear, len(rows))
