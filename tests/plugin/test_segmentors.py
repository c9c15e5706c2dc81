"""Heads whose predictions are rows of all samples, of unequal number.

The heads are upstream's; what is below them is a layer that couples nothing.
"""
import pytest
import torch
from mmdet3d.models.decode_heads import Cylinder3DHead, MinkUNetHead
from mmdet3d.models.utils import add_prefix
from mmdet3d.structures import Det3DDataSample, PointData
from mmengine.model import BaseModel
from torch import nn
from torch.nn import functional as F

from dequity_mmdet3d.plugin import DequityLoss
from dequity_mmdet3d.plugin.examine import examine
from tests.plugin.test_examine import assert_same
from tests.zoo import total_loss

C, CLASSES = 4, 5
WEIGHTS = (0.25, 1.0, 0.625)
COUNTS = [(300, 500), (300, 500, 401), (301, 500)]


class Segmentor(BaseModel):
    """Features of all points in one tensor, and a head of upstream's."""

    def __init__(self, head):
        super().__init__()
        self.backbone = nn.Linear(C, C)
        self.decode_head = head

    def loss(self, inputs, data_samples):
        x = self.backbone(torch.cat(inputs)).tanh()
        return add_prefix(
            self.decode_head.loss(self.batched(x, inputs), data_samples, None),
            'decode')

    def batched(self, x, inputs):
        return x

    def forward(self, inputs, data_samples=None, mode='loss'):
        return self.loss(inputs, data_samples)


class SparseSegmentor(Segmentor):
    """The same, with spconv's tensor; its head's convolution is linear."""

    def batched(self, x, inputs):
        from spconv.pytorch import SparseConvTensor
        rows = torch.cat([
            torch.stack([torch.full((len(p), ), i), *[torch.arange(len(p))] *
                         3], 1) for i, p in enumerate(inputs)])
        return SparseConvTensor(x, rows.int(), [999] * 3, len(inputs))


class OnFeatures(nn.Linear):

    def forward(self, x):
        return x.replace_feature(super().forward(x.features))


def segmentor(kind, **kwargs):
    torch.manual_seed(0)
    ce = dict(type='mmdet.CrossEntropyLoss', loss_weight=1.0)
    if kind == 'MinkUNet':
        return Segmentor(MinkUNetHead(
            C, CLASSES, dropout_ratio=0, loss_decode=ce,
            ignore_index=255)).double().train()
    pytest.importorskip('spconv', reason='spconv is not installed')
    head = Cylinder3DHead(
        C, CLASSES, dropout_ratio=0, loss_ce=ce,
        loss_lovasz=dict(type='LovaszLoss', reduction='none'),
        ignore_index=255)
    head.loss_lovasz.register_forward_pre_hook(
        lambda _, args: (args[0].float(), *args[1:]))  # it knows no float64
    head.conv_seg = OnFeatures(C, CLASSES)
    return SparseSegmentor(head).double().train()


def batch_of(counts, weights=WEIGHTS, labels='voxel_semantic_mask', seed=0):
    generator = torch.Generator().manual_seed(seed)
    inputs, samples = [], []
    for n, weight in zip(counts, weights):
        inputs.append(torch.randn(n, C, generator=generator,
                                  dtype=torch.float64))
        sample = Det3DDataSample(metainfo=dict(
            dequity_weight=weight, dequity_likelihood=0.5))
        sample.gt_pts_seg = PointData(**{labels: torch.randint(
            CLASSES, (n, ), generator=generator)})
        samples.append(sample)
    return dict(inputs=inputs, data_samples=samples)


def gradients(model, losses):
    model.zero_grad()
    total_loss(losses).backward()
    return {n: p.grad.clone() for n, p in model.named_parameters()}


