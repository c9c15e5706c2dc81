# BEVFusion of lidar and cameras. Its head is TransFusionHead, for which the
# paper has eta 1, gamma 5; with a CenterHead in its place, eta 0.3, gamma 5.
# It needs a clone of MMDetection3D, since pip does not install its projects/:
#   export MMDET3D=/absolute/path/to/mmdetection3d PYTHONPATH=$MMDET3D
_base_ = [
    '{{$MMDET3D:}}/projects/BEVFusion/configs/'
    'bevfusion_lidar-cam_voxel0075_second_secfpn_8xb4-cyclic-20e_nus-3d.py'
]

custom_imports = dict(
    imports=[*_base_.custom_imports.imports, 'dequity_mmdet3d.plugin'],
    allow_failed_imports=False)
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='DequityDataset',
        table='data/nuscenes/nuscenes_likelihoods.parquet',
        eta=1.0,
        gamma=5.0,
        dataset=_base_.train_dataloader.dataset))
default_hooks = dict(dequity=dict(type='DequityHook'))
