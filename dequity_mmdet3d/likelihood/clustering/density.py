"""Other ways to a likelihood, to compare the package's own estimate with.

Pure functions of the embeddings: one finds clusters and may call samples
noise, one needs no clusters. Neither is a default anywhere.

Shape letters: N samples, D embedding size.
"""
import numpy as np

from ..choices import NOISE
from .faiss_kmeans import import_faiss

_CHUNK = 256  # rows at a time, to bound the memory of their neighbours
_COMPONENTS = 50
_DENSEST = 0.05
# what rounding to float32 leaves between copies that were scaled apart
_SAME = 1e-6


def hdbscan(vectors, seed=0, min_cluster_size=10):
    """Clusters of any density, by HDBSCAN.

    It works on the first principal components, at most 50: in more
    dimensions the trees that find neighbours are no faster than trying all
    pairs, and what the components leave out of image embeddings is mostly
    noise.

    Args:
        vectors (np.ndarray): (N, D) float32 rows of length 1.
        seed (int): Of the principal components, which are found by a
            random projection where that is faster. Defaults to 0.
        min_cluster_size (int): Smaller groups are noise, >= 2. Defaults to
            10.

    Returns:
        np.ndarray: Labels, (N,) int64, -1 for noise.

    Raises:
        ValueError: If ``min_cluster_size`` is below 2.
        ImportError: If scikit-learn is not installed.
    """
    if min_cluster_size < 2:
        raise ValueError('min_cluster_size must be 2 or more, but got '
                         f'{min_cluster_size}')
    sklearn = import_sklearn()
    n = len(vectors)
    if n < min_cluster_size:
        return np.full(n, -1, dtype=np.int64)
    if (vectors == vectors[0]).all():
        # there is no tree of clusters to cut, only one point
        return np.zeros(n, dtype=np.int64)
    pca = sklearn.decomposition.PCA(
        min(_COMPONENTS, *vectors.shape), random_state=seed)
    points = pca.fit_transform(vectors)
    found = sklearn.cluster.HDBSCAN(
        min_cluster_size=min_cluster_size, copy=True)
    return found.fit_predict(points).astype(np.int64)


def knn_density(vectors, k=10):
    r"""How near a sample's neighbours are; no clusters.

    .. math:: p_i = \min(1,\; q / d_k(i))

    with :math:`d_k` the distance to the k-th nearest other sample and
    :math:`q` its 5 % quantile over the samples that are no copies. So the
    densest twentieth has a likelihood of 1, and a sample whose neighbours
    are twice as far away has one half. The quantile stands for the
    smallest distance, which a single pair of like images would decide. A
    density would be :math:`d_k` to the power of minus the data's own
    dimension; that dimension is not known, and no power changes the order.

    Args:
        vectors (np.ndarray): (N, D) float32 rows of length 1.
        k (int): Which neighbour, >= 1, the farthest if there are not so
            many. Defaults to 10.

    Returns:
        np.ndarray: Likelihood, (N,) float64 in (0, 1]. 1 for a sample of
        which there are k copies more.

    Raises:
        ValueError: If k is below 1.
        ImportError: If faiss is not installed.
    """
    if k < 1:
        raise ValueError(f'k must be 1 or more, but got {k}')
    distance = _kth_distance(vectors, min(k, len(vectors) - 1))
    apart = distance > _SAME
    p = np.ones(len(vectors))
    if apart.any():
        near = np.quantile(distance[apart], _DENSEST)
        p[apart] = np.minimum(1, near / distance[apart])
    return p


def settle_noise(labels, vectors, policy):
    """Decide what becomes of the samples that belong to no cluster.

    Args:
        labels (np.ndarray): (N,) integers, -1 for noise.
        vectors (np.ndarray, optional): (N, D) float32 rows of length 1;
            only 'nearest' looks at them.
        policy (str): 'single' leaves them at -1, each a cluster of one, which
            is what -1 means in this package. 'cluster' makes one more
            cluster of them all, as the authors' code does: outliers then
            get a high likelihood if there are many. 'nearest' gives each
            the cluster of the nearest sample that has one; if none has,
            all stay at -1.

    Returns:
        np.ndarray: Labels, (N,) int64, a new array.

    Raises:
        ValueError: If ``policy`` is unknown, or the lengths differ.
        ImportError: If faiss, which 'nearest' needs, is not installed.
    """
    if policy not in NOISE:
        raise ValueError(f'the policy for noise must be one of {NOISE}, but '
                         f'got {policy!r}')
    labels = np.array(labels, dtype=np.int64)
    noise = labels == -1
    if policy == 'single' or not noise.any():
        return labels
    if policy == 'cluster':
        labels[noise] = labels.max() + 1
        return labels
    if len(vectors) != len(labels):
        raise ValueError(f'vectors must have one row for each of the '
                         f'{len(labels)} labels, but have {len(vectors)}')
    clustered = np.flatnonzero(~noise)
    if len(clustered):
        nearest = _search(vectors[clustered], vectors[noise], 1)[:, 0]
        labels[noise] = labels[clustered[nearest]]
    return labels


def _kth_distance(vectors, k):
    # one more, as a sample is its own nearest; a copy may be found in its
    # stead, at the same distance
    rows = _search(vectors, vectors, k + 1)
    distance = np.empty(len(vectors))
    for i in range(0, len(vectors), _CHUNK):
        near = vectors[rows[i:i + _CHUNK]].astype(np.float64)
        # faiss finds distances as 2 - 2 x.y, which copies do not make 0
        near -= vectors[i:i + _CHUNK, None]
        distance[i:i + _CHUNK] = np.linalg.norm(near, axis=2).max(axis=1)
    return distance


def _search(base, queries, count):
    faiss = import_faiss()
    index = faiss.IndexFlatIP(base.shape[1])
    index.add(np.ascontiguousarray(base))
    return index.search(np.ascontiguousarray(queries), count)[1]


def import_sklearn():
    """The module scikit-learn, or ImportError with the advice to install."""
    try:
        import sklearn.cluster
        import sklearn.decomposition
        from sklearn.cluster import HDBSCAN  # noqa: F401, since 1.3
    except ImportError as e:
        raise ImportError(
            'scikit-learn 1.3 or newer, which this method needs, cannot be '
            f"imported ({e}); pip install 'dequity_mmdet3d[methods]'") from e
    return sklearn
