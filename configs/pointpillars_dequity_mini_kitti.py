# PointPillars on a short range, for the embedded data: a 128 x 96 canvas of
# 0.32 m pillars and a small backbone train on two cores in minutes.
_base_ = ['./pointpillars_dequity_kitti.py']

data_root = '{{$MINI_KITTI:data/mini_kitti/}}'
point_cloud_range = [0, -15.36, -3, 40.96, 15.36, 1]
voxel_size = [0.32, 0.32, 4]
points = dict(
    type='LoadPointsFromFile', coord_type='LIDAR', load_dim=4, use_dim=4)
class_names = ['Pedestrian', 'Cyclist', 'Car']

train_pipeline = [
    points,
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(
        type='ObjectSample',
        db_sampler=dict(
            data_root=data_root,
            info_path=data_root + 'kitti_dbinfos_train.pkl',
            rate=1.0,
            prepare=dict(
                filter_by_min_points=dict(Car=5, Pedestrian=5, Cyclist=5)),
            classes=class_names,
            sample_groups=dict(Car=6, Pedestrian=4, Cyclist=4),
            points_loader=points)),
    dict(type='RandomFlip3D', flip_ratio_bev_horizontal=0.5),
    dict(
        type='GlobalRotScaleTrans',
        rot_range=[-0.3, 0.3],
        scale_ratio_range=[0.95, 1.05]),
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='ObjectRangeFilter', point_cloud_range=point_cloud_range),
    dict(
        type='Pack3DDetInputs',
        keys=['points', 'gt_bboxes_3d', 'gt_labels_3d'])
]
test_pipeline = [
    points,
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='Pack3DDetInputs', keys=['points'])
]

train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(
        table=data_root + 'kitti_likelihoods.parquet',
        dataset=dict(
            times=1,
            dataset=dict(data_root=data_root, pipeline=train_pipeline))))
val_dataloader = dict(
    batch_size=4,
    dataset=dict(data_root=data_root, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'kitti_infos_val.pkl')
test_evaluator = val_evaluator

model = dict(
    data_preprocessor=dict(
        voxel_layer=dict(
            max_num_points=8,
            point_cloud_range=point_cloud_range,
            voxel_size=voxel_size,
            max_voxels=(6000, 6000))),
    voxel_encoder=dict(
        feat_channels=[32],
        voxel_size=voxel_size,
        point_cloud_range=point_cloud_range),
    middle_encoder=dict(in_channels=32, output_shape=[96, 128]),
    backbone=dict(
        in_channels=32,
        layer_nums=[1, 2, 2],
        layer_strides=[2, 2, 2],
        out_channels=[32, 48, 64]),
    neck=dict(in_channels=[32, 48, 64], out_channels=[32, 32, 32]),
    bbox_head=dict(
        in_channels=96,
        feat_channels=96,
        anchor_generator=dict(ranges=[
            [0, -15.36, -0.6, 40.96, 15.36, -0.6],
            [0, -15.36, -0.6, 40.96, 15.36, -0.6],
            [0, -15.36, -1.78, 40.96, 15.36, -1.78],
        ])))

max_epochs = 3
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(optimizer=dict(lr=0.003))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=200),
    dict(
        type='CosineAnnealingLR',
        T_max=max_epochs,
        eta_min_ratio=1e-3,
        end=max_epochs,
        convert_to_iter_based=True)
]
default_hooks = dict(checkpoint=dict(interval=1, max_keep_ckpts=2))
