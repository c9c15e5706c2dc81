"""KITTI's AP on some of the frames.

Shape letters: N frames, K classes.
"""
from __future__ import annotations

import contextlib
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
from mmdet3d.evaluation.functional.kitti_utils import eval as host

from dequity_mmdet3d.figures import (
    DIFFICULTIES,
    FRAMES,
    OBJECTS,
    Figure,
    parse,
    with_gap,
)
from dequity_mmdet3d.strata import STRATA

from ..stand_in import stand_in

POSITIONS = 41  # on the curve of precision and recall, the first one at 0
# The host cuts N >= 200 frames into 200 parts; a last one that is empty stops
# it, which is so where N is a multiple of this, but not of 200.
_PARTS = 199


@contextlib.contextmanager
def judged_once(judgements):
    """A context in which evaluations of parts do not repeat the slow steps.

    For each class and difficulty upstream asks anew, in Python, which boxes
    of a frame count, and each evaluation ends with a collection of garbage
    that it has not made, in time that depends on all that the process holds:
    by five tags the two took three quarters of the time.

    Args:
        judgements (dict): What was found, empty at first. The annotations
            and detections must live as long.
    """
    stock = host.clean_data

    def clean_data(gt_anno, dt_anno, *asked):
        key = id(gt_anno), id(dt_anno), *asked
        if key not in judgements:
            judgements[key] = stock(gt_anno, dt_anno, *asked)
        return judgements[key]

    with stand_in(host, 'clean_data', clean_data), stand_in(
            host, 'gc', SimpleNamespace(collect=int)):
        yield


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
    with stand_in(host, 'get_thresholds', enough_thresholds):
        return host.kitti_eval(gt, dt, list(classes), list(eval_types))[1]


def enough_thresholds(scores, num_gt, stock=host.get_thresholds):
    """Scores at 41 recalls, also of fewer objects; see :func:`ap_on`.

    Args:
        scores (np.ndarray): (M,) of the objects that are found.
        num_gt (int): Objects, found or not.

    Returns:
        list[float]: At most 41.
    """
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
