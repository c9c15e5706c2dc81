"""A small PointPillars in pure Python, on three files of the host's own.

``_base_`` holds these as they are in mmdet3d/configs/_base_ of MMDetection3D
(Apache-2.0), whose wheel leaves them out.
"""
from mmengine import read_base

with read_base():
    from ._base_.cyclic_40e import *
    from ._base_.default_runtime import *
    from ._base_.kitti_3d_3class import *

from mmdet3d.models import (
    SECOND,
    SECONDFPN,
    Anchor3DHead,
    Det3DDataPreprocessor,
    PillarFeatureNet,
    PointPillarsScatter,
    VoxelNet,
)
from mmdet3d.models.task_modules import (
    Anchor3DRangeGenerator,
    DeltaXYZWLHRBBoxCoder,
    Max3DIoUAssigner,
)
from mmdet3d.structures.ops import BboxOverlapsNearest3D

near = [0, -15.36, -3, 40.96, 15.36, 1]
pillar = [0.64, 0.64, 4]
model = dict(
    type=VoxelNet,
    data_preprocessor=dict(
        type=Det3DDataPreprocessor,
        voxel=True,
        voxel_layer=dict(
            max_num_points=8, point_cloud_range=near, voxel_size=pillar,
            max_voxels=(3000, 3000))),
    voxel_encoder=dict(
        type=PillarFeatureNet, in_channels=4, feat_channels=[16],
        with_distance=False, voxel_size=pillar, point_cloud_range=near),
    middle_encoder=dict(
        type=PointPillarsScatter, in_channels=16, output_shape=[48, 64]),
    backbone=dict(
        type=SECOND, in_channels=16, layer_nums=[1], layer_strides=[2],
        out_channels=[16]),
    neck=dict(
        type=SECONDFPN, in_channels=[16], upsample_strides=[1],
        out_channels=[16]),
    bbox_head=dict(
        type=Anchor3DHead,
        num_classes=3,
        in_channels=16,
        feat_channels=16,
        use_direction_classifier=True,
        assign_per_class=True,
        anchor_generator=dict(
            type=Anchor3DRangeGenerator,
            ranges=[[0, -15.36, -0.6, 40.96, 15.36, -0.6]] * 2 +
            [[0, -15.36, -1.78, 40.96, 15.36, -1.78]],
            sizes=[[0.8, 0.6, 1.73], [1.76, 0.6, 1.73], [3.9, 1.6, 1.56]],
            rotations=[0, 1.57],
            reshape_out=False),
        diff_rad_by_sin=True,
        bbox_coder=dict(type=DeltaXYZWLHRBBoxCoder),
        # the head compares this name
        loss_cls=dict(type='mmdet.FocalLoss', use_sigmoid=True),
        loss_bbox=dict(type='mmdet.SmoothL1Loss', loss_weight=2.0),
        loss_dir=dict(type='mmdet.CrossEntropyLoss', loss_weight=0.2)),
    train_cfg=dict(
        assigner=[
            dict(
                type=Max3DIoUAssigner,
                iou_calculator=dict(type=BboxOverlapsNearest3D),
                pos_iou_thr=0.5, neg_iou_thr=0.35, min_pos_iou=0.35,
                ignore_iof_thr=-1)
        ] * 3,
        allowed_border=0, pos_weight=-1, debug=False),
    test_cfg=dict(
        use_rotate_nms=True, nms_across_levels=False, nms_thr=0.01,
        score_thr=0.1, min_bbox_size=0, nms_pre=100, max_num=50))

train_cfg.update(max_epochs=1)
train_dataloader.update(batch_size=4, num_workers=0, persistent_workers=False)
train_dataloader.dataset.update(times=1)
val_dataloader.update(num_workers=0, persistent_workers=False)
test_dataloader.update(num_workers=0, persistent_workers=False)
default_hooks.logger.update(interval=1)
