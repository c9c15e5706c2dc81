"""Whether to trust a table: what was found, and would it be found again?

Shape letters: N samples.
"""
from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from ...messages import counted
from ..clustering import ClusterSettings, cluster
from ..clustering.modes import modes_of
from ..clustering.soft import soft_of
from ..embeddings.vectors import UnitVectors
from .estimate import likelihood_from_labels

# A sample is called rare if its cluster has at most this share of the
# largest one: its weight is 0.80 or more where the largest has 0.5
# (eta 1, gamma 5).
RARE = 0.1
# Repeats see at most this many samples, so that they stay cheap.
_REPEAT_ON = 10_000
# (seed, times the number of cells or clusters)
SEEN_AGAIN = 0.8  # of the samples, by repeats of the method 'soft'
_REPEATS = ((1, 0.7), (2, 1.4))
STABLE, ROUGH = 0.9, 0.7
NEARLY_ALL = 0.95
HOPELESS = 0.9
FEW = 50


@dataclass(frozen=True)
class Diagnosis:
    """What a person should know before training with a table.

    Args:
        samples (int): N.
        clusters (int): Number of clusters, without lone samples.
        largest (float): Share of the largest cluster, in (0, 1].
        rare (int): Samples in clusters of at most a tenth of its size.
        lone (int): Those of them that belong to no cluster.
        correlation (list[float], optional): Rank correlation of the
            likelihoods with those of each repeat, with another seed and
            another number of cells. None if repeats were not made.
        repeated (list[int], optional): Clusters in each repeat.
        weight (float, optional): Of the clusters' sizes in the likelihood,
            in [0, 1], by the method 'soft'; see :mod:`.soft_count`.
    """
    samples: int
    clusters: int
    largest: float
    rare: int
    lone: int
    correlation: list[float] | None = None
    repeated: list[int] | None = None
    weight: float | None = None

    def lines(self) -> list[str]:
        """list[str]: For people."""
        if not self.clusters:
            return [f'{counted(self.samples, "sample")}; {self.rare} of them '
                    f'({self.rare / self.samples:.1%}) have a likelihood of '
                    'at most 0.1']
        are = 'is' if self.rare == 1 else 'are'
        lines = [
            f'{counted(self.clusters, "cluster")} of '
            f'{counted(self.samples, "sample")}; the '
            f'largest holds {self.largest:.1%}',
            f'{counted(self.rare, "sample")} '
            f'({self.rare / self.samples:.1%}) {are} rare: ' +
            ('their cluster has at most a tenth of the size of the largest'
             if self.weight is None else
             'at most a tenth as common as the most common')
        ]
        if self.weight is not None:
            lines.append(
                'samples fall into clusters, whose sizes are the likelihood'
                if self.weight == 1 else
                'samples do not fall into clusters; the likelihood counts '
                'softly how many look alike' if self.weight == 0 else
                'samples partly fall into clusters; the likelihood is '
                f'{self.weight:.0%} their size and the rest a soft count')
        if self.lone:
            belong = 'belongs' if self.lone == 1 else 'belong'
            lines.append(
                f'{counted(self.lone, "sample")} {belong} to no cluster' +
                (': if they are the common ones, these likelihoods are upside '
                 'down; see --noise' if 2 * self.lone > self.samples
                 and self.weight is None else ''))
        if self.clusters == 1 and not self.rare and (
                self.weight in (None, 1)):
            lines.append('all samples look alike: nothing is rare, and all '
                         'weights will be equal')
        if self.samples < FEW:
            lines.append(f'{self.samples} samples are too few to tell how '
                         'common each is')
        elif self.correlation is not None and self.repeated is not None:
            low = min(self.correlation)
            word = ('stable' if low >= STABLE else 'rough' if low >= ROUGH
                    else 'UNSTABLE, do not trust them')
            lines.append(
                f'likelihoods are {word}: rank correlation '
                f'{", ".join(f"{c:.2f}" for c in self.correlation)} with '
                'repeats by another seed and number of cells ('
                f'{", ".join(map(str, self.repeated))} clusters)')
        return lines

    def as_dict(self) -> dict:
        """dict: JSON-able."""
        return asdict(self)


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
    lone, clusters = int((labels < 0).sum()), _count(labels)
    if lone >= HOPELESS * n:
        raise ValueError(f'{lone} of {n} samples belong to no cluster, so '
                         f'there is nothing to compare them with; {advice}')
    if clusters >= HOPELESS * n:
        raise ValueError(f'there are {clusters} clusters of {n} samples, so '
                         f'that each sample looks equally rare; {advice}')


