"""The paper's own way to clusters, to compare with.

Not a method of the package's: on real photographs it finds one cluster or
none, and so tells nothing (docs/measured.md), and it takes the longest.

Shape letters: N samples, D embedding size.
"""
import inspect

import numpy as np
from sklearn import manifold

from dequity_mmdet3d.likelihood.clustering.density import import_sklearn

PERPLEXITY = 30


def tsne_dbscan(vectors, seed=0, eps=1.0, min_samples=10):
    """Clusters as the paper makes them: DBSCAN after a 3-D t-SNE.

    The t-SNE of `DatasetEquity <https://arxiv.org/abs/2308.09878>`_ and of
    its notebooks: a perplexity of 30, 500 steps, a start from the principal
    components. A perplexity beyond (N - 1) / 3 would ask for more
    neighbours than there are, so that is its bound.

    Args:
        vectors (np.ndarray): (N, D) float32 rows of length 1, N > 3, D > 2.
        seed (int): Of t-SNE. Defaults to 0.
        eps (float): How far apart neighbours may be after t-SNE, whose
            scale depends on N. Defaults to 1.0, the paper's.
        min_samples (int): Neighbours, itself included, that make a sample
            the core of a cluster. Defaults to 10, the paper's.

    Returns:
        np.ndarray: Labels, (N,) int64, -1 for noise.

    Raises:
        ValueError: If there are too few samples or dimensions.
        ImportError: If scikit-learn is not installed.
    """
    n, d = vectors.shape
    if n < 4 or d < 3:
        raise ValueError(
            't-SNE in three dimensions needs at least 4 samples of 3 '
            f'dimensions, but got {n} of {d}')
    sklearn = import_sklearn()
    if (vectors == vectors[0]).all():
        # t-SNE would divide by the spread of its start, which is 0
        points = np.zeros((n, 3))
    else:
        tsne = manifold.TSNE
        # the name of the number of steps before and since scikit-learn 1.5
        new = 'max_iter' in inspect.signature(tsne).parameters
        steps = {'max_iter' if new else 'n_iter': 500}
        points = tsne(
            3,
            perplexity=min(PERPLEXITY, (n - 1) / 3),
            init='pca',
            learning_rate='auto',
            random_state=seed,
            **steps).fit_transform(vectors)
    found = sklearn.cluster.DBSCAN(eps=eps, min_samples=min_samples)
    return found.fit_predict(points).astype(np.int64)
