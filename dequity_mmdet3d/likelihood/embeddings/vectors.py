"""Embeddings as directions: checked rows of length 1, read block by block.

Shape letters: N samples, D embedding size.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ...machine import release
from ...messages import first_five

_BLOCK = 16384  # rows at a time, to bound the memory of large inputs
_GATHER = 512  # single rows, each with the pages around it


class UnitVectors:
    """Rows of length 1, made when they are read.

    The arrays may be memory maps larger than memory: nothing here holds more
    than one block of rows.

    Args:
        parts (np.ndarray | Sequence[np.ndarray]): Arrays (M_k, D) of real
            numbers, one after the other M rows. A sequence may open each of
            them anew whenever it is asked for it.
        names (Sequence[str], optional): (N,) how a message names the rows.
            Defaults to the row numbers.
        keep (np.ndarray, optional): (M,) bool, which rows are the N samples.
            Defaults to all.

    Raises:
        ValueError: If the shapes are not (M_k, D) with N, D > 0.
        TypeError: If they are not real numbers.
    """

    def __init__(self, parts: np.ndarray | Sequence[np.ndarray],
                 names: Sequence[str] | None = None,
                 keep: np.ndarray | None = None):
        self.parts = [parts] if isinstance(parts, np.ndarray) else parts
        self.names = names
        shapes = []
        for part in self.parts:
            if part.dtype.kind not in 'fiu':
                raise TypeError('embeddings must be real numbers, but are of '
                                f'type {part.dtype}')
            shapes.append(part.shape)
        if not shapes or any(
                len(s) != 2 or s[1:] != shapes[0][1:] or not s[1]
                for s in shapes) or not sum(s[0] for s in shapes):
            raise ValueError(
                'embeddings must have shape (N, D) with N, D > 0, but have '
                f'{" and ".join(map(str, dict.fromkeys(shapes)))}')
        #: D
        self.dim = shapes[0][1]
        ends = np.cumsum([0] + [s[0] for s in shapes])
        self._keep = None
        if keep is not None and not keep.all():
            self._keep = [
                np.flatnonzero(keep[a:b]) for a, b in zip(ends[:-1], ends[1:])
            ]
            ends = np.cumsum([0] + [len(k) for k in self._keep])
        self._ends = ends

    def __len__(self) -> int:
        return int(self._ends[-1])

    def _read(self, part, a, b):
        """Rows a to b of a part's samples."""
        if self._keep is None:
            return self.parts[part][a:b]
        return self.parts[part][self._keep[part][a:b]]

    def _raw_blocks(self):
        for part, (first, end) in enumerate(
                zip(self._ends[:-1].tolist(), self._ends[1:].tolist())):
            for start in range(first, end, _BLOCK):
                yield start, self._read(part, start - first,
                                        min(start + _BLOCK, end) - first)
                release(self.parts[part])

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield all rows in order.

        Yields:
            tuple[int, np.ndarray]: First row, and (B, D) float32.

        Raises:
            ValueError: If rows of the block hold NaN, inf or only zeros.
        """
        for start, rows in self._raw_blocks():
            unit, bad = _unit(rows)
            self._refuse({why: start + r for why, r in bad.items()})
            yield start, unit

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Some rows.

        Args:
            rows (np.ndarray): (M,) row numbers, rising.

        Returns:
            np.ndarray: (M, D) float32.

        Raises:
            ValueError: As for :meth:`blocks`.
        """
        cuts = np.searchsorted(rows, self._ends)
        taken = []
        for part, (a, b) in enumerate(zip(cuts[:-1], cuts[1:])):
            if b > a:
                inside = rows[a:b] - self._ends[part]
                if self._keep is not None:
                    inside = self._keep[part][inside]
                for i in range(0, len(inside), _GATHER):
                    taken.append(self.parts[part][inside[i:i + _GATHER]])
                    release(self.parts[part])
        unit, bad = _unit(np.concatenate(taken))
        self._refuse({why: rows[r] for why, r in bad.items()})
        return unit

    def check(self) -> UnitVectors:
        """Look at all rows, so that a message counts all the bad ones.

        Returns:
            UnitVectors: Itself.

        Raises:
            ValueError: If rows hold NaN, inf or only zeros; they are counted
                and the first five are named.
        """
        found: dict[str, list] = {}
        for start, block in self._raw_blocks():
            for why, rows in _unit(block)[1].items():
                found.setdefault(why, []).append(start + rows)
        self._refuse({why: np.concatenate(r) for why, r in found.items()})
        return self

    def _refuse(self, bad):
        for why, rows in bad.items():
            if len(rows):
                which = [
                    int(r) if self.names is None else self.names[r]
                    for r in rows
                ]
                raise ValueError(
                    f'{len(rows)} of {len(self)} embeddings have {why}, so '
                    f'they have no direction: {first_five(which)}; remove or '
                    'repair them')


def unit_rows(embeddings, names=None):
    """Check embeddings and scale every row to length 1, in memory.

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
    vectors = UnitVectors(embeddings, names).check()
    unit = np.empty((len(vectors), vectors.dim), dtype=np.float32)
    for start, block in vectors.blocks():
        unit[start:start + len(block)] = block
    return unit


def _unit(rows):
    """(B, D) float32 of length 1, and which rows are bad and why."""
    exact = rows.dtype.kind == 'f' and rows.dtype.itemsize <= 4
    x = np.array(rows, dtype=np.float32 if exact else np.float64)
    # by the largest entry first: squares of huge entries overflow
    largest = np.maximum(x.max(axis=1), -x.min(axis=1))[:, None]
    finite = np.isfinite(largest[:, 0])
    zero = largest[:, 0] == 0
    usable = finite & ~zero
    if not usable.all():
        largest[~usable] = 1
        x[~usable] = 0
        x[~usable, 0] = 1
    x /= largest
    x /= np.sqrt(np.einsum('ij,ij->i', x, x))[:, None]
    return x.astype(np.float32, copy=False), {
        'NaN or inf': np.flatnonzero(~finite),
        'only zeros': np.flatnonzero(zero)
    }
