"""KITTI's metric, and beside it the same on rare and on common frames.

Shape letters: N frames, K classes.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from mmdet3d.evaluation import KittiMetric
from mmdet3d.evaluation.functional.kitti_utils import eval as host
from mmdet3d.registry import METRICS
from mmengine.logging import print_log

from dequity_mmdet3d.figures import (
    DIFFICULTIES,
    FRAMES,
    OBJECTS,
    Figure,
    parse,
    with_gap,
)
from dequity_mmdet3d.sample_ids import sample_id_of
from dequity_mmdet3d.strata import BOUNDS, STRATA

from ..compat import mend_host
from ..stand_in import stand_in
from .parts import Parts
from .report import report

POSITIONS = 41  # on the curve of precision and recall, the first one at 0
# The host cuts N >= 200 frames into 200 parts; a last one that is empty stops
# it, which is so where N is a multiple of this, but not of 200.
_PARTS = 199


@METRICS.register_module()
class DequityKittiMetric(KittiMetric):
    """The host's ``KittiMetric``, and AP_R40 by stratum of likelihood.

    The stock figures stay as they are. Beside them, by class and difficulty,
    are those on the frames of a stratum alone, and the number of annotated
    objects that each rests on::

        pred_instances_3d/KITTI/rare/Car_3D_AP40_moderate_strict
        pred_instances_3d/KITTI/rare/Car_moderate_objects
        pred_instances_3d/KITTI/gap/Car_3D_AP40_moderate_strict

    ``gap`` is rare less common, in points of AP. A figure without objects
    is left out. With fewer than 41 objects the host's own AP_R40 is too
    small (:func:`ap_on`); those of the strata are not, so that they compare.

    Args:
        table (str, optional): Likelihood table of the validation set; see
            :class:`.strata.Strata`.
        bounds (Sequence[float]): Shares of the frames up to which they are
            rare, and up to which they are middle. Defaults to
            :data:`dequity_mmdet3d.strata.BOUNDS`.
        by, tags: What else frames are told apart by; see
            :class:`.parts.Parts`. Strata are named 'weather=rain' then.
        **kwargs: Of ``KittiMetric``.
    """

    def __init__(self, ann_file: str, table: str | None = None,
                 bounds: Sequence[float] = BOUNDS,
                 by: str | Sequence[str] | None = None,
                 tags: str | None = None, **kwargs: Any):
        mend_host()
        super().__init__(ann_file, **kwargs)
        self.parts = Parts(table, bounds, by, tags)

    def compute_metrics(self, results: list[dict]) -> dict:
        """As the host, which loads the annotations in here."""
        self._rows = [result['sample_idx'] for result in results]
        return super().compute_metrics(results)

    def kitti_evaluate(self,
                       results_dict: dict,
                       gt_annos: list[dict],
                       metric: Any = None,
                       classes: Any = None,
                       logger: Any = None) -> dict:
        """The host's figures, then those of the strata."""
        splits = self.parts.of(
            [sample_id_of(self.data_infos[row]) for row in self._rows],
            [[c for c in anno['name'].tolist() if c in classes]
             for anno in gt_annos])
        figures = super().kitti_evaluate(results_dict, gt_annos, metric,
                                         classes, logger)
        for name, dt_annos in results_dict.items():
            flat = name == 'pred_instances' or metric == 'img_bbox'
            kind = '2D' if flat else '3D'
            for split in splits:
                found = evaluate_parts(
                    gt_annos, dt_annos, split.parts, classes,
                    ['bbox'] if flat else ['bbox', 'bev', '3d'])
                figures.update(
                    {f'{name}/KITTI/{k}': v for k, v in found.items()})
                print_log(
                    f'AP40 of {name} by {split.by}, {kind}, strict\n' +
                    report(found, [(
                        f'{c} {d}',
                        Figure('', c, f'{kind}_AP40', d, 'strict'))
                        for c in classes for d in DIFFICULTIES],
                        list(split.parts)),
                    logger=logger)
        return figures


