r"""Cells of more samples than can be looked at again and again.

What a cell is, is learned from a random part; how many samples are in it, and
how they lie, is counted of all. A random part loses what is rare: 20 of ten
million samples are not in it. So all samples are looked at once more, and
those far from every cell, the strays, get cells of their own, if there are
many a part of them, the farther the likelier, as by k-means|| (`Bahmani et
al. 2012 <https://arxiv.org/abs/1203.6402>`_); this draw needs one number a
sample (`Efraimidis and Spirakis 2006
<https://doi.org/10.1016/j.ipl.2005.11.003>`_).

Sums are of whole multiples of one quantum, few enough bits that float64 holds
them exactly: they do not depend on the order of the samples, and so neither
on the size of blocks nor on how many processes share them.

Shape letters: N samples, Q dimensions, K cells, B rows of a block.
"""
from __future__ import annotations

import math
from functools import partial

import numpy as np

from ...machine import in_threads
from .cells import Cells, make_cells, number_of_cells, split_broad
from .faiss_kmeans import import_faiss, kmeans
from .shares import over_shares
from .stored_rows import BLOCK, StoredRows

EXACT = 300_000  # samples up to which all are learned from, and then so many
STRAYS = 0.1  # of the part, at most
# Times the breadth of its own cell, or of the common one. At twice that a
# normal distribution in 24 dimensions has ended (chance of 1e-10). Nearer
# strays may be the rims of common modes, whose cells would come out rare; they
# count if others lie by them, as by samples of a mode, and not as by those of
# a rim, in all directions.
FAR, FAR_TOGETHER = 2.0, 1.5
# Two samples of a common mode are twice its variance apart, squared, the
# nearest ones less; two on its rim, at FAR_TOGETHER, 4.5 times.
_TOGETHER = 2.25
_OTHERS = 4
_PAIRS_AT_ONCE = 2**20  # of samples and cells: what fits into a cache
_BITS = 53  # of whole numbers that float64 holds


def large_cells(rows: StoredRows, part: int, seed: int = 0,
                factor: float = 1.0) -> Cells:
    """Divide samples into cells, as :func:`.make_cells` does for few.

    Args:
        rows (StoredRows): N, whose squares are 1 at most.
        part (int): How many to learn from.
        seed (int): Of all choices by chance. Defaults to 0.
        factor (float): Times the usual number of cells.

    Returns:
        Cells: Whose labels, sizes, means and scatter are of all N.
    """
    n = len(rows)
    rng = np.random.default_rng(seed)
    some = np.sort(rng.choice(n, min(part, n), replace=False))
    learned = make_cells(rows[some], seed, factor)
    centres = learned.mean.astype(np.float32)
    spread = np.einsum('kqq->k', learned.scatter) / learned.size
    near = np.maximum(spread, learned.scale) * FAR_TOGETHER**2
    labels, square = over_shares(partial(assign, centres=centres), rows)
    excess = square / near[labels] - 1
    strays = choose_strays(excess, max(int(STRAYS * part), 1), seed)
    if len(strays):
        far = excess[strays] > (FAR / FAR_TOGETHER)**2 - 1
        strays = strays[far | are_together(rows[strays], learned.scale)]
    del excess
    if len(strays):
        own = _stray_cells(rows[strays], learned.scale, seed)
        other, nearer = over_shares(partial(assign, centres=own), rows)
        closer = nearer < square
        labels[closer] = other[closer] + len(centres)
        centres = np.concatenate([centres, own])
        del other, nearer, closer
    del square
    size, total, scatter = over_shares(
        partial(sums_of, centres=centres, n=n), rows, labels, adds=True)
    used = size > 0
    number = np.cumsum(used) - 1
    size, total, scatter = size[used], total[used], scatter[used]
    off = total / size[:, None]
    spread = np.einsum('kqq->k', scatter) / size
    spread -= np.einsum('kq,kq->k', off, off)
    for i in range(len(size)):  # in place, as they are many
        scatter[i] -= size[i] * np.outer(off[i], off[i])
    return Cells(number[labels], size, centres[used] + off,
                 scatter.astype(np.float32), learned.scale, learned.dims,
                 np.maximum(spread, 0))


