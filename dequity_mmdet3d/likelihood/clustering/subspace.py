"""The subspace in which embeddings differ.

Shape letters: N samples, D embedding size, Q dimensions of the subspace.
"""
from dataclasses import dataclass

import numpy as np

_SAMPLE = 20_000  # rows that the axes are estimated from
MAX_AXES = 128
# Axes beyond this share of the variance hold what no two scenes share.
EXPLAINED = 0.99


@dataclass(frozen=True)
class Subspace:
    """The first principal axes of a data set.

    Args:
        centre (np.ndarray): (D,) float32, the mean embedding. Without it an
            encoder's narrow cone would hide what tells scenes apart.
        axes (np.ndarray): (D, Q) float32, orthonormal columns.
    """
    centre: np.ndarray
    axes: np.ndarray

    def project(self, vectors):
        """Coordinates of embeddings.

        Args:
            vectors (UnitVectors): N embeddings of D numbers.

        Returns:
            np.ndarray: (N, Q) float32.
        """
        out = np.empty((len(vectors), self.axes.shape[1]), dtype=np.float32)
        for start, block in vectors.blocks():
            out[start:start + len(block)] = (block - self.centre) @ self.axes
        return out


def principal_subspace(vectors, seed=0):
    """Fit the subspace, from at most 20,000 samples.

    Args:
        vectors (UnitVectors): N embeddings of D numbers.
        seed (int): Of the choice of samples. Defaults to 0.

    Returns:
        Subspace: Q axes that explain 99 % of the variance, 128 at most.
    """
    n = len(vectors)
    rows = np.arange(n)
    if n > _SAMPLE:
        rng = np.random.default_rng(seed)
        rows = np.sort(rng.choice(n, _SAMPLE, replace=False))
    x = vectors.take(rows)
    centre = x.mean(axis=0, dtype=np.float64).astype(np.float32)
    x = x - centre
    variance, axes = np.linalg.eigh((x.T @ x).astype(np.float64))
    variance = np.maximum(variance[::-1], 0)
    if not variance[0] > 1e-10 * len(x):  # all samples are one point
        return Subspace(centre, axes[:, -1:].astype(np.float32))
    share = np.cumsum(variance) / variance.sum()
    q = min(MAX_AXES, int(np.searchsorted(share, EXPLAINED)) + 1)
    return Subspace(
        centre, np.ascontiguousarray(axes[:, ::-1][:, :q], dtype=np.float32))
