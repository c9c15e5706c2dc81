"""Values and gradients of anchor heads against each sample alone.

The heads and their losses are the zoo's, in float64; what is below them is a
layer that couples nothing.
"""
import copy

import pytest
import torch
from mmdet3d.models.dense_heads import anchor3d_head
from mmdet3d.registry import MODELS
from mmengine.model import BaseModel
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from dequity_mmdet3d.plugin import DequityLoss
from dequity_mmdet3d.plugin.examine import examine
from tests.plugin import toys
from tests.zoo import load, make_batch

# config, its head, the part of its train_cfg
HEADS = {
    'PointPillars, KITTI':
    ('pointpillars/pointpillars_hv_secfpn_8xb6-160e_kitti-3d-3class.py',
     'bbox_head', None),
    'PointPillars, nuScenes, levels':
    ('pointpillars/pointpillars_hv_fpn_sbn-all_8xb4-2x_nus-3d.py',
     'pts_bbox_head', 'pts'),
    'SECOND': ('second/second_hv_secfpn_8xb6-80e_kitti-3d-3class.py',
               'bbox_head', None),
    'SSN': ('ssn/ssn_hv_secfpn_sbn-all_16xb2-2x_nus-3d.py', 'pts_bbox_head',
            'pts'),
    'PartA2': ('parta2/parta2_hv_secfpn_8xb2-cyclic-80e_kitti-3d-3class.py',
               'rpn_head', 'rpn'),
    'PV-RCNN': ('pv_rcnn/pv_rcnn_8xb2-80e_kitti-3d-3class.py', 'rpn_head',
                'rpn'),
    'MVX-Net': ('mvxnet/mvxnet_fpn_dv_second_secfpn_8xb2-80e_kitti-3d-'
                '3class.py', 'pts_bbox_head', 'pts'),
    'SA-SSD': ('sassd/sassd_8xb6-80e_kitti-3d-3class.py', 'bbox_head', None),
    'ImVoxelNet': ('imvoxelnet/imvoxelnet_8xb4_kitti-3d-car.py', 'bbox_head',
                   None),
}
WEIGHTS = (0.3, 0.9, 0.55)
CELLS = 16
MORE_CELLS = dict(SSN=48)  # with fewer no anchor is near a box


class OneHead(BaseModel):
    """Features of each sample by one layer, and a head."""

    def __init__(self, head, channels):
        super().__init__()
        self.backbone = nn.Conv2d(3, channels, 1)
        self.head = head

    def loss(self, inputs, data_samples):
        x = self.backbone(torch.stack(inputs)).tanh()
        levels = self.head.prior_generator.num_levels
        return self.head.loss([x[..., ::2**i, ::2**i] for i in range(levels)],
                              data_samples)

    def forward(self, inputs, data_samples=None, mode='loss'):
        return self.loss(inputs, data_samples)


def build(name, monkeypatch):
    """A model in float64 and a function that makes its batch."""
    # the host casts predictions to float32
    monkeypatch.setattr(anchor3d_head, 'cast_tensor_type',
                        lambda outs, dst_type: outs)
    path, key, part = HEADS[name]
    cfg = load(path)
    train_cfg = cfg.model.train_cfg
    head = dict(cfg.model[key], train_cfg=train_cfg[part] if part else
                train_cfg, test_cfg=None)
    torch.manual_seed(0)
    channels = head.get('in_channels') if name == 'SSN' else head.get(
        'feat_channels', 256)
    model = OneHead(MODELS.build(head), channels)
    for p in model.head.parameters():
        nn.init.normal_(p, std=0.02)
    generator = torch.Generator().manual_seed(0)
    cells = MORE_CELLS.get(name, CELLS)
    features = torch.randn(3, 3, cells, cells, dtype=torch.float64,
                           generator=generator)

    def batch(weights=None):
        samples = make_batch(cfg, 3)['data_samples']
        for sample, weight in zip(samples, weights or [1.0] * 3):
            sample.set_metainfo(dict(dequity_weight=weight,
                                     dequity_likelihood=0.5))
        return dict(inputs=list(features), data_samples=samples)

    model.double().train()
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.eval()  # samples do not see each other
    return model, batch


