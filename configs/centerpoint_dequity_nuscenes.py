_base_ = [
    'mmdet3d::centerpoint/'
    'centerpoint_voxel01_second_secfpn_8xb4-cyclic-20e_nus-3d.py',
    './equity.py'
]

# the paper's for a CenterHead (there of BEVFusion), with gamma 5
_base_.dequity.eta = 0.3

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        table='data/nuscenes/nuscenes_likelihoods.parquet',
        dataset=_base_.train_dataloader.dataset,
        **_base_.dequity))
default_hooks = dict(dequity=dict(type='DequityHook'))