def diagnose(clustering, vectors, settings):
    """Look at a clustering, and repeat it with changes.

    Args:
        clustering (Clustering): Of ``vectors``.
        vectors (UnitVectors): (N, D) embeddings.
        settings (ClusterSettings): That it was made with.

    Returns:
        Diagnosis: With repeats for the methods 'soft', 'modes' and 'kmeans';
        the others have no such choices, or would take too long.
    """
    labels = clustering.labels
    if clustering.soft is not None:
        return _diagnose_soft(clustering, settings)
    if clustering.likelihood is not None:
        p = clustering.likelihood
        return Diagnosis(len(p), 0, 1 / len(p), int((p <= RARE).sum()), 0)
    _, size = likelihood_from_labels(labels)
    rare = size <= RARE * size.max()
    found = dict(
        samples=len(labels),
        clusters=_count(labels),
        largest=float(size.max() / len(labels)),
        rare=int(rare.sum()),
        lone=int((labels < 0).sum()))
    if settings.method not in ('modes', 'kmeans') or len(labels) < 3:
        return Diagnosis(**found)
    some = np.arange(len(labels))
    if len(some) > _REPEAT_ON:
        rng = np.random.default_rng(settings.seed)
        some = np.sort(rng.choice(len(some), _REPEAT_ON, replace=False))
    correlation, repeated = [], []
    for seed, factor in _REPEATS:
        again = _again(clustering, vectors, settings, some, seed, factor)
        _, size_again = likelihood_from_labels(again)
        correlation.append(_agreement(size[some], size_again))
        repeated.append(_count(again))
    return Diagnosis(correlation=correlation, repeated=repeated, **found)


def _diagnose_soft(clustering, settings):
    """Likelihoods are continuous, and repeats see four samples of five."""
    labels, p = clustering.labels, clustering.likelihood
    relative = p / p.max()
    size = np.bincount(labels[labels >= 0], minlength=1)
    found = dict(
        samples=len(p),
        clusters=_count(labels),
        largest=float(max(size.max(), 1) / len(p)),
        rare=int((relative <= RARE).sum()),
        lone=int((labels < 0).sum()),
        weight=clustering.soft.weight)
    if len(p) < FEW:
        return Diagnosis(**found)
    correlation, repeated = [], []
    for seed, factor in _REPEATS:
        seed = (seed + settings.seed) % 2**31
        rng = np.random.default_rng(seed)
        take = min(int(SEEN_AGAIN * len(p)), _REPEAT_ON)
        some = np.sort(rng.choice(len(p), take, replace=False))
        again, share, _ = soft_of(
            clustering.rows[some], seed=seed, factor=factor,
            drives=_numbered(clustering.drives, some))
        correlation.append(_agreement(p[some], share))
        repeated.append(_count(again))
    return Diagnosis(correlation=correlation, repeated=repeated, **found)


def _numbered(drives, some):
    if drives is None:
        return None
    return np.unique(drives[some], return_inverse=True)[1].reshape(-1)


def _again(clustering, vectors, settings, some, seed, factor):
    seed += settings.seed
    if settings.method == 'modes':
        return modes_of(clustering.rows[some], seed, factor)[0]
    k = clustering.used['clusters']
    changed = ClusterSettings(
        'kmeans', max(1, round(k * factor)), seed % 2**31)
    return cluster(UnitVectors(vectors.take(some)), changed).labels


def _agreement(size, again):
    """Rank correlation; where nearly all are common, who is common."""
    common, common_again = size == size.max(), again == again.max()
    if min(common.mean(), common_again.mean()) >= NEARLY_ALL:
        # the ranks of the few others would tell of them alone
        return float((common == common_again).mean())
    return rank_correlation(size, again)


def _count(labels):
    return len(np.unique(labels[labels >= 0]))


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
    ranks = [_centred_ranks(x) for x in (a, b)]
    lengths = [np.sqrt(r @ r) for r in ranks]
    if not all(lengths):
        return float(lengths[0] == lengths[1])
    return float(ranks[0] @ ranks[1] / (lengths[0] * lengths[1]))


def _centred_ranks(x):
    _, inverse, count = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return (last - (count - 1) / 2)[inverse.reshape(-1)] - (len(x) + 1) / 2
