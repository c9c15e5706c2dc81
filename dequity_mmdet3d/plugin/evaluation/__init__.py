"""Evaluation: by likelihood, and KITTI's on a machine without CUDA."""
from .dequity_metric import DequityMetric
from .kitti import (
    cpu_rotated_iou,
    host_can_run,
    use_cpu_rotated_iou,
    use_host_rotated_iou,
)
from .kitti_metric import DequityKittiMetric
from .kitti_parts import ap_on
from .nuscenes_metric import DequityNuScenesMetric
from .parts_metric import PartsMetric
from .rotated_iou import rotated_iou

__all__ = [
    'DequityKittiMetric', 'DequityMetric', 'DequityNuScenesMetric',
    'PartsMetric', 'ap_on',
    'cpu_rotated_iou', 'host_can_run', 'rotated_iou', 'use_cpu_rotated_iou',
    'use_host_rotated_iou'
]
