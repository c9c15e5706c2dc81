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
        return _map(batch, _without_last)
    except _SingleSample:
        return None


def take(batch, rows):
    """Some samples of a batch.

    Args:
        batch (dict): As the data loader gives it.
        rows (Sequence[int]): Places of the samples.

    Returns:
        dict: Its lists of B and tensors (B, ...) hold these alone; what they
        hold is shared, not copied.
    """
    rows = list(rows)
    return _map(batch, lambda x: x[rows] if hasattr(x, 'shape') else
                [x[i] for i in rows])


class _SingleSample(Exception):
    pass


def _without_last(values):
    if len(values) < 2:
        raise _SingleSample
    return values[:-1]


def _map(value, function):
    """A function of each list and tensor of a batch."""
    if isinstance(value, dict):
        return {k: _map(v, function) for k, v in value.items()}
    if isinstance(value, (list, tuple)) or hasattr(value, 'shape'):
        return function(value)
    return value
