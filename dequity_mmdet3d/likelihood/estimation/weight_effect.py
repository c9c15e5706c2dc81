"""What follows from likelihoods for the weights of a training.

Shape letters: N samples, T tenths of them.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...weight import dequity_weight, effective_number, share_of_rarest

# Among which the one with the most weight on the rarest tenth is named.
_GAMMAS = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0)
_TINY = 1e-9  # as a likelihood: 0 is none


@dataclass(frozen=True)
class WeightEffect:
    """Weights by likelihoods, at one eta and gamma.

    Args:
        eta, gamma (float): See :func:`.dequity_weight`.
        lowest, highest (float): Weight.
        effective (float): See :func:`.effective_number`.
        rarest_tenth (float): Share of all weight on the least likely tenth
            of the samples, in [0, 1]; a tenth if all weigh the same.
        variation (float, optional): Root mean square by which a weight
            changes from repeat to repeat of the estimate, over the mean
            weight. None where there were no repeats.
        best_gamma (float): Of some between 0.5 and 20, that with the most
            weight on the rarest tenth.
        best_rarest_tenth (float): With that gamma and the same eta.
    """
    eta: float
    gamma: float
    lowest: float
    highest: float
    effective: float
    rarest_tenth: float
    variation: float | None
    best_gamma: float
    best_rarest_tenth: float


def weight_effect(likelihood: np.ndarray,
                  tenths: Sequence[float] | None = None,
                  deviation: Sequence[float] | None = None,
                  eta: float = 1.0, gamma: float = 5.0) -> WeightEffect:
    """What follows from likelihoods for the weights.

    Args:
        likelihood (np.ndarray): (N,) float64 in (0, 1].
        tenths, deviation (Sequence[float], optional): (T,), see
            :class:`.Repeats`.
        eta, gamma (float): See :func:`.dequity_weight`.

    Returns:
        WeightEffect: Of all N samples.
    """
    likelihood = np.sort(likelihood)  # once, and no order matters here
    weight = dequity_weight(likelihood, eta, gamma)
    best = max(_GAMMAS, key=lambda g: share_of_rarest(
        likelihood, dequity_weight(likelihood, eta, g)))
    varied = None
    if tenths is not None and deviation is not None:
        varied = variation(tenths, deviation, eta, gamma)
    return WeightEffect(
        eta, gamma, float(weight.min()), float(weight.max()),
        effective_number(weight), share_of_rarest(likelihood, weight),
        varied, best, share_of_rarest(
            likelihood, dequity_weight(likelihood, eta, best)))


def variation(tenths: Sequence[float], deviation: Sequence[float],
              eta: float, gamma: float) -> float:
    """How far weights move where likelihoods do.

    Args:
        tenths (Sequence[float]): (T,) in (0, 1], mean likelihood of each.
        deviation (Sequence[float]): (T,) by which these move, up and down.
        eta, gamma (float): See :func:`.dequity_weight`.

    Returns:
        float: Root mean square over the mean weight.

    Example:
        >>> variation([0.5], [0.25], eta=0.0, gamma=1.0)
        0.5
    """
    p, d = np.array(tenths), np.array(deviation)
    up, middle, down = (
        dequity_weight(np.clip(p + step, _TINY, 1.0), eta, gamma)
        for step in (d, 0 * d, -d))
    mean = float(middle.mean())
    return float(np.sqrt((((down - up) / 2)**2).mean())) / mean if mean else 0
