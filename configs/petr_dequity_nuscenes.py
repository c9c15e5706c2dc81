# In place of the paper's BEVFormer (eta 0.5, gamma 5), which MMDetection3D 1.4
# does not have: like it, PETR sees the cameras only, and its head has queries.
# It needs a clone of MMDetection3D, since pip does not install its projects/:
#   export MMDET3D=/absolute/path/to/mmdetection3d PYTHONPATH=$MMDET3D
_base_ = [
    '{{$MMDET3D:}}/projects/PETR/configs/petr_vovnet_gridmask_p4_800x320.py'
]

custom_imports = dict(
    imports=[*_base_.custom_imports.imports, 'dequity_mmdet3d.plugin'],
    allow_failed_imports=False)
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='DequityDataset',
        table='data/nuscenes/nuscenes_likelihoods.parquet',
        eta=0.5,
        gamma=5.0,
        dataset=_base_.train_dataloader.dataset))
default_hooks = dict(dequity=dict(type='DequityHook'))
