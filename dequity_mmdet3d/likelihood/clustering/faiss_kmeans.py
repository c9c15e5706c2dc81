"""FAISS k-means, on a GPU where FAISS finds one.

Shape letters: N samples, D embedding size, K clusters.
"""
import math

import numpy as np

_BLOCK = 65536  # rows at a time, to bound the memory of large inputs


def default_clusters(n):
    """K of the plain method: the square root of N, 50 at most."""
    return min(50, math.isqrt(n))


def kmeans(rows, k, seed=0, iterations=10, spherical=False, per_cell=256):
    """Cluster rows around K means.

    FAISS trains on at most ``per_cell`` rows a mean and says nothing, so all
    N rows are assigned afterwards, and only these assignments count.

    Args:
        rows (np.ndarray): (N, D) float32, C-contiguous.
        k (int): Number of means, in [1, N].
        seed (int): Of the random start. Defaults to 0.
        iterations (int): Lloyd iterations. Defaults to 10.
        spherical (bool): Scale the means to length 1. Defaults to False.
        per_cell (int): Rows a mean for training. Defaults to 256, FAISS' own.

    Returns:
        np.ndarray: (N,) int64 labels from 0; every label has a row.

    Raises:
        ImportError: If faiss is not installed.
    """
    faiss = import_faiss()
    gpu = hasattr(faiss, 'StandardGpuResources') and faiss.get_num_gpus() > 0
    trainer = faiss.Kmeans(
        rows.shape[1],
        k,
        niter=iterations,
        seed=seed,
        spherical=spherical,
        gpu=gpu,
        max_points_per_centroid=per_cell,
        min_points_per_centroid=1)  # otherwise it warns about small sets
    trainer.train(rows)
    nearest = np.concatenate([
        trainer.index.search(rows[i:i + _BLOCK], 1)[1][:, 0]
        for i in range(0, len(rows), _BLOCK)
    ])
    return np.unique(nearest, return_inverse=True)[1].reshape(-1)


def nearest_rows(queries, rows):
    """The nearest row of each query.

    Args:
        queries (np.ndarray): (M, D) float32.
        rows (np.ndarray): (K, D) float32.

    Returns:
        tuple[np.ndarray, np.ndarray]: (M,) int64 row, (M,) float32 distance.
    """
    index = import_faiss().IndexFlatL2(rows.shape[1])
    index.add(np.ascontiguousarray(rows, dtype=np.float32))
    squared, nearest = index.search(
        np.ascontiguousarray(queries, dtype=np.float32), 1)
    return nearest[:, 0], np.sqrt(np.maximum(squared[:, 0], 0))


def import_faiss():
    """The faiss module, or an ImportError that says what to install."""
    try:
        import faiss
    except ImportError as e:
        raise ImportError(
            f'faiss, which clusters the embeddings, cannot be imported ({e});'
            " pip install 'dequity_mmdet3d[cpu]'") from e
    return faiss
