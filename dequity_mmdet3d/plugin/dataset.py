"""``DequityDataset``: every sample of a data set gets its weight.

Shape letters: N samples.
"""
from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
from mmdet3d.registry import DATASETS
from mmengine.logging import print_log

from dequity_mmdet3d.table import LikelihoodTable
from dequity_mmdet3d.weight import (
    check_eta_gamma,
    check_normalize,
    effective_number,
    sample_weights,
    share_of_rarest,
)

from .compat import mend_host
from .equity_pipeline import EquityPipeline, info_with_equity
from .walk import (
    base_datasets,
    by_index,
    check_joinable,
    ids_of,
    pipeline_of,
    show_pipeline,
)


@DATASETS.register_module()
class DequityDataset:
    """A wrapper that gives each training sample its likelihood and weight.

    The info dict and the pipeline's results gain ``dequity_likelihood``
    (p in (0, 1]) and ``dequity_weight``; so does the meta information of
    ``data_samples``. The pipeline of the wrapped data set stays as it is.

    Note:
        It does not inherit from ``BaseDataset``: like the host's other
        wrappers it holds no annotations of its own, and ``get_subset``
        would be ambiguous. Set ``indices`` of the wrapped data set.

    Args:
        dataset (dict | Dataset): A data set of the host, or its wrappers
            (RepeatDataset, ConcatDataset, CBGSDataset,
            ClassBalancedDataset) over data sets; it may itself stand under
            any of them.
        table (str): Likelihood table, made by
            ``dequity likelihoods``.
        eta (float): Floor of the weight, >= 0. Defaults to 1.
        gamma (float): Focus on rare samples, >= 0. Defaults to 5.
        normalize (str, optional): None for the paper's weights, 'mean' to
            divide them by their mean over one epoch. Defaults to None.
        missing (str): A sample that the table lacks is an 'error', or
            'neutral': the mean weight, and likelihood NaN.
            Defaults to 'error'.
        lazy_init (bool): Whether to leave reading to ``full_init``.
            Defaults to False.

    Attributes:
        likelihood (np.ndarray): (N,) likelihoods of one epoch by index,
            repeats included, NaN where the table has none.
        weight (np.ndarray): (N,) weights likewise.
    """

    def __init__(self,
                 dataset: Any,
                 table: str,
                 eta: float = 1.0,
                 gamma: float = 5.0,
                 normalize: str | None = None,
                 missing: str = 'error',
                 lazy_init: bool = False):
        mend_host()
        check_eta_gamma(eta, gamma, ' of DequityDataset')
        check_normalize(normalize, ' of DequityDataset')
        if missing not in ('error', 'neutral'):
            raise ValueError("missing of DequityDataset must be 'error' or "
                             f"'neutral', but got {missing!r}")
        self.table = table
        self.eta, self.gamma, self.normalize = eta, gamma, normalize
        self.missing = missing
        # before the data set, whose annotations take minutes to read
        self._likelihoods = LikelihoodTable.load(table)
        if isinstance(dataset, dict):
            dataset = DATASETS.build(dataset)
        elif not hasattr(dataset, 'full_init'):
            raise TypeError('dataset should be a config or a data set of '
                            f'MMDetection3D, but got {type(dataset)}')
        self.dataset = dataset
        self._fully_initialized = False
        if not lazy_init:
            self.full_init()

    def __setstate__(self, state: dict) -> None:
        # a worker that is not forked starts with the host as it comes
        mend_host(quiet=True)
        vars(self).update(state)

    @property
    def metainfo(self) -> dict:
        """dict: The meta information of the wrapped data set."""
        return self.dataset.metainfo

    @property
    def pipeline(self) -> Callable:
        """Callable: The pipeline below, for hooks of the host that change it.

        They change its transforms, or replace it.
        """
        return pipeline_of(base_datasets(self))

    @pipeline.setter
    def pipeline(self, pipeline: Callable) -> None:
        self.full_init()
        for base in base_datasets(self):
            base.pipeline = EquityPipeline(pipeline)

    def full_init(self) -> None:
        """Read the wrapped data set and join it with the table."""
        if self._fully_initialized:
            return
        self.dataset.full_init()
        bases = base_datasets(self)
        if any(isinstance(base.pipeline, EquityPipeline) for base in bases):
            raise ValueError('a data set stands under two DequityDatasets; '
                             'leave one of them out')
        ids = {id(base): ids_of(base) for base in bases}
        check_joinable(bases, ids, self._likelihoods.metadata)
        likelihood_of = self._look_up(
            np.unique(np.concatenate(list(ids.values()))))
        self.likelihood = np.array([
            likelihood_of[key]
            for key in by_index(self.dataset, lambda d: ids.get(id(d)))
            .tolist()
        ])
        self.weight = self._weights(self.likelihood)
        self._log(likelihood_of)
        for base in bases:
            likelihood = np.array(
                [likelihood_of[key] for key in ids[id(base)].tolist()])
            equity = np.stack([likelihood, self._weights(likelihood)], 1)
            base.get_data_info = functools.partial(info_with_equity,
                                                   base.get_data_info, equity)
            base.pipeline = EquityPipeline(base.pipeline)
            if not hasattr(base, 'show_ins_var'):
                # the host forgets it where its lazy_init is True
                base.show_ins_var = False
        show_pipeline(self.dataset, self.pipeline)
        self._fully_initialized = True

    def _look_up(self, ids):
        """Likelihoods of the distinct ids (N,) of the data set, by id."""
        table = self._likelihoods
        likelihood = table.likelihood_of(ids)
        absent = ids[np.isnan(likelihood)].tolist()
        if absent and (self.missing == 'error' or len(absent) == len(ids)):
            raise ValueError(
                f'{len(absent)} of {len(ids)} samples are not in the '
                f'likelihood table {self.table} ({len(table)} samples, such '
                f'as {table.sample_id[0]!r}), first {absent[:5]}; compute '
                'the table from this training set with '
                'dequity likelihoods, or, if some are left out on '
                "purpose, set missing='neutral'")
        if absent:
            print_log(
                f'DequityDataset: {len(absent)} of {len(ids)} samples are '
                f'not in {self.table} and get the mean weight, first '
                f'{absent[:5]}',
                'current',
                level=logging.WARNING)
        foreign = len(table) - (len(ids) - len(absent))
        if foreign:
            print_log(
                f'DequityDataset: {foreign} of the {len(table)} samples of '
                f'{self.table} are not in the data set; right if it is a '
                'part of what the table was computed from, wrong if the '
                'table belongs to another data set',
                'current',
                level=logging.WARNING)
        return dict(zip(ids.tolist(), likelihood.tolist()))

    def _weights(self, likelihood):
        return sample_weights(likelihood, self.eta, self.gamma,
                              self.normalize, self.likelihood)

    def _log(self, likelihood_of):
        weight = self.weight
        print_log(
            f'DequityDataset: {len(likelihood_of)} samples, {len(weight)} '
            f'an epoch, weights {weight.min():.4f} to {weight.max():.4f}, '
            f'mean {weight.mean():.4f} (eta {self.eta}, gamma {self.gamma}, '
            f'normalize {self.normalize}), from {self.table}; they count as '
            f'{effective_number(weight):.0f} of equal weight, the rarest '
            f'tenth has {share_of_rarest(self.likelihood, weight):.1%} of '
            'all weight', 'current')

    def _get_ori_dataset_idx(self, idx):
        """The wrapped data set's index: one to one."""
        return idx

    def get_data_info(self, idx: int) -> dict:
        """Info dict of a sample, with likelihood and weight."""
        self.full_init()
        return self.dataset.get_data_info(idx)

    def get_cat_ids(self, idx: int) -> Any:
        """Categories of a sample, which class-balancing wrappers ask for."""
        self.full_init()
        return self.dataset.get_cat_ids(idx)

    def __getitem__(self, idx: int) -> Any:
        self.full_init()
        return self.dataset[idx]

    def __len__(self) -> int:
        self.full_init()
        return len(self.dataset)
