"""MMDetection's 2D detectors: ids, wrappers, scope, and a training."""
import json
import sys

import numpy as np
import pytest
import torch
from mmdet.registry import DATASETS as MMDET_DATASETS
from mmdet.registry import MODELS as MMDET_MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData

from dequity_mmdet3d.commands import main
from dequity_mmdet3d.config_files import read_config
from dequity_mmdet3d.plugin import DequityDataset, DequityLoss
from dequity_mmdet3d.plugin.examine import examine
from dequity_mmdet3d.table import LikelihoodTable
from tests.coco_set import CLASSES, coco_dataset, make_coco
from tests.commands.test_main import dequity
from tests.helpers import ROOT, save_table
from tests.plugin.test_configs import plain

LOADING = [dict(type='LoadImageFromFile'),
           dict(type='LoadAnnotations', with_bbox=True)]
PACKING = [dict(type='PackDetInputs', meta_keys=('img_id', 'img_shape'))]


@pytest.fixture(scope='module')
def coco(tmp_path_factory):
    root = tmp_path_factory.mktemp('sets') / 'coco'
    make_coco(root)
    save_table(root / 'coco_likelihoods.parquet',
               {str(10 * i + 7): 1 / (i + 1) for i in range(7)})
    return root


@pytest.fixture
def mmdet_scope():
    with DefaultScope.overwrite_default_scope('mmdet'):
        yield


def test_found_by_name_in_the_scope_of_others(mmdet_scope):
    for kind in ('DequityLoss', 'mmdet3d.DequityLoss',
                 'dequity_mmdet3d.plugin.DequityLoss'):
        assert isinstance(MMDET_MODELS.build(dict(type=kind)), DequityLoss)


def test_images_are_joined_by_their_id(coco, mmdet_scope):
    dataset = MMDET_DATASETS.build(dict(
        type='DequityDataset', table=f'{coco}/coco_likelihoods.parquet',
        dataset=coco_dataset(coco, pipeline=LOADING + PACKING)))
    assert len(dataset) == 7
    for i in range(7):
        meta = dataset[i]['data_samples'].metainfo
        number = meta['img_id'] // 10
        assert meta['dequity_likelihood'] == 1 / (number + 1)
    assert dataset.cat_ids == [3, 4]  # an attribute of the wrapped data set


