"""The subspace in which embeddings differ.

Shape letters: N samples, D embedding size, Q dimensions of the subspace.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

_SAMPLE = 20_000  # rows that the axes are estimated from
# The axes cost the cube of the smaller of rows and D: embeddings longer than
# this, such as those of cameras side by side, get as many rows only.
_LONG = 2048
MAX_AXES = 128
# Axes beyond this share of the variance hold what no two scenes share.
EXPLAINED = 0.99


class Rows(Protocol):
    """Embeddings that are read block by block, as ``UnitVectors`` are.

    Attributes:
        dim (int): D.
    """
    dim: int

    def __len__(self) -> int:
        """N."""

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """First row and (B, D) float32 of each block, in order."""


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

    def project(self, vectors: Rows) -> np.ndarray:
        """Coordinates of embeddings.

        Args:
            vectors (UnitVectors): N embeddings of D numbers.

        Returns:
            np.ndarray: (N, Q) float32.
        """
        out = np.empty((len(vectors), self.axes.shape[1]), dtype=np.float32)
        for start, block in self.blocks(vectors):
            out[start:start + len(block)] = block
        return out

    def blocks(self, vectors: Rows) -> Iterator[tuple[int, np.ndarray]]:
        """First row and (B, Q) float32 of each block, as :meth:`project`."""
        axes = self.axes.astype(np.float64)
        for start, block in vectors.blocks():
            # in float64, so that rounding hides in which order a product is
            # summed, which depends on the number of threads
            yield start, ((block - self.centre).astype(np.float64)
                          @ axes).astype(np.float32)


def principal_subspace(vectors, seed=0):
    """Fit the subspace, from at most 20,000 samples (2,048 for D > 2,048).

    Args:
        vectors (UnitVectors): N embeddings of D numbers.
        seed (int): Of the choice of samples. Defaults to 0.

    Returns:
        Subspace: Q axes that explain 99 % of the variance, 128 at most.
    """
    n = len(vectors)
    rows = np.arange(n)
    max_rows = _SAMPLE if vectors.dim <= _LONG else _LONG
    if n > max_rows:
        rng = np.random.default_rng(seed)
        rows = np.sort(rng.choice(n, max_rows, replace=False))
    x = vectors.take(rows)
    centre = x.mean(axis=0, dtype=np.float64).astype(np.float32)
    x = x - centre
    wide = x.shape[0] < x.shape[1]
    x = x.astype(np.float64)
    gram = x @ x.T if wide else x.T @ x
    variance, axes = np.linalg.eigh(gram)
    variance, axes = np.maximum(variance[::-1], 0), axes[:, ::-1]
    if not variance[0] > 1e-10 * len(x):  # all samples are one point
        return Subspace(centre, np.eye(x.shape[1], 1, dtype=np.float32))
    share = np.cumsum(variance) / variance.sum()
    q = min(MAX_AXES, int(np.searchsorted(share, EXPLAINED)) + 1)
    axes = axes[:, :q]
    if wide:  # from the axes of the samples to those of the numbers
        axes = x.T @ axes / np.sqrt(variance[:q])
    return Subspace(centre, np.ascontiguousarray(axes, dtype=np.float32))
