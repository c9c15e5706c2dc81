"""Metrics that read annotations from a file of their own, on some samples.

Most metrics are given a sample's annotations with it. One that reads all of
them itself would count what was annotated in the other samples as missed:
wrong in silence. Here it is told which samples it is run on.
"""
from __future__ import annotations

import contextlib
import importlib
import math
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from mmdet3d.evaluation import LyftMetric, WaymoMetric

from ..stand_in import stand_in

# A context in which a metric, whose entries and ids are given, looks at the
# annotations of these samples alone.
OnPart = Callable[[Any, Sequence, Sequence[str]],
                  contextlib.AbstractContextManager]

_FILE = re.compile(r'(ann|annotation|bin|gt|ground_truth|info)s?_(file|path)')
SAMPLES = 'of the samples given'


def on_part_of(metric: Any, config: dict | None = None,
               annotations: str | None = None) -> OnPart:
    """How a metric is run on some samples.

    Args:
        metric (BaseMetric): Any.
        config (dict, optional): That it was built from.
        annotations (str, optional): ``'of the samples given'``: the user
            says that the metric looks at no others.

    Returns:
        OnPart: For one evaluation: it keeps what it has read.

    Raises:
        ValueError: If the metric reads annotations in a way unknown here.
    """
    if annotations not in (None, SAMPLES):
        raise ValueError(f'annotations must be None or {SAMPLES!r}, but got '
                         f'{annotations!r}')
    if isinstance(metric, LyftMetric):
        return _lyft()
    if isinstance(metric, WaymoMetric):
        return _waymo()
    if _is_coco(metric):
        return _coco
    own = [name for name, value in {**vars(metric), **(config or {})}.items()
           if _FILE.fullmatch(name.lstrip('_')) and value]
    if own and annotations is None:
        name = type(metric).__name__
        raise ValueError(
            f'{name} reads annotations itself ({own[0]}), so that on some of '
            'the samples it may count the objects of all others as missed; '
            'if it looks at the annotations of the samples given alone, say '
            f"annotations='{SAMPLES}' to DequityMetric")
    return _as_it_is


def nothing_of(metric: Any) -> float:
    """The figure by which a metric says that it had nothing to measure.

    Args:
        metric (BaseMetric): Any.

    Returns:
        float: -1 for COCO's (no annotated object), else NaN.
    """
    return -1. if _is_coco(metric) else math.nan


def _is_coco(metric):
    """CocoMetric, LVISMetric and what inherits from them."""
    return hasattr(metric, 'img_ids') and (
        hasattr(metric, '_coco_api') or hasattr(metric, '_lvis_api'))


@contextlib.contextmanager
def _as_it_is(metric, entries, ids):
    yield


@contextlib.contextmanager
def _coco(metric, entries, ids):
    """CocoMetric and LVISMetric take the images that they look at."""
    api = getattr(metric, '_coco_api', None) or getattr(
        metric, '_lvis_api', None)
    if api is not None:  # else made of the entries
        metric.img_ids = [entry[0]['img_id'] for entry in entries]
    yield


def _lyft():
    """Its annotations and its tables are read once, then some are taken."""
    # not the function of the same name
    module = importlib.import_module(
        'mmdet3d.evaluation.functional.lyft_eval')
    owner = importlib.import_module(LyftMetric.__module__)
    read = _Once(module.load_lyft_gts)
    tables = _Once(owner.Lyft)

    @contextlib.contextmanager
    def on_part(metric, entries, ids):
        tokens = set(ids)

        def load_some(*args, **kwargs):
            return [box for box in read(*args, **kwargs)
                    if box['sample_token'] in tokens]

        with stand_in(module, 'load_lyft_gts', load_some), stand_in(
                owner, 'Lyft', tables):
            yield

    return on_part


class _Once:
    """A function whose first answer is kept for all calls."""

    def __init__(self, function):
        self.function, self.answers = function, []

    def __call__(self, *args, **kwargs):
        if not self.answers:
            self.answers.append(self.function(*args, **kwargs))
        return self.answers[0]


def _waymo():
    """Its program reads a file of all annotations: here a file of some."""
    read = _Once(_read_objects)

    @contextlib.contextmanager
    def on_part(metric, entries, ids):
        frames = {(e['context_name'], int(e['timestamp'])) for e in entries}
        every = read(metric.waymo_bin_file)
        some = type(every)()
        some.objects.extend(
            o for o in every.objects
            if (o.context_name, o.frame_timestamp_micros) in frames)
        with tempfile.TemporaryDirectory() as folder:
            metric.waymo_bin_file = os.path.join(folder, 'gt.bin')
            with open(metric.waymo_bin_file, 'wb') as file:
                file.write(some.SerializeToString())
            yield

    return on_part


def _read_objects(path):
    from waymo_open_dataset.protos.metrics_pb2 import Objects
    found = Objects()
    with open(path, 'rb') as file:
        found.ParseFromString(file.read())
    return found
