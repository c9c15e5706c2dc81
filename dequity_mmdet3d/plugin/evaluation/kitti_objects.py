"""KITTI's AP and recall on rare and on common objects.

Objects of other strata are ignored as KITTI ignores those of a harder
difficulty: they do not count as missed, nor what finds them as false. A false
positive has no stratum; each stratum gets its share of them::

    precision = tp / (tp + fp * n / m)

with n of the m objects that count (of a class and difficulty) in the
stratum. This is the normalized precision of Hoiem, Chodpathumwan and Dai,
Diagnosing Error in Object Detectors, ECCV 2012: with all false positives a
stratum of a fifth of the objects would look far worse than all of them, if a
detector found each of them as well.

Shape letters: N frames.
"""
from __future__ import annotations

import numpy as np
from mmdet3d.evaluation.functional.kitti_utils import eval as host

from dequity_mmdet3d.figures import DIFFICULTIES, Figure, with_gap

from .kitti_parts import POSITIONS, enough_thresholds
from .object_strata import OBJECT_STRATA

# upstream's numbers of classes and of overlaps, and what it calls the latter
_CLASSES = {'Car': 0, 'Pedestrian': 1, 'Cyclist': 2}
_KINDS = {'bbox': (0, '2D'), 'bev': (1, 'BEV'), '3d': (2, '3D')}
# least IoU of a class by kind: upstream's, which it has within kitti_eval
_STRICT = {'Car': (.7, .7, .7), 'Pedestrian': (.5, .5, .5),
           'Cyclist': (.5, .5, .5)}
_LOOSE = {'Car': (.7, .5, .5), 'Pedestrian': (.5, .25, .25),
          'Cyclist': (.5, .25, .25)}
_OVERLAPS = {'strict': _STRICT, 'loose': _LOOSE}


def evaluate_objects(gt_annos, dt_annos, strata, classes, eval_types):
    """AP_R40 and recall on the objects of each stratum.

    Args:
        gt_annos (list[dict]): N >= 1 annotations, as ``kitti_eval`` has
            them.
        dt_annos (list[dict]): N detections likewise.
        strata (list[np.ndarray]): Of each frame's annotated objects: places
            in ``STRATA``, or -1 for none, which are ignored.
        classes (Sequence[str]): Of Car, Pedestrian, Cyclist.
        eval_types (list[str]): Of 'bbox', 'bev' and '3d'.

    Returns:
        dict[str, float]: 'object=rare/Car_3D_AP40_easy_strict' and the like
        in percent; 'object=rare/Car_3D_recall_easy_strict', the percentage
        of objects that any detection finds, whatever its score;
        'object=rare/Car_easy_objects'; 'object=gap/...', rare less common.
        No figure where there are no objects.
    """
    found: dict[str, float] = {}
    parts = _parts(len(gt_annos))
    stratum = np.concatenate([np.zeros(0, int), *strata])
    kinds = {name: host.calculate_iou_partly(
        dt_annos, gt_annos, _KINDS[name][0], parts) for name in eval_types}
    for cls in classes:
        for d, difficulty in enumerate(DIFFICULTIES):
            prepared = host._prepare_data(gt_annos, dt_annos, _CLASSES[cls],
                                          d)
            counts = np.concatenate(prepared[2]) == 0
            for s, name in enumerate(OBJECT_STRATA):
                here = counts & (stratum == s)
                found[Figure(name, cls, 'objects', difficulty).name()] = (
                    float(here.sum()))
                if not here.any():
                    continue
                ignored = np.where(counts & ~here, 1,
                                   np.concatenate(prepared[2]))
                share = here.sum() / counts.sum()
                for kind, overlaps in kinds.items():
                    number, shown = _KINDS[kind]
                    for strictness, least in _OVERLAPS.items():
                        ap, recall = _on_objects(
                            prepared, overlaps, ignored, share, number,
                            least[cls][number], parts)
                        for what, value in (('AP40', ap),
                                            ('recall', recall)):
                            found[Figure(name, cls, f'{shown}_{what}',
                                         difficulty, strictness).name()] = (
                                             round(100 * value, 4))
    return with_gap(found)


def _parts(frames):
    """How many parts upstream may cut frames into, none of them empty."""
    return next(n for n in range(min(frames, 200), 0, -1)
                if all(host.get_split_parts(frames, n)))


def _on_objects(prepared, overlaps, ignored, share, number, least, parts):
    """As upstream's ``eval_class`` for one class, difficulty and overlap.

    Returns:
        tuple[float, float]: AP_R40 and recall in [0, 1].
    """
    gt, dt, ignored_gts, ignored_dets, dontcares, dc_number, _ = prepared
    by_frame, by_part, dt_number, gt_number = overlaps
    ignored_gts = np.split(ignored, np.cumsum(gt_number)[:-1])
    count = int((ignored == 0).sum())
    scores = np.concatenate([
        host.compute_statistics_jit(
            by_frame[i], gt[i], dt[i], ignored_gts[i], ignored_dets[i],
            dontcares[i], number, min_overlap=least, thresh=0.0,
            compute_fp=False)[4] for i in range(len(gt))])
    recall = len(scores) / count
    thresholds = np.array(enough_thresholds(scores, count))
    if not len(thresholds):
        return 0.0, recall
    totals = np.zeros((len(thresholds), 4))  # tp, fp, fn, similarity
    start = 0
    for j, size in enumerate(host.get_split_parts(len(gt), parts)):
        some = slice(start, start + size)
        host.fused_compute_statistics(
            by_part[j], totals, gt_number[some], dt_number[some],
            dc_number[some], *(np.concatenate(x[some], 0) for x in (
                gt, dt, dontcares, ignored_gts, ignored_dets)), number,
            min_overlap=least, thresholds=thresholds, compute_aos=False)
        start += size
    tp, fp = totals[:, 0], totals[:, 1] * share
    precision = np.divide(tp, tp + fp, out=np.zeros_like(tp),
                          where=tp + fp > 0)
    # the best at this recall or a higher one
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return precision[1:POSITIONS].sum() / (POSITIONS - 1), recall
