# In place of the paper's monocular detector on KITTI, DD3D, which
# MMDetection3D 1.4 does not have; eta 1 and gamma 5 are the paper's for it.
_base_ = [
    'mmdet3d::pgd/pgd_r101-caffe_fpn_head-gn_4xb3-4x_kitti-mono3d.py',
    './equity.py'
]

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        table='data/kitti/kitti_likelihoods.parquet',
        dataset=_base_.train_dataloader.dataset,
        **_base_.dequity))
default_hooks = dict(dequity=dict(type='DequityHook'))
