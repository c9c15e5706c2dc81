"""Detectors without data samples: flat batches, as StreamPETR's.

``forward(mode, **data)``, heads with a method ``loss`` of predictions, and a
memory of the samples before. The toy is ours; its form is StreamPETR's.

Shape letters: B samples, T frames, L layers, Q queries, C channels, V views.
"""
import copy

import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.model import BaseModel
from torch import nn

from dequity_mmdet3d.plugin import DequityDataset, DequityLoss
from dequity_mmdet3d.plugin.batch import image_metas_in, without_last
from dequity_mmdet3d.plugin.examine import examine
from dequity_mmdet3d.plugin.sampler import draws_by_weights
from tests.helpers import save_table
from tests.plugin.test_examine import assert_same
from tests.zoo import total_loss

C, L, Q, V = 4, 3, 5, 2
WEIGHTS = (0.25, 1.0, 0.625)
BOUNDARIES = {'pts_bbox_head.loss': None, 'img_roi_head.loss': 'rows'}


class QueryHead(nn.Module):
    """Predictions (L, B, Q, C), and a memory (B, C) of earlier frames."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(C, C) for _ in range(L)])
        self.queries = nn.Embedding(Q, C)
        self.memory = None

    def forward(self, x, img_metas):
        mean = x.mean((1, 3))  # (B, V, C, H) to (B, C)
        if self.memory is None:
            self.memory = torch.zeros_like(mean)
        mean = mean + 0.5 * self.memory
        self.memory = mean.detach()
        out = mean[:, None] + self.queries.weight
        return dict(all_scores=torch.stack([f(out) for f in self.layers]))

    def loss(self, gt_bboxes_list, gt_labels_list, preds_dicts):
        y = torch.stack([boxes.sum(0) for boxes in gt_bboxes_list])
        return {f'd{i}.loss_cls': ((z - y[:, None])**2).sum() / self.factor
                for i, z in enumerate(preds_dicts['all_scores'])}


class ViewHead(nn.Module):
    """Predictions (B * V, C), the views of a sample one after another."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(C, C)

    def forward(self, x):
        return dict(views=self.linear(x.mean(3).flatten(0, 1)))

    def loss(self, gt_bboxes_list, preds_dicts, img_metas):
        y = torch.stack([boxes.mean(0) for boxes in gt_bboxes_list])
        z = preds_dicts['views']
        return dict(loss_view=(z - y.repeat_interleave(
            V, 0)).abs().sum() / self.factor)


class FlatDetector(BaseModel):
    """The form of StreamPETR's."""
    frames_first = True

    def __init__(self, factor):
        super().__init__()
        self.backbone = nn.Linear(C, C)
        self.pts_bbox_head, self.img_roi_head = QueryHead(), ViewHead()
        self.pts_bbox_head.factor = self.img_roi_head.factor = factor

    def forward(self, mode='loss', **data):
        img = torch.stack(data['img'])
        metas, boxes, labels = (data[k] for k in (
            'img_metas', 'gt_bboxes_3d', 'gt_labels_3d'))
        if not self.frames_first:
            metas, boxes, labels = ([list(f) for f in zip(*v)]
                                    for v in (metas, boxes, labels))
        losses = {}
        for t in range(img.shape[1]):
            x = self.backbone(img[:, t].transpose(2, 3)).tanh().transpose(2, 3)
            outs = self.pts_bbox_head(x, metas[t])
        losses = self.pts_bbox_head.loss(boxes[-1], labels[-1], outs)
        losses.update(self.img_roi_head.loss(
            boxes[-1], self.img_roi_head(x), metas[t]))
        return losses


class NestedDetector(FlatDetector):
    """Its batches are lists of samples, each a list of frames."""
    frames_first = False


def items(weights, frames=1):
    """What the data set gives, a sample each."""
    found = []
    for i, weight in enumerate(weights):
        g = torch.Generator().manual_seed(i)

        def rand(*shape, g=g):
            return torch.randn(*shape, generator=g, dtype=torch.float64)

        found.append(dict(
            img=rand(frames, V, C, 6),
            gt_bboxes_3d=[rand(1 + i, C) for _ in range(frames)],
            gt_labels_3d=[torch.zeros(1 + i).long() for _ in range(frames)],
            img_metas=[dict(pad_shape=[(4, 6, 3)] * V, token=f'{i}',
                            dequity_weight=weight if t == frames - 1 else 9.,
                            dequity_likelihood=0.5)
                       for t in range(frames)]))
    return found


def nested_collate(items):
    return {k: [item[k] for item in items] for k in items[0]}


FORMS = [(FlatDetector, pseudo_collate), (NestedDetector, nested_collate)]


def detector(kind, factor):
    torch.manual_seed(0)
    return kind(factor).double().train()


def gradients(model, losses):
    model.zero_grad()
    total_loss(losses).backward()
    return {n: p.grad.clone() for n, p in model.named_parameters()}


def step(model, batch):
    model.pts_bbox_head.memory = None
    return gradients(model, model(**copy.deepcopy(batch), mode='loss'))


def slow(kind, collate, weights, frames):
    """Each sample alone, with the factor of the whole batch."""
    result = {}
    for i, weight in enumerate(weights):
        model = detector(kind, len(weights))
        part = collate(items(weights, frames)[i:i + 1])
        for name, g in step(model, part).items():
            result[name] = result.get(name, 0) + weight * g
    return result


