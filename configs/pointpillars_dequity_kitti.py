_base_ = [
    'mmdet3d::pointpillars/'
    'pointpillars_hv_secfpn_8xb6-160e_kitti-3d-3class.py',
    './equity.py'
]

# ground planes are not in KITTI's own download
_base_.train_dataloader.dataset.dataset.pipeline[2].use_ground_plane = False

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        table='data/kitti/kitti_likelihoods.parquet',
        dataset=_base_.train_dataloader.dataset,
        **_base_.dequity))
default_hooks = dict(dequity=dict(type='DequityHook'))
