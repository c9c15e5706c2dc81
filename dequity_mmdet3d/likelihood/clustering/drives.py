r"""Drives in place of frames: how much of a look each frame stands for.

A car at a red light takes one scene many times. Each frame then weighs

.. math:: w_i = 1 / \sum_{j \in \mathrm{drive}(i)} k_{ij}

with the kernel k of the soft count (:mod:`.soft_count`): one over the number
of like frames in its own drive. A drive that stands weighs 1 in all, one
through ten scenes 10, and a soft count over these weights is the number of
drives that have been in a scene like this.

Shape letters: N samples, Q dimensions, B frames of a drive.
"""
from __future__ import annotations

import numpy as np

from .cells import Cells
from .soft_count import bandwidths

# The bandwidth is one of weighted pairs, and the weights need a bandwidth.
# Frames of one drive make it too small, so the weights too large, the first
# time; it hardly changes after the second.
_ROUNDS = 3
_MANY = 2048  # frames of a drive that the others are compared with
_DIGITS = 6  # of a number of frames: threads multiply in any order


def numbered(names):
    """(N,) int64 from 0, equal where (N,) names are."""
    return np.unique(names, return_inverse=True)[1].reshape(-1)


def drive_weights(rows: np.ndarray, cells: Cells,
                  drives: np.ndarray) -> np.ndarray | None:
    """How much each frame weighs.

    Args:
        rows (np.ndarray): (N, Q) float32.
        cells (Cells): Of these rows.
        drives (np.ndarray): (N,) int64 from 0, the drive of each.

    Returns:
        np.ndarray: (N,) float64 in (0, 1]; None, which counts frames, where
        each is a drive of its own.
    """
    if np.bincount(drives).max() == 1:
        return None
    weight = None
    for _ in range(_ROUNDS):
        weight = 1 / like_frames(rows, drives,
                                 *bandwidths(rows, cells, weight)[:2])
    return weight


def like_frames(rows: np.ndarray, drives: np.ndarray, bandwidth: float,
                floor: float = 0.0) -> np.ndarray:
    """Soft number of like frames in the frame's own drive, itself included.

    Args:
        rows (np.ndarray): (N, Q) float32.
        drives (np.ndarray): (N,) int64 from 0. Of a drive with more than
            2,048 frames every second, third, ... stands for the others.
        bandwidth, floor (float): See :class:`.KernelCount`.

    Returns:
        np.ndarray: (N,) float64, at least 1.

    Example:
        >>> rows = np.zeros((3, 2), dtype=np.float32)
        >>> like_frames(rows, np.array([0, 0, 1]), 1.0).tolist()
        [2.0, 2.0, 1.0]
    """
    out = np.ones(len(rows))
    order = np.argsort(drives, kind='stable')
    for frames in np.split(order, np.cumsum(np.bincount(drives))[:-1]):
        if len(frames) < 2:
            continue
        every = -(-len(frames) // _MANY)
        some = rows[frames[::every]].astype(np.float64)
        for start in range(0, len(frames), _MANY):
            part = frames[start:start + _MANY]
            kernel = _kernel(rows[part].astype(np.float64), some,
                             bandwidth, floor)
            out[part] = kernel.sum(axis=1) * (len(frames) / len(some))
    return np.maximum(np.round(out, _DIGITS), 1)


def _kernel(a, b, bandwidth, floor):
    square = np.einsum('iq,iq->i', a, a)[:, None] - 2 * a @ b.T
    square += np.einsum('jq,jq->j', b, b)
    kernel = (np.exp(np.maximum(square, 0) / -bandwidth) - floor) / (1 - floor)
    return np.maximum(kernel, 0)
