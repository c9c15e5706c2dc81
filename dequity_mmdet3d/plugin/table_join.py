"""The likelihoods of a training set, looked up, and what its log says.

Shape letters: N distinct ids.
"""
from __future__ import annotations

import logging
from typing import Any

import numpy as np
from mmengine.logging import print_log

from dequity_mmdet3d.table import LikelihoodTable
from dequity_mmdet3d.weight import effective_number, share_of_rarest
from dequity_mmdet3d.weight_settings import WeightSettings, alike_of


def look_up(table: LikelihoodTable, path: str, ids: np.ndarray,
            missing: str) -> dict[str, float]:
    """Likelihoods by id.

    Args:
        table (LikelihoodTable): Of the training set.
        path (str): Its file, for messages.
        ids (np.ndarray): (N,) distinct ids of the data set.
        missing (str): See :class:`.DequityDataset`.

    Returns:
        dict[str, float]: NaN for what the table lacks, which is logged.

    Raises:
        ValueError: If ids are absent that must not be.
    """
    likelihood = table.likelihood_of(ids)
    absent = ids[np.isnan(likelihood)].tolist()
    if absent and (missing == 'error' or len(absent) == len(ids)):
        raise ValueError(
            f'{len(absent)} of {len(ids)} samples are not in the '
            f'likelihood table {path} ({len(table)} samples, such '
            f'as {table.sample_id[0]!r}), first {absent[:5]}; compute '
            'the table from this training set with '
            'dequity likelihoods, or, if some are left out on '
            "purpose, set missing='neutral'")
    if absent:
        print_log(
            f'DequityDataset: {len(absent)} of {len(ids)} samples are '
            f'not in {path} and get the mean weight, first '
            f'{absent[:5]}',
            'current',
            level=logging.WARNING)
    foreign = len(table) - (len(ids) - len(absent))
    if foreign:
        print_log(
            f'DequityDataset: {foreign} of the {len(table)} samples of '
            f'{path} are not in the data set; right if it is a '
            'part of what the table was computed from, wrong if the '
            'table belongs to another data set',
            'current',
            level=logging.WARNING)
    return dict(zip(ids.tolist(), likelihood.tolist()))


def alike_in(table: LikelihoodTable | None, settings: WeightSettings
             ) -> float | None:
    """What a likelihood is multiplied by to count samples.

    Returns:
        float | None: See :func:`.alike_of`; 1 for forms that count none,
        None without a table.
    """
    if table is None:
        return None
    if settings.form in (None, 'equity', 'none'):
        return 1.0
    return alike_of(table.likelihood, table.cluster_size)


def log_weights(dataset: Any, samples: int) -> None:
    """The start-up line of a :class:`.DequityDataset`.

    Args:
        dataset (DequityDataset): With its weights.
        samples (int): How many different ones it has.
    """
    weight, settings = dataset.weight, dataset.settings
    text = (f'DequityDataset: {samples} samples, {len(weight)} an epoch, '
            f'weights {weight.min():.4f} to {weight.max():.4f}, mean '
            f'{weight.mean():.4f} ({settings.text(dataset.table)})')
    if dataset.table is not None:
        text += f', from {dataset.table}'
    text += (f'; they count as {effective_number(weight):.0f} of equal '
             'weight')
    if dataset.table is not None:
        share = share_of_rarest(dataset.likelihood, weight)
        text += f', the rarest tenth has {share:.1%} of all weight'
    print_log(text, 'current')
    if (weight.mean() < 0.1 and settings.normalize is None
            and not settings.is_plain):
        print_log(
            f'DequityDataset: the mean weight is {weight.mean():.2g}, and '
            "weighted losses shrink by it; normalize='mean' keeps their "
            'size (draws need none)', 'current', level=logging.WARNING)
