r"""How many samples look like this one, where nothing tells groups apart.

Photographs seldom fall into groups. Their likelihood is then a soft count,

.. math:: m_i = \sum_j \max\left(0, \frac{e^{-d_{ij}^2 / h} - b}{1 - b}\right)

of the angles under which samples are seen (:mod:`.viewpoint`), with h the
square that one pair in ten falls short of, and b what even unlike pairs have
in common: seven pairs in ten are nearer. Such a count is noisy, and lower at
the rim of what is common than in its middle. So a sample asks others, the
nearest most:

.. math:: a_i = \frac{\log m_i + \sum_j k_{ij} \log m_j}
    {1 + \sum_j k_{ij}}, \quad k_{ij} = \exp(-d_{ij}^2 / h')

with h' the square that one pair in a hundred falls short of (the regression
of Nadaraya and Watson, 1964): who looks like those that are common is common.
Means vary less than what they are of; the line of log m over a, fitted to all
samples, makes up for it,

.. math:: \log s_i = \alpha + \beta a_i

Shape letters: N samples, M others, Q dimensions, K cells.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .cells import Cells

# One pair in ten looks alike: of one kind in ten of like size, or in the
# half of a common one. The order of the likelihoods hardly depends on it.
ALIKE = 0.1
# Farther pairs than this quantile look unlike. Half of all makes rare samples
# rarer still, nine in ten less so; frames of drives want more than half.
UNLIKE = 0.7
# One pair in a hundred are neighbours: few, so that those of a rare sample
# are rare ones. Photographs are indifferent from one in a thousand to one in
# ten; frames of drives want one in a hundred or fewer.
NEAR = 0.01
# Whether groups are clear is asked from afar, where half of all pairs look
# alike: nearer, the middle of a large group stands out from its rim.
AFAR = 0.5
_PAIRS = 500  # samples that the bandwidths are found from
_LINE = 20_000  # samples that the line is fitted to
_DIGITS = 6  # of the logarithm
_PAIRS_AT_ONCE = 2**20  # of samples and cells: what fits into a cache


@dataclass(frozen=True)
class KernelCount:
    """Samples of a training set that look like another.

    The samples of a cell count at the distance of its mean, farther by the
    spread inside: K terms for a sample in place of N.

    Args:
        size (np.ndarray): (K,) float64 samples in each cell.
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

    def by_blocks(self, rows, function):
        """(M,) what a function makes of (B, K) squares, block by block."""
        size = max(_PAIRS_AT_ONCE // len(self.size), 1)
        return np.concatenate([
            function(_squares(rows[i:i + size], self.mean, self.spread))
            for i in range(0, len(rows), size)])

    def of_squares(self, square):
        """As :meth:`log_count`, from (M, K) square distances."""
        kernel = np.exp(square * np.float32(-1 / self.bandwidth))
        kernel -= np.float32(self.floor)
        np.maximum(kernel, 0, out=kernel)
        n = self.size.sum()
        share = _sums(kernel, self.size / n) / (1 - self.floor)
        return _rounded(np.log(np.clip(share, 1 / n, 1)))

    @cached_property
    def of_cells(self) -> np.ndarray:
        """(K,) of samples as far from each mean as those of the cell."""
        return self.of_squares(_squares(self.mean, self.mean, self.spread) +
                               self.spread[:, None].astype(np.float32))


@dataclass(frozen=True)
class SoftCount:
    """The soft counts of a training set, and of new samples under it.

    Args:
        count (KernelCount): m.
        near (float): h', > 0.
        level (float): alpha. Defaults to 0.
        slope (float): beta, at least 1. Defaults to 1.
    """
    count: KernelCount
    near: float
    level: float = 0.0
    slope: float = 1.0

    def log_share(self, rows: np.ndarray) -> np.ndarray:
        """Logarithm of s, as a share of the training set.

        Args:
            rows (np.ndarray): (M, Q) float32.

        Returns:
            np.ndarray: (M,) float64, at most 0, and at least that of the
            sample alone.
        """
        return np.clip(self.level + self.slope * self.asked(rows),
                       -np.log(self.count.size.sum()), 0)

    def asked(self, rows: np.ndarray) -> np.ndarray:
        """(M,) float64: a, for (M, Q) float32 rows."""
        size = self.count.size

        def ask(square):
            kernel = np.exp(square * np.float32(-1 / self.near))
            said = _sums(kernel, size * self.count.of_cells)
            return _rounded((self.count.of_squares(square) + said) /
                            (1 + _sums(kernel, size)))

        return self.count.by_blocks(rows, ask)


def soft_count(rows: np.ndarray, cells: Cells) -> SoftCount:
    """Fit soft counts.

    Args:
        rows (np.ndarray): (N, Q) float32.
        cells (Cells): Of these rows.

    Returns:
        SoftCount: With the bandwidths and the line of these rows.
    """
    alike, unlike, near = _quantiles(rows, cells, [ALIKE, UNLIKE, NEAR])
    size, mean, spread = _cells_of(rows, cells)
    count = KernelCount(size, mean, spread, alike,
                        float(np.exp(-unlike / alike)))
    some = rows[::-(-len(rows) // _LINE)]
    log_count = count.log_count(some)
    asked = SoftCount(count, near).asked(some)
    off = asked - asked.mean()
    slope = max(float(off @ log_count / max(off @ off, 1e-12)), 1.0)
    level = float(log_count.mean() - slope * asked.mean())
    return SoftCount(count, near, level, slope)


def far_count(rows: np.ndarray, cells: Cells) -> KernelCount:
    """Fit the plain counts that tell how clear groups are, from ``AFAR``.

    Args:
        rows (np.ndarray): (N, Q) float32.
        cells (Cells): Of these rows.

    Returns:
        KernelCount: With the bandwidth of these rows.
    """
    bandwidth, = _quantiles(rows, cells, [AFAR])
    size, mean, spread = _cells_of(rows, cells)
    return KernelCount(size, mean, spread, bandwidth)


def _cells_of(rows, cells):
    """Size, mean and spread of cells."""
    mean = cells.mean.astype(np.float32)
    square = np.einsum('nq,nq->n', rows, rows, dtype=np.float64)
    square -= np.einsum('kq,kq->k', mean, mean, dtype=np.float64)[cells.labels]
    spread = np.bincount(cells.labels, square) / cells.size
    return cells.size, mean, np.maximum(spread, 0)


def _quantiles(rows, cells, at):
    """Square distances that these parts of all pairs fall short of."""
    size, mean, spread = _cells_of(rows, cells)
    some = rows[::-(-len(rows) // _PAIRS)]
    square = _squares(some, mean, spread).ravel()
    weight = np.tile(size, len(some))
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


def _sums(kernel, weight):
    """(M,) float64 weighted sums over (M, K) float32."""
    # not by BLAS, whose sums depend on the number of threads
    return np.einsum('mk,k->m', kernel, weight.astype(np.float32)).astype(
        np.float64)


def _rounded(log):
    # what is left of how many threads multiply matrices ends here
    return np.round(log, _DIGITS)