def test_mosaic_has_the_weight_of_its_own_image(coco, mmdet_scope):
    """YOLOX's data set packs its samples in a wrapper's pipeline."""
    base = coco_dataset(coco, pipeline=LOADING)
    mixed = dict(
        type='MultiImageMixDataset', dataset=base,
        pipeline=[dict(type='Mosaic', img_scale=(64, 64)),
                  dict(type='MixUp', img_scale=(64, 64)), *PACKING])
    dataset = MMDET_DATASETS.build(dict(
        type='DequityDataset', dataset=mixed,
        table=f'{coco}/coco_likelihoods.parquet'))
    np.random.seed(0)
    for i in range(len(dataset)):
        meta = dataset[i]['data_samples'].metainfo
        assert meta['dequity_likelihood'] == 1 / (meta['img_id'] // 10 + 1)
        assert meta['dequity_weight'] == dataset.weight[i]
    dataset.update_skip_type_keys(['Mosaic'])  # as YOLOXModeSwitchHook does
    assert dataset.dataset._skip_type_keys == ['Mosaic']


def cheap(name):
    """A 2D detector of the zoo without a download, with fewer layers.

    What its losses are computed from, and how, stays.
    """
    cfg = Config.fromstring(f"_base_ = ['mmdet::{name}']", '.py').model
    cfg.backbone.update(init_cfg=None)
    if cfg.backbone.type == 'ResNet':
        cfg.backbone.update(depth=18, base_channels=16, style='pytorch')
        width = [16, 32, 64, 128]
        neck = cfg.neck
        neck.in_channels = width if len(neck.in_channels) == 4 else [128]
    if 'stacked_convs' in cfg.get('bbox_head', {}):
        cfg.bbox_head.stacked_convs = 1
    if 'roi_head' in cfg:
        cfg.roi_head.bbox_head.fc_out_channels = 64
    if 'encoder' in cfg:  # a loss for each layer of the decoder
        cfg.encoder.num_layers, cfg.decoder.num_layers = 1, 2
    # resizing asks the message hub of a training
    cfg.data_preprocessor.pop('batch_augments', None)
    if 'rpn_proposal' in cfg.get('train_cfg', {}):
        cfg.train_cfg.rpn_proposal.update(nms_pre=100, max_per_img=50)
    return cfg


# MMDetection's detectors by their heads: dense, centre-based, two-stage,
# with mixed images, with queries.
DETECTORS = dict(
    retinanet='retinanet/retinanet_r50_fpn_1x_coco.py',
    fcos='fcos/fcos_r50-caffe_fpn_gn-head_1x_coco.py',
    faster_rcnn='faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py',
    yolox='yolox/yolox_tiny_8xb8-300e_coco.py',
    detr='detr/detr_r50_8xb2-150e_coco.py')


def batch_2d(weights):
    from mmdet.structures import DetDataSample
    generator = torch.Generator().manual_seed(0)
    inputs, samples = [], []
    for i, weight in enumerate(weights):
        inputs.append(torch.randint(
            0, 255, (3, 64, 96), generator=generator, dtype=torch.uint8))
        sample = DetDataSample(metainfo=dict(
            img_shape=(64, 96), ori_shape=(64, 96), scale_factor=(1., 1.),
            batch_input_shape=(64, 96), pad_shape=(64, 96), img_id=i,
            dequity_weight=weight, dequity_likelihood=0.5))
        sample.gt_instances = InstanceData(
            bboxes=torch.tensor([[8., 8, 56, 50], [20 + 8. * i, 10, 90, 60]]),
            labels=torch.tensor([i, 2]))
        sample.ignored_instances = InstanceData(
            bboxes=torch.zeros(0, 4), labels=torch.zeros(0).long())
        samples.append(sample)
    return dict(inputs=inputs, data_samples=samples)


@pytest.mark.slow
@pytest.mark.parametrize('name', DETECTORS)
def test_zero_and_one(name, mmdet_scope):
    """Weights of 1 are bit-identical, of 0 give exactly no gradient."""
    torch.manual_seed(0)
    model = MMDET_MODELS.build(cheap(DETECTORS[name])).train()
    if name == 'yolox':  # whose activations would overflow, stock too
        for p in model.parameters():
            p.data.mul_(0.5)
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.eval()

    def step(weights=None, found=None):
        batch = batch_2d(weights or [9.0, 9.0])
        torch.manual_seed(0)
        if found:
            loss.attach(model, found)
        model.zero_grad()
        losses = model(**model.data_preprocessor(batch, True), mode='loss')
        model.parse_losses(losses)[0].backward()
        loss.detach()
        return {n: p.grad.clone() for n, p in model.named_parameters()
                if p.grad is not None}

    loss = DequityLoss()
    found = examine(loss, model, batch_2d([1.0, 1.0]))
    assert all(term.weighted for term in found.terms.values())
    stock, ones = step(), step([1.0, 1.0], found)
    assert set(stock) == set(ones) and all(
        torch.equal(g, ones[n]) for n, g in stock.items())
    assert all((g == 0).all() for g in step([0.0, 0.0], found).values())
    halves = step([0.5, 0.5], found)
    for name, g in stock.items():
        torch.testing.assert_close(halves[name], g / 2, rtol=1e-3, atol=1e-5)


def test_the_config_is_its_base_and_equity():
    config = plain(read_config(
        ROOT / 'configs/retinanet_dequity_coco.py').to_dict())
    base = plain(Config.fromstring(
        "_base_ = ['mmdet::retinanet/retinanet_r50_fpn_1x_coco.py']",
        '.py').to_dict())
    assert config.pop('custom_imports')['imports'] == [
        'dequity_mmdet3d.plugin']
    assert config['default_hooks'].pop('dequity') == dict(type='DequityHook')
    shared = config.pop('dequity')
    equity = config['train_dataloader'].pop('dataset')
    assert base['train_dataloader'].pop('dataset') == equity.pop('dataset')
    assert equity == dict(shared, table='data/coco/coco_likelihoods.parquet')
    assert config == base


@pytest.mark.slow
def test_likelihoods_and_training(tmp_path, monkeypatch):
    """From COCO's file to weighted steps, as a user would."""
    make_coco(tmp_path / 'coco')
    text = f'''
_base_ = ['{ROOT}/configs/retinanet_dequity_coco.py']
coco = {coco_dataset(tmp_path / 'coco')!r}
train_dataloader = dict(
    num_workers=0, persistent_workers=False,
    dataset=dict(table='{tmp_path}/t.parquet', dataset=dict(
        **{{k: v for k, v in coco.items() if k != 'type'}})))
model = dict(
    backbone=dict(depth=18, base_channels=16, init_cfg=None),
    neck=dict(in_channels=[16, 32, 64, 128], out_channels=16),
    bbox_head=dict(num_classes={len(CLASSES)}, in_channels=16,
                   feat_channels=16, stacked_convs=1),
    test_cfg=dict(score_thr=0.))
train_cfg = dict(max_epochs=1)
val_dataloader = dict(
    num_workers=0, persistent_workers=False,
    dataset=dict(**{{k: v for k, v in coco.items() if k != 'type'}}))
val_evaluator = dict(
    _delete_=True, type='DequityMetric', tags='{tmp_path}/tags.csv',
    metric=dict(_base_.val_evaluator,
                ann_file=coco['data_root'] + coco['ann_file']))
test_dataloader = test_evaluator = test_cfg = None
default_hooks = dict(logger=dict(interval=1))
'''
    config = tmp_path / 'config.py'
    config.write_text(text)
    (tmp_path / 'tags.csv').write_text('id,light\n' + ''.join(
        f'{10 * i + 7},{"night" if i < 2 else "day"}\n' for i in range(8)))
    # here, which is quicker: it has no registries to fill
    monkeypatch.setattr(sys, 'argv', [])  # to be put back
    assert main(['likelihoods', str(config)]) == 0
    table = LikelihoodTable.load(tmp_path / 't.parquet')
    assert sorted(table.sample_id, key=int) == [
        str(10 * i + 7) for i in range(7)]
    done = dequity('train', config, '--work-dir', tmp_path / 'run',
                   '--cfg-options',
                   *(f'{pipeline}.scale=(96,64)' for pipeline in (
                       'train_dataloader.dataset.dataset.pipeline.2',
                       'val_dataloader.dataset.pipeline.1')))
    assert done.returncode == 0, done.stdout[-3000:]
    steps = [json.loads(line) for path in (tmp_path / 'run').glob(
        '*/vis_data/scalars.json') for line in path.read_text().splitlines()]
    figures = steps.pop()
    assert figures['coco/light=night/frames'] == 2
    assert figures['coco/light=day/frames'] == 6  # as the empty one counts
    assert {'coco/bbox_mAP', 'coco/light=night/bbox_mAP'} <= set(figures)
    assert len(steps) == 4  # 7 images, 2 a batch
    assert all(np.isfinite(step['loss']) for step in steps)
    weights = DequityDataset(
        MMDET_DATASETS.build(dict(
            coco_dataset(tmp_path / 'coco', pipeline=LOADING),
            _scope_='mmdet')), str(tmp_path / 't.parquet')).weight
    low = min(step['dequity_weight_min'] for step in steps)
    high = max(step['dequity_weight_max'] for step in steps)
    np.testing.assert_allclose((low, high), (weights.min(), weights.max()),
                               rtol=1e-5)
