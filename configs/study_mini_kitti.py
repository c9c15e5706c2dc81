# The study of docs/study.md: PointPillars on a mini KITTI whose validation
# split holds as many frames of each mode. Counted in steps, so that arms whose
# epochs differ in length (CBGS) train equally long.
_base_ = ['./pointpillars_dequity_mini_kitti.py']

data_root = '{{$MINI_KITTI:data/mini_kitti/}}'
# no objects pasted from other frames: these would bring the rare frames'
# cyclists into common ones, and both arms would see them equally often
train_dataloader = dict(
    dataset=dict(
        dataset=dict(
            dataset=dict(pipeline=[
                step for step in _base_.train_pipeline
                if step['type'] != 'ObjectSample'
            ]))))
max_iters = 1500
train_cfg = dict(
    _delete_=True,
    type='IterBasedTrainLoop',
    max_iters=max_iters,
    val_interval=max_iters + 1)  # evaluated by test.py
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=200),
    dict(
        type='CosineAnnealingLR',
        by_epoch=False,
        T_max=max_iters,
        eta_min_ratio=1e-3,
        end=max_iters)
]
default_hooks = dict(
    checkpoint=dict(by_epoch=False, interval=500, max_keep_ckpts=1))
log_processor = dict(by_epoch=False)
# rain, night and fog are half of the validation frames, dusk is a sixth
val_evaluator = dict(
    type='DequityKittiMetric',
    table=data_root + 'kitti_likelihoods_val.parquet',
    bounds=(0.5, 0.667))
test_evaluator = val_evaluator
