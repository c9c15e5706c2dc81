_base_ = [
    'mmdet3d::pgd/pgd_r101-caffe_fpn_head-gn_16xb2-1x_nus-mono3d.py',
    './equity.py'
]

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        table='data/nuscenes/nuscenes_likelihoods.parquet',
        dataset=_base_.train_dataloader.dataset,
        **_base_.dequity))
default_hooks = dict(dequity=dict(type='DequityHook'))
