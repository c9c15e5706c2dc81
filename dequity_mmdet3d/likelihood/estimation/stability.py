"""Would an estimate come out the same again? It is repeated, with changes.

Shape letters: N samples.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..clustering import Clustering, ClusterSettings, cluster
from ..clustering.drives import numbered
from ..clustering.modes import modes_of
from ..clustering.soft import soft_of
from ..embeddings.vectors import UnitVectors
from .estimate import count_clusters, likelihood_from_labels
from .ranks import rank_correlation

FEW = 50  # samples, from which repeats are made
FEW_DRIVES = 5
# Of the samples, or of the drives, that a repeat of 'soft' sees.
SEEN_AGAIN = 0.8
# Repeats see at most this many samples, so that they stay cheap.
_REPEAT_ON = 10_000
# (seed, times the number of cells or clusters)
_REPEATS = ((1, 0.7), (2, 1.4))
NEARLY_ALL = 0.95
TENTHS = 10


@dataclass(frozen=True)
class Repeats:
    """How an estimate compares with repeats of itself.

    Args:
        correlation (list[float]): Rank correlation of the likelihoods with
            those of each repeat.
        clusters (list[int]): In each repeat.
        tenths (list[float]): Mean likelihood of each tenth of the samples,
            from the least likely up.
        deviation (list[float]): Root mean square by which the likelihoods
            of repeats are off those of each tenth, in [0, 1].
        drives (list[float], optional): Rank correlation with repeats on
            random four fifths of the drives. None where fewer than five
            drives are known.
    """
    correlation: list[float]
    clusters: list[int]
    tenths: list[float]
    deviation: list[float]
    drives: list[float] | None = None


def repeat(clustering: Clustering, vectors: UnitVectors,
           settings: ClusterSettings, likelihood: np.ndarray,
           kind: str = 'relative',
           drives: np.ndarray | None = None) -> Repeats | None:
    """Repeat an estimate by another seed and number of cells.

    By the method 'soft' on a random four fifths of the samples; by 'modes'
    and 'kmeans' on all of them; 10,000 at most.

    Args:
        clustering (Clustering): Of ``vectors``.
        vectors (UnitVectors): (N, D) embeddings.
        settings (ClusterSettings): That it was made with.
        likelihood (np.ndarray): (N,) float64, made of it.
        kind (str): 'relative' or 'share', which these are.
        drives (np.ndarray, optional): (N,) int64, where they are known.

    Returns:
        Repeats: None for other methods, which have no such choices or would
        take too long, and for fewer samples than repeats can tell from: 50
        by 'soft', 3 by the others.
    """
    n = len(likelihood)
    soft = clustering.soft is not None
    if not (n >= FEW if soft else
            n >= 3 and settings.method in ('modes', 'kmeans')):
        return None

    def repeats(choose):
        for seed, factor in _REPEATS:
            seed = (seed + settings.seed) % 2**31
            some = choose(seed)
            yield some, *_again(
                clustering, vectors, settings, some, seed, factor, kind)

    part = SEEN_AGAIN if soft else 1.0
    found = list(repeats(lambda seed: _chosen(np.arange(n), seed, part)))
    by_drive = None
    if soft and drives is not None and len(np.unique(drives)) >= FEW_DRIVES:
        by_drive = [
            _agreement(likelihood[some], again) for some, again, _ in repeats(
                lambda seed: _of_drives(drives, seed))]
    means, deviation = _by_tenths(
        likelihood, [(some, again) for some, again, _ in found])
    return Repeats(
        [_agreement(likelihood[some], again) for some, again, _ in found],
        [clusters for *_, clusters in found],
        means, deviation, by_drive)


def _chosen(rows, seed, part):
    """Rising rows, a random part of them."""
    take = min(int(part * len(rows)), _REPEAT_ON)
    if take == len(rows):
        return rows
    rng = np.random.default_rng(seed)
    return np.sort(rng.choice(rows, take, replace=False))


def _of_drives(drives, seed):
    """Rising rows of samples of a random four fifths of the drives."""
    names = np.unique(drives)
    names = _chosen(names, seed, SEEN_AGAIN)
    return _chosen(np.flatnonzero(np.isin(drives, names)), seed, 1.0)


def _again(clustering, vectors, settings, some, seed, factor, kind):
    """Likelihoods of some samples, estimated from them alone; clusters."""
    if clustering.soft is not None:
        drives = clustering.drives
        if drives is not None:
            drives = numbered(drives[some])
        labels, share, _ = soft_of(
            clustering.rows[some], seed=seed, factor=factor, drives=drives)
        p = share / (share.max() if kind == 'relative' else 1.0)
        return p, count_clusters(labels)
    if settings.method == 'modes':
        labels = modes_of(clustering.rows[some], seed, factor)[0]
    else:
        k = clustering.used['clusters']
        changed = ClusterSettings('kmeans', max(1, round(k * factor)), seed)
        labels = cluster(UnitVectors(vectors.take(some)), changed).labels
    return likelihood_from_labels(labels, kind)[0], count_clusters(labels)


def _agreement(p, again):
    """Rank correlation; where nearly all are common, who is common."""
    common, common_again = p == p.max(), again == again.max()
    if min(common.mean(), common_again.mean()) >= NEARLY_ALL:
        # the ranks of the few others would tell of them alone
        return float((common == common_again).mean())
    return rank_correlation(p, again)


def _by_tenths(likelihood, repeats):
    """See :class:`Repeats`; a tenth that no repeat saw does not move."""
    square, count = np.zeros((2, len(likelihood)))
    for some, again in repeats:
        square[some] += (again - likelihood[some])**2
        count[some] += 1
    order = np.argsort(likelihood, kind='stable')
    parts = [rows for rows in np.array_split(order, TENTHS) if len(rows)]
    return ([float(likelihood[rows].mean()) for rows in parts],
            [float(np.sqrt(square[rows].sum() / max(count[rows].sum(), 1)))
             for rows in parts])
