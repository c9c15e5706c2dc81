"""Rare, middle and common samples: their names and their bounds.

Shape letters: N samples.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

STRATA = RARE, MIDDLE, COMMON = ('rare', 'middle', 'common')
# Shares of the samples, from the least likely up: rare up to the first one,
# common from the second one on.
BOUNDS = (0.2, 0.5)


def check_bounds(bounds: Sequence[float]) -> None:
    """Raise ValueError for bounds that are not two rising shares."""
    numbers = (isinstance(bounds, (list, tuple)) and len(bounds) == 2
               and all(isinstance(b, (int, float)) for b in bounds))
    if not numbers or not 0 < bounds[0] <= bounds[1] < 1:
        raise ValueError(
            'bounds must be two shares of the samples, rising within '
            f'(0, 1), such as {BOUNDS}, but got {bounds!r}')


def strata_of(likelihood: np.ndarray,
              bounds: Sequence[float] = BOUNDS) -> np.ndarray:
    """Strata by share of samples, from the least likely up.

    Samples of equal likelihood, a cluster's, stay together: a bound moves to
    the nearest place between two likelihoods. So the rare and the common
    stratum are never empty, but for samples that are all alike: these are
    common.

    Args:
        likelihood (np.ndarray): (N,) floats, N >= 1.
        bounds (Sequence[float]): Shares of the samples up to which they are
            rare, and up to which they are middle, in (0, 1), rising.

    Returns:
        np.ndarray: (N,) int64 places in ``STRATA``.

    Example:
        >>> strata_of(np.array([1, 0.2, 1, 0.5, 1])).tolist()
        [2, 0, 2, 1, 2]
    """
    _, value, counts = np.unique(
        likelihood, return_inverse=True, return_counts=True)
    below = np.cumsum(counts)[:-1] / len(likelihood)
    if not len(below):
        return np.full(len(likelihood), STRATA.index(COMMON))
    first = [1 + np.abs(below - bound).argmin() for bound in bounds]
    return (value[:, None] >= first).sum(1)


def edges_of(likelihood: np.ndarray, bounds: Sequence[float] = BOUNDS
             ) -> tuple[float, float] | None:
    """Up to which likelihood a sample is rare, and from which it is common.

    Args:
        likelihood (np.ndarray): (N,) floats; NaN does not count.
        bounds (Sequence[float]): See :func:`strata_of`.

    Returns:
        tuple[float, float] | None: None if all samples are alike.

    Example:
        >>> edges_of(np.array([1, 0.2, 1, 0.5, 1]))
        (0.2, 1.0)
    """
    likelihood = likelihood[~np.isnan(likelihood)]
    stratum = strata_of(likelihood, bounds)
    if not (stratum == STRATA.index(RARE)).any():
        return None
    return (float(likelihood[stratum == STRATA.index(RARE)].max()),
            float(likelihood[stratum == STRATA.index(COMMON)].min()))
