# The study with CenterPoint: as study_mini_kitti.py and with its pillars,
# but for the head, of which each class has its own.
_base_ = ['./study_mini_kitti.py']

# the head takes boxes with a velocity; it has no share in the loss
train_dataloader = dict(
    dataset=dict(
        dataset=dict(
            dataset=dict(pipeline=[
                *_base_.train_dataloader.dataset.dataset.dataset.pipeline[:-1],
                dict(type='dequity_mmdet3d.plugin.velocity.ZeroVelocity'),
                _base_.train_pipeline[-1],
            ]))))

low, high = _base_.point_cloud_range[:2], _base_.point_cloud_range[3:5]
cell = dict(out_size_factor=2, voxel_size=_base_.voxel_size[:2])
limits = [*low, -10, *high, 10]
model = dict(
    _delete_=True,
    type='CenterPoint',
    data_preprocessor=_base_.model.data_preprocessor,
    pts_voxel_encoder=_base_.model.voxel_encoder,
    pts_middle_encoder=_base_.model.middle_encoder,
    pts_backbone=_base_.model.backbone,
    pts_neck=_base_.model.neck,
    pts_bbox_head=dict(
        type='CenterHead',
        in_channels=96,
        tasks=[
            dict(num_class=1, class_names=[name])
            for name in _base_.class_names
        ],
        common_heads=dict(
            reg=(2, 2), height=(1, 2), dim=(3, 2), rot=(2, 2), vel=(2, 2)),
        share_conv_channel=32,
        bbox_coder=dict(
            type='CenterPointBBoxCoder',
            pc_range=low,
            post_center_range=limits,
            max_num=100,
            score_threshold=0.1,
            code_size=9,
            **cell),
        separate_head=dict(
            type='SeparateHead', init_bias=-2.19, head_conv=16,
            final_kernel=3),
        loss_cls=dict(type='mmdet.GaussianFocalLoss', reduction='mean'),
        loss_bbox=dict(
            type='mmdet.L1Loss', reduction='mean', loss_weight=0.25),
        norm_bbox=True),
    train_cfg=dict(
        pts=dict(
            grid_size=[128, 96, 1],
            point_cloud_range=_base_.point_cloud_range,
            dense_reg=1,
            gaussian_overlap=0.1,
            max_objs=100,
            min_radius=2,
            code_weights=[1.0] * 8 + [0.0] * 2,
            **cell)),
    test_cfg=dict(
        pts=dict(
            post_center_limit_range=limits,
            pc_range=low,
            score_threshold=0.1,
            nms_type='rotate',
            nms_thr=0.2,
            pre_max_size=100,
            post_max_size=50,
            max_per_img=50,
            **cell)))
