"""nuScenes' AP and recall on rare and on common objects.

Detections are matched to all annotated objects, as ever. One that finds an
object of another stratum (or of none) is then ignored: it is neither true nor
false. A false positive has no stratum; as in :mod:`.kitti_objects` each
stratum gets its share of them.

Shape letters: M detections of a class.
"""
from __future__ import annotations

import numpy as np

from dequity_mmdet3d.figures import OBJECTS, Figure, with_gap

from .object_strata import OBJECT_STRATA

# Between where the info file and the raw tables say that an object is [m]:
# matrices of the info file are float32, and coordinates may be 3 km.
_NEAR = 0.1


def strata_of_boxes(boxes, infos, strata, ann_file='info file'):
    """Strata of the annotated boxes that are left to evaluate.

    The devkit reads annotations from the raw tables and leaves out what is
    far, without points or in a bicycle rack; they are the info file's
    instances at the same place.

    Args:
        boxes (EvalBoxes): Annotations, in global coordinates.
        infos (list[dict]): The info file's ``data_list``.
        strata (ObjectStrata): Of its instances.
        ann_file (str): Path of the info file, for errors.

    Returns:
        dict[str, np.ndarray]: By token of the sample, one int64 a box.

    Raises:
        ValueError: If an instance is missing, or an info is damaged.
    """
    found = {}
    infos = {info.get('token'): info for info in infos}
    for token in boxes.sample_tokens:
        here = boxes[token]
        at = np.array([b.translation for b in here]).reshape(-1, 3)
        try:
            there = _centres(infos[token])
        except (IndexError, KeyError, TypeError, ValueError) as e:
            raise ValueError(
                f'{ann_file}: sample {token!r}: the info file must have it, '
                'with its ego2global, lidar2ego (in lidar_points) and '
                f'instances with a bbox_3d ({type(e).__name__}: {e}); make '
                'the info file again with dequity create-data') from e
        distance = np.linalg.norm(at[:, None] - there, axis=-1)
        nearest = distance.argmin(1) if len(there) else np.zeros(0, int)
        if len(here) and (not len(there) or (
                distance.min(1) > _NEAR).any()):
            raise ValueError(
                f'{ann_file}: sample {token!r} has annotated objects in the '
                'raw tables that are not among the instances here; make the '
                'info file again with dequity create-data')
        found[token] = strata.of(token)[nearest]
    return found


def _centres(info):
    """(K, 3) float64: Where an info's instances are, in the world [m]."""
    boxes = np.array([i['bbox_3d'][:3] for i in info['instances']],
                     float).reshape(-1, 3)
    move = np.array(info['ego2global'], float) @ np.array(
        info['lidar_points']['lidar2ego'], float)
    return boxes @ move[:3, :3].T + move[:3, 3]


def evaluate_objects(gt_boxes, pred_boxes, strata, classes, config):
    """AP and recall on the objects of each stratum.

    Args:
        gt_boxes, pred_boxes (EvalBoxes): Filtered by the devkit.
        strata (dict[str, np.ndarray]): By token, of each annotated box: a
            place in ``STRATA``, or -1 for none.
        classes (Sequence[str]): To report.
        config (DetectionConfig): Of the devkit.

    Returns:
        dict[str, float]: 'object=rare/car_AP' in [0, 1], the mean over the
        distances; 'object=rare/car_recall', the share of objects that any
        detection finds within ``config.dist_th_tp`` (2 m), whatever its
        score; 'object=rare/mAP' and '.../mean_recall' over the classes that
        occur there; 'object=rare/car_objects', 'object=rare/objects', and
        'object=gap/...', rare less common. No figure where there are no
        objects.
    """
    found: dict[str, float] = {}
    means: dict[tuple[str, str], list[float]] = {}
    total = dict.fromkeys(OBJECT_STRATA, 0)
    for cls in classes:
        own = np.concatenate([np.zeros(0, int)] + [
            strata[token][[b.detection_name == cls for b in
                           gt_boxes[token]]]
            for token in gt_boxes.sample_tokens if len(gt_boxes[token])])
        matches = {d: _matched(gt_boxes, pred_boxes, strata, cls,
                               config.dist_fcn_callable, d)
                   for d in config.dist_ths} if len(own) else {}
        for s, name in enumerate(OBJECT_STRATA):
            n = int((own == s).sum())
            total[name] += n
            found[Figure(name, cls, OBJECTS).name()] = float(n)
            if not n:
                continue
            ap = np.mean([_ap(m, s, n, len(own), config)
                          for m in matches.values()])
            recall = (matches[config.dist_th_tp] == s).sum() / n
            for what, value in (('AP', ap), ('recall', recall)):
                found[Figure(name, cls, what).name()] = float(value)
                means.setdefault((name, what), []).append(float(value))
    for name in OBJECT_STRATA:
        found[Figure(name, '', OBJECTS).name()] = float(total[name])
    for (name, what), values in means.items():
        mean = {'AP': 'mAP', 'recall': 'mean_recall'}[what]
        found[Figure(name, '', mean).name()] = float(np.mean(values))
    return with_gap(found)


FALSE = -2  # in place of what a detection finds


def _matched(gt_boxes, pred_boxes, strata, cls, distance, least):
    """What detections find; the devkit's ``accumulate`` up to its matches.

    Returns:
        np.ndarray: (M,) int64, from the highest score down: the stratum of
        the object (``NONE`` as well), or ``FALSE``.
    """
    preds = [b for b in pred_boxes.all if b.detection_name == cls]
    order = sorted(range(len(preds)), key=lambda i: (
        preds[i].detection_score, i), reverse=True)
    free = {token: [(b, int(s)) for b, s in zip(
        gt_boxes[token], strata[token]) if b.detection_name == cls]
        for token in gt_boxes.sample_tokens}
    found = np.full(len(preds), FALSE)
    for place, i in enumerate(order):
        there = free[preds[i].sample_token]
        if not there:
            continue
        apart = [distance(b, preds[i]) for b, _ in there]
        nearest = int(np.argmin(apart))
        if apart[nearest] < least:
            found[place] = there.pop(nearest)[1]
    return found


def _ap(found, stratum, n, every, config):
    """The devkit's AP of a class at one distance, in [0, 1]."""
    here = found[(found == stratum) | (found == FALSE)]
    tp = np.cumsum(here == stratum)
    if not len(tp) or not tp[-1]:
        return 0.
    fp = np.cumsum(here == FALSE) * (n / every)
    # at 101 recalls; 0 beyond the highest one
    precision = np.interp(np.linspace(0, 1, 101), tp / n, tp / (tp + fp),
                          right=0)
    first = round(100 * config.min_recall) + 1
    above = np.maximum(precision[first:] - config.min_precision, 0)
    return float(above.mean() / (1 - config.min_precision))
