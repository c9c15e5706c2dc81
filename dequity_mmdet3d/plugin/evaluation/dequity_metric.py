"""``DequityMetric``: any metric, and beside it the same on strata."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmdet3d.evaluation import KittiMetric, NuScenesMetric
from mmdet3d.registry import METRICS
from mmengine.evaluator import BaseMetric

from dequity_mmdet3d.strata import BOUNDS

from ..compat import mend_host
from ..registration import register
from .kitti_metric import DequityKittiMetric
from .nuscenes_metric import DequityNuScenesMetric
from .parts_metric import PartsMetric

_ARGUMENTS = ('metric', 'table', 'by', 'tags', 'bounds', 'objects')
_OF_PARTS = ('ann_file', 'id', 'annotations')
# Metrics that are better run on strata by classes of their own: KITTI's has
# no AP for few objects, nuScenes' takes minutes to read its annotations.
_OWN = {KittiMetric: DequityKittiMetric, NuScenesMetric: DequityNuScenesMetric}


@register(METRICS)
def DequityMetric(metric: dict | BaseMetric | None = None,
                  table: str | None = None,
                  by: str | Sequence[str] | None = None,
                  tags: str | None = None,
                  bounds: Sequence[float] = BOUNDS,
                  objects: str | None = None,
                  **kwargs: Any) -> BaseMetric:
    """Any metric, and beside its stock figures the same on strata.

    A ``KittiMetric`` or ``NuScenesMetric`` of MMDetection3D becomes
    ``DequityKittiMetric`` or ``DequityNuScenesMetric``, any other is wrapped
    by :class:`.parts_metric.PartsMetric`::

        val_evaluator = dict(type='DequityMetric', metric=THE_METRIC,
                             tags='weather.csv', by='weather')

    Args:
        metric (dict | BaseMetric): The metric, mostly as a config. It has
            a default only so that leaving it out is told in one line.
        table (str, optional): Likelihood table of the validation set.
        by (str | Sequence[str], optional): See :class:`.parts.Parts`.
        tags (str, optional): Tag file; see :mod:`dequity_mmdet3d.tag_file`.
        bounds (Sequence[float]): See :class:`.parts.Parts`.
        objects (str, optional): Object table of the validation set, for
            KITTI's and nuScenes' metrics.
        **kwargs: Of :class:`.parts_metric.PartsMetric`.

    Returns:
        BaseMetric: For mmengine's evaluator.

    Raises:
        TypeError: If ``metric`` is neither, or for an unknown argument.
        KeyError: If there is no such metric.
        FileNotFoundError, KeyError, ValueError: See :class:`.parts.Parts`
            and :func:`.own_annotations.on_part_of`.
    """
    mend_host()
    _check_names(metric, kwargs)
    if isinstance(metric, dict):
        kind = _kind_of(metric)
        if kind in _OWN:
            if kwargs:
                raise ValueError(
                    f'{kind.__name__} needs no {", ".join(kwargs)} of '
                    'DequityMetric: it reads its own info file; leave that '
                    'out')
            return METRICS.build(dict(
                metric, type=_OWN[kind], table=table, by=by, tags=tags,
                bounds=bounds, objects=objects))
    if objects:
        raise ValueError(
            'objects=... needs a KittiMetric or NuScenesMetric: any other is '
            'run on samples, and cannot ignore some of their objects; leave '
            'it out')
    return PartsMetric(metric, table, by, tags, bounds, **kwargs)


def _check_names(metric, kwargs):
    unknown = [name for name in kwargs if name not in _OF_PARTS]
    if unknown:
        raise TypeError(
            f'DequityMetric has no argument {", ".join(map(repr, unknown))}, '
            f'but {", ".join((*_ARGUMENTS, *_OF_PARTS))}; correct the name, '
            'or give it to the metric in metric=dict(...)')
    if metric is None or isinstance(metric, dict) and not metric.get('type'):
        raise TypeError(
            'DequityMetric needs metric=dict(type=...), the config of the '
            f'metric that it is to run, but got {metric}')


def _kind_of(config):
    """The class that a metric's config names."""
    kind = config['type']
    if not isinstance(kind, str):
        return kind
    # of a base config of another project
    with METRICS.switch_scope_and_registry(
            config.get('_scope_')) as registry:
        found = registry.get(kind)
    if found is None:
        raise KeyError(
            f'there is no metric {kind!r}, which metric=dict(type=...) of '
            'DequityMetric names; correct the name, or let custom_imports '
            'name the module that registers it')
    return found
