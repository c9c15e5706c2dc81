"""The weighted loss against sum_i w_i * l_i / F, computed the slow way."""
import copy

import numpy as np
import pytest
import torch
from mmdet3d.models.dense_heads import anchor3d_head
from mmdet3d.registry import MODELS

from dequity_mmdet3d.plugin import DequityLoss
from dequity_mmdet3d.plugin.examine import examine
from tests.plugin.helpers import first_batch, load_config, move_kitti

# exact in float32, in which the host keeps its element weights
WEIGHTS = [0.25, 1.0, 0.75]


def build(cfg):
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    return model.train()


def set_weights(data_samples, weights):
    for sample, weight in zip(data_samples, weights):
        sample.set_metainfo(dict(dequity_weight=weight))


def prepared(model, cfg, batch_size=3):
    return model.data_preprocessor(first_batch(cfg, batch_size), True)


def voxels_in_float64(module, inputs, data):
    """A hook of the data preprocessor."""
    data['inputs']['voxels']['voxels'] = data['inputs']['voxels'][
        'voxels'].double()


def targets_of(data):
    """Ground truth and meta information, in copies: the head changes them."""
    samples = data['data_samples']
    return (copy.deepcopy([s.gt_instances_3d for s in samples]),
            [s.metainfo for s in samples])


def total(losses):
    return sum(term for terms in losses.values() for term in terms)


def slow_losses(head, outs, data, weights):
    """Each sample alone, with the number of positives of the batch."""
    whole = head.anchor_target_3d
    gts, metas = targets_of(data)
    sizes = [x.shape[-2:] for x in outs[0]]
    factors = whole(
        head.get_anchors(sizes, metas, device='cpu'),
        gts,
        metas,
        num_classes=head.num_classes,
        label_channels=head.cls_out_channels,
        sampling=head.sampling)[6:]
    head.anchor_target_3d = lambda *a, **k: (*whole(*a, **k)[:6], *factors)
    parts = []
    try:
        for i, weight in enumerate(weights):
            gts, metas = targets_of(data)
            parts.append({
                name: weight * sum(terms)
                for name, terms in head.loss_by_feat(
                    *[[x[i:i + 1] for x in level] for level in outs],
                    gts[i:i + 1], metas[i:i + 1]).items()
            })
    finally:
        del head.anchor_target_3d
    return {name: sum(part[name] for part in parts) for name in parts[0]}


def grads(loss, model):
    return torch.autograd.grad(
        loss, [p for p in model.parameters() if p.requires_grad],
        retain_graph=True)


def relative(a, b):
    return ((a - b).norm() / b.norm().clamp_min(1e-12)).item()


def check_against_reference(cfg, monkeypatch):
    """All gradients, in float64 from the voxels to the loss."""
    # the host casts the head's outputs to float32, whose rounding a deep
    # backbone amplifies to 1e-4 in the gradients of its first layers
    monkeypatch.setattr(anchor3d_head, 'cast_tensor_type',
                        lambda outs, dst_type: outs)
    model = build(cfg).double()
    model.data_preprocessor.register_forward_hook(voxels_in_float64)
    data = prepared(model, cfg)
    head = model.bbox_head
    set_weights(data['data_samples'], WEIGHTS)
    outs = head(model.extract_feat(data['inputs']))
    expected = slow_losses(head, outs, data, WEIGHTS)
    want = grads(sum(expected.values()), model)
    for values in ('weighted', 'stock'):
        loss = DequityLoss(values=values)
        loss.attach(model, examine(loss, model, first_batch(cfg, 3)))
        weighted = head.loss_by_feat(*outs, *targets_of(data))
        loss.detach()
        shown = expected if values == 'weighted' else {
            name: sum(terms) for name, terms in head.loss_by_feat(
                *outs, *targets_of(data)).items()}
        for name, value in shown.items():
            assert sum(weighted[name]).item() == pytest.approx(
                value.item(), rel=1e-6 if values == 'weighted' else 0)
        got = grads(total(weighted), model)
        assert max(map(relative, got, want)) < 1e-6


def test_pointpillars_against_the_reference(mini_config, monkeypatch):
    check_against_reference(mini_config, monkeypatch)


def test_second_against_the_reference(mini_kitti, monkeypatch):
    check_against_reference(second_config(mini_kitti), monkeypatch)