def slow_cross_entropy(model, counts, weights):
    """Each sample alone, over the number of rows of the batch."""
    loss = 0
    for i, weight in enumerate(weights[:len(counts)]):
        batch = batch_of(counts)
        part = {k: v[i:i + 1] for k, v in batch.items()}
        x = model.backbone(part['inputs'][0]).tanh()
        logits = F.linear(x, model.decode_head.conv_seg.weight,
                          model.decode_head.conv_seg.bias)
        y = part['data_samples'][0].gt_pts_seg.voxel_semantic_mask
        loss = loss + weight * F.cross_entropy(
            logits, y, reduction='sum') / sum(counts)
    return gradients(model, dict(loss=loss))


def cross_entropy(losses):
    return {k: v for k, v in losses.items() if 'lovasz' not in k}


@pytest.mark.parametrize('kind', ['MinkUNet', 'Cylinder3D'])
@pytest.mark.parametrize('examined', COUNTS)
@pytest.mark.parametrize('rows', [True, False])
def test_unequal_rows(kind, examined, rows):
    """Examined on one batch, and then stepped on others."""
    model = segmentor(kind)
    loss = DequityLoss(boundaries={'decode_head.loss_by_feat': 'rows'}
                       if rows else None)
    loss.attach(model, examine(loss, model, batch_of(examined)))
    for counts in COUNTS:
        losses = cross_entropy(model(**batch_of(counts)))
        got = gradients(model, losses)
        want = slow_cross_entropy(model, counts, WEIGHTS)
        assert_same(got, want, rtol=1e-12, atol=1e-14)


def test_one_hot_weights_are_the_sample_alone():
    """As it was found: rows 300 to 399 had the weight of the other sample."""
    model = segmentor('MinkUNet')
    loss = DequityLoss(boundaries={'decode_head.loss_by_feat': 'rows'})
    weights = (0.0, 1.0)
    batch = batch_of((300, 500), weights)
    loss.attach(model, examine(loss, model, batch))
    got = gradients(model, model(**batch))
    loss.detach()
    alone = gradients(model, model(**{k: v[1:] for k, v in batch.items()}))
    for name, gradient in got.items():
        x, y = gradient.flatten(), alone[name].flatten()
        assert 1 - F.cosine_similarity(x, y, dim=0) < 1e-12
        # over the rows of the batch, not those of the sample
        torch.testing.assert_close(x * 800 / 500, y)


class Telling(nn.Module):
    """A head of one's own whose labels are stacked before it sees them."""

    def __init__(self, tells=None):
        super().__init__()
        self.linear, self.tells = nn.Linear(C, CLASSES), tells

    def loss(self, x, batch_data_samples, train_cfg):
        counts = [s.n for s in batch_data_samples]
        y = torch.cat([torch.full((n, ), s.y) for n, s in
                       zip(counts, batch_data_samples)])
        it = None
        if self.tells == 'numbers':
            it = torch.arange(len(counts)).repeat_interleave(
                torch.tensor(counts))
        elif self.tells == 'offsets':
            it = torch.tensor(counts).cumsum(0)
        return self.point_losses(self.linear(x), y, it)

    def point_losses(self, rows, y, it):
        return dict(loss_seg=F.cross_entropy(rows, y))


def telling_batch(counts):
    batch = batch_of(counts)
    for i, (n, sample) in enumerate(zip(counts, batch['data_samples'])):
        del sample.gt_pts_seg
        sample.set_metainfo(dict(n=n, y=i + 1))
    return batch


POINTS = {'decode_head.point_losses': 'rows'}


@pytest.mark.parametrize('tells', ['numbers', 'offsets'])
def test_what_else_tells(tells):
    model = Segmentor(Telling(tells)).double().train()
    loss = DequityLoss(boundaries=POINTS)
    loss.attach(model, examine(loss, model, telling_batch((300, 500))))
    for counts in COUNTS:
        got = gradients(model, model(**telling_batch(counts)))
        x = telling_batch(counts)
        want = gradients(model, dict(loss=sum(
            w * F.cross_entropy(
                model.decode_head.linear(model.backbone(points).tanh()),
                torch.full((n, ), i + 1), reduction='sum')
            for i, (w, n, points) in enumerate(zip(
                WEIGHTS, counts, x['inputs']))) / sum(counts)))
        assert_same(got, want, rtol=1e-12, atol=1e-14)


