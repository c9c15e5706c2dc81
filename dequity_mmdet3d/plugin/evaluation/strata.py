"""Rare, middle and common samples of a validation set.

Shape letters: N samples.
"""
import numpy as np

from dequity_mmdet3d.table import LikelihoodTable

STRATA = ('rare', 'middle', 'common')


class Strata:
    """Tells the stratum of each sample of a validation set.

    Args:
        table (str): Likelihood table of the validation set, made by
            ``tools/compute_likelihoods.py --split val --apply TABLE``.
        bounds (Sequence[float]): Shares of the samples up to which they are
            rare, and up to which they are middle, in (0, 1), rising.

    Raises:
        FileNotFoundError: If there is no table.
        ValueError: For bounds that are not two rising shares.
    """

    def __init__(self, table, bounds=(0.2, 0.5)):
        check_bounds(bounds)
        self.path, self.bounds = table, tuple(bounds)
        self.table = LikelihoodTable.load(table)

    def of(self, ids):
        """Strata of samples.

        Args:
            ids (Sequence[str]): N sample ids.

        Returns:
            np.ndarray: (N,) int64 places in ``STRATA``.

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
                'tools/compute_likelihoods.py CONFIG --split val --apply '
                'TRAINING_TABLE --out TABLE')
        return strata_of(self.table.likelihood[rows], self.bounds)


def check_bounds(bounds):
    """Raise ValueError for bounds that are not two rising shares."""
    numbers = (isinstance(bounds, (list, tuple)) and len(bounds) == 2
               and all(isinstance(b, (int, float)) for b in bounds))
    if not numbers or not 0 < bounds[0] <= bounds[1] < 1:
        raise ValueError(
            'bounds must be two shares of the samples, rising within '
            f'(0, 1), such as (0.2, 0.5), but got {bounds!r}')


def strata_of(likelihood, bounds):
    """Strata by share of samples, from the least likely up.

    Samples of equal likelihood, a cluster's, stay together: a bound moves to
    the nearest place between two likelihoods. So the rare and the common
    stratum are never empty, but for samples that are all alike: these are
    common.

    Args:
        likelihood (np.ndarray): (N,) floats, N >= 1.
        bounds (Sequence[float]): See :class:`Strata`.

    Returns:
        np.ndarray: (N,) int64 places in ``STRATA``.
    """
    _, value, counts = np.unique(
        likelihood, return_inverse=True, return_counts=True)
    below = np.cumsum(counts)[:-1] / len(likelihood)
    if not len(below):
        return np.full(len(likelihood), len(STRATA) - 1)
    first = [1 + np.abs(below - bound).argmin() for bound in bounds]
    return (value[:, None] >= first).sum(1)


def with_gap(figures, part):
    """Figures, and how far those of rare samples are from the common ones.

    Args:
        figures (dict[str, float]): By 'rare/NAME', 'common/NAME' and so on.
        part (str): Part of the names that have a gap.

    Returns:
        dict[str, float]: With 'gap/NAME', rare less common, where there are
        both.
    """
    rare, common = STRATA[0], STRATA[-1]
    names = [key[len(rare) + 1:] for key in figures
             if key.startswith(f'{rare}/') and part in key]
    return dict(
        figures, **{
            f'gap/{name}': figures[f'{rare}/{name}'] -
            figures[f'{common}/{name}']
            for name in names if f'{common}/{name}' in figures
        })
