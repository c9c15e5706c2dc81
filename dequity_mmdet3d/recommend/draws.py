"""What an epoch by weights makes of a training set.

Shape letters: N samples, C classes.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dequity_mmdet3d.weight import effective_number
from dequity_mmdet3d.weighting.draw import expected_counts


@dataclass(frozen=True)
class Draws:
    """An epoch of N samples.

    Args:
        often (np.ndarray): (N,) float64 >= 0 of mean 1: how often each
            sample is drawn on average or, where losses are weighted, its
            weight over the mean.
        effective (float): In [1, N], see :func:`.effective_number`.
        distinct (float): Different samples that it has on average.
        looks (np.ndarray): (C,) float64: ``often`` of an object, mean over
            the class; 1 where nothing is balanced, NaN without objects.
        before, after (np.ndarray): (C,) float64, share of all objects: of
            those that are there, and of those that are drawn.
    """
    often: np.ndarray
    effective: float
    distinct: float
    looks: np.ndarray
    before: np.ndarray
    after: np.ndarray

    def lost(self, judged: np.ndarray) -> float:
        """Part of its looks that a class loses, the largest of some.

        Args:
            judged (np.ndarray): (C,) bool.

        Returns:
            float: At most 1, 0 where none loses.
        """
        return float(np.max(1 - self.looks[judged], initial=0.0))


def draws_by(weight: np.ndarray, counts: np.ndarray,
             drawn: bool = True) -> Draws:
    """What weights make of an epoch.

    A sample of the expected count e is drawn floor(e) or ceil(e) times, see
    :func:`.systematic_draw`, and so once at least with probability
    min(1, e).

    Args:
        weight (np.ndarray): (N,) floats >= 0, not all 0.
        counts (np.ndarray): (N, C) int64 objects by class; C may be 0.
        drawn (bool): Whether samples are drawn by them; else their losses
            are weighted, and each is seen once.

    Returns:
        Draws: Of N draws.

    Example:
        >>> draws_by(np.array([1.0, 3.0]), np.array([[1], [1]])).often
        array([0.5, 1.5])
    """
    n = len(weight)
    often = expected_counts(weight, n)
    objects = counts.sum(0)
    seen = often @ counts
    return Draws(
        often, effective_number(often),
        float(np.minimum(often, 1).sum()) if drawn else float(n),
        np.where(objects > 0, seen / np.maximum(objects, 1), np.nan),
        objects / max(objects.sum(), 1), seen / max(seen.sum(), 1e-300))