@pytest.mark.parametrize('kind, collate', FORMS)
@pytest.mark.parametrize('b, frames', [(2, 1), (3, 1), (1, 1), (2, 2), (3, 2)])
def test_each_sample_has_its_weight(kind, collate, b, frames):
    """b = 2 with two frames: as many samples as frames; b = 3: as layers."""
    weights = WEIGHTS[:b]
    batch = collate(items(weights, frames))
    model = detector(kind, b)
    loss = DequityLoss(boundaries=BOUNDARIES)
    found = examine(loss, model, batch)
    assert model.pts_bbox_head.memory is None
    assert {n: t.weighted for n, t in found.terms.items()} == dict.fromkeys(
        ['d0.loss_cls', 'd1.loss_cls', 'd2.loss_cls', 'loss_view'], True)
    loss.attach(model, found)
    got = step(model, batch)
    assert loss.take_used() == list(weights)
    assert_same(got, slow(kind, collate, weights, frames), rtol=1e-6,
                atol=1e-12)
    loss.detach()
    assert 'forward' not in vars(model)


def test_weights_of_one_are_bit_identical():
    batch = pseudo_collate(items([1.0] * 3))
    model = detector(FlatDetector, 3)
    stock = step(model, batch)
    model.pts_bbox_head.memory = None  # as at the start of a training
    loss = DequityLoss(boundaries=BOUNDARIES)
    loss.attach(model, examine(loss, model, batch))
    assert_same(step(model, batch), stock, rtol=0, atol=0)


def test_a_head_that_is_not_named_is_an_error_that_says_so():
    batch = pseudo_collate(items(WEIGHTS))
    with pytest.raises(ValueError, match='1 of 4 loss terms cannot be '
                       r'attributed to samples: loss_view \(reaches'):
        loss = DequityLoss(boundaries={'pts_bbox_head.loss': None})
        examine(loss, detector(FlatDetector, 3), batch)


def test_metas_without_weights():
    plain = items(WEIGHTS)
    for item in plain:
        for meta in item['img_metas']:
            del meta['dequity_weight'], meta['dequity_likelihood']
    with pytest.raises(ValueError, match='carry no dequity_weight; wrap '):
        examine(DequityLoss(boundaries=BOUNDARIES),
                detector(FlatDetector, 3), pseudo_collate(plain))


@pytest.mark.parametrize('collate', [pseudo_collate, nested_collate])
def test_batches(collate):
    batch = collate(items(WEIGHTS, frames=2))
    metas = image_metas_in(batch['img_metas'])
    assert [m['dequity_weight'] for m in metas] == list(WEIGHTS)
    less = without_last(batch)
    want = collate(items(WEIGHTS[:2], frames=2))
    assert len(image_metas_in(less['img_metas'])) == 2
    for key in ('img', 'gt_bboxes_3d', 'gt_labels_3d'):
        torch.testing.assert_close(less[key], want[key])
    assert without_last(collate(items(WEIGHTS[:1], frames=2))) is None
    assert image_metas_in([]) is None and image_metas_in(None) is None
    flat = [dict(dequity_weight=w) for w in WEIGHTS]
    assert image_metas_in(flat) == flat


class OwnDicts(BaseDataset):
    """Hands its pipeline a dict of its own, past ``get_data_info``."""
    METAINFO = dict(dataset='nuscenes')

    def load_data_list(self):
        return [dict(token=f't{i}') for i in range(4)]

    def prepare_data(self, idx):
        info = super().get_data_info(idx)
        result = self.pipeline(dict(img_metas=dict(token=info['token'])))
        return result and dict(img_metas=[result['img_metas']])


def refuses_t1(data):
    return None if data['img_metas']['token'] == 't1' else data


def test_the_data_set_writes_to_img_metas(tmp_path):
    table = save_table(tmp_path / 't.parquet',
                       {f't{i}': 1 / (1 + i) for i in range(4)})
    dataset = DequityDataset(OwnDicts(pipeline=[refuses_t1]), table)
    np.random.seed(0)
    for i in range(4):
        meta, = dataset[i]['img_metas']
        number = int(meta['token'][1])
        assert number == i or i == 1  # of which another is drawn
        assert meta['dequity_likelihood'] == 1 / (1 + number)
        assert meta['dequity_weight'] == dataset.weight[number]


@pytest.mark.parametrize('own', [None, [1.0, 3.0, 2.0, 1.0]])
def test_frame_weights(tmp_path, own):
    """As a project's sampler asks for them: its own, else ours."""
    table = save_table(tmp_path / 't.parquet',
                       {f't{i}': 1 / (1 + i) for i in range(4)})
    base = OwnDicts(pipeline=[])
    base.flag = [0, 0, 1, 1]
    if own:
        base.frame_weights = own
    dataset = DequityDataset(base, table)
    assert dataset.frame_weights == (own or dataset.weight.tolist())
    assert dataset.flag == [0, 0, 1, 1]
    with pytest.raises(AttributeError, match='nothing'):
        dataset.nothing  # noqa: B018
    sampler = WeightedSampler(dataset)
    assert draws_by_weights(sampler) is not bool(own)


class WeightedSampler:
    """In the form of AWML's."""

    def __init__(self, dataset):
        self.dataset = dataset
        self.weights = torch.tensor(dataset.frame_weights,
                                    dtype=torch.double)