def slow(model, batch, weights):
    """Sum of the weighted losses of each sample alone, with the batch's F."""
    head, whole = model.head, batch()
    stock, counts = head.anchor_target_3d, []

    def counting(*args, **kwargs):
        targets = stock(*args, **kwargs)
        counts.append(targets[6:])
        return targets

    def counted(*args, **kwargs):
        return (*stock(*args, **kwargs)[:6], *counts[0])

    try:
        head.anchor_target_3d = counting
        model(**copy.deepcopy(whole))
        head.anchor_target_3d = counted
        total = {}
        for i, weight in enumerate(weights):
            one = {k: v[i:i + 1] for k, v in copy.deepcopy(whole).items()}
            for term, levels in model(**one).items():
                total.setdefault(term, [0])[0] += weight * sum(levels)
    finally:
        del head.anchor_target_3d
    return total


def values(losses):
    return {term: float(sum(levels).detach())
            for term, levels in losses.items()}


def gradients(model, losses):
    model.zero_grad()
    sum(sum(levels) for levels in losses.values()).backward()
    return {n: p.grad.clone() for n, p in model.named_parameters()}


def attached(model, batch, **kwargs):
    loss = DequityLoss(**kwargs)
    found = examine(loss, model, batch(WEIGHTS))
    loss.attach(model, found)
    return loss, found


def relative(a, b):
    return float((a - b).norm() / b.norm().clamp(min=1e-12))


@pytest.mark.parametrize('name', HEADS)
def test_value_and_gradient(name, monkeypatch):
    model, batch = build(name, monkeypatch)
    want = slow(model, batch, WEIGHTS)
    want_gradients = gradients(model, want)
    stock = model(**batch())
    stock_gradients = gradients(model, stock)
    _, found = attached(model, batch)
    assert all(term.weighted and term.shown for term in found.terms.values())
    assert str(found) == f'weights {", ".join(want)} in value and in gradient'
    got = model(**batch(WEIGHTS))
    assert values(got) == pytest.approx(values(want), rel=1e-6)
    assert all(abs(values(stock)[t] - v) > 0.01 * v
               for t, v in values(got).items())
    for n, gradient in gradients(model, got).items():
        assert relative(gradient, want_gradients[n]) < 1e-6
    # weights of 1: bit for bit
    ones = model(**batch())
    assert values(ones) == values(stock)
    for n, gradient in gradients(model, ones).items():
        assert torch.equal(gradient, stock_gradients[n])


NAME = 'PointPillars, KITTI'


def test_values_of_the_stock(monkeypatch):
    """The same gradients, and upstream's values, bit for bit."""
    model, batch = build(NAME, monkeypatch)
    stock = values(model(**batch()))
    loss, found = attached(model, batch, values='stock')
    assert not any(term.shown for term in found.terms.values())
    assert str(found).endswith("in gradient (the log shows upstream's values)")
    losses = model(**batch(WEIGHTS))
    assert values(losses) == stock
    got = gradients(model, losses)
    loss.detach()
    attached(model, batch)
    for n, gradient in gradients(model, model(**batch(WEIGHTS))).items():
        assert torch.equal(gradient, got[n])


def test_some_terms(monkeypatch):
    model, batch = build(NAME, monkeypatch)
    stock = values(model(**batch()))
    want = values(slow(model, batch, WEIGHTS))
    _, found = attached(model, batch, terms=['loss_bbox'])
    assert str(found) == ('weights loss_bbox in value and in gradient; '
                          'leaves loss_cls, loss_dir')
    got = values(model(**batch(WEIGHTS)))
    assert got == pytest.approx(dict(stock, loss_bbox=want['loss_bbox']),
                                rel=1e-6)
    assert got['loss_cls'] == stock['loss_cls']


def no_boxes(batch):
    def made(weights=None):
        made = batch(weights)
        for sample in made['data_samples']:
            gt = sample.gt_instances_3d
            sample.gt_instances_3d = gt[torch.zeros(len(gt), dtype=bool)]
        return made

    return made


