"""Samples found in predictions, and losses that have none."""
import copy
import random

import numpy as np
import pytest
import torch

from dequity_mmdet3d.plugin import DequityLoss
from dequity_mmdet3d.plugin.examine import examine
from dequity_mmdet3d.weighting.attribution import compare_sizes, sizes_of
from dequity_mmdet3d.weighting.randomness import random_state
from tests.plugin import toys
from tests.zoo import total_loss

HEADS = [toys.Dense, toys.Queries, toys.Lists]
WEIGHTS = [0.25, 1.0, 0.5]


def weighted(model, weights, batch=None, **kwargs):
    """Gradients of a step, examined before."""
    loss = DequityLoss(**kwargs)
    batch = batch or toys.toy_batch(len(weights), weights)
    loss.attach(model, examine(loss, model, batch))
    try:
        return toys.gradients(model, batch)
    finally:
        loss.detach()


def slow(model, weights, unweighted=()):
    """Each sample alone, with the factor of the whole batch."""
    whole = toys.toy_batch(len(weights))
    factor = toys.positives([s.y for s in whole['data_samples']])
    result = {}
    for i, weight in enumerate(weights):
        one = {k: v[i:i + 1] for k, v in whole.items()}
        for head in model.modules():
            if isinstance(head, toys.Dense):
                head.factor = factor
        model.zero_grad()
        losses = model(**one)
        (weight * total_loss(
            {k: v for k, v in losses.items() if k not in unweighted}) +
         total_loss({k: v for k, v in losses.items() if k in unweighted})
         ).backward()
        for head in model.modules():
            head.__dict__.pop('factor', None)
        for name, p in model.named_parameters():
            result[name] = result.get(name, 0) + p.grad
    return result


def assert_same(got, want, **kwargs):
    assert set(got) == set(want)
    for name in want:
        torch.testing.assert_close(
            got[name], want[name], msg=lambda m, name=name: f'{name}: {m}',
            **kwargs)


@pytest.mark.parametrize('head', HEADS)
@pytest.mark.parametrize('b', [1, 2, 3, 4])
def test_each_sample_has_its_weight(head, b):
    """b = 3: as many samples as decoder layers; b = 4: as channels."""
    model = toys.build_toy(head)
    weights = (WEIGHTS + [0.125])[:b]
    assert_same(weighted(model, weights), slow(model, weights))


def test_several_heads():
    model = toys.build_toy(a=toys.Dense, b=toys.Queries, c=toys.Lists)
    assert_same(weighted(model, WEIGHTS), slow(model, WEIGHTS))


@pytest.mark.parametrize('head', HEADS)
def test_weights_of_one_are_bit_identical(head):
    model = toys.build_toy(head)
    stock = toys.gradients(model, toys.toy_batch(3))
    assert_same(weighted(model, [1.0] * 3), stock, rtol=0, atol=0)


@pytest.mark.parametrize('head', HEADS)
def test_weight_zero_gives_exactly_no_gradient(head):
    model = toys.build_toy(head)
    for gradient in weighted(model, [0.0] * 3).values():
        assert (gradient == 0).all()


@pytest.mark.parametrize('head', HEADS)
def test_order_of_the_batch(head):
    model = toys.build_toy(head).double()
    batch = toys.toy_batch(3, WEIGHTS)
    batch['inputs'] = [x.double() for x in batch['inputs']]
    for s in batch['data_samples']:
        s.y, s.points = s.y.double(), s.points.double()
    turned = {k: [v[i] for i in (2, 0, 1)] for k, v in batch.items()}
    assert_same(weighted(model, WEIGHTS, batch),
                weighted(model, WEIGHTS, turned))


def test_values_stay_the_hosts():
    model = toys.build_toy(toys.Dense)
    batch = toys.toy_batch(3, WEIGHTS)
    stock = total_loss(model(**batch))
    loss = DequityLoss()
    loss.attach(model)
    assert total_loss(model(**batch)).item() == stock.item()


def test_terms_by_name():
    model = toys.build_toy(toys.Dense)
    assert_same(
        weighted(model, WEIGHTS, terms=['*_cls']),
        slow(model, WEIGHTS, unweighted=['loss_box']))
    model = toys.build_toy(a=toys.Dense, b=toys.Dense)
    assert_same(
        weighted(model, WEIGHTS, terms=['a.*', 'b.loss_box']),
        slow(model, WEIGHTS, unweighted=['b_loss_cls']))


def test_terms_of_one_head_leave_the_others_to_the_host():
    model = toys.build_toy(a=toys.Dense, b=toys.Queries)
    loss = DequityLoss(terms=['a.loss_*'])
    batch = toys.toy_batch(3, WEIGHTS)
    terms = examine(loss, model, batch).terms
    assert [n for n, term in terms.items() if term.weighted] == [
        'a_loss_cls', 'a_loss_box']


