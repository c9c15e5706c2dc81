"""Do two estimates put samples in the same order?

Shape letters: N samples.
"""
import numpy as np


def rank_correlation(a, b):
    """Spearman's rank correlation, equal values with their mean rank.

    Args:
        a (np.ndarray): (N,) numbers.
        b (np.ndarray): (N,) numbers.

    Returns:
        float: In [-1, 1]; 1 if both are constant, 0 if only one is.

    Example:
        >>> rank_correlation(np.array([1, 5, 9]), np.array([2, 3, 8]))
        1.0
    """
    ranks = [mean_ranks(x) - (len(x) + 1) / 2 for x in (a, b)]
    lengths = [np.sqrt(r @ r) for r in ranks]
    if not all(lengths):
        return float(lengths[0] == lengths[1])
    return float(ranks[0] @ ranks[1] / (lengths[0] * lengths[1]))


def mean_ranks(x):
    """(N,) float64 ranks of (N,) numbers from 1, equal ones their mean."""
    _, inverse, count = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return (last - (count - 1) / 2)[inverse.reshape(-1)]
