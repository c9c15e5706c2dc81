"""Many small cells, each inside one mode, and what describes a cell.

Shape letters: N samples, Q dimensions, K cells.
"""
import heapq
import math
from dataclasses import dataclass

import numpy as np

from .faiss_kmeans import kmeans

# K grows with the square root of N: many more cells than modes, so that a
# rare mode gets one of its own, each with enough samples to describe it.
CELLS_PER_ROOT = 4
SAMPLES_PER_CELL = 2  # at least, on average
TRAINING_PER_CELL = 64
# A cell this many times as broad (root mean square) as the common one holds
# more than one mode, or outliers.
BROAD = 1.5
# "Common" is the cell at this quantile, by samples: the cells of a large mode
# are pure; where modes are many, most others hold several.
COMMON = 0.2
_MAX_CELLS = 6000  # each has a (Q, Q) matrix
_RESIDUALS = 3000


@dataclass
class Cells:
    """Cells and their sufficient statistics.

    Args:
        labels (np.ndarray): (N,) int64, the cell of each sample.
        size (np.ndarray): (K,) float64.
        mean (np.ndarray): (K, Q) float64.
        scatter (np.ndarray): (K, Q, Q) float32, sum over the samples of the
            outer product of their distance from the mean with itself.
        scale (float): Variance (sum over Q) inside the common cell, > 0.
        dims (float): Effective number of dimensions inside cells, >= 1.
        spread (np.ndarray, optional): (K,) float64 mean square distance of
            a cell's samples from its mean, where it is known without them.
    """
    labels: np.ndarray
    size: np.ndarray
    mean: np.ndarray
    scatter: np.ndarray
    scale: float
    dims: float
    spread: np.ndarray | None = None


def number_of_cells(n, factor=1.0):
    """K for N samples: ``CELLS_PER_ROOT`` sqrt(N) of them.

    At most N / ``SAMPLES_PER_CELL`` (so that a cell has as many samples on
    average) and ``_MAX_CELLS``.
    """
    wanted = round(factor * CELLS_PER_ROOT * math.sqrt(n))
    return max(1, min(wanted, n // SAMPLES_PER_CELL, _MAX_CELLS))


def make_cells(rows, seed=0, factor=1.0):
    """Divide samples into cells.

    k-means, and then every cell that is much broader than the common one is
    split in two until none is: k-means gives far-off samples and small modes
    a cell together.

    Args:
        rows (np.ndarray): (N, Q) float32.
        seed (int): Of k-means. Defaults to 0.
        factor (float): Times as many cells as :func:`number_of_cells` says.

    Returns:
        Cells: K of them.
    """
    k = number_of_cells(len(rows), factor)
    labels = kmeans(rows, k, seed, per_cell=TRAINING_PER_CELL)
    labels, scale = split_broad(rows, labels)
    return _describe(rows, labels, scale, seed)


def _variance(rows):
    centred = rows - rows.mean(axis=0)
    return float(np.einsum('ij,ij->', centred, centred)) / max(
        len(rows) - 1, 1)


def _members(labels):
    order = np.argsort(labels, kind='stable')
    return np.split(order, np.cumsum(np.bincount(labels))[:-1])


def split_broad(rows, labels, scale=None):
    """Split cells in two until none is much broader than the common one.

    Args:
        rows (np.ndarray): (N, Q) float32.
        labels (np.ndarray): (N,) int64 in [0, K), each of them in use.
        scale (float, optional): Variance of the common cell. Defaults to
            that of these cells.

    Returns:
        tuple[np.ndarray, float]: (N,) int64 new labels, and the scale.
    """
    members = _members(labels)
    variance = np.array([_variance(rows[m]) for m in members])
    size = np.array([len(m) for m in members])
    if scale is None:
        scale = _common(variance, size)
    max_cells = max(min(4 * len(members), _MAX_CELLS), len(members))
    # the broadest first, so that the limit leaves the least broad ones whole;
    # the counter keeps ties in one order
    heap = [(-v, i, m) for i, (v, m) in enumerate(zip(variance, members))]
    heapq.heapify(heap)
    done, made = [], len(heap)
    while heap and len(heap) + len(done) < max_cells:
        v, _, rest = heapq.heappop(heap)
        if -v <= BROAD**2 * scale:
            done.append(rest)
            break
        side = _two_means(rows[rest]) if len(rest) > 1 else None
        if side is None:
            done.append(rest)
            continue
        for part in (rest[side], rest[~side]):
            heapq.heappush(heap, (-_variance(rows[part]), made, part))
            made += 1
    out = np.empty_like(labels)
    for i, m in enumerate(done + [m for _, _, m in heap]):
        out[m] = i
    return out, scale


def _common(variance, size):
    """The ``COMMON`` quantile, by samples, of cells that have any variance."""
    some = variance > 1e-9 * variance.max()
    if not some.any():
        return 1e-12  # exact copies only
    order = np.argsort(variance[some], kind='stable')
    below = np.cumsum(size[some][order])
    at = np.searchsorted(below, below[-1] * COMMON)
    return float(variance[some][order][at])


def _two_means(rows):
    """(N,) bool: which side of a split in two, or None if all are alike."""
    centre = rows.mean(axis=0)
    a = rows[((rows - centre)**2).sum(axis=1).argmax()]
    b = rows[((rows - a)**2).sum(axis=1).argmax()]
    side = None
    for _ in range(8):
        new = rows @ (b - a) > (a + b) / 2 @ (b - a)
        if new.all() or not new.any() or (side is not None and
                                          (new == side).all()):
            break
        side = new
        a, b = rows[~side].mean(axis=0), rows[side].mean(axis=0)
    return side


def _describe(rows, labels, scale, seed):
    members = _members(labels)
    k, q = len(members), rows.shape[1]
    size = np.array([len(m) for m in members], dtype=np.float64)
    mean = np.empty((k, q))
    scatter = np.zeros((k, q, q), dtype=np.float32)
    for i, m in enumerate(members):
        mean[i] = rows[m].mean(axis=0, dtype=np.float64)
        if len(m) > 1:
            inside = rows[m] - mean[i].astype(np.float32)
            scatter[i] = inside.T @ inside
    dims = _effective_dims(rows, labels, size, mean, seed)
    return Cells(labels, size, mean, scatter, scale, dims)


def _effective_dims(rows, labels, size, mean, seed):
    r"""(tr S)^2 / tr S^2 of the covariance S inside cells.

    Both traces from pairs of samples, which need no (Q, Q) estimate: the
    expectation of (x . y)^2 over independent x, y is tr S^2.
    """
    inside = np.flatnonzero(size[labels] > 1)
    if len(inside) < 3:
        return float(rows.shape[1])
    rng = np.random.default_rng(seed)
    some = rng.permutation(inside)[:_RESIDUALS]
    cell = labels[some]
    x = (rows[some] - mean[cell]) * np.sqrt(
        size[cell] / (size[cell] - 1))[:, None]
    gram = x @ x.T
    m = len(x)
    trace = np.trace(gram) / m
    square = ((gram**2).sum() - (np.diag(gram)**2).sum()) / (m * (m - 1))
    return float(max(trace**2 / square, 1)) if square > 0 else 1.0