def evaluate_strata(gt_annos, dt_annos, stratum, classes, eval_types):
    """AP_R40 on the frames of each stratum.

    Args:
        gt_annos (list[dict]): N annotations, as ``kitti_eval`` has them.
        dt_annos (list[dict]): N detections likewise.
        stratum (np.ndarray): (N,) places in ``STRATA``.
        classes (Sequence[str]): K names.
        eval_types (list[str]): 'bbox', and 'bev', '3d' or none of them.

    Returns:
        dict[str, float]: 'rare/Car_3D_AP40_easy_strict' and the like in
        percent, 'rare/Car_easy_objects', 'rare/frames', and
        'gap/Car_3D_AP40_easy_strict', rare less common.
    """
    return evaluate_parts(
        gt_annos, dt_annos,
        {s: np.flatnonzero(stratum == i) for i, s in enumerate(STRATA)},
        classes, eval_types)


def evaluate_parts(gt_annos, dt_annos, parts, classes, eval_types):
    """AP_R40 on some of the frames each.

    Args:
        gt_annos, dt_annos, classes, eval_types: See :func:`evaluate_strata`.
        parts (dict[str, np.ndarray]): Rows of the frames by name.

    Returns:
        dict[str, float]: See :func:`evaluate_strata`.
    """
    objects = count_objects(gt_annos, classes)
    found = {}
    for name, rows in parts.items():
        found[Figure(name, '', FRAMES).name()] = float(len(rows))
        number = objects[rows].sum(0)
        for k, c in enumerate(classes):
            for j, difficulty in enumerate(DIFFICULTIES):
                found[Figure(name, c, OBJECTS, difficulty).name()] = float(
                    number[k, j])
        if not number.any():
            continue
        ap = ap_on(gt_annos, dt_annos, rows, classes, eval_types)
        for key, value in ap.items():
            # without upstream's KITTI/, which has the branch before it here
            figure = replace(parse(key), stratum=name, prefix='')
            # the overall ones, which mix classes, have no objects
            if figure.kind.endswith('_AP40') and found.get(
                    figure.objects().name()):
                found[figure.name()] = float(f'{value:.4f}')
    return with_gap(found)


def count_objects(gt_annos, classes):
    """Annotated objects that count.

    Args:
        gt_annos (list[dict]): N annotations.
        classes (Sequence[str]): K of Car, Pedestrian, Cyclist.

    Returns:
        np.ndarray: (N, K, 3) int64 by frame, class and difficulty.
    """
    number = {'Car': 0, 'Pedestrian': 1, 'Cyclist': 2}
    return np.array([[[
        host.clean_data(anno, _EMPTY, number[c], d)[0]
        for d in range(len(DIFFICULTIES))
    ] for c in classes] for anno in gt_annos]).reshape(
        len(gt_annos), len(classes), len(DIFFICULTIES))


def ap_on(gt_annos, dt_annos, rows, classes, eval_types):
    """``kitti_eval`` on some of the frames, at least one of them annotated.

    The host looks for precision at 40 recalls, but finds at most one a
    (counted) object: with 13 objects no detector has more than 12 / 40 =
    30 % AP_R40. Here each of fewer objects stands for several positions, as
    if all frames were there several times.

    Args:
        gt_annos (list[dict]): N annotations.
        dt_annos (list[dict]): N detections.
        rows (Sequence[int]): Of the frames.
        classes (Sequence[str]): K names.
        eval_types (list[str]): 'bbox', and 'bev', '3d' or none of them.

    Returns:
        dict[str, float]: As ``kitti_eval``.
    """
    # it looks for annotations in the first frame
    rows = sorted(rows, key=lambda i: not len(gt_annos[i]['name']))
    gt, dt = ([annos[i] for i in rows] for annos in (gt_annos, dt_annos))
    if len(rows) >= 200 and not len(rows) % _PARTS and len(rows) % 200:
        gt.append(_EMPTY)
        dt.append(_EMPTY)
    with stand_in(host, 'get_thresholds', _enough_thresholds):
        return host.kitti_eval(gt, dt, list(classes), list(eval_types))[1]


def _enough_thresholds(scores, num_gt, stock=host.get_thresholds):
    times = max(1, -(-POSITIONS // num_gt)) if num_gt else 1
    return stock(np.repeat(scores, times), num_gt * times)


_EMPTY = dict(
    name=np.array([]),
    truncated=np.array([]),
    occluded=np.array([]),
    alpha=np.array([]),
    bbox=np.zeros([0, 4]),
    dimensions=np.zeros([0, 3]),
    location=np.zeros([0, 3]),
    rotation_y=np.array([]),
    score=np.array([]))
