"""``DequityDataset``: every sample of a data set gets its weight.

Shape letters: N samples.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from mmdet3d.registry import DATASETS

from dequity_mmdet3d.table import LikelihoodTable
from dequity_mmdet3d.weight_settings import WeightSettings

from .compat import mend_host
from .equity_pipeline import EquityPipeline, EquityTransform, join
from .object_counts import factors_of
from .registration import register
from .sampler import own_frame_weights
from .table_join import alike_in, log_weights, look_up
from .walk import (
    base_datasets,
    by_index,
    check_joinable,
    ids_of,
    mixers,
    pipeline_of,
    show_pipeline,
)


@register(DATASETS)
class DequityDataset:
    """A wrapper that gives each training sample its likelihood and weight.

    The info dict and the pipeline's results gain ``dequity_likelihood``
    (p in (0, 1]) and ``dequity_weight``; so does the meta information of
    ``data_samples``, or, in flat batches, ``img_metas``. The pipeline of the
    wrapped data set stays as it is, and what this wrapper has not itself is
    an attribute of the wrapped data set.

    Note:
        It does not inherit from ``BaseDataset``: like the host's other
        wrappers it holds no annotations of its own, and ``get_subset``
        would be ambiguous. Set ``indices`` of the wrapped data set.

    Args:
        dataset (dict | Dataset): A data set of the host, or its wrappers
            (RepeatDataset, ConcatDataset, CBGSDataset,
            ClassBalancedDataset) over data sets; it may itself stand under
            any of them.
        table (str, optional): Likelihood table, made by
            ``dequity likelihoods``. Without one there must be ``content``,
            and likelihoods are NaN.
        eta (float): Floor of the weight, >= 0. Defaults to 1.
        gamma (float): Focus on rare samples, >= 0. Defaults to 5.
        normalize (str, optional): None for the paper's weights, 'mean' to
            divide them by their mean over one epoch. Defaults to None.
        missing (str): A sample that the table lacks is an 'error', or
            'neutral': the mean weight, and likelihood NaN.
            Defaults to 'error'.
        lazy_init (bool): Whether to leave reading to ``full_init``.
            Defaults to False.
        form (str, optional): What a likelihood becomes, see
            :class:`.WeightSettings`. Defaults to 'equity', by eta and gamma.
        content (str, optional): Factor of the classes that a sample holds:
            'rfs', 'irfs', 'effective', 'inverse' or 'sqrt-inverse', see
            :func:`.class_factors`. Classes are counted in the data sets
            below this wrapper, each sample once. Defaults to None: no
            factor.
        t (float): Of 'rfs' and 'irfs', in (0, 1]. Defaults to 0.3.
        beta (float): Of 'effective', in [0, 1). Defaults to 0.999.

    Attributes:
        likelihood (np.ndarray): (N,) likelihoods of one epoch by index,
            repeats included, NaN where the table has none.
        weight (np.ndarray): (N,) weights likewise.
    """

    def __init__(self,
                 dataset: Any,
                 table: str | None = None,
                 eta: float = 1.0,
                 gamma: float = 5.0,
                 normalize: str | None = None,
                 missing: str = 'error',
                 lazy_init: bool = False,
                 form: str | None = None,
                 content: str | None = None,
                 t: float = 0.3,
                 beta: float = 0.999):
        mend_host()
        self.settings = WeightSettings(eta, gamma, normalize, form, content,
                                       t, beta)
        self.settings.check(' of DequityDataset')
        if missing not in ('error', 'neutral'):
            raise ValueError("missing of DequityDataset must be 'error' or "
                             f"'neutral', but got {missing!r}")
        self.settings.check_table(table, ' of DequityDataset')
        self.table = table
        self.eta, self.gamma, self.normalize = eta, gamma, normalize
        self.missing = missing
        # before the data set, whose annotations take minutes to read
        self._likelihoods = None if table is None else (
            LikelihoodTable.load(table))
        self._alike = alike_in(self._likelihoods, self.settings)
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

    def __getattr__(self, name: str) -> Any:
        # not of a copy that is not filled yet, nor Python's own protocols
        if name.startswith('__') or 'dataset' not in vars(self):
            raise AttributeError(
                f'{type(self).__name__!r} object has no attribute {name!r}')
        return getattr(self.dataset, name)

    @property
    def table_sha256(self) -> str | None:
        """str, optional: Digest of the table; None without one."""
        return self._likelihoods.sha256 if self._likelihoods else None

    @property
    def frame_weights(self) -> list[float]:
        """list[float]: N weights to draw samples by, of one epoch by index.

        What samplers such as tier4/AWML's ask a data set for: the wrapped
        data set's own where it has some, else the weights of this wrapper.
        Beside a sampler that draws by the latter, :class:`.DequityHook`
        leaves the losses alone.
        """
        self.full_init()
        own = own_frame_weights(self.dataset)
        weights: np.ndarray = self.weight if own is None else own
        return weights.tolist()

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
            base.pipeline = EquityPipeline(pipeline, base.pipeline.current)

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
        known = self._likelihoods
        check_joinable(bases, ids, known.metadata if known else {})
        distinct = np.unique(np.concatenate(list(ids.values())))
        likelihood_of = dict.fromkeys(distinct.tolist(), np.nan)
        if known is not None:
            likelihood_of = look_up(known, str(self.table), distinct,
                                    self.missing)
        likelihood = {key: np.array([likelihood_of[i] for i in own.tolist()])
                      for key, own in ids.items()}
        factor = factors_of(bases, self.settings)
        self.likelihood = by_index(self.dataset,
                                   lambda d: likelihood.get(id(d)))
        of_epoch = by_index(self.dataset,
                            lambda d: factor.get(id(d))) if factor else None

        def weights(likelihood, factor):
            return self.settings.weights(likelihood, self.likelihood,
                                         self._alike, factor, of_epoch)

        self.weight = weights(self.likelihood, of_epoch)
        log_weights(self, len(likelihood_of))
        for base in bases:
            own = likelihood[id(base)]
            equity = np.stack([own, weights(own, factor.get(id(base)))], 1)
            join(base, equity)
            if not hasattr(base, 'show_ins_var'):
                # the host forgets it where its lazy_init is True
                base.show_ins_var = False
        for mixer in mixers(self.dataset):
            mixer.pipeline[-1] = EquityTransform(mixer.pipeline[-1])
        show_pipeline(self.dataset, self.pipeline)
        self._fully_initialized = True

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
