"""The object table: how common each annotated object looks in its class.

Shape letters: N objects, M objects that are looked up.

A Parquet file beside a likelihood table, with one row per object and the
columns

- ``sample_id`` string: of its sample, as in the likelihood table;
- ``object_index`` int64: its place in the list ``instances`` of the sample's
  entry in the info file, from 0; all entries count, ignored ones as well (in
  a COCO file, its place among those annotations of its image whose category
  is in the file);
- ``class_name`` string;
- ``likelihood`` double in (0, 1]: how common it looks among the objects of
  its class;
- ``cluster_id`` int64: its cluster, -1 for none; each is of one class;
- ``cluster_size`` int64: number of objects in that cluster, 1 for none.

Provenance is stored as for the likelihood table, see :mod:`.table`; its
``table`` is 'objects'.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from .columns import (
    Estimated,
    check_estimate,
    column,
    refuse,
    set_columns,
    text_column,
)
from .messages import first_five
from .sample_ids import checked_id
from .table_digest import columns_sha256
from .table_file import Schema, read_table, write_table

OBJECTS = Schema(
    'objects', 'object table', 'dequity likelihoods CONFIG --objects',
    dict(sample_id='string', object_index='int64', class_name='string',
         likelihood='double', cluster_id='int64', cluster_size='int64'))


@dataclass(frozen=True, eq=False)
class ObjectTable(Estimated):
    """Likelihood and cluster of every object; valid once it exists.

    Args:
        sample_id (np.ndarray): (N,) str, not empty; a sample has as many
            rows as it has objects.
        object_index (np.ndarray): (N,) int64, >= 0. No sample has one twice.
        class_name (np.ndarray): (N,) str, not empty.
        likelihood (np.ndarray): (N,) float64 in (0, 1].
        cluster_id (np.ndarray): (N,) int64, -1 for no cluster; objects of
            one cluster are of one class.
        cluster_size (np.ndarray): (N,) int64, >= 1.
        metadata (dict): JSON-able provenance.

    Raises:
        ValueError: If a column breaks these rules; the message counts the
            offenders and names the first five.
        TypeError: If an id or a class is not a string, or the metadata is
            not JSON-able.
    """
    sample_id: np.ndarray
    object_index: np.ndarray
    class_name: np.ndarray
    likelihood: np.ndarray
    cluster_id: np.ndarray
    cluster_size: np.ndarray
    metadata: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        set_columns(self, 'objects', dict(
            sample_id=text_column([checked_id(i) for i in self.sample_id]),
            object_index=column(self.object_index, np.int64, 'object_index'),
            class_name=text_column(
                [_checked_class(name) for name in self.class_name]),
            **self._estimate()))
        if not len(self):
            raise ValueError('at least one object is needed, but there is '
                             'none')
        check_estimate(self, 'objects', self._name)
        refuse(self.object_index < 0, 'object_index must be 0 or more',
               self.object_index, 'objects', self._name)
        self._refuse_twice()
        self._refuse_mixed()

    def _name(self, row: int) -> str:
        return f'{self.sample_id[row]!r}, {self.object_index[row]}'

    def _refuse_twice(self) -> None:
        sample, index = self._code[self._order], self.object_index[self._order]
        twice = self._order[1:][(np.diff(sample) == 0) & (np.diff(index) == 0)]
        if len(twice):
            raise ValueError(
                f'{len(twice)} objects appear more than once: ' +
                '; '.join(self._name(row) for row in twice[:5]) +
                '; a sample has each object_index once')

    def _refuse_mixed(self) -> None:
        some = self.cluster_id >= 0
        pairs = set(zip(self.cluster_id[some].tolist(),
                        self.class_name[some].tolist()))
        mixed = [c for c, n in Counter(c for c, _ in pairs).items() if n > 1]
        if mixed:
            raise ValueError(
                f'a cluster must be of one class, but {len(mixed)} are of '
                f'several: cluster_id {first_five(sorted(mixed))}')

    @cached_property
    def sha256(self) -> str:
        """str: Digest of the columns, see :mod:`.table_digest`."""
        return columns_sha256({c: getattr(self, c) for c in OBJECTS.columns})

    @cached_property
    def classes(self) -> dict[str, int]:
        """dict[str, int]: Objects of each class, the most common first."""
        return dict(Counter(self.class_name.tolist()).most_common())

    # Samples by number, and rows sorted by these and by index: a million
    # tuples in a dictionary would take a third of a gigabyte.
    @cached_property
    def _number(self) -> dict[str, int]:
        names = dict.fromkeys(self.sample_id.tolist())
        return {name: i for i, name in enumerate(names)}

    @cached_property
    def _code(self) -> np.ndarray:
        number = self._number
        return np.array([number[i] for i in self.sample_id], dtype=np.int64)

    @cached_property
    def _order(self) -> np.ndarray:
        return np.lexsort((self.object_index, self._code))

    @cached_property
    def _start(self) -> np.ndarray:
        return np.searchsorted(self._code[self._order],
                               np.arange(len(self._number) + 1))

    def rows_of(self, sample_id: str) -> np.ndarray:
        """Rows of a sample's objects.

        Args:
            sample_id (str): Of the sample.

        Returns:
            np.ndarray: (K,) int64, in the order of ``object_index``; none
            for a sample that the table does not have.
        """
        code = self._number.get(checked_id(sample_id))
        if code is None:
            return np.empty(0, dtype=np.int64)
        return self._order[self._start[code]:self._start[code + 1]]

    def index(self, sample_ids: Iterable[str],
              object_indices: Iterable[int]) -> np.ndarray:
        """Rows of the given objects.

        Args:
            sample_ids (Sequence[str]): (M,) of their samples.
            object_indices (Sequence[int]): (M,) their places there.

        Returns:
            np.ndarray: (M,) int64 rows, -1 where the table has no such
            object.

        Raises:
            ValueError: If the two are not of one length, or places are no
                integers.
            TypeError: If ids are not strings.
        """
        if isinstance(sample_ids, str):
            raise TypeError('sample_ids must be a sequence, but got the '
                            f'string {sample_ids!r}; for the objects of one '
                            'sample ask rows_of')
        ids = [checked_id(i) for i in sample_ids]
        places = column(np.asarray(list(object_indices)), np.int64,
                        'object_indices')
        if len(ids) != len(places):
            raise ValueError(
                'sample_ids and object_indices must be of one length, but '
                f'have {len(ids)} and {len(places)}')
        code = np.array([self._number.get(i, -1) for i in ids], np.int64)
        wide = int(self.object_index.max()) + 1
        keys = (self._code * wide + self.object_index)[self._order]
        wanted = code * wide + places
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        found = (code >= 0) & (places >= 0) & (places < wide) & (
            keys[at] == wanted)
        return np.where(found, self._order[at], -1)

    def likelihood_of(self, sample_ids: Iterable[str],
                      object_indices: Iterable[int]) -> np.ndarray:
        """Likelihoods of the given objects.

        Args and errors: see :meth:`index`.

        Returns:
            np.ndarray: (M,) float64, NaN where the table has no such
            object.
        """
        rows = self.index(sample_ids, object_indices)
        return np.where(rows < 0, np.nan, self.likelihood[rows])

    def save(self, path: str | Path) -> None:
        """Write the table; the file is complete or not there at all.

        Args and errors: see :func:`.table_file.write_table`.
        """
        write_table(path, {c: getattr(self, c) for c in OBJECTS.columns},
                    self.metadata, OBJECTS)

    @classmethod
    def load(cls, path: str | Path) -> ObjectTable:
        """Read a table and check all of it.

        Args and errors: see :func:`.table_file.read_table`; ValueError also
        for values that break the rules of this class.
        """
        columns, metadata = read_table(path, OBJECTS)
        try:
            return cls(**columns, metadata=metadata)
        except ValueError as e:
            raise ValueError(f'{path}: {e}') from e


def _checked_class(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError('a class must be a string, but got '
                        f'{value!r} of type {type(value).__name__}')
    if not value:
        raise ValueError('the name of a class must not be empty')
    return str(value)