def test_terms_with_draws_inside_the_loss():
    """Both computations of the losses draw the same."""
    model = toys.build_toy(toys.Dropout)
    batch = toys.toy_batch(3, [1.0] * 3)
    torch.manual_seed(7)
    stock = toys.gradients(model, batch)
    draw = torch.rand(())
    loss = DequityLoss(terms=['loss_cls'])
    loss.attach(model, examine(loss, model, batch))
    torch.manual_seed(7)
    assert_same(toys.gradients(model, batch), stock, rtol=0, atol=0)
    assert torch.rand(()) == draw


def test_unknown_terms():
    model = toys.build_toy(toys.Dense)
    with pytest.raises(ValueError, match=r"\['loss_iou'\], but the loss terms "
                       r"are \['hits', 'loss_box', 'loss_cls'\]"):
        weighted(model, WEIGHTS, terms=['loss_cls', 'loss_iou'])


def test_a_parameter_inside_a_loss_is_named():
    model = toys.build_toy(toys.Uncertain)
    with pytest.raises(ValueError, match=r'1 of 2 loss terms .* loss_box '
                       r'\(reaches head.log_variance\)'):
        weighted(model, WEIGHTS)
    assert_same(
        weighted(model, WEIGHTS, terms=['loss_cls']),
        slow(model, WEIGHTS, unweighted=['loss_box']))


def test_a_loss_outside_of_the_convention_is_named():
    model = toys.build_toy(a=toys.Dense, depth=toys.Auxiliary)
    with pytest.raises(ValueError, match=r'1 of 3 loss terms .*'
                       r'depth_loss_depth \(reaches backbone.bias, '
                       r'backbone.weight and more\).*boundaries'):
        weighted(model, WEIGHTS)


def test_boundaries_of_ones_own():
    model = toys.build_toy(a=toys.Dense, depth=toys.DepthLosses)
    with pytest.raises(ValueError, match='depth_loss_depth'):
        weighted(model, WEIGHTS)
    boundaries = {'depth.depth_losses': 'rows'}
    assert_same(
        weighted(model, WEIGHTS, boundaries=boundaries), slow(model, WEIGHTS))
    # rows have no axis of samples
    with pytest.raises(ValueError, match='depth_loss_depth'):
        weighted(model, WEIGHTS, boundaries={'depth.depth_losses': None})


@pytest.mark.parametrize('boundaries, match', [
    ({'depth.losses': None}, "'depth.losses', but the ToyDetector has no"),
    ({'losses': None}, 'has no such method'),
    ({'a.loss_by_feat': 'columns'}, "None or 'rows', but got 'columns'"),
])
def test_wrong_boundaries(boundaries, match):
    with pytest.raises(ValueError, match=match):
        weighted(toys.build_toy(a=toys.Dense), WEIGHTS, boundaries=boundaries)


def test_a_model_without_losses_that_are_known():
    with pytest.raises(ValueError, match='loss_by_feat, and ToyDetector has'):
        DequityLoss().attach(toys.build_toy(toys.Auxiliary))


def test_examining_leaves_no_trace():
    model = toys.build_toy(toys.Dropout)
    model.norm = torch.nn.BatchNorm1d(2)
    batch = toys.toy_batch(3, WEIGHTS)
    state = copy.deepcopy(model.state_dict())
    kept = copy.deepcopy(batch)
    random.seed(0), np.random.seed(0), torch.manual_seed(0)
    before = random_state()
    loss = DequityLoss()
    examine(loss, model, batch)
    after = random_state()
    assert before[0] == after[0]
    assert (before[1][1] == after[1][1]).all() and before[1][2:] == after[1][
        2:]
    assert torch.equal(before[2], after[2])
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert all(map(torch.equal, batch['inputs'], kept['inputs']))
    assert loss.take_used() == []
    assert not any('loss' in vars(m) for m in model.modules())


RAYS = np.random.RandomState(234)  # as NeRF-Det's ray sampler keeps one


class Rays(toys.Dense):
    """Draws from generators of the Python module and of its own."""

    def __init__(self):
        super().__init__()
        self.own = np.random.RandomState(7)

    def loss_by_feat(self, cls_scores, targets):
        keep = [torch.from_numpy(rng.rand(z.shape[-1]) < 0.5).float()
                for rng, z in zip((RAYS, self.own), cls_scores)]
        return super().loss_by_feat(
            [z * k for z, k in zip(cls_scores, keep)], targets)


def test_examining_moves_no_generator_of_a_module():
    model = toys.build_toy(Rays)
    before = [rng.get_state() for rng in (RAYS, model.head.own)]
    examine(DequityLoss(), model, toys.toy_batch(3, WEIGHTS))
    for rng, state in zip((RAYS, model.head.own), before):
        after = rng.get_state()
        assert (after[1] == state[1]).all() and after[2:] == state[2:]


