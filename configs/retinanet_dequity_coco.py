_base_ = ['mmdet::retinanet/retinanet_r50_fpn_1x_coco.py', './equity.py']

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        table='data/coco/coco_likelihoods.parquet',
        dataset=_base_.train_dataloader.dataset,
        **_base_.dequity))
default_hooks = dict(dequity=dict(type='DequityHook'))
