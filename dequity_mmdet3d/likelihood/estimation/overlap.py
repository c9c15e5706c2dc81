"""Samples of another split that training has nearly seen.

Near duplicates between training and validation make every figure too good.
What training saw is kept beside its table, in few dimensions:

    TABLE.rows.npz    beside TABLE.parquet; numpy's own format, no pickle

Shape letters: N training samples, V of them in a view, M others, Q
dimensions.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...bounds import read_arrays
from ...messages import counted
from ...table import LikelihoodTable
from ...whole_file import whole_file, write_csv
from ..beside import rows_path
from ..clustering.stored_rows import BLOCK, StoredRows
from .array_file import write_arrays
from .modes_check import belongs
from .modes_file import FittedModes
from .near_duplicates import NEAR, search, spread_of

if TYPE_CHECKING:  # its module loads torch
    from ..encoding.embed import Embedded

_MAPPED = 2**27  # bytes: rows of half a million samples stay on the disk
_COLUMNS = ('sample_id', 'training_sample_id', 'distance')


@dataclass(frozen=True)
class TrainingRows:
    """What training saw, by view; see :class:`.cameras.View`.

    Args:
        rows (dict[str, np.ndarray | StoredRows]): (V, Q) float16 in the
            subspace of the view, by its name.
        samples (dict[str, np.ndarray]): (V,) int64 rows of the table.
        ids_sha256 (str): Of the table.
        date (str): Of the table.
        table_sha256 (str, optional): Its digest; files before 0.2 have none.
    """
    rows: dict[str, Any]
    samples: dict[str, np.ndarray]
    ids_sha256: str
    date: str
    table_sha256: str | None = None

    def of(self, table: LikelihoodTable) -> TrainingRows:
        """TrainingRows: The same, as those of a table made of them."""
        return replace(self, table_sha256=table.sha256)

    def _check(self, n: int, fitted: FittedModes | None) -> None:
        """Raise ValueError unless the arrays fit n samples, and modes."""
        for name, modes in (fitted.modes if fitted else {}).items():
            want = modes.subspace.axes.shape[1]
            if name not in self.rows or self.rows[name].shape[1:] != (want, ):
                raise ValueError(f'it must have rows of {want} numbers of '
                                 f'view {name!r}')
        for name, rows in self.rows.items():
            at = self.samples[name]
            if len(rows.shape) != 2 or 0 in rows.shape or (
                    at.shape != rows.shape[:1] or at.dtype.kind not in 'iu'
                    or not _are_numbers(rows)
                    or at.min() < 0 or at.max() >= n):
                raise ValueError(f'its rows of view {name!r} must be finite '
                                 f'numbers, with one of {n} samples each')

    def save(self, path: str | Path) -> None:
        """Write to ``path``, whole or not at all.

        Raises:
            OSError: If it cannot be written there.
        """
        arrays = {'of': np.array([self.ids_sha256, self.date]),
                  'views': np.array([*self.rows])}
        if self.table_sha256 is not None:
            arrays['table'] = np.array([self.table_sha256])
        for i, name in enumerate(self.rows):
            arrays.update({f'{i}_rows': self.rows[name],
                           f'{i}_samples': self.samples[name]})
        with whole_file(path, parents=True) as f:
            write_arrays(f, arrays)

    @classmethod
    def load(cls, table_path: str | Path,
             table: LikelihoodTable,
             fitted: FittedModes | None = None) -> TrainingRows | None:
        """What lies beside a table.

        Args:
            table_path (str | Path): Of the table.
            table (LikelihoodTable): What is in it.
            fitted (FittedModes, optional): Its modes, which rows must fit.

        Returns:
            TrainingRows: None where there is no such file, as beside tables
            of earlier versions and of other methods, or it is another
            table's.

        Raises:
            ValueError: If the file is damaged.
        """
        path = rows_path(str(table_path))
        if not Path(path).is_file():
            return None
        try:
            file = read_arrays(path, _MAPPED)
            ids, date = file['of'].tolist()
            names = file['views'].tolist()
            sha256, = file['table'].tolist() if 'table' in file else [None]
            found = cls(
                {n: _stored(file[f'{i}_rows']) for i, n in enumerate(names)},
                {n: file[f'{i}_samples'] for i, n in enumerate(names)},
                ids, date, sha256)
        except (OSError, ValueError, TypeError) as e:
            raise ValueError(f'{path} is damaged ({e}); make the table '
                             'anew') from e
        if not belongs(dict(ids_sha256=ids, date=date, table_sha256=sha256),
                       table):
            return None
        try:
            found._check(len(table), fitted)
        except ValueError as e:
            raise ValueError(f'{path} is damaged ({e}); make the table '
                             'anew') from e
        return found


def _stored(rows):
    """Rows that are left on the disk, where they are many."""
    return StoredRows(rows) if isinstance(rows, np.memmap) and (
        rows.ndim == 2 and rows.dtype == np.float16) else rows


def _are_numbers(rows):
    return rows[:1].dtype.kind == 'f' and all(
        np.isfinite(rows[i:i + BLOCK]).all()
        for i in range(0, len(rows), BLOCK))


@dataclass(frozen=True)
class Overlap:
    """Samples that training has nearly seen.

    Args:
        looked_at (int): Samples with an image.
        pairs (list[tuple[str, str, float]]): Id of each near duplicate, that
            of the nearest training sample, and their square distance over
            the mean square distance of two training samples; the nearest
            first.
        threshold (float): ``NEAR``.
    """
    looked_at: int
    pairs: list[tuple[str, str, float]]
    threshold: float = NEAR

    def line(self, path: str) -> str:
        """str: For people; ``path`` is where the pairs are listed."""
        of = counted(self.looked_at, 'sample')
        if not self.pairs:
            return f'none of {of} is a near duplicate of a training sample'
        are = ('is a near duplicate' if len(self.pairs) == 1 else
               'are near duplicates')
        return (f'{len(self.pairs)} of {of} '
                f'({len(self.pairs) / self.looked_at:.1%}) {are} of a training'
                f' sample, listed in {path}: figures on them are too good')

    def as_dict(self) -> dict:
        """dict: JSON-able, without the pairs."""
        return dict(looked_at=self.looked_at, near=len(self.pairs),
                    threshold=self.threshold)

    def save(self, path: str | Path) -> None:
        """Write the pairs as CSV, whole or not at all.

        Raises:
            OSError: If it cannot be written there.
        """
        write_csv(path, _COLUMNS,
                   ((*ids, f'{d:.4g}') for *ids, d in self.pairs))


def find_overlap(embedded: Embedded, fitted: FittedModes,
               training: TrainingRows, training_ids: Sequence[str]) -> Overlap:
    """Look for samples that training has nearly seen.

    Args:
        embedded (Embedded): M samples, by the same encoder.
        fitted (FittedModes): What the training table was made with.
        training (TrainingRows): What it was made from.
        training_ids (Sequence[str]): (N,) of the training table.

    Returns:
        Overlap: A sample is a near duplicate if it is one in all of its
        cameras; its pair is that of the nearest of these.

    Raises:
        ValueError: If the embeddings are not of the same kind.
    """
    fitted.check(embedded)
    ids = embedded.ids
    near, looked = np.ones(len(ids), dtype=bool), np.zeros(
        len(ids), dtype=bool)
    best, pair = np.full(len(ids), np.inf), np.full(len(ids), -1)
    for view in embedded.views:
        seen = training.rows[view.name]
        square, other = search(
            seen, fitted.modes[view.name].subspace.project(view.vectors), 1)
        square, other = square[:, 0].astype(np.float64), other[:, 0]
        # a set of nothing but copies has no spread
        square = np.maximum(square, 0) / max(spread_of(seen), 1e-12)
        looked[view.rows] = True
        near[view.rows] &= (square <= NEAR) & (other >= 0)
        nearer = square < best[view.rows]
        best[view.rows[nearer]] = square[nearer]
        pair[view.rows[nearer]] = training.samples[view.name][other[nearer]]
    found = np.flatnonzero(near & looked)
    found = found[np.argsort(best[found], kind='stable')]
    return Overlap(int(looked.sum()), [
        (ids[i], training_ids[pair[i]], float(best[i])) for i in found])
