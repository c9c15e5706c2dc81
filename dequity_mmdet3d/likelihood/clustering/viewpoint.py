"""From where samples are looked at: the middle of what there is.

Shape letters: N samples, Q dimensions.
"""
from __future__ import annotations

import numpy as np

from .stored_rows import StoredRows

# One step finds the farthest sample and goes there, a little less each time.
_STEPS = 100
_SAMPLE = 20_000  # rows that the ball is found for


def ball_centre(rows: np.ndarray | StoredRows, seed: int = 0) -> np.ndarray:
    r"""Centre of the smallest ball around all samples, nearly.

    The mean lies among the common samples, and from there they are seen in
    all directions, as the rare ones are. The ball is held by the extremes
    alone, however few: from its centre all that is common lies one way, and
    what is rare another. By the steps of `Badoiu and Clarkson (2003)
    <https://doi.org/10.1007/s00453-007-9058-1>`_,

    .. math:: c \leftarrow c + \frac{x_\mathrm{far} - c}{t + 1}

    from the mean, whose error after t steps is at most the radius over the
    square root of t, and in practice far less.

    Args:
        rows (np.ndarray | StoredRows): (N, Q) float32.
        seed (int): Of the choice of 20,000 samples, where there are more.

    Returns:
        np.ndarray: (Q,) float32.
    """
    if len(rows) > _SAMPLE:
        rng = np.random.default_rng(seed)
        rows = rows[np.sort(rng.choice(len(rows), _SAMPLE, replace=False))]
    rows = rows[:]  # stored ones are read here
    centre = rows.mean(axis=0, dtype=np.float64)
    half = np.einsum('ij,ij->i', rows, rows) / 2
    for t in range(1, _STEPS + 1):
        # |x - c|^2 / 2 without what all samples share
        far = (half - rows @ centre.astype(np.float32)).argmax()
        centre += (rows[far] - centre) / (t + 1)
    return centre.astype(np.float32)


def directions(rows: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Where samples lie as seen from a point.

    Args:
        rows (np.ndarray): (N, Q) float32.
        centre (np.ndarray): (Q,) float32.

    Returns:
        np.ndarray: (N, Q) float32 of length 1; zeros for a sample at the
        centre itself.
    """
    seen = rows - centre
    length = np.sqrt(np.einsum('ij,ij->i', seen, seen))
    seen /= np.where(length > 0, length, 1)[:, None]
    return seen
