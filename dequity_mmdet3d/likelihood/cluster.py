"""From embeddings to clusters, by spherical k-means.

Shape letters: N samples, D embedding size, K clusters.
"""
import math
from dataclasses import asdict, dataclass
from typing import Optional

import numpy as np

from ..table import first_five

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


def unit_rows(embeddings, names=None):
    """Check embeddings and scale every row to length 1.

    Args:
        embeddings (np.ndarray): (N, D) real numbers; may be a memory map.
        names (Sequence[str], optional): (N,) how a message names the rows.
            Defaults to the row numbers.

    Returns:
        np.ndarray: (N, D) float32, C-contiguous.

    Raises:
        ValueError: If the shape is not (N, D), or rows hold NaN, inf or
            only zeros; they are counted and the first five are named.
        TypeError: If they are not real numbers.
    """
    if embeddings.dtype.kind not in 'fiu':
        raise TypeError('embeddings must be real numbers, but are of type '
                        f'{embeddings.dtype}')
    if embeddings.ndim != 2 or not embeddings.size:
        raise ValueError('embeddings must have shape (N, D) with N, D > 0, '
                         f'but have {embeddings.shape}')
    n = len(embeddings)
    unit = np.empty(embeddings.shape, dtype=np.float32)
    bad = {'NaN or inf': [], 'only zeros': []}
    for start in range(0, n, _CHUNK):
        x = np.asarray(embeddings[start:start + _CHUNK], dtype=np.float64)
        # by the largest entry first: squares of huge entries overflow
        largest = np.abs(x).max(axis=1, keepdims=True)
        finite = np.isfinite(largest[:, 0])
        bad['NaN or inf'].extend(start + np.flatnonzero(~finite))
        bad['only zeros'].extend(start + np.flatnonzero(largest[:, 0] == 0))
        usable = finite & (largest[:, 0] > 0)
        x = x[usable] / largest[usable]
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        unit[start:start + _CHUNK][usable] = x
    for reason, rows in bad.items():
        if rows:
            which = [int(r) if names is None else names[r] for r in rows]
            raise ValueError(
                f'{len(rows)} of {n} embeddings have {reason}, so they have '
                f'no direction: {first_five(which)}; remove or repair them')
    return unit


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
