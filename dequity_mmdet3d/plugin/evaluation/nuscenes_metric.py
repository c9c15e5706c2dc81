"""nuScenes' metric, and beside it the same on rare and on common samples.

Shape letters: N samples.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmdet3d.evaluation import NuScenesMetric
from mmdet3d.registry import METRICS
from mmengine.logging import print_log

from dequity_mmdet3d.figures import FRAMES, OBJECTS, Figure, with_gap
from dequity_mmdet3d.strata import BOUNDS

from ..compat import mend_host
from ..registration import register
from ..stand_in import stand_in
from .marks import info_file_of
from .nuscenes_objects import evaluate_objects, strata_of_boxes
from .object_strata import ObjectStrata
from .parts import parts_of
from .report import report, report_objects


@register(METRICS)
class DequityNuScenesMetric(NuScenesMetric):
    """The host's ``NuScenesMetric``, and AP by stratum of likelihood.

    The stock figures stay as they are. Beside them, in [0, 1], are the AP of
    each class on the samples of a stratum alone (mean over the distances of
    0.5 to 4 m), their mean over the classes that occur there, and the number
    of annotated objects that each rests on::

        pred_instances_3d_NuScenes/rare/bicycle_AP
        pred_instances_3d_NuScenes/rare/bicycle_objects
        pred_instances_3d_NuScenes/rare/mAP
        pred_instances_3d_NuScenes/gap/bicycle_AP

    ``gap`` is rare less common.

    Args:
        table (str, optional): Likelihood table of the validation set; see
            :class:`.strata.Strata`.
        bounds (Sequence[float]): Shares of the samples up to which they are
            rare, and up to which they are middle. Defaults to
            :data:`dequity_mmdet3d.strata.BOUNDS`.
        by, tags: What else samples are told apart by; see
            :class:`.parts.Parts`. Strata are named 'weather=rain' then.
        objects (str, optional): Object table of the validation set, for AP
            and recall on rare and on common objects, in strata named
            'object=rare'; see :mod:`.nuscenes_objects`. No table is needed
            then.
        **kwargs: Of ``NuScenesMetric``.
    """

    def __init__(self, data_root: str, ann_file: str,
                 table: str | None = None,
                 bounds: Sequence[float] = BOUNDS,
                 by: str | Sequence[str] | None = None,
                 tags: str | None = None,
                 objects: str | None = None, **kwargs: Any):
        mend_host()
        super().__init__(data_root, ann_file, **kwargs)
        self.objects = (ObjectStrata(objects, ann_file, bounds)
                        if objects else None)
        # without figures, nothing is looked up
        infos = None if self.format_only else info_file_of(self)
        self.parts = parts_of(table, bounds, by, tags, infos, objects)

    def _evaluate_single(self,
                         result_path,
                         classes=None,
                         result_name='pred_instances_3d'):
        """The host's figures, then those of the strata."""
        from nuscenes.eval.detection import evaluate
        made = []

        class Kept(evaluate.NuScenesEval):
            """Stays, as reading the annotations takes minutes."""

            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                made.append(self)

        # where the host imports it from, within this method
        with stand_in(evaluate, 'NuScenesEval', Kept):
            figures = super()._evaluate_single(result_path, classes,
                                               result_name)
        boxes = made[0].gt_boxes
        tokens = np.array(boxes.sample_tokens, dtype=str)
        splits = self.parts.of(tokens.tolist(), [
            [b.detection_name for b in boxes[token]
             if b.detection_name in classes]
            for token in tokens]) if self.parts else ()
        prefix = f'{result_name}_NuScenes'
        for split in splits:
            found = evaluate_parts(made[0], split.parts, tokens, classes)
            figures.update({f'{prefix}/{k}': v for k, v in found.items()})
            print_log(
                f'AP of {result_name} by {split.by}\n' + report(
                    found, [(c, Figure('', c, 'AP')) for c in classes] +
                    [('mean', Figure('', '', 'mAP'))], list(split.parts)),
                'current')
        if self.objects is not None:
            found = evaluate_objects(
                boxes, made[0].pred_boxes,
                strata_of_boxes(boxes, self.data_infos, self.objects,
                                self.ann_file),
                classes, self.eval_detection_configs)
            figures.update({f'{prefix}/{k}': v for k, v in found.items()})
            print_log(f'{result_name} by object\n' + report_objects(
                found, [Figure('', c, what) for c in classes
                        for what in ('AP', 'recall')] +
                [Figure('', '', 'mAP'), Figure('', '', 'mean_recall')]),
                'current')
        return figures


def evaluate_parts(evaluation, parts, tokens, classes):
    """AP on some of the samples each.

    Args:
        evaluation (NuScenesEval): Of the devkit, with annotations and
            detections of N samples, filtered by distance.
        parts (dict[str, np.ndarray]): Rows of the samples by name.
        tokens (np.ndarray): (N,) str, of the samples.
        classes (Sequence[str]): Those of the devkit to report.

    Returns:
        dict[str, float]: 'rare/car_AP' in [0, 1] where the class occurs,
        'rare/car_objects', 'rare/mAP', 'rare/objects', 'rare/frames', and
        'gap/car_AP', rare less common.
    """
    from nuscenes.eval.common.data_classes import EvalBoxes
    everything = evaluation.gt_boxes, evaluation.pred_boxes
    found = {}
    try:
        for name, rows in parts.items():
            chosen = tokens[rows].tolist()
            for attribute, boxes in zip(('gt_boxes', 'pred_boxes'),
                                        everything):
                some = EvalBoxes()
                for token in chosen:
                    some.add_boxes(token, boxes[token])
                setattr(evaluation, attribute, some)
            annotated = [b.detection_name for b in evaluation.gt_boxes.all]
            here = {('', FRAMES): len(chosen), ('', OBJECTS): len(annotated)}
            here.update({(c, OBJECTS): annotated.count(c) for c in classes})
            if annotated:
                ap = evaluation.evaluate()[0].mean_dist_aps
                present = [c for c in classes if c in annotated]
                here.update({(c, 'AP'): ap[c] for c in present})
                here['', 'mAP'] = np.mean([ap[c] for c in present])
            found.update({Figure(name, *what).name(): float(value)
                          for what, value in here.items()})
    finally:
        evaluation.gt_boxes, evaluation.pred_boxes = everything
    return with_gap(found)
