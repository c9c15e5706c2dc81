"""Velocities for boxes that have none, which CenterPoint's head asks for."""
import torch
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ZeroVelocity(BaseTransform):
    """Give each annotated box a velocity of zero.

    MMDetection3D's ``CenterHead`` takes boxes of 9 numbers, as nuScenes has
    them. With this in the training pipeline it takes KITTI's as well; two
    ``code_weights`` of 0 leave the velocity out of the loss. A config names
    it in full: ``type='dequity_mmdet3d.plugin.velocity.ZeroVelocity'``.

    Reads and writes ``gt_bboxes_3d``: (N, 7) become (N, 9), boxes that have
    a velocity keep it.

    Raises:
        KeyError: No boxes were loaded before this step.
    """

    def transform(self, results: dict) -> dict:
        """Of one sample."""
        if 'gt_bboxes_3d' not in results:
            raise KeyError(
                'ZeroVelocity found no gt_bboxes_3d: it comes after '
                'LoadAnnotations3D, with with_bbox_3d=True')
        boxes = results['gt_bboxes_3d']
        if boxes.box_dim == 7:
            still = boxes.tensor.new_zeros(len(boxes), 2)
            results['gt_bboxes_3d'] = type(boxes)(
                torch.cat([boxes.tensor, still], 1), box_dim=9)
        return results