def second_config(root):
    """SECOND on a quarter of its range: full channels, few voxels."""
    cfg = move_kitti(load_config('second_dequity_kitti', root), root)
    near = [0, -10, -3, 20, 10, 1]
    cfg.model.data_preprocessor.voxel_layer.point_cloud_range = near
    cfg.model.middle_encoder.sparse_shape = [41, 400, 400]
    cfg.model.bbox_head.anchor_generator.ranges = [
        [0, -10, z, 20, 10, z] for z in (-0.6, -0.6, -1.78)
    ]
    for step in cfg.train_dataloader.dataset.dataset.dataset.pipeline:
        if 'point_cloud_range' in step:
            step.point_cloud_range = near
    return cfg


def test_unequal_weights_are_not_a_batch_mean(mini_config):
    """Weight 0 removes a sample: its outputs get exactly no gradient."""
    model = build(mini_config)
    data = prepared(model, mini_config)
    set_weights(data['data_samples'], [1.0, 0.0, 0.5])
    outs = model.bbox_head(model.extract_feat(data['inputs']))
    DequityLoss().attach(model)
    loss = total(model.bbox_head.loss_by_feat(*outs, *targets_of(data)))
    for level in outs:
        gradient = torch.autograd.grad(loss, level[0], retain_graph=True)[0]
        assert (gradient[1] == 0).all() and gradient[0].abs().sum() > 0


def train(cfg, steps):
    """Losses and final state of a plain training, seeded."""
    from mmengine.runner import Runner
    first = first_batch(cfg, 2)
    np.random.seed(1)
    model = build(cfg)
    loader = copy.deepcopy(cfg.train_dataloader)
    loader.batch_size = 2
    loader = Runner.build_dataloader(loader, seed=0)
    if cfg.get('equity', True):
        loss = DequityLoss()
        loss.attach(model, examine(loss, model, first))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    losses = []
    while len(losses) < steps:
        for batch in loader:
            data = model.data_preprocessor(batch, True)
            loss = total(model(**data, mode='loss'))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            if len(losses) == steps:
                break
    return losses, model.state_dict()


def test_weights_of_one_are_bit_identical_to_the_host(mini_config):
    equity, stock = copy.deepcopy(mini_config), copy.deepcopy(mini_config)
    equity.train_dataloader.dataset.gamma = 0
    stock.train_dataloader.dataset = stock.train_dataloader.dataset.dataset
    stock.equity = False
    losses, state = train(equity, 20)
    stock_losses, stock_state = train(stock, 20)
    assert losses == stock_losses
    assert list(state) == list(stock_state)
    for name in state:
        assert torch.equal(state[name], stock_state[name]), name


def empty(data_samples):
    for sample in data_samples:
        gt = sample.gt_instances_3d
        sample.gt_instances_3d = gt[torch.zeros(len(gt), dtype=bool)]


@pytest.mark.parametrize('which', [slice(0, 1), slice(None)])
def test_without_boxes(mini_config, which):
    """One sample without boxes, and a batch without any positive."""
    model = build(mini_config)
    data = prepared(model, mini_config)
    set_weights(data['data_samples'], WEIGHTS)
    empty(data['data_samples'][which])
    DequityLoss().attach(model)
    loss = total(model(**data, mode='loss'))
    assert torch.isfinite(loss) and loss > 0
    assert all(torch.isfinite(g).all() for g in grads(loss, model))


def test_attached_and_detached_leave_no_trace(mini_config):
    """Class, state dict, sampling (trap 3) and predictions are the host's."""
    model = build(mini_config)
    keys = list(model.state_dict())
    loss = DequityLoss()
    loss.attach(model)
    assert type(model).__name__ == 'VoxelNet'
    assert type(model.bbox_head).__name__ == 'Anchor3DHead'
    assert not model.bbox_head.sampling
    assert model.bbox_head.num_classes == 3
    assert list(model.state_dict()) == keys
    batch = first_batch(mini_config, 1)
    model.eval()
    with torch.no_grad():
        attached = model.val_step(copy.deepcopy(batch))[0].pred_instances_3d
        loss.detach()
        stock = model.val_step(batch)[0].pred_instances_3d
    assert torch.equal(attached.scores_3d, stock.scores_3d)
    assert torch.equal(attached.bboxes_3d.tensor, stock.bboxes_3d.tensor)
    assert 'loss_by_feat' not in vars(model.bbox_head)
    assert 'loss' not in vars(model)


def test_a_copy_of_the_model_weights_its_own_head(mini_config):
    """As EMA hooks make one."""
    model = build(mini_config)
    DequityLoss().attach(model)
    head = copy.deepcopy(model).bbox_head
    assert head.loss_by_feat.__self__ is head
