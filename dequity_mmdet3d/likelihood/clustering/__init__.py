"""From embeddings to clusters, by the method that the user chooses.

Shape letters: N samples, D embedding size, K clusters.
"""
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..choices import COUNTS, METHODS, NOISE
from .density import hdbscan, knn_density, settle_noise
from .faiss_kmeans import default_clusters, kmeans
from .large import EXACT
from .modes import Modes, find_modes
from .soft import Soft, find_soft
from .stored_rows import Room

__all__ = ['ClusterSettings', 'Clustering', 'Modes', 'Room', 'Soft',
           'by_size', 'cluster']


@dataclass(frozen=True)
class ClusterSettings:
    """How to cluster.

    Args:
        method (str): One of :data:`.choices.METHODS`. Defaults to 'soft',
            see :mod:`.soft_count`; the others are there for comparison.
        clusters (int, optional): K >= 1, for 'kmeans' only. None means the
            square root of N, 50 at most.
        seed (int): Of all choices by chance, in [0, 2**31). Defaults to 0.
        noise (str): What 'hdbscan' does with samples outside of all
            clusters: one of :data:`.choices.NOISE`, see
            :func:`.density.settle_noise`. Defaults to 'single'.
        count (str): One of :data:`.choices.COUNTS`; 'drives' is for the
            method 'soft', see :mod:`.drives`. Defaults to 'frames'.
        exact (int): Of more samples than these the methods 'soft' and
            'modes' learn cells from so many, and count all, see
            :mod:`.large`.
        room (Room): Where so many samples are kept meanwhile, and who helps.
            Defaults to the class's.

    Raises:
        ValueError: If a value is out of range, or is not the method's.
    """
    method: str = METHODS[0]
    clusters: int | None = None
    seed: int = 0
    noise: str = 'single'
    count: str = COUNTS[0]
    exact: int = EXACT
    room: Room = field(default_factory=Room, compare=False)

    def __post_init__(self) -> None:
        for name, known in (('method', METHODS), ('noise', NOISE),
                            ('count', COUNTS)):
            if getattr(self, name) not in known:
                raise ValueError(f'{name} must be one of {known}, but got '
                                 f'{getattr(self, name)!r}')
        for name, low in (('clusters', 1), ('seed', 0), ('exact', 1)):
            value = getattr(self, name)
            if value is None and name == 'clusters':
                continue
            if (isinstance(value, bool) or not isinstance(value, int)
                    or not low <= value < 2**31):
                raise ValueError(f'{name} must be an integer from {low} to '
                                 f'{2**31 - 1}, but got {value!r}')
        if self.clusters is not None and self.method != 'kmeans':
            raise ValueError(f"clusters belongs to the method 'kmeans', but "
                             f'the method is {self.method!r}; leave it out')
        if self.count != COUNTS[0] and self.method != 'soft':
            raise ValueError(f"the count {self.count!r} belongs to the method "
                             f"'soft', but the method is {self.method!r}")


@dataclass(frozen=True)
class Clustering:
    """What a method found.

    Args:
        labels (np.ndarray): (N,) int64 from 0 in the order of falling
            cluster size; -1 for samples that belong to no cluster.
        used (dict): JSON-able settings.
        likelihood (np.ndarray, optional): (N,) float64 in (0, 1], by a
            method that has likelihoods beside clusters or without; by the
            method 'soft', the share of all samples.
        modes (Modes, optional): By the methods 'soft' and 'modes', to assign
            others.
        soft (Soft, optional): By the method 'soft'.
        rows (np.ndarray | StoredRows, optional): (N, Q) float32, by the
            methods 'soft' and 'modes', the samples in their subspace.
        drives (np.ndarray, optional): (N,) int64, where these were counted.
    """
    labels: np.ndarray
    used: dict
    likelihood: Any = None
    modes: Modes | None = None
    soft: Soft | None = None
    rows: Any = None
    drives: Any = None


