"""Embeddings as directions: checked rows of length 1.

Shape letters: N samples, D embedding size.
"""
import numpy as np

from ..table import first_five

_CHUNK = 65536  # rows at a time, to bound the memory of large inputs


def unit_rows(embeddings, names=None):
    """Check embeddings and scale every row to length 1.

    Args:
        embeddings (np.ndarray): (N, D) real numbers; may be a memory map.
        names (Sequence[str], optional): (N,) how a message names the rows.
            Defaults to the row numbers.

    Returns:
        np.ndarray: (N, D) float32, C-contiguous.

    Raises:
        ValueError: If the shape is not (N, D), or rows hold NaN, inf or
            only zeros; they are counted and the first five are named.
        TypeError: If they are not real numbers.
    """
    if embeddings.dtype.kind not in 'fiu':
        raise TypeError('embeddings must be real numbers, but are of type '
                        f'{embeddings.dtype}')
    if embeddings.ndim != 2 or not embeddings.size:
        raise ValueError('embeddings must have shape (N, D) with N, D > 0, '
                         f'but have {embeddings.shape}')
    n = len(embeddings)
    unit = np.empty(embeddings.shape, dtype=np.float32)
    bad = {'NaN or inf': [], 'only zeros': []}
    for start in range(0, n, _CHUNK):
        x = np.asarray(embeddings[start:start + _CHUNK], dtype=np.float64)
        # by the largest entry first: squares of huge entries overflow
        largest = np.abs(x).max(axis=1, keepdims=True)
        finite = np.isfinite(largest[:, 0])
        bad['NaN or inf'].extend(start + np.flatnonzero(~finite))
        bad['only zeros'].extend(start + np.flatnonzero(largest[:, 0] == 0))
        usable = finite & (largest[:, 0] > 0)
        x = x[usable] / largest[usable]
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        unit[start:start + _CHUNK][usable] = x
    for reason, rows in bad.items():
        if rows:
            which = [int(r) if names is None else names[r] for r in rows]
            raise ValueError(
                f'{len(rows)} of {n} embeddings have {reason}, so they have '
                f'no direction: {first_five(which)}; remove or repair them')
    return unit
