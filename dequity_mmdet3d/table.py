"""The likelihood table: the one file between the offline half and training.

Shape letters: N samples, M ids that are looked up.

A Parquet file with one row per sample and the columns

- ``sample_id`` string: what :func:`.sample_ids.sample_id_of` names it by;
- ``likelihood`` double in (0, 1]: how common the sample looks;
- ``cluster_id`` int64: its cluster, -1 for none;
- ``cluster_size`` int64: number of samples in that cluster, 1 for none.

Provenance is JSON in the file's key-value metadata, under the key
``dequity_mmdet3d``: ``format_version``, and the fields of
:class:`.provenance.Provenance` where this package made the values. Beside it
lies a digest, see :mod:`.table_digest`, which is checked. Reading runs no
code that the file brings.
"""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from .columns import Estimated, check_estimate, set_columns, text_column
from .sample_ids import check_ids, checked_id
from .table_digest import columns_sha256
from .table_file import COLUMNS, read_table, write_table


@dataclass(frozen=True, eq=False)
class LikelihoodTable(Estimated):
    """Likelihood and cluster of every sample; valid once it exists.

    Args:
        sample_id (np.ndarray): (N,) str, unique and not empty.
        likelihood (np.ndarray): (N,) float64 in (0, 1].
        cluster_id (np.ndarray): (N,) int64, -1 for no cluster.
        cluster_size (np.ndarray): (N,) int64, >= 1.
        metadata (dict): JSON-able provenance; one's own values may have
            any.

    Raises:
        ValueError: If a column breaks these rules; the message counts the
            offenders and names the first five.
        TypeError: If an id is not a string or the metadata is not JSON-able.
    """
    sample_id: np.ndarray
    likelihood: np.ndarray
    cluster_id: np.ndarray
    cluster_size: np.ndarray
    metadata: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        set_columns(self, 'samples', dict(
            sample_id=text_column(check_ids(self.sample_id)),
            **self._estimate()))
        check_estimate(self, 'samples', lambda row: repr(self.sample_id[row]))

    @cached_property
    def sha256(self) -> str:
        """str: Digest of the columns, by which other files name a table."""
        return columns_sha256({c: getattr(self, c) for c in COLUMNS})

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {i: row for row, i in enumerate(self.sample_id.tolist())}

    def index(self, ids: Iterable[str]) -> np.ndarray:
        """Rows of the given ids.

        Args:
            ids (Sequence[str]): (M,) sample ids.

        Returns:
            np.ndarray: (M,) int64 rows, -1 where the table has no such id.
        """
        if isinstance(ids, str):
            raise TypeError('ids must be a sequence of sample ids, but got '
                            f'the string {ids!r}; wrap it in a list')
        ids = ids.tolist() if isinstance(ids, np.ndarray) else list(ids)
        # an int would never be found, silently: KITTI's 134 is '134' here
        return np.array([self._rows.get(checked_id(i), -1) for i in ids],
                        dtype=np.int64)

    def likelihood_of(self, ids: Iterable[str]) -> np.ndarray:
        """Likelihoods of the given ids.

        Args:
            ids (Sequence[str]): (M,) sample ids.

        Returns:
            np.ndarray: (M,) float64, NaN where the table has no such id.
        """
        rows = self.index(ids)
        return np.where(rows < 0, np.nan, self.likelihood[rows])

    def save(self, path: str | Path) -> None:
        """Write the table; the file is complete or not there at all.

        Args and errors: see :func:`.table_file.write_table`.
        """
        write_table(path, {c: getattr(self, c) for c in COLUMNS},
                    self.metadata)

    @classmethod
    def load(cls, path: str | Path) -> LikelihoodTable:
        """Read a table and check all of it.

        Args and errors: see :func:`.table_file.read_table`; ValueError also
        for values that break the rules of this class.
        """
        columns, metadata = read_table(path)
        try:
            return cls(**columns, metadata=metadata)
        except ValueError as e:
            raise ValueError(f'{path}: {e}') from e

