"""The zoo itself: its list, batches, stand-ins, and FCAF3D's losses."""
import math

import mmcv._ext
import mmcv.ops as ops
import pytest
import torch
from mmcv.ops.diff_iou_rotated import diff_iou_rotated_3d
from mmcv.ops.furthest_point_sample import FurthestPointSampling
from mmdet.models.losses import FocalLoss

from . import (
    cpu_ops,
    family,
    fcaf3d_head,
    fcaf3d_predictions,
    load,
    make_batch,
    reason_not_built,
    representatives,
    total_loss,
    zoo_configs,
)

pytestmark = [pytest.mark.slow, pytest.mark.zoo]

FCAF3D = [name for name in zoo_configs() if name.startswith('fcaf3d')]


@pytest.fixture(autouse=True)
def seeded():
    """Weights, dropout and sampling, from test to test."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def test_every_3d_detector_is_listed():
    names = zoo_configs()
    assert len(names) == 93
    assert names == sorted(set(names))
    assert not any('seg_' in n or n.startswith('_base_') for n in names
                   if 'scannet-seg' not in n)


def test_only_fcaf3d_cannot_be_built():
    assert [n for n in zoo_configs() if reason_not_built(n)] in ([], FCAF3D)


def test_representatives_stand_for_all():
    chosen = representatives()
    built = {n for n in zoo_configs() if reason_not_built(n) is None}
    assert set(chosen) == {family(name) for name in built}
    assert set(chosen.values()) <= built


def test_loading_asks_for_no_download():
    for name in zoo_configs():
        text = str(load(name).model)
        assert 'Pretrained' not in text and 'http' not in text, name


# Batches


@pytest.mark.parametrize('name', representatives().values())
def test_batch_is_made_of_different_samples_again_and_again(name):
    cfg = load(name)
    before = torch.get_rng_state()
    first, second = make_batch(cfg, 3), make_batch(cfg, 3)
    assert torch.equal(torch.get_rng_state(), before)
    assert not _equal(first, make_batch(cfg, 3, seed=1))
    assert _equal(first, second)
    for value in first['inputs'].values():
        assert len(value) == 3
        assert not _same(value[0], value[1])
    numbers = [len(_boxes_of(sample)) for sample in first['data_samples']]
    assert all(1 <= n <= 4 for n in numbers)
    assert len(set(numbers)) > 1


@pytest.mark.parametrize('name', representatives().values())
def test_points_lie_in_every_box(name):
    batch = make_batch(load(name), 3)
    if 'points' not in batch['inputs']:
        assert 'img' in batch['inputs']
        return
    for points, sample in zip(batch['inputs']['points'],
                              batch['data_samples']):
        boxes = sample.gt_instances_3d.bboxes_3d
        boxes = type(boxes)(boxes.tensor[:, :7])  # without velocities
        with cpu_ops():
            inside = boxes.points_in_boxes_all(points[:, :3])
        assert (inside.sum(0) > 20).all()


def _equal(first, second):
    return all(
        _same(a, b) for key in first['inputs']
        for a, b in zip(first['inputs'][key], second['inputs'][key])) and all(
            _same(_boxes_of(a), _boxes_of(b))
            for a, b in zip(first['data_samples'], second['data_samples']))


def _same(first, second):
    return first.shape == second.shape and bool((first == second).all())


def _boxes_of(sample):
    if 'bboxes_3d' in sample.gt_instances_3d:
        return sample.gt_instances_3d.bboxes_3d.tensor
    return sample.gt_instances.bboxes


# Stand-ins for operators, against examples done by hand


@pytest.fixture
def on_cpu():
    with cpu_ops():
        yield


LINE = torch.tensor([[[0., 0, 0], [1, 0, 0], [3, 0, 0], [10, 0, 0]]])
UNIT_BOX = [0., 0, 0, 2, 2, 2, 0]  # bottom at z = 0


def test_everything_is_restored():
    before = dict(vars(mmcv._ext)), torch.cuda.current_device
    wrapped = FurthestPointSampling.forward, FocalLoss.forward
    with pytest.raises(KeyError), cpu_ops():
        assert mmcv._ext.knn_forward is not before[0]['knn_forward']
        raise KeyError
    assert (dict(vars(mmcv._ext)), torch.cuda.current_device) == before
    assert (FurthestPointSampling.forward, FocalLoss.forward) == wrapped


def test_furthest_points(on_cpu):
    assert ops.furthest_point_sample(LINE, 3).tolist() == [[0, 3, 2]]
    distance = (LINE[:, :, None] - LINE[:, None]).square().sum(-1)
    chosen = ops.furthest_point_sample_with_dist(distance, 3)
    assert chosen.tolist() == [[0, 3, 2]]


def test_ball_query(on_cpu):
    near = ops.ball_query(0, 3.5, 3, LINE, LINE[:, [1, 3]].contiguous())
    assert near.tolist() == [[[0, 1, 2], [3, 3, 3]]]
    # a ring, to which the centre itself always belongs
    ring = ops.ball_query(1.5, 2.5, 2, LINE, LINE[:, [1]].contiguous())
    assert ring.tolist() == [[[1, 2]]]


def test_stacked_ball_query(on_cpu):
    points = torch.cat([LINE[0], LINE[0]])
    centers = torch.tensor([[3., 0, 0], [50, 0, 0]])
    near = ops.ball_query(0, 2.5, 3, points, centers,
                          torch.tensor([4, 4]).int(),
                          torch.tensor([1, 1]).int())
    assert near.tolist() == [[1, 2, 1], [-1, 0, 0]]


def test_grouping_and_its_gradient(on_cpu):
    features = torch.tensor([[[1., 2, 4]]], requires_grad=True)
    index = torch.tensor([[[0, 2], [2, 2]]]).int()
    grouped = ops.grouping_operation(features, index)
    assert grouped.tolist() == [[[[1, 4], [4, 4]]]]
    grouped.sum().backward()
    assert features.grad.tolist() == [[[1, 0, 3]]]


def test_stacked_grouping_and_its_gradient(on_cpu):
    features = torch.tensor([[1.], [2], [4]], requires_grad=True)
    grouped = ops.grouping_operation(features,
                                     torch.tensor([[1, 0], [0, 0]]).int(),
                                     torch.tensor([2, 1]).int(),
                                     torch.tensor([1, 1]).int())
    assert grouped.tolist() == [[[2, 1]], [[4, 4]]]
    grouped.sum().backward()
    assert features.grad.tolist() == [[1], [1], [2]]


def test_gathering_and_its_gradient(on_cpu):
    features = torch.tensor([[[1., 2, 4]]], requires_grad=True)
    gathered = ops.gather_points(features, torch.tensor([[2, 2]]).int())
    assert gathered.tolist() == [[[4, 4]]]
    gathered.sum().backward()
    assert features.grad.tolist() == [[[0, 0, 2]]]


def test_nearest_neighbours(on_cpu):
    centers = torch.tensor([[[2.4, 0, 0]]])
    assert ops.knn(2, LINE, centers).flatten().tolist() == [2, 1]
    distance, index = ops.three_nn(centers, LINE)
    assert index.tolist() == [[[2, 1, 0]]]
    torch.testing.assert_close(distance, torch.tensor([[[.6, 1.4, 2.4]]]))


def test_interpolation_and_its_gradient(on_cpu):
    features = torch.tensor([[[1., 2, 4, 8]]], requires_grad=True)
    index = torch.tensor([[[3, 1, 1]]]).int()
    weight = torch.tensor([[[.5, .25, .25]]])
    value = ops.three_interpolate(features, index, weight)
    assert value.tolist() == [[[5]]]
    value.sum().backward()
    assert features.grad.tolist() == [[[0, .5, 0, .5]]]


@pytest.mark.parametrize('average, reduced, gradient', [
    (True, [[2], [7]], [[.5], [.5], [0], [1]]),
    (False, [[3], [7]], [[0], [1], [0], [1]]),
])
def test_scattering_and_its_gradient(on_cpu, average, reduced, gradient):
    points = torch.tensor([[1.], [3], [5], [7]], requires_grad=True)
    voxels = torch.tensor([[0, 0, 1], [0, 0, 1], [-1, 0, 0], [2, 0, 0]]).int()
    scatter = ops.DynamicScatter([1, 1, 1], [0, 0, 0, 9, 9, 9], average)
    features, coors = scatter(points, voxels)
    assert features.tolist() == reduced
    assert coors.tolist() == [[0, 0, 1], [2, 0, 0]]
    features.sum().backward()
    assert points.grad.tolist() == gradient


def test_points_in_boxes(on_cpu):
    points = torch.tensor([[[0., 0, 1], [0, 0, 3], [1.2, 0, 1]]])
    turned = [0., 0, 0, 2, 2, 2, math.pi / 4]  # its corner is at x = 1.41
    boxes = torch.tensor([[UNIT_BOX, turned]])
    assert ops.points_in_boxes_all(points, boxes).tolist() == [[[1, 1],
                                                                [0, 0],
                                                                [0, 1]]]
    assert ops.points_in_boxes_part(points, boxes).tolist() == [[0, -1, 1]]


@pytest.mark.parametrize('mode, pooled, gradient', [
    ('max', [[5], [2]], [[0], [1], [0], [1]]),
    ('avg', [[3], [2]], [[.5], [.5], [0], [1]]),
])
def test_roiaware_pooling_and_its_gradient(on_cpu, mode, pooled, gradient):
    points = torch.tensor([[-.5, 0, 1], [-.2, 0, 1], [5, 0, 1], [.5, 0, 1]])
    features = torch.tensor([[1.], [5], [9], [2]], requires_grad=True)
    pool = ops.RoIAwarePool3d((2, 1, 1), 8, mode)
    out = pool(torch.tensor([UNIT_BOX]), points, features)
    assert out.view(2, 1).tolist() == pooled
    out.sum().backward()
    assert features.grad.tolist() == gradient


def test_roipoint_pooling(on_cpu):
    points = torch.tensor([[[5., 0, 1], [.5, 0, 1], [0, .5, 1]]])
    features = torch.tensor([[[1.], [2], [3]]])
    far = [50., 0, 0, 2, 2, 2, 0]
    pooled, empty = ops.RoIPointPool3d(3)(points, features,
                                          torch.tensor([[UNIT_BOX, far]]))
    assert pooled[0, 0].tolist() == [[.5, 0, 1, 2], [0, .5, 1, 3],
                                     [.5, 0, 1, 2]]
    assert empty.tolist() == [[0, 1]]


def test_overlaps_and_nms(on_cpu):
    half = [1., 0, 0, 2, 2, 2, 0]
    turned = [0., 0, 0, 2, 2, 2, math.pi / 4]  # shares a regular octagon
    boxes = torch.tensor([UNIT_BOX, half, turned])
    overlaps = ops.boxes_overlap_bev(boxes, boxes)
    octagon = 8 * (math.sqrt(2) - 1)
    torch.testing.assert_close(overlaps[0], torch.tensor([4, 2, octagon]))
    iou = ops.boxes_iou3d(boxes[:1], boxes)[0]
    torch.testing.assert_close(
        iou, torch.tensor([1, 1 / 3, octagon / (8 - octagon)]))
    scores = torch.tensor([.9, .8, .7])
    assert ops.nms3d(boxes, scores, .5).tolist() == [0, 1]
    assert ops.nms3d_normal(boxes, scores, .2).tolist() == [0]


def test_rotated_nms_is_that_of_mmcv():
    boxes = torch.rand(60, 5) * torch.tensor([9, 9, 3, 3, 6]) + .5
    scores = torch.rand(60)
    expected = ops.nms_rotated(boxes, scores, .3)[1]
    with cpu_ops():
        assert torch.equal(ops.nms_rotated(boxes, scores, .3)[1], expected)


def test_rotated_iou_and_its_gradient(on_cpu):
    box = torch.tensor([[UNIT_BOX]])
    other = torch.tensor([[[1., 0, 0, 2, 2, 2, 0.]]], requires_grad=True)
    iou = diff_iou_rotated_3d(box, other)
    torch.testing.assert_close(iou, torch.tensor([[1 / 3]]))
    iou.sum().backward()
    # overlap 4 - 2 x, union 4 + 2 x with x = 1
    assert other.grad[0, 0, 0] == pytest.approx(-4 / 9, abs=1e-4)


def test_focal_loss_takes_negative_targets(on_cpu):
    pred = torch.zeros(2, 3)
    loss = FocalLoss(reduction='none')
    none = loss(pred, torch.tensor([-1, -1]))
    torch.testing.assert_close(none, torch.full((2, 3), .1875 * math.log(2)))


def test_compiled_focal_loss_and_its_gradient(on_cpu):
    pred = torch.randn(5, 3, dtype=torch.double, requires_grad=True)
    target = torch.tensor([0, 1, 2, 3, 3])
    out = ops.sigmoid_focal_loss(pred, target, 2., .25, None, 'none')
    expected = FocalLoss(reduction='none')(pred, target)
    torch.testing.assert_close(out, expected)
    gradient, = torch.autograd.grad(out.sum(), pred)
    torch.testing.assert_close(
        gradient, torch.autograd.grad(expected.sum(), pred)[0])


@pytest.mark.parametrize('name', FCAF3D)
def test_fcaf3d_losses(name):
    cfg = load(name)
    samples = make_batch(cfg, 3)['data_samples']
    truths = [sample.gt_instances_3d for sample in samples]
    predictions = fcaf3d_predictions(cfg, [t.bboxes_3d for t in truths])
    with cpu_ops():
        losses = fcaf3d_head(cfg).loss_by_feat(
            *predictions, truths, [sample.metainfo for sample in samples])
        total_loss(losses).backward()
    assert all(value > 0 for value in losses.values())
    for kind in predictions[:3]:
        for sample in range(3):
            grads = [level[sample].grad for level in kind]
            assert torch.isfinite(torch.cat(grads)).all()
            assert torch.cat(grads).abs().max() > 0
