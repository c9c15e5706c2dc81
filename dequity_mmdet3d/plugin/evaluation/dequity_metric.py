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

# Metrics that are better run on strata by classes of their own: KITTI's has
# no AP for few objects, nuScenes' takes minutes to read its annotations.
_OWN = {KittiMetric: DequityKittiMetric, NuScenesMetric: DequityNuScenesMetric}


@register(METRICS)
def DequityMetric(metric: dict | BaseMetric,
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
        metric (dict | BaseMetric): The metric, mostly as a config.
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
        TypeError: If ``metric`` is neither.
        FileNotFoundError, KeyError, ValueError: See :class:`.parts.Parts`
            and :func:`.own_annotations.on_part_of`.
    """
    mend_host()
    if isinstance(metric, dict):
        kind = metric.get('type')
        if isinstance(kind, str):
            # of a base config of another project
            with METRICS.switch_scope_and_registry(
                    metric.get('_scope_')) as registry:
                kind = registry.get(kind)
        if kind is not None and kind in _OWN:
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
