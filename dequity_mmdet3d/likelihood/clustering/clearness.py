r"""Whether samples fall into groups, and what a likelihood is then.

Where they do, the likelihood is the size of the sample's group, n, as in the
paper; where they do not, a soft count, s (:mod:`.soft_count`). What decides
is how much of the variance of a plain count lies between the groups, R^2: if
nearly all, then groups are all that there is to know. In between,

.. math:: \log p_i = w \log n_i + (1 - w) \log s_i

Shape letters: N samples, G groups.
"""
from __future__ import annotations

import numpy as np

# R^2 from which groups begin to count, and from which they alone do.
# Photographs of roads have 0 to 0.5, of weather 0 to 0.84, drawn groups 0.78
# and more (benchmarks/clear_groups.py).
UNCLEAR, CLEAR = 0.75, 0.85
# Samples a group, on average (in the sense of entropy), from which its size
# begins to mean something; with twice as many it does.
TEN = 10


def clearness(log_count: np.ndarray,
              labels: np.ndarray) -> tuple[float, float]:
    """How far groups alone say how common a sample is.

    Args:
        log_count (np.ndarray): (N,) float64, :meth:`.KernelCount.log_count`
            from ``AFAR``.
        labels (np.ndarray): (N,) int64 in [0, G), the group of each.

    Returns:
        tuple[float, float]: The weight w of the groups in [0, 1], and R^2,
        the part of the variance that lies between groups, in [0, 1].
    """
    size = np.bincount(labels)
    mean = np.bincount(labels, log_count) / np.maximum(size, 1)
    total = float(((log_count - log_count.mean())**2).sum())
    inside = float(((log_count - mean[labels])**2).sum())
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
