"""Samples that look like another, counted by a kernel over cells.

Shape letters: N samples, M others, Q dimensions, K cells.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...machine import in_threads
from .cells import Cells

_PAIRS = 500  # samples that the bandwidths are found from
_DIGITS = 6  # of the logarithm
_PAIRS_AT_ONCE = 2**20  # of samples and cells: what fits into a cache


@dataclass(frozen=True)
class KernelCount:
    """Samples of a training set that look like another.

    The samples of a cell count at the distance of its mean, farther by the
    spread inside: K terms for a sample in place of N.

    Args:
        size (np.ndarray): (K,) float64 samples in each cell, or the sum of
            their weights.
        mean (np.ndarray): (K, Q) float32.
        spread (np.ndarray): (K,) float64 mean square distance of a cell's
            samples from its mean.
        bandwidth (float): h, > 0.
        floor (float): b, in [0, 1). Defaults to 0.
    """
    size: np.ndarray
    mean: np.ndarray
    spread: np.ndarray
    bandwidth: float
    floor: float = 0.0

    def log_count(self, rows: np.ndarray) -> np.ndarray:
        """Logarithm of m, as a share of the training set.

        Args:
            rows (np.ndarray): (M, Q) float32.

        Returns:
            np.ndarray: (M,) float64, at most 0, and at least that of the
            sample alone.
        """
        return self.by_blocks(rows, self.of_squares)

    def by_blocks(self, rows: np.ndarray,
                  function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """(M, ...) what a function makes of (B, K) squares, in blocks."""
        size = max(_PAIRS_AT_ONCE // len(self.size), 1)

        def of_block(i):
            return function(
                _squares(rows[i:i + size], self.mean, self.spread))

        # one block at least: a process may have no share of the rows
        return np.concatenate(in_threads(
            of_block, range(0, max(len(rows), 1), size)))

    def of_squares(self, square: np.ndarray) -> np.ndarray:
        """As :meth:`log_count`, from (M, K) square distances."""
        kernel = np.exp(square * np.float32(-1 / self.bandwidth))
        kernel -= np.float32(self.floor)
        np.maximum(kernel, 0, out=kernel)
        n = self.size.sum()
        share = sums(kernel, self.size / n) / (1 - self.floor)
        return rounded(np.log(np.clip(share, 1 / n, 1)))

    @cached_property
    def of_cells(self) -> np.ndarray:
        """(K,) of samples as far from each mean as those of the cell."""
        return self.of_squares(_squares(self.mean, self.mean, self.spread) +
                               self.spread[:, None].astype(np.float32))


def cells_of(
    rows: np.ndarray, cells: Cells, weight: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a kernel needs to know of cells.

    Args:
        rows (np.ndarray): (N, Q) float32.
        cells (Cells): Of these rows.
        weight (np.ndarray, optional): (N,) float64, how much each counts.
            Defaults to 1.

    Returns:
        tuple[np.ndarray, np.ndarray, np.ndarray]: Size, mean and spread, as
        for :class:`KernelCount`.
    """
    mean, spread = cells.mean.astype(np.float32), cells.spread
    if spread is None:
        square = np.einsum('nq,nq->n', rows, rows, dtype=np.float64)
        square -= np.einsum('kq,kq->k', mean, mean,
                            dtype=np.float64)[cells.labels]
        spread = np.bincount(cells.labels, square) / cells.size
    size = cells.size
    if weight is not None:
        size = np.bincount(cells.labels, weight)
    return size, mean, np.maximum(spread, 0)


def pair_quantiles(rows: np.ndarray, cells: Cells, at: list[float],
                   weight: np.ndarray | None = None) -> list[float]:
    """Square distances that these parts of all pairs fall short of.

    Args:
        rows, cells, weight: As for :func:`cells_of`.
        at (list[float]): Parts of all pairs but copies, in (0, 1].

    Returns:
        list[float]: One each, > 0; 1 where all are copies.
    """
    size, mean, spread = cells_of(rows, cells, weight)
    every = slice(None, None, -(-len(rows) // _PAIRS))
    some = rows[every]
    square = _squares(some, mean, spread).ravel()
    ours = np.ones(len(some)) if weight is None else weight[every]
    weight = np.outer(ours, size).ravel()
    # in float32 two directions that are the same are no nearer than this
    apart = square > 1e-6  # copies say nothing of a distance
    if not apart.any():
        return [1.0] * len(at)
    square, weight = square[apart], weight[apart]
    order = np.argsort(square, kind='stable')
    below = np.cumsum(weight[order])
    return square[order][np.searchsorted(
        below, np.array(at) * below[-1])].tolist()


def _squares(rows, mean, spread):
    """(M, K) float32 mean square distances of rows from cells' samples."""
    # in float64, so that rounding hides in which order a product is summed
    square = rows.astype(np.float64) @ (-2 * mean.T.astype(np.float64))
    square += np.einsum('mq,mq->m', rows, rows, dtype=np.float64)[:, None]
    square += np.einsum('kq,kq->k', mean, mean, dtype=np.float64)
    np.maximum(square, 0, out=square)
    square += spread
    return square.astype(np.float32)


def sums(kernel: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(M,) float64: of (M, K) float32, weighted by (K,) floats."""
    # not by BLAS, whose sums depend on the number of threads
    return np.einsum('mk,k->m', kernel, weight.astype(np.float32)).astype(
        np.float64)


def rounded(log: np.ndarray) -> np.ndarray:
    """(M,) float64: logarithms to six digits."""
    # what is left of how many threads multiply matrices ends here
    return np.round(log, _DIGITS)
