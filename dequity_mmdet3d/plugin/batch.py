"""Batches as data loaders of this field make them.

``dict(inputs=dict(points=[...], img=[...]), data_samples=[...])``; with
semi-supervised learning every list is a dict of them, by branch; with
several frames a sample is a list of them, the current one last.

Shape letters: B samples.
"""
from mmengine.structures import BaseDataElement


def metas_in(value):
    """Meta information of the samples in an argument or a batch.

    Args:
        value: Data samples, or a list of B of them or of lists of frames.

    Returns:
        list[dict] | None: B of them; None if there are no data samples.
    """
    if isinstance(value, BaseDataElement):
        value = [value]
    if not isinstance(value, (list, tuple)) or not len(value):
        return None
    last = [v[-1] if isinstance(v, (list, tuple)) and len(v) else v
            for v in value]
    if not all(isinstance(v, BaseDataElement) for v in last):
        return None
    return [v.metainfo for v in last]


def without_last(batch):
    """A batch without the last sample of each of its lists.

    Args:
        batch (dict): As the data loader gives it.

    Returns:
        dict | None: Lists of B and tensors (B, ...) are cut to B - 1. None
        if one of them holds a single sample.
    """
    try:
        return _cut(batch)
    except _SingleSample:
        return None


class _SingleSample(Exception):
    pass


def _cut(value):
    if isinstance(value, dict):
        return {k: _cut(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)) or hasattr(value, 'shape'):
        if len(value) < 2:
            raise _SingleSample
        return value[:-1]
    return value
