"""The rules that the columns of all tables keep.

Shape letters: N rows.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .table_file import REMAKE


def column(values: Iterable, dtype: type, name: str) -> np.ndarray:
    """A column of numbers, as a copy of its own.

    Args:
        values (np.ndarray): (N,) floats or integers.
        dtype (type): ``np.float64`` or ``np.int64``, of the same kind.
        name (str): For the error.

    Returns:
        np.ndarray: (N,) of the type.

    Raises:
        ValueError: If the values are of another shape or kind.
    """
    values = np.asarray(values)
    kinds = 'f' if dtype is np.float64 else 'iu'
    if values.ndim != 1 or (values.dtype.kind not in kinds and len(values)):
        raise ValueError(f'{name} must be a 1-D array of {dtype.__name__}, '
                         f'but got shape {values.shape} of {values.dtype}')
    return values.astype(dtype)  # a copy: the caller keeps his own


def text_column(values: list[str]) -> np.ndarray:
    """(N,) object: a column of text, of whatever lengths."""
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


class Estimated:
    """What a table of likelihoods and clusters is, whatever its rows are."""

    sample_id: np.ndarray
    likelihood: np.ndarray
    cluster_id: np.ndarray
    cluster_size: np.ndarray

    def __len__(self) -> int:
        return len(self.sample_id)

    @property
    def n_clusters(self) -> int:
        """Number of clusters; rows without one are not counted."""
        return len(np.unique(self.cluster_id[self.cluster_id >= 0]))

    def _estimate(self) -> dict[str, np.ndarray]:
        """The columns of numbers that all such tables have, as copies."""
        return {name: column(getattr(self, name), dtype, name)
                for name, dtype in (('likelihood', np.float64),
                                    ('cluster_id', np.int64),
                                    ('cluster_size', np.int64))}


def set_columns(table: Any, rows: str,
                columns: dict[str, np.ndarray]) -> None:
    """Give a frozen table its columns, which nobody can write to.

    Args:
        table: A frozen dataclass with these fields.
        rows (str): What its rows are called, such as 'samples'.
        columns (dict[str, np.ndarray]): (N,) each; the first tells N.

    Raises:
        ValueError: If their lengths differ.
    """
    n = len(next(iter(columns.values())))
    for name, values in columns.items():
        if len(values) != n:
            raise ValueError(f'{name} must have one value for each of the '
                             f'{n} {rows}, but has {len(values)}')
        values.setflags(write=False)
        object.__setattr__(table, name, values)


def check_estimate(table: Any, rows: str, name: Callable[[int], str]) -> None:
    """Raise unless likelihoods, clusters and metadata keep their rules.

    Args:
        table: With ``likelihood``, ``cluster_id``, ``cluster_size``, (N,)
            each, and ``metadata``.
        rows (str): What its rows are called.
        name (Callable): From the number of a row to its name.

    Raises:
        ValueError: If a value is out of range.
        TypeError: If the metadata is not JSON-able.
    """
    p = table.likelihood
    refuse(~((p > 0) & (p <= 1)), 'likelihood must lie in (0, 1]', p, rows,
           name)
    refuse(table.cluster_id < -1, 'cluster_id must be -1 or more',
           table.cluster_id, rows, name)
    refuse(table.cluster_size < 1, 'cluster_size must be 1 or more',
           table.cluster_size, rows, name)
    try:
        json.dumps(table.metadata)
    except (TypeError, ValueError) as e:
        raise TypeError(f'metadata must be JSON-able: {e}') from e


def refuse(bad: np.ndarray, rule: str, values: np.ndarray, rows: str,
           name: Callable[[int], str]) -> None:
    """Raise ValueError if any row is bad; they are counted, five named.

    Args:
        bad (np.ndarray): (N,) bool.
        rule (str): That they break.
        values (np.ndarray): (N,), by which they break it.
        rows, name: See :func:`check_estimate`.
    """
    if bad.any():
        which = np.flatnonzero(bad)
        raise ValueError(
            f'{rule}, but {len(which)} of {len(bad)} {rows} break that: ' +
            ', '.join(f'{name(i)} has {values[i]}' for i in which[:5]) +
            f'; {REMAKE}')


def neutral_of(table: Any) -> np.ndarray:
    """Which objects are neutral, as nothing could be seen of them.

    Args:
        table (ObjectTable): N objects; ``metadata['neutral']`` lists their
            numbers of rows, from 0, where there are some.

    Returns:
        np.ndarray: (N,) bool.

    Raises:
        ValueError: If the list is another.
    """
    rows = table.metadata.get('neutral', [])
    if not isinstance(rows, list) or not all(
            type(row) is int and 0 <= row < len(table) for row in rows):
        raise ValueError('the metadata of an object table must list neutral '
                         f'objects by number of row, below {len(table)}, in '
                         f"'neutral'; {REMAKE}")
    found = np.zeros(len(table), bool)
    found[rows] = True
    return found
