_base_ = [
    'mmdet3d::fcos3d/'
    'fcos3d_r101-caffe-dcn_fpn_head-gn_8xb2-1x_nus-mono3d.py',
    './equity.py'
]

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        table='data/nuscenes/nuscenes_likelihoods.parquet',
        dataset=_base_.train_dataloader.dataset,
        **_base_.dequity))
default_hooks = dict(dequity=dict(type='DequityHook'))
