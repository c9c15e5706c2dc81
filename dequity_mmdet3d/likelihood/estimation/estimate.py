"""From the cluster of every sample to its likelihood.

Shape letters: N samples.
"""
from dataclasses import dataclass

import numpy as np

from ..choices import KINDS

HOPELESS = 0.9


@dataclass(frozen=True)
class Columns:
    """What an estimate says of N samples, in the columns of a table.

    Args:
        likelihood (np.ndarray): (N,) float64 in (0, 1].
        cluster_id (np.ndarray): (N,) int64, -1 for no cluster.
        cluster_size (np.ndarray): (N,) int64, 1 for no cluster.
        n_clusters (int): There may be more than these samples are in.
    """
    likelihood: np.ndarray
    cluster_id: np.ndarray
    cluster_size: np.ndarray
    n_clusters: int


def likelihood_from_labels(labels, kind='relative'):
    r"""How common each sample's cluster is.

    .. math:: p_i = |C(i)| / \max_k |C_k|  \quad\text{or}\quad  |C(i)| / N

    The first, ``relative``, is that of `DatasetEquity: Are All Samples
    Created Equal? <https://arxiv.org/abs/2308.09878>`_.

    Args:
        labels (np.ndarray): (N,) integers, the cluster of each sample. -1
            is no cluster: such an outlier is rare, so it counts as a
            cluster of one, and not as one of a big cluster of outliers.
        kind (str): 'relative' to the largest cluster, or 'share' of all
            samples. Defaults to 'relative'.

    Returns:
        tuple[np.ndarray, np.ndarray]: Likelihood, (N,) float64 in (0, 1],
        and cluster size, (N,) int64, 1 for an outlier.

    Raises:
        ValueError: If labels are not (N,) integers of at least -1 with
            N > 0, or the kind is unknown.

    Example:
        >>> p, size = likelihood_from_labels(np.array([0, 0, 1, -1]))
        >>> p.tolist(), size.tolist()
        ([1.0, 1.0, 0.5, 0.5], [2, 2, 1, 1])
    """
    if kind not in KINDS:
        raise ValueError(f'kind must be one of {KINDS}, but got {kind!r}')
    labels = np.asarray(labels)
    if labels.ndim != 1 or not len(labels) or labels.dtype.kind not in 'iu':
        raise ValueError('labels must be (N,) integers with N > 0, but got '
                         f'shape {labels.shape} of {labels.dtype}')
    if (labels < -1).any():
        raise ValueError('labels must be -1 (no cluster) or more, but the '
                         f'smallest is {labels.min()}')
    # unique, not bincount: labels may have gaps and may be large
    _, inverse, counts = np.unique(
        labels, return_inverse=True, return_counts=True)
    size = counts[inverse.reshape(-1)].astype(np.int64)
    size[labels == -1] = 1
    return size / (size.max() if kind == 'relative' else len(labels)), size


def neutral_likelihood(likelihood, gamma=5.0):
    r"""The likelihood at which a sample has the weight of the others.

    .. math:: 1 - \left(\frac{1}{N} \sum_i (1 - p_i)^\gamma\right)^{1/\gamma}

    so that its weight is their mean weight, for every eta and this gamma.

    Args:
        likelihood (np.ndarray): (N,) float64 in (0, 1], N > 0.
        gamma (float): > 0. Defaults to 5, the default of the weight.

    Returns:
        float: In (0, 1].

    Example:
        >>> neutral_likelihood(np.array([0.5, 0.5]))
        0.5
    """
    rarity = float(np.mean((1 - likelihood)**gamma))**(1 / gamma)
    # above 0 even where all but nothing is common
    return max(1 - rarity, float(likelihood.min()))


def refuse_degenerate(clustering):
    """Raise where a method has found no clusters to speak of.

    Args:
        clustering (Clustering): For N samples.

    Raises:
        ValueError: If nine in ten samples belong to no cluster, or there are
            nine clusters to ten samples: likelihoods would tell nothing.
    """
    n, labels = len(clustering.labels), clustering.labels
    if clustering.likelihood is not None or n == 1:
        return
    advice = (f'the method is {clustering.used["method"]!r}; give more '
              'samples, other settings or another --method')
    lone, clusters = int((labels < 0).sum()), count_clusters(labels)
    if lone >= HOPELESS * n:
        raise ValueError(f'{lone} of {n} samples belong to no cluster, so '
                         f'there is nothing to compare them with; {advice}')
    if clusters >= HOPELESS * n:
        raise ValueError(f'there are {clusters} clusters of {n} samples, so '
                         f'that each sample looks equally rare; {advice}')


def count_clusters(labels):
    """int: Clusters among (N,) labels, of which -1 is none."""
    return len(np.unique(labels[labels >= 0]))
