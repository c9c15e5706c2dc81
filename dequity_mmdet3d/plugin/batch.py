"""Batches as data loaders of this field make them.

``dict(inputs=dict(points=[...], img=[...]), data_samples=[...])``; with
semi-supervised learning every list is a dict of them, by branch; with
several frames a sample is a list of them, the current one last. Or flat, as
StreamPETR and what came from it have them, without data samples:
``dict(img=[...], gt_bboxes_3d=[...], img_metas=[...])``. Flat batches may be
collated frame by frame, lists of frames first and lists of samples inmost.

Shape letters: B samples, T frames of a sample.
"""
from mmengine.structures import BaseDataElement

from .equity_pipeline import EQUITY_KEYS, IMAGE_METAS


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


def image_metas_in(value):
    """Meta information of the samples of a flat batch.

    Args:
        value: ``img_metas``: B dicts, or B lists of T dicts, of which the
            last counts; or what collating these frame by frame makes, a
            dict of lists of B values, or T of them.

    Returns:
        list[dict] | None: B of them; None if this is none of these.
    """
    if _is_collated(value):
        last = value if isinstance(value, dict) else value[-1]
        equity = {k: last[k] for k in EQUITY_KEYS if k in last}
        return [dict(zip(equity, map(float, values)))
                for values in zip(*equity.values())]
    if not isinstance(value, (list, tuple)) or not len(value):
        return None
    last = [v[-1] if isinstance(v, (list, tuple)) and len(v) else v
            for v in value]
    return last if all(isinstance(v, dict) for v in last) else None


def all_metas_in(value):
    """As :func:`metas_in`, or else :func:`image_metas_in`."""
    found = metas_in(value)
    return image_metas_in(value) if found is None else found


def _is_collated(metas):
    """Whether ``img_metas`` are dicts of lists, of samples, by frame."""
    frame = metas[-1] if isinstance(metas, (list, tuple)) and len(
        metas) else metas
    return isinstance(frame, dict) and any(
        hasattr(frame.get(key), '__len__') for key in EQUITY_KEYS)


def without_last(batch):
    """A batch without the last sample of each of its lists.

    Args:
        batch (dict): As the data loader gives it.

    Returns:
        dict | None: Lists of B and tensors (B, ...) are cut to B - 1. None
        if one of them holds a single sample.
    """
    try:
        return _of_samples(batch, _without_last)
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
    return _of_samples(batch, lambda x: x[rows] if hasattr(x, 'shape') else
                       [x[i] for i in rows])


class _SingleSample(Exception):
    pass


def _without_last(values):
    if len(values) < 2:
        raise _SingleSample
    return values[:-1]


def _of_samples(batch, function):
    """A function of each list and tensor over the samples of a batch."""
    collated = isinstance(batch, dict) and _is_collated(
        batch.get(IMAGE_METAS))
    return _map(batch, function, inmost=collated)


def _map(value, function, inmost):
    """Of each list and tensor; of the inmost lists, where these count."""
    if isinstance(value, dict):
        return {k: _map(v, function, inmost) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        if inmost and any(isinstance(v, (list, tuple, dict)) for v in value):
            return [_map(v, function, inmost) for v in value]
        return function(value)
    return function(value) if hasattr(value, 'shape') else value
