"""KITTI evaluation on a machine without CUDA."""
from .kitti import (cpu_rotated_iou, host_can_run, use_cpu_rotated_iou,
                    use_host_rotated_iou)
from .rotated_iou import rotated_iou

__all__ = [
    'cpu_rotated_iou', 'host_can_run', 'rotated_iou', 'use_cpu_rotated_iou',
    'use_host_rotated_iou'
]