def test_unequal_rows_of_which_nothing_tells_are_refused():
    model = Segmentor(Telling()).double().train()
    with pytest.raises(ValueError, match=r'1 of 1 loss terms cannot be .*'
                       r'decode.loss_seg \(reaches .*tells how many'):
        loss = DequityLoss(boundaries=POINTS)
        examine(loss, model, telling_batch((300, 500)))


@pytest.mark.parametrize('counts', [(301, 500), (300, 500), (200, 200)])
def test_equal_rows_are_held_to_what_was_measured(counts):
    """300 + 500 would be two times 400."""
    model = Segmentor(Telling()).double().train()
    loss = DequityLoss(boundaries=POINTS)
    found = examine(loss, model, telling_batch((300, 300)))
    # nothing can hold 200 + 400 to it, so the start-up line says so
    assert ('takes decode_head.point_losses to have as many rows in each'
            in str(found))
    loss.attach(model, found)
    model(**telling_batch((300, 300)))
    with pytest.raises(ValueError, match=f'prediction rows has {sum(counts)} '
                       'rows, but 300 rows a sample, as in the first batch, '
                       'tells of 600 in this batch of 2 samples'):
        model(**telling_batch(counts))
    # a smaller last batch
    model(**telling_batch((300, 300, 300)))


def test_labels_that_no_longer_fit():
    """Rows that a backbone drops in a later step."""
    model = segmentor('MinkUNet')
    loss = DequityLoss()
    loss.attach(model, examine(loss, model, batch_of((300, 500))))
    batch = batch_of((300, 500))
    batch['inputs'][0] = batch['inputs'][0][1:]
    with pytest.raises(ValueError, match='seg_logit has 799 rows, but the '
                       'length of each .*voxel_semantic_mask tells of 800'):
        model(**batch)


def test_the_name_in_the_error_is_the_name_of_the_term():
    """One name for one thing: in the log, in errors and in ``terms``."""
    model = Segmentor(Telling()).double().train()
    with pytest.raises(ValueError, match=r'decode\.loss_seg'):
        examine(DequityLoss(boundaries=POINTS), model,
                telling_batch((300, 500)))
    model = segmentor('Cylinder3D')
    loss = DequityLoss(terms=['decode.loss_ce'])
    batch = batch_of((300, 500))
    found = examine(loss, model, batch)
    assert {n: t.weighted for n, t in found.terms.items()} == {
        'decode.loss_ce': True, 'decode.loss_lovasz': False}
    loss.attach(model, found)
    got = gradients(model, cross_entropy(model(**batch)))
    assert_same(got, slow_cross_entropy(model, (300, 500), WEIGHTS),
                rtol=1e-12, atol=1e-14)
    losses = model(**batch)
    loss.detach()
    lovasz = {k: v for k, v in losses.items() if 'lovasz' in k}
    stock = {k: v for k, v in model(**batch).items() if 'lovasz' in k}
    assert_same(gradients(model, lovasz), gradients(model, stock),
                rtol=0, atol=0)


def test_lovasz_is_named():
    model = segmentor('Cylinder3D')
    found = examine(DequityLoss(), model, batch_of((300, 500)))
    assert str(found) == (
        'weights decode.loss_ce, decode.loss_lovasz in gradient (the log '
        "shows upstream's values); no sum over samples, so weighted by the "
        'sample of each prediction: decode.loss_lovasz')
    model = segmentor('MinkUNet')
    assert 'no sum' not in str(
        examine(DequityLoss(), model, batch_of((300, 500))))
