_base_ = [
    'mmdet3d::pointpillars/pointpillars_hv_fpn_sbn-all_8xb4-2x_nus-3d.py',
    './equity.py'
]

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        table='data/nuscenes/nuscenes_likelihoods.parquet',
        dataset=_base_.train_dataloader.dataset,
        **_base_.dequity))
default_hooks = dict(dequity=dict(type='DequityHook'))
