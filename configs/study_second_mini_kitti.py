# The study with SECOND: as study_mini_kitti.py, but for the network. Voxels
# of 0.16 m and two strides give the canvas of 0.64 m that its heads have.
_base_ = ['./study_mini_kitti.py']

voxel_size = [0.16, 0.16, 0.2]
pedestrian, cyclist, car = _base_.model.train_cfg.assigner
# SECOND's own, where PointPillars asks for 0.5
narrow = dict(pos_iou_thr=0.35, neg_iou_thr=0.2, min_pos_iou=0.2)
model = dict(
    data_preprocessor=dict(
        voxel_layer=dict(
            max_num_points=5,
            voxel_size=voxel_size,
            max_voxels=(12000, 12000))),
    voxel_encoder=dict(_delete_=True, type='HardSimpleVFE'),
    middle_encoder=dict(
        _delete_=True,
        type='SparseEncoder',
        in_channels=4,
        sparse_shape=[21, 192, 256],
        order=('conv', 'norm', 'act'),
        base_channels=8,
        encoder_channels=((8, ), (16, 16), (32, 32)),
        encoder_paddings=((1, ), (1, 1), ((0, 1, 1), 1)),
        output_channels=32),
    backbone=dict(
        in_channels=64,
        layer_nums=[2, 2],
        layer_strides=[1, 2],
        out_channels=[48, 64]),
    neck=dict(
        in_channels=[48, 64], upsample_strides=[1, 2], out_channels=[48, 48]),
    train_cfg=dict(
        assigner=[{**pedestrian, **narrow}, {**cyclist, **narrow}, car]))
