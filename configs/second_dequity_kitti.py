_base_ = [
    'mmdet3d::second/second_hv_secfpn_8xb6-80e_kitti-3d-3class.py',
    './equity.py'
]

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        table='data/kitti/kitti_likelihoods.parquet',
        dataset=_base_.train_dataloader.dataset,
        **_base_.dequity))
default_hooks = dict(dequity=dict(type='DequityHook'))
