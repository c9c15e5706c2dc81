"""From the likelihood of a sample to the weight of its loss.

Shape letters: N samples.
"""
from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    import torch

Values = TypeVar('Values', float, 'np.ndarray', 'torch.Tensor')


def check_eta_gamma(eta: float, gamma: float, of: str = '') -> None:
    """Raise ValueError unless ``eta`` and ``gamma`` are usable.

    Args:
        eta (float): Floor of the weight, finite and >= 0.
        gamma (float): Focus on rare samples, finite and >= 0.
        of (str): Whose they are, for the message: ' of DequityDataset'.
    """
    for name, value in (('eta', eta), ('gamma', gamma)):
        if (isinstance(value, bool) or not isinstance(value, (int, float))
                or not math.isfinite(value) or value < 0):
            raise ValueError(f'{name}{of} must be a finite number >= 0, '
                             f'but got {value!r}')


def check_normalize(normalize: str | None, of: str = '') -> None:
    """Raise ValueError unless ``normalize`` is None or 'mean'."""
    if normalize not in (None, 'mean'):
        raise ValueError(f"normalize{of} must be None or 'mean', but got "
                         f'{normalize!r}')


def dequity_weight(likelihood: Values,
                   eta: float = 1.0,
                   gamma: float = 5.0) -> Values:
    r"""Weight of a sample's loss, the "Generalized Focal Loss".

    .. math:: w = (\eta + (1 - p)^\gamma) / (\eta + 1)

    from `DatasetEquity: Are All Samples Created Equal?
    <https://arxiv.org/abs/2308.09878>`_ (ICCV workshops 2023).

    Args:
        likelihood (float | np.ndarray | torch.Tensor): p in (0, 1], any
            shape. NaN stays NaN. The range of a tensor is not checked: that
            would make the host wait for its device.
        eta (float): Floor, >= 0: a sample with p = 1 has weight
            eta / (eta + 1). Defaults to 1.
        gamma (float): Focus, >= 0; 0 gives w = 1 for every sample.
            Defaults to 5.

    Returns:
        float | np.ndarray | torch.Tensor: w in [eta / (eta + 1), 1], of
        the type and shape of ``likelihood``.

    Raises:
        ValueError: If eta or gamma is negative or not finite, or a
            likelihood lies outside (0, 1].

    Example:
        >>> dequity_weight(0.5, eta=1.0, gamma=1.0)
        0.75
    """
    check_eta_gamma(eta, gamma)
    if not hasattr(likelihood, 'requires_grad'):
        # written so that NaN passes
        outside = (likelihood <= 0) | (likelihood > 1)
        if getattr(outside, 'any', lambda: outside)():
            raise ValueError('likelihood must lie in (0, 1], but got '
                             f'{likelihood!r}')
    return (eta + (1 - likelihood)**gamma) / (eta + 1)


def count_weight(count: Values, form: str, beta: float = 0.999) -> Values:
    r"""Weight of one of ``count`` that are alike.

    Args:
        count (float | np.ndarray): n >= 1, samples of a look or objects of a
            class; NaN stays NaN.
        form (str): 'effective', (1 - beta) / (1 - beta^n), one over the
            effective number of `Cui et al., CVPR 2019
            <https://arxiv.org/abs/1901.05555>`_ (not rescaled); 'inverse',
            1 / n, its limit for beta to 1; 'sqrt-inverse', 1 / sqrt(n).
        beta (float): In [0, 1); 0 gives 1 for every n.

    Returns:
        float | np.ndarray: In (0, 1], 1 for n = 1.
    """
    if form == 'effective':
        return (1 - beta) / (1 - beta**count)
    return 1 / count if form == 'inverse' else count**-0.5


def mean_weight(likelihood: np.ndarray,
                eta: float = 1.0,
                gamma: float = 5.0,
                normalize: str | None = None,
                counts: np.ndarray | None = None) -> float:
    """Mean weight of an epoch.

    Args:
        likelihood (np.ndarray): (N,) floats in (0, 1]; NaN does not count.
        eta (float): See :func:`dequity_weight`.
        gamma (float): See :func:`dequity_weight`.
        normalize (str, optional): With 'mean' the mean must not be 0, since
            weights will be divided by it.
        counts (np.ndarray, optional): (N,) how often each occurs; by
            default once.

    Returns:
        float: The mean.

    Raises:
        ValueError: If no sample has a likelihood, or the mean is 0.
    """
    known = likelihood == likelihood  # not NaN
    if not known.any():
        raise ValueError('no sample has a likelihood, so there is no mean '
                         'weight to give to the samples without one')
    weight = dequity_weight(likelihood[known], eta, gamma)
    mean = (weight.mean() if counts is None else
            (weight * counts[known]).sum() / counts[known].sum())
    if normalize and mean == 0:
        raise ValueError("normalize='mean' needs a mean weight above 0, but "
                         f'every weight is 0 (eta={eta}, gamma={gamma}); '
                         'raise eta')
    return float(mean)


