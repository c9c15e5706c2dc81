"""The objects that each sample of a training set holds, by class.

Shape letters: N samples, C classes.
"""
from __future__ import annotations

from typing import Any

import numpy as np
from mmengine.logging import print_log

from dequity_mmdet3d.class_content import class_factors, sample_factors
from dequity_mmdet3d.weight_settings import WeightSettings

from .walk import name_of, stored_info


def object_counts(base: Any) -> np.ndarray:
    """Objects by sample and class, as training sees them.

    What the data set itself leaves out does not count: 'DontCare', classes
    that are not its own, boxes without points (nuScenes), crowds (COCO).
    What transforms of the pipeline remove or add is not known here.

    Args:
        base (BaseDataset): A data set of the host.

    Returns:
        np.ndarray: (N, C) int64 by index; C as the ``classes`` of its
        metainfo.

    Raises:
        ValueError: If it has no classes, or its samples no labels.
    """
    classes = base.metainfo.get('classes')
    if not classes:
        raise ValueError(f'{name_of(base)} names no classes, which content '
                         'of DequityDataset counts; set metainfo.classes')
    counts = np.zeros((len(base), len(classes)), dtype=np.int64)
    for i in range(len(base)):
        labels = _labels(stored_info(base, i))
        if labels is None:
            raise ValueError(
                f'{name_of(base)} has no labelled objects (neither '
                'ann_info.gt_labels_3d nor instances with bbox_label), which '
                'content of DequityDataset counts; leave content out')
        labels = labels[labels >= 0]  # -1 is a class that is not trained
        if len(labels) and labels.max() >= len(classes):
            raise ValueError(
                f'{name_of(base)} has label {labels.max()} in sample {i}, but '
                f'{len(classes)} classes; mend the info file')
        counts[i] = np.bincount(labels, minlength=len(classes))
    return counts


def factors_of(bases: list, settings: WeightSettings
               ) -> dict[int, np.ndarray]:
    """Factors of the classes that samples hold; classes are logged.

    Args:
        bases (list[BaseDataset]): The host's data sets, counted together.
        settings (WeightSettings): With ``content``, or without.

    Returns:
        dict[int, np.ndarray]: ``id(base)`` to its (N,) factors, see
        :func:`.sample_factors`; empty without content.

    Raises:
        ValueError: As :func:`common_counts`, or if no sample has an object.
    """
    if settings.content is None:
        return {}
    counts = common_counts(bases)
    together = np.concatenate(list(counts.values()))
    how = (settings.content, settings.t, settings.beta)
    print_log('DequityDataset: ' + '; '.join(
        f'{name}: {held} samples, {objects} objects' + (
            '' if np.isnan(factor) else f', factor {factor:.4g}')
        for name, held, objects, factor in zip(
            bases[0].metainfo['classes'], (together > 0).sum(0),
            together.sum(0), class_factors(together, *how))), 'current')
    ends = np.cumsum([len(own) for own in counts.values()])[:-1]
    return dict(zip(counts, np.split(sample_factors(together, *how), ends)))


def common_counts(bases: list) -> dict[int, np.ndarray]:
    """Counts of several data sets, which have the same classes.

    Args:
        bases (list[BaseDataset]): The host's data sets.

    Returns:
        dict[int, np.ndarray]: ``id(base)`` to its (N, C) counts.

    Raises:
        ValueError: As :func:`object_counts`, and for different classes.
    """
    classes = [tuple(base.metainfo.get('classes') or ()) for base in bases]
    if len(set(classes)) > 1:
        raise ValueError(
            f'{name_of(bases[0])} and others under one DequityDataset have '
            'different classes, which cannot be counted together; give each '
            'its own DequityDataset')
    return {id(base): object_counts(base) for base in bases}


def _labels(info: dict) -> np.ndarray | None:
    """Labels of a sample's objects, or None where it tells none."""
    found = (info.get('ann_info') or {}).get('gt_labels_3d')
    if found is None:
        instances = info.get('instances')
        if instances is None or any('bbox_label' not in i for i in instances):
            return None
        found = [i['bbox_label'] for i in instances
                 if not i.get('ignore_flag')]
    return np.asarray(found, dtype=np.int64).reshape(-1)
