"""What a sample carries through its pipeline: its likelihood and weight.

Shape letters: N samples.
"""
from __future__ import annotations

import functools
from typing import Any

import numpy as np
from mmengine.dataset import Compose

LIKELIHOOD_KEY = 'dequity_likelihood'
WEIGHT_KEY = 'dequity_weight'
EQUITY_KEYS = (LIKELIHOOD_KEY, WEIGHT_KEY)
# Where samples without data samples have their meta information.
IMAGE_METAS = 'img_metas'


def join(base: Any, equity: np.ndarray) -> None:
    """Give each sample of a base dataset its likelihood and weight.

    They are joined by the base dataset's own index: where it draws another
    sample, because its pipeline refused one, the join holds for the sample
    that comes out.

    Args:
        base (BaseDataset): Of the host; its methods ``get_data_info`` and
            ``prepare_data`` and its pipeline are wrapped.
        equity (np.ndarray): (N, 2) float64, likelihood and weight by index.
    """
    current: dict = {}
    base.get_data_info = functools.partial(
        _info_with_equity, base.get_data_info, equity)
    if hasattr(base, 'prepare_data'):
        base.prepare_data = functools.partial(
            _prepare, base.prepare_data, equity, current)
    base.pipeline = EquityPipeline(base.pipeline, current)


def _info_with_equity(get_data_info, equity, idx):
    """The info dict of a sample, with both as floats."""
    info = get_data_info(idx)
    info[LIKELIHOOD_KEY], info[WEIGHT_KEY] = equity[idx].tolist()
    return info


def _prepare(prepare_data, equity, current, idx):
    """A data set may hand its pipeline a dict that it made by itself."""
    current.update(zip(EQUITY_KEYS, equity[idx].tolist()))
    try:
        return prepare_data(idx)
    finally:
        current.clear()


class EquityPipeline(Compose):
    """A data set's pipeline that lets likelihood and weight pass.

    Args:
        pipeline (Callable): The data set's own pipeline.
        current (dict, optional): Likelihood and weight of the sample that
            the data set prepares, for info dicts that hold neither.
    """

    def __init__(self, pipeline: Any, current: dict | None = None):
        self.pipeline = pipeline
        self.current = {} if current is None else current

    @property
    def transforms(self) -> list:
        """list: The transforms of the data set's own pipeline."""
        return self.pipeline.transforms

    def __call__(self, data: dict) -> dict | None:
        """Results of the pipeline for one info dict, with both in them."""
        source = data if WEIGHT_KEY in data else self.current
        if WEIGHT_KEY not in source:
            raise KeyError(
                f'the info dict that entered the pipeline has no '
                f'{WEIGHT_KEY}; expected the data set to take it from '
                'get_data_info, as BaseDataset does')
        equity = {k: source[k] for k in EQUITY_KEYS}
        results = self.pipeline(data)
        if results is not None:
            set_equity(results, equity)
        return results


class EquityTransform:
    """A transform of a wrapper's own pipeline, which packs data samples.

    Args:
        transform (Callable): It takes and returns dicts.
    """

    def __init__(self, transform: Any):
        self.transform = transform

    def __getattr__(self, name: str) -> Any:
        # of a copy that is not filled yet, and of Python's own protocols
        if name == 'transform' or name.startswith('__'):
            raise AttributeError(name)
        return getattr(self.transform, name)

    def __call__(self, data: dict) -> dict | None:
        """Results for one dict, with likelihood and weight of its sample."""
        equity = {k: data[k] for k in EQUITY_KEYS if k in data}
        results = self.transform(data)
        if results is not None:
            set_equity(results, equity)
        return results


def set_equity(results: dict, equity: dict) -> None:
    """Write likelihood and weight to the meta information of a sample.

    Args:
        results (dict): Of a pipeline: with ``data_samples`` or
            ``img_metas``; between two pipelines with neither.
        equity (dict): By :data:`EQUITY_KEYS`.
    """
    for key in ('data_samples', IMAGE_METAS):
        _set_metainfo(results.get(key), equity)


def _set_metainfo(target, equity):
    """Write to one, or to each of several frames or augmentations."""
    if isinstance(target, (list, tuple)):
        for one in target:
            _set_metainfo(one, equity)
    elif isinstance(target, dict):
        target.update(equity)
    elif hasattr(target, 'set_metainfo'):
        target.set_metainfo(equity)