def assign(rows, centres):
    """The nearest centre of every sample.

    Args:
        rows (StoredRows | np.ndarray): (N, Q) float32.
        centres (np.ndarray): (K, Q) float32.

    Returns:
        tuple[np.ndarray, np.ndarray]: (N,) int32 centre, the first of
        equally near ones, and (N,) float32 square distance.
    """
    labels = np.empty(len(rows), dtype=np.int32)
    square = np.empty(len(rows), dtype=np.float32)
    # in float64, so that rounding hides in which order a product is summed
    minus = -2 * centres.T.astype(np.float64)
    own = np.einsum('kq,kq->k', centres, centres, dtype=np.float64)
    step = max(_PAIRS_AT_ONCE // len(centres), 1)

    def of_block(start):
        block = rows[start:start + step]
        far = block.astype(np.float64) @ minus
        far += own
        nearest = far.argmin(axis=1)
        labels[start:start + step] = nearest
        square[start:start + step] = np.maximum(
            far[np.arange(len(far)), nearest] +
            np.einsum('bq,bq->b', block, block, dtype=np.float64), 0)

    in_threads(of_block, range(0, len(rows), step))
    return labels, square


def choose_strays(excess: np.ndarray, most: int, seed: int = 0) -> np.ndarray:
    """Samples far from all cells; the farther, the likelier, if too many.

    Args:
        excess (np.ndarray): (N,) float, by how much each is too far; above 0
            for strays.
        most (int): How many at most.
        seed (int): Of the draw. Defaults to 0.

    Returns:
        np.ndarray: int64 rows, rising.
    """
    far = np.flatnonzero(excess > 0)
    if len(far) <= most:
        return far
    # the largest u^(1/w) are a draw without replacement by weights w
    chance = np.log(np.random.default_rng(seed).random(len(far)))
    return np.sort(far[np.argpartition(-chance / excess[far], most)[:most]])


def are_together(rows: np.ndarray, scale: float) -> np.ndarray:
    """Which samples have others by them, as near as those of a mode are.

    Args:
        rows (np.ndarray): (M, Q) float32.
        scale (float): Variance inside a mode, summed over Q.

    Returns:
        np.ndarray: (M,) bool; with fewer than 5 samples, none.
    """
    if len(rows) <= _OTHERS:
        return np.zeros(len(rows), dtype=bool)
    square, _ = import_faiss().knn(rows, rows, _OTHERS + 1)  # and itself
    return square[:, -1] <= _TOGETHER * scale


def _stray_cells(rows, scale, seed):
    labels = kmeans(rows, number_of_cells(len(rows)), seed)
    labels, _ = split_broad(rows, labels, scale)
    order = np.argsort(labels, kind='stable')
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    total = np.add.reduceat(rows[order], starts, axis=0, dtype=np.float64)
    return (total / np.bincount(labels)[:, None]).astype(np.float32)


def sums_of(rows, labels, centres, n=None):
    """Sufficient statistics of cells, exactly, whatever the order of rows.

    Args:
        rows (StoredRows | np.ndarray): (N, Q) float32.
        labels (np.ndarray): (N,) integers in [0, K).
        centres (np.ndarray): (K, Q) float32, nearer than 2 to their samples.
        n (int, optional): Samples in all, where these are a share of them
            and sums of shares will be added. Defaults to N.

    Returns:
        tuple[np.ndarray, np.ndarray, np.ndarray]: float64; (K,) samples,
        (K, Q) sum of how far these are off the centre, rounded to multiples
        of a quantum, and (K, Q, Q) sum of the outer products of that with
        itself.
    """
    k, q = centres.shape
    n = n or len(rows)
    # N squares, each below 4
    quantum = 2.0**-((_BITS - 2 - math.ceil(math.log2(max(n, 2)))) // 2)
    size = np.bincount(labels, minlength=k).astype(np.float64)
    total, scatter = np.zeros((k, q)), np.zeros((k, q, q))
    for start in range(0, len(rows), BLOCK):
        cell = labels[start:start + BLOCK]
        order = np.argsort(cell, kind='stable')
        cell = cell[order]
        off = rows[start:start + BLOCK][order] - centres[cell]
        off = np.round(off.astype(np.float64) / quantum) * quantum
        cuts = np.flatnonzero(np.diff(cell, prepend=-1))
        total[cell[cuts]] += np.add.reduceat(off, cuts, axis=0)
        for a, b in zip(cuts, [*cuts[1:], len(cell)]):
            scatter[cell[a]] += off[a:b].T @ off[a:b]
    return size, total, scatter
