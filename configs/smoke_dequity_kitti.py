_base_ = [
    'mmdet3d::smoke/smoke_dla34_dlaneck_gn-all_4xb8-6x_kitti-mono3d.py',
    './equity.py'
]

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        table='data/kitti/kitti_likelihoods.parquet',
        dataset=_base_.train_dataloader.dataset,
        **_base_.dequity))
default_hooks = dict(dequity=dict(type='DequityHook'))