def cluster(vectors, settings=None, drives=None):
    """Cluster embeddings.

    Args:
        vectors (UnitVectors): (N, D) embeddings.
        settings (ClusterSettings, optional): Defaults to the class's.
        drives (np.ndarray, optional): (N,) int64 from 0, the drive of each
            sample, to be counted if the settings say so.

    Returns:
        Clustering: For all N samples.

    Raises:
        ImportError: If a library of the method's is not installed.
        ValueError: If rows have no direction, or the method cannot work
            with N samples.
    """
    settings = settings or ClusterSettings()
    if settings.count == 'drives':
        if drives is None:
            raise ValueError('drives cannot be counted: it is not known which '
                             'samples are of one drive; give their groups')
        return _soft(vectors, settings, drives)
    return _BY_METHOD[settings.method](vectors, settings)


def by_size(labels, drop_singletons=False):
    """New numbers for clusters, in the order of falling size.

    Args:
        labels (np.ndarray): (N,) int64 in [0, K), each of them in use.
        drop_singletons (bool): Whether a cluster of one sample is none.

    Returns:
        np.ndarray: (K,) int64, the new number of each old one; -1 for a
        singleton, unless there is only one.
    """
    size = np.bincount(labels)
    number = np.empty(len(size), dtype=np.int64)
    # stable, so that equal sizes keep one order
    number[np.argsort(-size, kind='stable')] = np.arange(len(size))
    if drop_singletons and len(labels) > 1:
        number[size == 1] = -1
    return number


def _soft(vectors, settings, drives=None):
    labels, share, soft, rows = find_soft(
        vectors, settings.seed, drives, settings.exact, settings.room)
    number = by_size(labels, drop_singletons=True)
    modes = replace(soft.modes, cell_mode=number[soft.modes.cell_mode])
    used = dict(
        method='soft',
        seed=settings.seed,
        cells=len(modes.cells),
        dims=rows.shape[1],
        level=modes.level,
        bandwidth=soft.counts.count.bandwidth,
        near=soft.counts.near,
        slope=soft.counts.slope,
        noise=soft.counts.noise,
        clear=soft.clear,
        weight=soft.weight)
    if len(labels) > settings.exact:
        used['learned_from'] = settings.exact
    if drives is not None:
        used['count'] = settings.count
    return Clustering(number[labels], used, share, modes,
                      replace(soft, modes=modes), rows, drives)


def _modes(vectors, settings):
    labels, modes, rows = find_modes(
        vectors, settings.seed, settings.exact, settings.room)
    number = by_size(labels, drop_singletons=True)
    modes = replace(modes, cell_mode=number[modes.cell_mode])
    used = dict(
        method='modes',
        seed=settings.seed,
        cells=len(modes.cells),
        dims=rows.shape[1],
        level=modes.level)
    if len(labels) > settings.exact:
        used['learned_from'] = settings.exact
    return Clustering(number[labels], used, modes=modes, rows=rows)


def _in_memory(vectors):
    rows = np.empty((len(vectors), vectors.dim), dtype=np.float32)
    for start, block in vectors.blocks():
        rows[start:start + len(block)] = block
    return rows


def _kmeans(vectors, settings):
    k = min(settings.clusters or default_clusters(len(vectors)), len(vectors))
    labels = kmeans(
        _in_memory(vectors), k, settings.seed, iterations=25, spherical=True)
    used = dict(method='kmeans', seed=settings.seed, clusters=int(k))
    return Clustering(by_size(labels)[labels], used)


def _hdbscan(vectors, settings):
    rows = _in_memory(vectors)
    labels = hdbscan(rows, seed=settings.seed)
    labels = settle_noise(labels, rows, settings.noise)
    some = labels >= 0
    if some.any():
        labels[some] = by_size(labels[some])[labels[some]]
    return Clustering(labels, dict(
        method='hdbscan', seed=settings.seed, noise=settings.noise))


def _knn(vectors, settings):
    likelihood = knn_density(_in_memory(vectors))
    return Clustering(
        np.full(len(likelihood), -1), dict(method='knn', seed=settings.seed),
        likelihood)


_BY_METHOD = {
    'soft': _soft,
    'modes': _modes,
    'kmeans': _kmeans,
    'hdbscan': _hdbscan,
    'knn': _knn
}
