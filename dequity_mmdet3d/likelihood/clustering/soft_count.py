r"""How many samples look like this one, where nothing tells groups apart.

Photographs seldom fall into groups. Their likelihood is then a soft count,

.. math:: m_i = \sum_j \exp(-d_{ij}^2 / h)

of the angles under which samples are seen (:mod:`.viewpoint`), with h the
square that one pair in ten falls short of. Where samples do fall into groups,
it is the size of the group, n, as in the paper. What decides is how much of
the variance of log m lies between the groups, R^2: if nearly all, then
groups are all that there is to know. In between,

.. math:: \log p_i = w \log n_i + (1 - w) \log m_i

Shape letters: N samples, Q dimensions, K cells, G groups.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .cells import Cells

# One pair in ten looks alike: of one kind in ten of like size, or in the
# half of a common one. The order of the likelihoods hardly depends on it.
ALIKE = 0.1
# Whether groups are clear is asked from afar, where half of all pairs look
# alike: nearer, the middle of a large group stands out from its rim.
AFAR = 0.5
# R^2 from which groups begin to count, and from which they alone do.
# Photographs of road scenes have 0 to 0.77, drawn groups 0.84 and more.
UNCLEAR, CLEAR = 0.75, 0.85
# Samples a group, on average (in the sense of entropy), from which its size
# begins to mean something; with twice as many it does.
TEN = 10
_PAIRS = 500  # samples that the bandwidth is found from
_DIGITS = 6  # of the logarithm
_PAIRS_AT_ONCE = 2**20  # of samples and cells: what fits into a cache


@dataclass(frozen=True)
class SoftCount:
    """The soft counts of a training set, and of new samples under it.

    Args:
        size (np.ndarray): (K,) float64 samples in each cell.
        mean (np.ndarray): (K, Q) float32.
        spread (np.ndarray): (K,) float64 mean square distance of a cell's
            samples from its mean.
        bandwidth (float): h, > 0.
    """
    size: np.ndarray
    mean: np.ndarray
    spread: np.ndarray
    bandwidth: float

    def log_share(self, rows: np.ndarray) -> np.ndarray:
        """Logarithm of the share of the training set that looks alike.

        Args:
            rows (np.ndarray): (M, Q) float32.

        Returns:
            np.ndarray: (M,) float64, at most 0.
        """
        share = (self.size / self.size.sum()).astype(np.float32)
        scale = np.float32(-1 / self.bandwidth)
        out = np.empty(len(rows))
        size = max(_PAIRS_AT_ONCE // len(share), 1)
        for start in range(0, len(rows), size):
            square = _squares(rows[start:start + size], self.mean,
                              self.spread)
            square *= scale
            np.exp(square, out=square)
            square *= share
            out[start:start + size] = square.sum(axis=1)
        # what is left of how many threads multiply matrices ends here
        return np.round(
            np.log(np.maximum(out, np.finfo(np.float32).tiny)), _DIGITS)


def soft_count(rows: np.ndarray, cells: Cells,
               alike: float = ALIKE) -> SoftCount:
    """Fit soft counts.

    The samples of a cell count at the distance of its mean, farther by the
    spread inside: K terms for a sample in place of N.

    Args:
        rows (np.ndarray): (N, Q) float32.
        cells (Cells): Of these rows.
        alike (float): Share of the pairs that are nearer than the
            bandwidth, in (0, 1).

    Returns:
        SoftCount: With the bandwidth of these rows.
    """
    mean = cells.mean.astype(np.float32)
    square = np.einsum('nq,nq->n', rows, rows, dtype=np.float64)
    square -= np.einsum('kq,kq->k', mean, mean, dtype=np.float64)[cells.labels]
    spread = np.maximum(np.bincount(cells.labels, square) / cells.size, 0)
    some = rows[::-(-len(rows) // _PAIRS)]
    square = _squares(some, mean, spread).ravel()
    weight = np.tile(cells.size, len(some))
    # in float32 two directions that are the same are no nearer than this
    apart = square > 1e-6  # copies say nothing of a distance
    bandwidth = 1.0
    if apart.any():
        square, weight = square[apart], weight[apart]
        order = np.argsort(square, kind='stable')
        below = np.cumsum(weight[order])
        bandwidth = square[order][np.searchsorted(below, alike * below[-1])]
    return SoftCount(cells.size, mean, spread, float(bandwidth))


def _squares(rows, mean, spread):
    """(M, K) float32 mean square distances of rows from cells' samples."""
    # in float64, so that rounding hides in which order a product is summed
    square = rows.astype(np.float64) @ (-2 * mean.T.astype(np.float64))
    square += np.einsum('mq,mq->m', rows, rows, dtype=np.float64)[:, None]
    square += np.einsum('kq,kq->k', mean, mean, dtype=np.float64)
    np.maximum(square, 0, out=square)
    square += spread
    return square.astype(np.float32)


def clearness(log_share: np.ndarray,
              labels: np.ndarray) -> tuple[float, float]:
    """How far groups alone say how common a sample is.

    Args:
        log_share (np.ndarray): (N,) float64, see :class:`SoftCount`; from
            ``AFAR``.
        labels (np.ndarray): (N,) int64 in [0, G), the group of each.

    Returns:
        tuple[float, float]: The weight w of the groups in [0, 1], and R^2,
        the part of the variance that lies between groups, in [0, 1].
    """
    size = np.bincount(labels)
    mean = np.bincount(labels, log_share) / np.maximum(size, 1)
    total = float(((log_share - log_share.mean())**2).sum())
    inside = float(((log_share - mean[labels])**2).sum())
    if not total > 1e-12 * len(labels):  # all alike: there is one group
        return 1.0, 1.0
    part = max(1 - inside / total, 0.0)
    share = size[size > 0] / len(labels)
    several = np.exp((share * np.log(share)).sum()) * len(labels)
    clear = np.clip((part - UNCLEAR) / (CLEAR - UNCLEAR), 0, 1)
    return float(clear * np.clip(several / TEN - 1, 0, 1)), part


def likelihood(log_share: np.ndarray, group_share: np.ndarray,
               weight: float) -> np.ndarray:
    """Soft count and group size as one.

    Args:
        log_share (np.ndarray): (N,) float64.
        group_share (np.ndarray): (N,) float64 share of the group's samples,
            in (0, 1].
        weight (float): Of the groups, see :func:`clearness`.

    Returns:
        np.ndarray: (N,) float64 in (0, 1]: the weighted geometric mean.
    """
    return np.exp(weight * np.log(group_share) + (1 - weight) * log_share)
