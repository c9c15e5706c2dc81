"""From embeddings to clusters, by spherical k-means.

Shape letters: N samples, D embedding size, K clusters.
"""
import math
from dataclasses import asdict, dataclass
from typing import Optional

import numpy as np

_CHUNK = 65536  # rows at a time, to bound the memory of large inputs


@dataclass(frozen=True)
class KMeansSettings:
    """How to cluster.

    Args:
        clusters (int, optional): K >= 1. None means :func:`default_clusters`
            of N.
        iterations (int): Lloyd iterations, >= 1. Defaults to 25.
        seed (int): Of the random start, in [0, 2**31). Defaults to 0.
    """
    clusters: Optional[int] = None
    iterations: int = 25
    seed: int = 0

    def __post_init__(self):
        for name, low in (('clusters', 1), ('iterations', 1), ('seed', 0)):
            value = getattr(self, name)
            if value is None and name == 'clusters':
                continue
            if (isinstance(value, bool) or not isinstance(value, int)
                    or not low <= value < 2**31):
                raise ValueError(f'{name} must be an integer from {low} to '
                                 f'{2**31 - 1}, but got {value!r}')


def default_clusters(n):
    """K: the square root of N, 50 at most."""
    return min(50, math.isqrt(n))


def cluster(embeddings, settings=None):
    """Cluster unit-length embeddings.

    FAISS trains on at most 256 points a centroid and says nothing, so all N
    samples are assigned afterwards, and only these assignments count.

    Args:
        embeddings (np.ndarray): (N, D) float32 rows of length 1, as
            :func:`unit_rows` makes them.
        settings (KMeansSettings, optional): Defaults to the class's.

    Returns:
        tuple[np.ndarray, dict]: Labels, (N,) int64 from 0 in the order of
        falling cluster size, every cluster with at least one sample; and
        the JSON-able settings that were used.

    Raises:
        ImportError: If faiss is not installed.
    """
    settings = settings or KMeansSettings()
    n, d = embeddings.shape
    asked = settings.clusters or default_clusters(n)
    k = min(asked, n)
    faiss = _faiss()
    gpu = hasattr(faiss, 'StandardGpuResources') and faiss.get_num_gpus() > 0
    kmeans = faiss.Kmeans(
        d,
        k,
        niter=settings.iterations,
        seed=settings.seed,
        spherical=True,
        gpu=gpu,
        min_points_per_centroid=1)  # otherwise it warns about small sets
    kmeans.train(embeddings)
    nearest = np.concatenate([
        kmeans.index.search(embeddings[i:i + _CHUNK], 1)[1][:, 0]
        for i in range(0, n, _CHUNK)
    ])
    used = dict(
        asdict(settings), method='spherical k-means', clusters=int(asked))
    return _by_size(nearest), used


def _by_size(labels):
    _, inverse, counts = np.unique(
        labels, return_inverse=True, return_counts=True)
    rank = np.empty(len(counts), dtype=np.int64)
    # stable, so that equal sizes keep one order
    rank[np.argsort(-counts, kind='stable')] = np.arange(len(counts))
    return rank[inverse.reshape(-1)]


def _faiss():
    try:
        import faiss
    except ImportError as e:
        raise ImportError(
            f'faiss, which clusters the embeddings, cannot be imported ({e});'
            " pip install 'dequity_mmdet3d[cpu]'") from e
    return faiss
