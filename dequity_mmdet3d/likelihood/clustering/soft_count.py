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

.. math:: \log s_i = \alpha + \beta a_i + \min(0, r_i + 2 \sigma),
    \quad r_i = \log m_i - \alpha - \beta a_i

with the standard deviation sigma of r (1.48 times the median of its distance
from its median). What is rarer than noise would make it beside all that it
looks like is rare: a few strange samples among thousands have no neighbours
but common ones, and would else be made common by these.

Shape letters: N samples, M others, Q dimensions, K cells.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .cells import Cells
from .kernel_count import (
    KernelCount,
    cells_of,
    pair_quantiles,
    rounded,
    sums,
)

# One pair in ten looks alike: of one kind in ten of like size, or in the
# half of a common one. The order of the likelihoods hardly depends on it.
ALIKE = 0.1
# Farther pairs than this quantile look unlike. Half of all makes rare samples
# rarer still, nine in ten less so; frames of drives want more than half.
UNLIKE = 0.7
# One pair in a hundred are neighbours: few, so that those of a rare sample
# are rare ones. Photographs are indifferent from one in a thousand to one in
# ten, and frames of drives gain a little by more (docs/likelihood.md).
NEAR = 0.01
# Whether groups are clear is asked from afar, where half of all pairs look
# alike: nearer, the middle of a large group stands out from its rim.
AFAR = 0.5
# Standard deviations of noise below which a count is no noise any more.
STRAY = 2.0
_NORMAL = 1.4826  # standard deviation over median distance, if normal
_LINE = 20_000  # samples that the line is fitted to


@dataclass(frozen=True)
class SoftCount:
    """The soft counts of a training set, and of new samples under it.

    Args:
        count (KernelCount): m.
        near (float): h', > 0.
        level (float): alpha. Defaults to 0.
        slope (float): beta, at least 1. Defaults to 1.
        noise (float): sigma, >= 0. Defaults to infinity: whatever is rarer
            than its neighbours is so by chance.
    """
    count: KernelCount
    near: float
    level: float = 0.0
    slope: float = 1.0
    noise: float = np.inf

    def log_share(self, rows: np.ndarray) -> np.ndarray:
        """Logarithm of s, as a share of the training set.

        Args:
            rows (np.ndarray): (M, Q) float32.

        Returns:
            np.ndarray: (M,) float64, at most 0, and at least that of the
            sample alone.
        """
        own, asked = self.counts(rows)
        line = self.level + self.slope * asked
        stray = np.minimum(own - line + STRAY * self.noise, 0)
        return np.clip(line + stray, -np.log(self.count.size.sum()), 0)

    def counts(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(M,) float64 each: log m and a, for (M, Q) float32 rows."""
        size = self.count.size

        def ask(square):
            kernel = np.exp(square * np.float32(-1 / self.near))
            own = self.count.of_squares(square)
            said = sums(kernel, size * self.count.of_cells)
            return np.stack([own, rounded((own + said) /
                                          (1 + sums(kernel, size)))], axis=1)

        own, asked = self.count.by_blocks(rows, ask).T
        return own, asked


def soft_count(rows: np.ndarray, cells: Cells,
               weight: np.ndarray | None = None) -> SoftCount:
    """Fit soft counts.

    Args:
        rows (np.ndarray): (N, Q) float32.
        cells (Cells): Of these rows.
        weight (np.ndarray, optional): (N,) float64 in (0, 1], how much each
            counts, see :mod:`.drives`. Defaults to 1.

    Returns:
        SoftCount: With the bandwidths and the line of these rows.
    """
    alike, floor, near = bandwidths(rows, cells, weight)
    size, mean, spread = cells_of(rows, cells, weight)
    return with_line(KernelCount(size, mean, spread, alike, floor), near, rows)


def with_line(count: KernelCount, near: float, rows: np.ndarray) -> SoftCount:
    """Fit the line that makes up for asking neighbours.

    Args:
        count (KernelCount): m.
        near (float): h', > 0.
        rows (np.ndarray): (N, Q) float32.

    Returns:
        SoftCount: With alpha, beta and sigma of these rows.
    """
    log_count, asked = SoftCount(count, near).counts(
        rows[::-(-len(rows) // _LINE)])
    off = asked - asked.mean()
    slope = max(float(off @ log_count / max(off @ off, 1e-12)), 1.0)
    level = float(log_count.mean() - slope * asked.mean())
    left = log_count - level - slope * asked
    noise = _NORMAL * float(np.median(np.abs(left - np.median(left))))
    return SoftCount(count, near, level, slope, noise)


def bandwidths(rows: np.ndarray, cells: Cells,
               weight: np.ndarray | None = None
               ) -> tuple[float, float, float]:
    """h, b and h' of rows; arguments as for :func:`soft_count`."""
    alike, unlike, near = pair_quantiles(rows, cells, [ALIKE, UNLIKE, NEAR],
                                         weight)
    return alike, float(np.exp(-unlike / alike)), near


def far_count(rows: np.ndarray, cells: Cells) -> KernelCount:
    """Fit the plain counts that tell how clear groups are, from ``AFAR``.

    Args:
        rows (np.ndarray): (N, Q) float32.
        cells (Cells): Of these rows.

    Returns:
        KernelCount: With the bandwidth of these rows.
    """
    bandwidth, = pair_quantiles(rows, cells, [AFAR])
    size, mean, spread = cells_of(rows, cells)
    return KernelCount(size, mean, spread, bandwidth)
