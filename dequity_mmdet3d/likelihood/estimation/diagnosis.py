"""Whether to trust a table: what was found, and would it be found again?

Shape letters: N samples.
"""
from __future__ import annotations

from dataclasses import asdict, dataclass, fields

import numpy as np

from ...messages import counted
from ..clustering import Clustering
from .estimate import count_clusters, likelihood_from_labels
from .stability import FEW, Repeats
from .weight_effect import WeightEffect

# A sample is called rare if it is at most a tenth as common as the most
# common: its weight is 0.80 or more where that one has 0.5 (eta 1, gamma 5).
RARE = 0.1
# A best gamma is worth a word if it lifts the weight on the rarest tenth by
# this factor.
_BETTER = 1.02


@dataclass(frozen=True)
class Diagnosis:
    """What a person should know before training with a table.

    Args:
        samples (int): N.
        clusters (int): Number of clusters, without singletons.
        largest (float): Share of the largest cluster, in (0, 1].
        rare (int): Samples at most a tenth as common as the most common.
        lone (int): Samples that belong to no cluster.
        correlation (list[float], optional): Rank correlation of the
            likelihoods with those of each repeat. None without repeats.
        repeated (list[int], optional): Clusters in each repeat.
        weight (float, optional): Of the clusters' sizes in the likelihood,
            in [0, 1], by the method 'soft'; see :mod:`.clearness`.
        tenths, deviation (list[float], optional): Of likelihoods, and of
            these between repeats, see :class:`.Repeats`.
        drives (list[float], optional): As ``correlation``, with drives left
            out.
        weights (WeightEffect, optional): At the defaults of eta and gamma.
            None in tables of 0.1.0, as the three before.
    """
    samples: int
    clusters: int
    largest: float
    rare: int
    lone: int
    correlation: list[float] | None = None
    repeated: list[int] | None = None
    weight: float | None = None
    tenths: list[float] | None = None
    deviation: list[float] | None = None
    drives: list[float] | None = None
    weights: WeightEffect | None = None

    @property
    def stability(self) -> float | None:
        """float: The lowest rank correlation with a repeat, if any."""
        return min(self.correlation) if self.correlation else None

    def lines(self) -> list[str]:
        """list[str]: For people."""
        return [line for line in (
            self._clusters(), self._rare(), self._from_clusters(),
            self._singletons(), self._stability(), self._weights()) if line]

    def _clusters(self):
        if not self.clusters:
            return None
        return (f'{counted(self.clusters, "cluster")} of '
                f'{counted(self.samples, "sample")}; the largest holds '
                f'{self.largest:.1%}')

    def _rare(self):
        share = f'({self.rare / self.samples:.1%})'
        if not self.clusters:
            return (f'{counted(self.samples, "sample")}; {self.rare} of them '
                    f'{share} have a likelihood of at most {RARE}')
        are, their = ('is', 'its') if self.rare == 1 else ('are', 'their')
        return f'{counted(self.rare, "sample")} {share} {are} rare: ' + (
            f'{their} cluster has at most a tenth of the size of the largest'
            if self.weight is None else
            'at most a tenth as common as the most common')

    def _from_clusters(self):
        if self.weight is None:
            return None
        if self.weight == 1:
            return 'the clusters are clear: their sizes are the likelihood'
        if self.weight == 0:
            return ('the clusters are not clear: the likelihood counts softly '
                    'how many samples look alike')
        return ('the clusters are partly clear: the likelihood is '
                f'{self.weight:.0%} their size and the rest a soft count')

    def _singletons(self):
        if not self.lone or not self.clusters:
            return None
        belong = 'belongs' if self.lone == 1 else 'belong'
        return f'{counted(self.lone, "sample")} {belong} to no cluster'

    def _stability(self):
        if self.stability is None or self.samples < FEW:
            return None
        with_what = ('the estimate on random four fifths of the samples'
                     if self.weight is not None else
                     'repeats by another seed and number of cells')
        line = (f'stability {self.stability:.2f}: the rank correlation with '
                f'{with_what} ({_numbers(self.correlation)}')
        if self.repeated:
            line += f'; clusters: {", ".join(map(str, self.repeated))}'
        line += ')'
        if self.drives:
            line += (f', and {min(self.drives):.2f} with a fifth of the '
                     'drives left out')
        return line

    def _weights(self):
        found = self.weights
        if found is None:
            return None
        line = (f'at eta {found.eta:g} and gamma {found.gamma:g} weights run '
                f'from {found.lowest:.2f} to {found.highest:.2f}')
        if found.variation is not None:
            line += (f', and vary by {found.variation:.1%} from repeat to '
                     'repeat')
        count = 'counts' if self.samples == 1 else 'count'
        line += (f'; {counted(self.samples, "sample")} {count} as '
                 f'{found.effective:.0f} of equal weight; the rarest tenth '
                 f'has {found.rarest_tenth:.1%} of all weight')
        if found.best_rarest_tenth > _BETTER * found.rarest_tenth:
            line += (f' (the most, {found.best_rarest_tenth:.1%}, with gamma '
                     f'{found.best_gamma:g})')
        return line

    def as_dict(self) -> dict:
        """dict: JSON-able."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: dict) -> Diagnosis:
        """What :meth:`as_dict` gave, in this version or an earlier one.

        Raises:
            TypeError: If it is something else.
        """
        if not isinstance(found, dict):
            raise TypeError(f'a diagnosis is a dict, but this is {found!r}')
        known = {f.name for f in fields(cls)}
        found = {k: v for k, v in found.items() if k in known}
        if found.get('weights') is not None:
            found['weights'] = WeightEffect(**found['weights'])
        return cls(**found)


def _numbers(values):
    return ', '.join(f'{v:.2f}' for v in values)


def diagnose(clustering: Clustering, likelihood: np.ndarray,
             repeats: Repeats | None = None) -> Diagnosis:
    """Look at an estimate.

    Args:
        clustering (Clustering): Of N samples.
        likelihood (np.ndarray): (N,) float64 in (0, 1], made of it.
        repeats (Repeats, optional): See :func:`.stability.repeat`.

    Returns:
        Diagnosis: Without the weights.
    """
    labels = clustering.labels
    clusters = count_clusters(labels)
    sizes = likelihood_from_labels(labels)[1]
    relative = likelihood
    if clusters:  # 'knn' has none, and no cluster's size to divide by
        relative = likelihood / likelihood.max()
    found = dict(
        samples=len(labels),
        clusters=clusters,
        largest=float(sizes.max() / len(labels)),
        rare=int((relative <= RARE).sum()),
        lone=int((labels < 0).sum()),
        weight=None if clustering.soft is None else clustering.soft.weight)
    if repeats is None:
        return Diagnosis(**found)
    return Diagnosis(
        correlation=repeats.correlation, repeated=repeats.clusters,
        tenths=repeats.tenths, deviation=repeats.deviation,
        drives=repeats.drives, **found)