def test_what_grows_with_the_batch():
    def sizes(b, width):
        z = torch.zeros(1, requires_grad=True)
        return sizes_of(
            dict(
                first=z.expand(b, 4),
                second=z.expand(2, b),
                padded=z.expand(b, 3, width),
                square=z.expand(b, b),
                rows=z.expand(2 * b, 4),
                shared=z.expand(3, 4),
                levels=[[z.expand(7)] * b for _ in range(2)],
                constant=torch.zeros(b)))

    layout = compare_sizes(sizes(2, 8), sizes(3, 9), 3)
    assert layout == {
        ('first', ): 0,
        ('second', ): 1,
        ('padded', ): 0,
        ('square', ): None,
        ('rows', ): None,
        ('shared', ): None,
        ('levels', 0): 'samples',
        ('levels', 1): 'samples',
        **{('levels', i, k): None for i in (0, 1) for k in (0, 1, 2)},
    }


def test_a_head_called_alone_reads_the_meta_information():
    class Metas(toys.Dense):

        def loss_by_feat(self, cls_scores, targets, batch_input_metas):
            return super().loss_by_feat(cls_scores, targets)

    head = Metas()
    loss = DequityLoss()
    loss.attach(head)
    batch = toys.toy_batch(3, WEIGHTS)
    z = torch.ones(3, toys.C, 2, requires_grad=True)
    targets = [s.y for s in batch['data_samples']]
    metas = [s.metainfo for s in batch['data_samples']]
    total_loss(head.loss_by_feat([z], targets, metas)).backward()
    got, z.grad = z.grad, None
    loss.detach()
    total_loss(head.loss_by_feat([z], targets, metas)).backward()
    torch.testing.assert_close(
        got, z.grad * torch.tensor(WEIGHTS)[:, None, None])
    loss.attach(plain := toys.Dense())
    with pytest.raises(ValueError, match='which samples this loss is of'):
        plain.loss_by_feat([z], targets)


def test_without_examining_only_what_is_plain_is_weighted():
    model = toys.build_toy(toys.Lists)
    DequityLoss().attach(model)
    with pytest.raises(ValueError, match=r'preds.0.0 of shape \(3, 4\) there'
                       r' is no telling which axis is that of the 2 samples'):
        model(**toys.toy_batch(2, [0.5, 1.0]))


def test_a_term_that_comes_later_is_named():
    """Not in the first batch, and so not examined then."""

    class Later(toys.Dense):
        step = 0

        def loss(self, x, batch_data_samples):
            losses = super().loss(x, batch_data_samples)
            self.step += 1
            if self.step > 1:
                losses['loss_late'] = self.conv(x).abs().sum()
            if self.step > 2:
                losses['loss_box'] = losses['loss_box'] * 1
            return losses

    model = toys.build_toy(Later)
    loss = DequityLoss()
    batch = toys.toy_batch(3, WEIGHTS)
    model.head.step = -3  # examining takes three
    found = examine(loss, model, batch)
    model.head.step = 0
    loss.attach(model, found)
    model(**batch)
    with pytest.raises(ValueError, match='1 of 1 loss terms .*: loss_late'):
        model(**batch)
    # without weights there is nothing to be wrong
    for sample in batch['data_samples']:
        sample.set_metainfo(dict(dequity_weight=1.0))
    model(**batch)


def test_a_term_that_comes_later_and_is_weighted():

    class Later(toys.Dense):
        step = 0

        def loss_by_feat(self, cls_scores, targets):
            losses = super().loss_by_feat(cls_scores, targets)
            self.step += 1
            return losses if self.step > 3 else {
                'loss_cls': losses['loss_cls']}

    model = toys.build_toy(Later)
    batch = toys.toy_batch(3, WEIGHTS)
    loss = DequityLoss()
    found = examine(loss, model, batch)
    assert set(found.terms) == {'loss_cls'}
    attached = loss.attach(model, found)
    model.head.step = 9
    assert_same(toys.gradients(model, batch),
                slow(toys.build_toy(toys.Dense), WEIGHTS))
    assert attached.terms == {'loss_cls', 'loss_box'}


def test_rows_where_the_convention_has_an_axis():
    """What the user says of ``loss_by_feat`` counts."""

    class Flat(toys.Dense):

        def loss(self, x, batch_data_samples):
            rows = self.conv(x).transpose(1, 2).flatten(0, 1)
            return self.loss_by_feat(
                rows, torch.stack([s.y for s in batch_data_samples]))

        def loss_by_feat(self, rows, y):
            y = y.repeat_interleave(len(rows) // len(y), 0)
            return dict(loss_cls=((rows - y)**2).sum())

    model = toys.build_toy(Flat)
    batch = toys.toy_batch(3, WEIGHTS)
    with pytest.raises(ValueError, match="'rows' in place of None"):
        examine(DequityLoss(), model, batch)
    got = weighted(model, WEIGHTS, batch,
                  boundaries={'head.loss_by_feat': 'rows'})
    each = [toys.gradients(model, toys_of(batch, i)) for i in range(3)]
    assert_same(got, {n: sum(w * g[n] for w, g in zip(WEIGHTS, each))
                      for n in got})


def toys_of(batch, i):
    return {k: v[i:i + 1] for k, v in batch.items()}
