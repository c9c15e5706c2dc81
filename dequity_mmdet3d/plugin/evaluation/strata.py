"""The strata of a validation set, from its likelihood table."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmengine.logging import print_log

from dequity_mmdet3d.strata import BOUNDS, check_bounds, edges_of, strata_of
from dequity_mmdet3d.table import LikelihoodTable


class Strata:
    """Tells the stratum of each sample of a validation set.

    Args:
        table (str): Likelihood table of the validation set, made by
            ``dequity likelihoods --split val --apply TABLE``.
        bounds (Sequence[float]): See
            :func:`dequity_mmdet3d.strata.strata_of`.

    Raises:
        FileNotFoundError: If there is no table.
        ValueError: For bounds that are not two rising shares.
    """

    def __init__(self, table: str, bounds: Sequence[float] = BOUNDS):
        check_bounds(bounds)
        self.path, self.bounds = table, tuple(bounds)
        self.table = LikelihoodTable.load(table)

    def of(self, ids: Sequence[str]) -> np.ndarray:
        """Strata of samples.

        Args:
            ids (Sequence[str]): N sample ids.

        Returns:
            np.ndarray: (N,) int64 places in ``STRATA``.

        Raises:
            ValueError: If the table lacks some.
        """
        likelihood = self.table.likelihood[self.rows(ids)]
        self._say(edges_of(likelihood, self.bounds))
        return strata_of(likelihood, self.bounds)

    def rows(self, ids: Sequence[str]) -> np.ndarray:
        """Rows of samples in the table.

        Args:
            ids (Sequence[str]): N sample ids.

        Returns:
            np.ndarray: (N,) int64.

        Raises:
            ValueError: If the table lacks some.
        """
        rows = self.table.index(ids)
        absent = [key for key, row in zip(ids, rows) if row < 0]
        if absent:
            raise ValueError(
                f'{len(absent)} of {len(ids)} samples of the evaluation are '
                f'not in the likelihood table {self.path} '
                f'({len(self.table)} samples), first {absent[:5]}; it must '
                'be the table of the validation set: '
                'dequity likelihoods CONFIG --split val --apply '
                'TRAINING_TABLE --out TABLE')
        return rows

    def _say(self, edges: tuple[float, float] | None) -> None:
        if edges is None:
            line = 'all samples are alike, and so common'
        else:
            line = (f'rare up to a likelihood of {edges[0]:.4g}, common from '
                    f'{edges[1]:.4g}')
        print_log(f'strata by {self.path}: {line}', 'current')