def sample_weights(likelihood: np.ndarray,
                   eta: float = 1.0,
                   gamma: float = 5.0,
                   normalize: str | None = None,
                   epoch: np.ndarray | None = None) -> np.ndarray:
    """Weights of the samples of a training set.

    Args:
        likelihood (np.ndarray): (N,) floats in (0, 1]; NaN marks a sample
            without a likelihood, which gets the mean weight of the epoch.
        eta (float): See :func:`dequity_weight`.
        gamma (float): See :func:`dequity_weight`.
        normalize (str, optional): 'mean' divides by the mean weight of the
            epoch, so that the average gradient keeps its size whatever eta
            and gamma are. None keeps the paper's formula. Defaults to None.
        epoch (np.ndarray, optional): (M,) likelihoods of one epoch, in
            which a sample may occur more than once or never. Defaults to
            ``likelihood``.

    Returns:
        np.ndarray: (N,) float64 weights.

    Raises:
        ValueError: For bad parameters, and where no sample has a
            likelihood or all weights are 0, so that no mean exists.
    """
    check_normalize(normalize)
    mean = mean_weight(likelihood if epoch is None else epoch, eta, gamma,
                       normalize)
    return weights_given_mean(likelihood, mean, eta, gamma, normalize)


def weights_given_mean(likelihood: np.ndarray,
                       mean: float,
                       eta: float = 1.0,
                       gamma: float = 5.0,
                       normalize: str | None = None) -> np.ndarray:
    """:func:`sample_weights` where the mean weight of the epoch is known.

    Args:
        likelihood (np.ndarray): (N,) floats in (0, 1] or NaN.
        mean (float): See :func:`mean_weight`.
        eta (float): See :func:`dequity_weight`.
        gamma (float): See :func:`dequity_weight`.
        normalize (str, optional): See :func:`sample_weights`.

    Returns:
        np.ndarray: (N,) float64 weights.
    """
    weight = dequity_weight(likelihood, eta, gamma)
    weight[weight != weight] = mean
    return weight / mean if normalize else weight


def effective_number(weight: np.ndarray) -> float:
    r"""How many equal samples say as much as these weighted ones.

    .. math:: (\sum_i w_i)^2 / \sum_i w_i^2

    of Kish (Survey Sampling, 1965): the variance of a weighted mean is that
    of the mean of so many.

    Args:
        weight (np.ndarray): (N,) floats >= 0.

    Returns:
        float: In [1, N]; 0 where all weights are 0.

    Example:
        >>> effective_number(np.array([1.0, 1.0, 0.0, 0.0]))
        2.0
    """
    squares = float((weight**2).sum())
    return float(weight.sum())**2 / squares if squares else 0.0


def rarest_edge(likelihood: np.ndarray, part: float = 0.1) -> float:
    """The highest likelihood among the rarest samples.

    Args:
        likelihood (np.ndarray): (N,) floats, N > 0.
        part (float): How many are the rarest, in (0, 1]; one at least.
            Defaults to a tenth.

    Returns:
        float: One of them.
    """
    return float(likelihood[_rarest(likelihood, part)[-1]])


def share_of_rarest(likelihood: np.ndarray, weight: np.ndarray,
                    part: float = 0.1) -> float:
    """How much of all weight lies on the rarest samples.

    Args:
        likelihood (np.ndarray): (N,) floats, N > 0.
        weight (np.ndarray): (N,) floats >= 0, the same for equal
            likelihoods.
        part (float): How many are the rarest, in (0, 1]; one at least.
            Defaults to a tenth.

    Returns:
        float: In [0, 1]; ``part`` where all weights are equal.
    """
    total = float(weight.sum())
    rarest = weight[_rarest(likelihood, part)]
    return float(rarest.sum()) / total if total else 0.0


def _rarest(likelihood: np.ndarray, part: float) -> np.ndarray:
    """Rows of the rarest samples, the rarest first."""
    order = likelihood.argsort(kind='stable')
    return order[:max(int(part * len(order) + 0.5), 1)]
