"""KITTI's metric, and beside it the same on rare and on common frames."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmdet3d.evaluation import KittiMetric
from mmdet3d.registry import METRICS
from mmengine.logging import print_log

from dequity_mmdet3d.figures import DIFFICULTIES, Figure
from dequity_mmdet3d.sample_ids import sample_id_in
from dequity_mmdet3d.strata import BOUNDS

from ..compat import mend_host
from ..registration import register
from .kitti_objects import evaluate_objects
from .kitti_parts import evaluate_parts, judged_once
from .marks import info_file_of
from .object_strata import ObjectStrata
from .parts import parts_of
from .report import report, report_objects


@register(METRICS)
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
    small (:func:`.kitti_parts.ap_on`); those of the strata are not, so that
    they compare.

    Args:
        table (str, optional): Likelihood table of the validation set; see
            :class:`.strata.Strata`.
        bounds (Sequence[float]): Shares of the frames up to which they are
            rare, and up to which they are middle. Defaults to
            :data:`dequity_mmdet3d.strata.BOUNDS`.
        by, tags: What else frames are told apart by; see
            :class:`.parts.Parts`. Strata are named 'weather=rain' then.
        objects (str, optional): Object table of the validation set, for AP
            and recall on rare and on common objects, in strata named
            'object=rare'; see :mod:`.kitti_objects`. No table is needed then.
        **kwargs: Of ``KittiMetric``.
    """

    def __init__(self, ann_file: str, table: str | None = None,
                 bounds: Sequence[float] = BOUNDS,
                 by: str | Sequence[str] | None = None,
                 tags: str | None = None,
                 objects: str | None = None, **kwargs: Any):
        mend_host()
        super().__init__(ann_file, **kwargs)
        self.objects = (ObjectStrata(objects, ann_file, bounds)
                        if objects else None)
        # without figures, nothing is looked up
        infos = None if self.format_only else info_file_of(self)
        self.parts = parts_of(table, bounds, by, tags, infos, objects)

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
        ids = [sample_id_in(self.ann_file, row, self.data_infos[row])
               for row in self._rows]
        splits = self.parts.of(ids, [
            [c for c in anno['name'].tolist() if c in classes]
            for anno in gt_annos]) if self.parts else ()
        figures = super().kitti_evaluate(results_dict, gt_annos, metric,
                                         classes, logger)
        judgements: dict = {}
        for name, dt_annos in results_dict.items():
            flat = name == 'pred_instances' or metric == 'img_bbox'
            kind = '2D' if flat else '3D'
            eval_types = ['bbox'] if flat else ['bbox', 'bev', '3d']
            for split in splits:
                with judged_once(judgements):
                    found = evaluate_parts(
                        gt_annos, dt_annos, split.parts, classes, eval_types)
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
            if self.objects is None:
                continue
            with judged_once(judgements):
                found = evaluate_objects(
                    gt_annos, dt_annos, [self.objects.of(i) for i in ids],
                    classes, eval_types)
            figures.update(
                {f'{name}/KITTI/{k}': v for k, v in found.items()})
            print_log(f'{name} by object, {kind}, strict\n' + report_objects(
                found, [Figure('', c, f'{kind}_{what}', d, 'strict')
                        for c in classes for d in DIFFICULTIES
                        for what in ('AP40', 'recall')]), logger=logger)
        return figures
