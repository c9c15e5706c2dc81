"""What a sample carries through its pipeline: its likelihood and weight.

Shape letters: N samples.
"""
from __future__ import annotations

from typing import Any

from mmengine.dataset import Compose

LIKELIHOOD_KEY = 'dequity_likelihood'
WEIGHT_KEY = 'dequity_weight'


def info_with_equity(get_data_info, equity, idx):
    """``get_data_info`` of a base dataset, joined by its own index.

    A data set that draws another sample, because its pipeline refused one,
    asks here again: the join holds for the sample that comes out.

    Args:
        get_data_info (Callable): Of the base dataset, from an index.
        equity (np.ndarray): (N, 2) float64, likelihood and weight by index.
        idx (int): Of the sample.

    Returns:
        dict: The info with both, as floats.
    """
    info = get_data_info(idx)
    info[LIKELIHOOD_KEY], info[WEIGHT_KEY] = equity[idx].tolist()
    return info


class EquityPipeline(Compose):
    """A data set's pipeline that lets likelihood and weight pass.

    Args:
        pipeline (Callable): The data set's own pipeline.
    """

    def __init__(self, pipeline: Any):
        self.pipeline = pipeline

    @property
    def transforms(self) -> list:
        """list: The transforms of the data set's own pipeline."""
        return self.pipeline.transforms

    def __call__(self, data: dict) -> dict | None:
        """Results of the pipeline for one info dict, with both in them."""
        if WEIGHT_KEY not in data:
            raise KeyError(
                f'the info dict that entered the pipeline has no '
                f'{WEIGHT_KEY}; expected the data set to take it from '
                'get_data_info, as BaseDataset does')
        equity = {k: data[k] for k in (LIKELIHOOD_KEY, WEIGHT_KEY)}
        results = self.pipeline(data)
        if results is not None:
            _set_metainfo(results.get('data_samples'), equity)
        return results


def _set_metainfo(data_samples, equity):
    """Write to one data sample or to each of a test-time augmentation."""
    if isinstance(data_samples, (list, tuple)):
        for data_sample in data_samples:
            _set_metainfo(data_sample, equity)
    elif hasattr(data_samples, 'set_metainfo'):
        data_samples.set_metainfo(equity)