def test_first_batch_without_boxes(monkeypatch):
    """Terms without elements are known to be 0, and are weighted later."""
    model, batch = build(NAME, monkeypatch)
    want = values(slow(model, batch, WEIGHTS))
    _, found = attached(model, no_boxes(batch))
    assert all(term.shown for term in found.terms.values())
    assert values(model(**batch(WEIGHTS))) == pytest.approx(want, rel=1e-6)
    empty = values(model(**no_boxes(batch)(WEIGHTS)))
    assert empty['loss_bbox'] == empty['loss_dir'] == 0
    assert empty['loss_cls'] > 0


class Squared(nn.Module):
    """A loss that is not linear in its element weights."""

    def __init__(self, stock):
        super().__init__()
        self.stock = stock

    def forward(self, pred, target, weight, avg_factor):
        return self.stock(pred, target, weight**2, avg_factor=avg_factor)


class Ignoring(Squared):

    def forward(self, pred, target, weight, avg_factor):
        return self.stock(pred, target, None, avg_factor=avg_factor)


@pytest.mark.parametrize('kind', [Squared, Ignoring])
def test_losses_that_take_weights_otherwise_keep_their_values(
        kind, monkeypatch):
    """And their gradients are exact all the same."""
    model, batch = build(NAME, monkeypatch)
    model.head.loss_bbox = kind(model.head.loss_bbox)
    stock = values(model(**batch()))
    want = slow(model, batch, WEIGHTS)
    want_gradients = gradients(model, want)
    _, found = attached(model, batch)
    assert [n for n, t in found.terms.items() if t.shown] == [
        'loss_cls', 'loss_dir']
    losses = model(**batch(WEIGHTS))
    got = values(losses)
    assert got == pytest.approx(
        dict(values(want), loss_bbox=stock['loss_bbox']), rel=1e-6)
    for n, gradient in gradients(model, losses).items():
        assert relative(gradient, want_gradients[n]) < 1e-6


@pytest.mark.parametrize('kind', [Squared, Ignoring])
def test_what_was_0_at_first_is_judged_at_its_first_value(kind, monkeypatch):
    """Anything is a sum of nothing."""
    model, batch = build(NAME, monkeypatch)
    model.head.loss_bbox = kind(model.head.loss_bbox)
    stock = values(model(**batch()))
    want = values(slow(model, batch, WEIGHTS))
    attached(model, no_boxes(batch))
    empty = values(model(**no_boxes(batch)(WEIGHTS)))
    assert empty['loss_bbox'] == 0
    for _ in range(2):
        assert values(model(**batch(WEIGHTS))) == pytest.approx(
            dict(want, loss_bbox=stock['loss_bbox']), rel=1e-6)


def test_free_anchor_keeps_its_values(monkeypatch):
    """It makes no element weights, and couples samples, which is said."""
    monkeypatch.setitem(HEADS, 'FreeAnchor', (
        'free_anchor/pointpillars_hv_fpn_head-free-anchor_sbn-all_8xb4-2x_'
        'nus-3d.py', 'pts_bbox_head', 'pts'))
    model, batch = build('FreeAnchor', monkeypatch)
    model.float()

    def single(weights=None):
        made = batch(weights)
        return dict(made, inputs=[x.float() for x in made['inputs']])

    stock = {k: float(v.detach()) for k, v in model(**single()).items()}
    _, found = attached(model, single)
    assert str(found) == (
        "weights positive_bag_loss, negative_bag_loss in gradient (the log "
        "shows upstream's values); no sum over samples, so weighted by the "
        'sample of each prediction: negative_bag_loss')
    assert stock == {k: float(v.detach())
                     for k, v in model(**single(WEIGHTS)).items()}


def test_other_heads_show_the_values_of_the_stock():
    model = toys.build_toy(toys.Dense)
    batch = toys.toy_batch(3, WEIGHTS)
    assert str(examine(DequityLoss(), model, batch)) == (
        "weights loss_cls, loss_box in gradient (the log shows upstream's "
        'values)')


def test_wrong_values():
    with pytest.raises(ValueError, match="must be one of .*but got 'host'"):
        DequityLoss(values='host')
