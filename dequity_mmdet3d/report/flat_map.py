"""Embeddings on a plane, for the eye.

Shape letters: N samples, D embedding size.
"""
import numpy as np

MAPS = ('tsne', 'pca')
# t-SNE sees this many principal components: distances among the rest are
# mostly noise, and 1,280 dimensions would take most of its time.
_DIMS = 50
_PERPLEXITY = 30


def flat_map(vectors, projection='tsne', seed=0):
    """Points of a plane for embeddings.

    Args:
        vectors (np.ndarray): (N, D) float32.
        projection (str): 'tsne' keeps neighbours together (distances between
            far groups and their extents mean nothing); 'pca' is linear.
        seed (int): Of t-SNE.

    Returns:
        np.ndarray: (N, 2) float64 in [0, 1], in any orientation.

    Raises:
        ValueError: If the projection is unknown.
        ImportError: If scikit-learn is not there.
    """
    if projection not in MAPS:
        raise ValueError(
            f'a map must be one of {MAPS}, but got {projection!r}')
    try:
        from sklearn.decomposition import PCA
        from sklearn.manifold import TSNE
    except ImportError as e:
        raise ImportError(f'the map needs scikit-learn ({e}): pip install '
                          "'dequity_mmdet3d[report]'") from e
    n = len(vectors)
    if np.ptp(vectors, axis=0).max(initial=0) == 0:
        return np.full((n, 2), 0.5)  # one sample, or all the same
    dims = min(_DIMS if projection == 'tsne' else 2, *vectors.shape)
    points = PCA(dims, random_state=seed).fit_transform(vectors)
    if projection == 'tsne' and n > 3:
        points = TSNE(
            perplexity=min(_PERPLEXITY, (n - 1) / 3),
            init='pca' if dims > 1 else 'random',
            random_state=seed).fit_transform(points)
    points = np.pad(points, ((0, 0), (0, max(0, 2 - points.shape[1]))))
    points = points[:, :2] - points[:, :2].min(0)
    return points / (points.max() or 1)
