"""Parts of a gradient as benchmarks/why.py takes them, on a head alone."""
import sys

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.structures import InstanceData

from dequity_mmdet3d.strata import STRATA
from dequity_mmdet3d.weight import dequity_weight
from tests.helpers import ROOT
from tests.zoo import load

sys.path.insert(0, str(ROOT / 'benchmarks'))
try:
    from gradient_study import gradients, noise_rows
finally:
    sys.path.pop(0)

WIDTH, SIZE = 8, 16
BOXES = {  # centre, size and yaw of what the anchors of a class look like
    0: [[0.8, 0.6, 1.73], 0.1], 1: [[1.76, 0.6, 1.73], 0.2],
    2: [[3.9, 1.6, 1.56], 1.5]}


@pytest.fixture(scope='module')
def head():
    config = load('pointpillars/pointpillars_hv_secfpn_8xb6-160e_kitti-3d-'
                  '3class.py').model
    head = config.bbox_head
    head.update(in_channels=WIDTH, feat_channels=WIDTH,
                train_cfg=config.train_cfg, test_cfg=config.test_cfg)
    head.anchor_generator.ranges = [[0, -4, -1, 8, 4, -1]] * 3
    torch.manual_seed(0)
    return MODELS.build(head)


def sample(*objects):
    """A sample with objects of classes at places."""
    boxes = [[*place, -1, *BOXES[c][0], BOXES[c][1]] for c, place in objects]
    found = Det3DDataSample()
    found.gt_instances_3d = InstanceData(
        bboxes_3d=LiDARInstance3DBoxes(
            torch.tensor(boxes, dtype=torch.float32).view(-1, 7)),
        labels_3d=torch.tensor([c for c, _ in objects], dtype=torch.long))
    found.set_metainfo(dict(box_type_3d=LiDARInstance3DBoxes))
    return found


@pytest.fixture(scope='module')
def samples():
    return [sample((0, (1.25, 1.25)), (2, (5, -2))), sample((2, (4, 2))),
            sample()]


@pytest.fixture(scope='module')
def outputs(head):
    torch.manual_seed(1)
    features = torch.randn(3, WIDTH, SIZE, SIZE)

    def run(rows):
        return [x for x, in head([features[rows]])]

    return run


@pytest.fixture(scope='module')
def done(head, outputs, samples):
    return gradients.at_predictions(head, outputs([0, 1, 2]), samples)


def flat(parts):
    return torch.cat([x.reshape(-1) for x in parts]).numpy()


def pulled(done, head, share):
    return gradients.pull_back(done, [*head.parameters()], share).numpy()


def test_factor_is_the_positives_with_one_for_an_empty_sample(done):
    assert done.positives[2].tolist() == [0, 0, 0]
    assert done.positives[0, 1] == done.positives[1, 0] == 0
    assert done.positives[0, [0, 2]].min() > 0 < done.positives[1, 2]
    assert done.factor == done.positives.sum() + 1


def test_whole_is_the_gradient_of_the_loss(head, outputs, samples, done):
    losses = head.loss_by_feat(
        *[[x] for x in outputs([0, 1, 2])],
        [s.gt_instances_3d for s in samples], [s.metainfo for s in samples])
    loss = sum(x for terms in losses.values() for x in terms)
    plain = flat(torch.autograd.grad(loss, [*head.parameters()]))
    np.testing.assert_allclose(pulled(done, head, np.ones((3, 3))), plain,
                               atol=1e-6)
    assert done.loss == pytest.approx(float(loss.detach()))


def test_weighted_is_the_sum_of_samples_alone(head, outputs, samples, done):
    weight, expected = np.array([0.25, 1, 0.5]), 0
    for i, w in enumerate(weight):
        alone = gradients.at_predictions(head, outputs([i]), [samples[i]])
        expected = expected + w * alone.factor / done.factor * pulled(
            alone, head, np.ones((1, 3)))
    np.testing.assert_allclose(
        gradients.weighted(done, [*head.parameters()], weight).numpy(),
        expected, atol=1e-6)


def test_a_class_has_its_channels_alone(head, done):
    # nobody has a cyclist: there is nothing to learn for boxes of theirs,
    # and of the classifier every second of three channels
    share = np.array([0, 1, 0])[None].repeat(3, 0)
    for_classes, for_boxes = (
        gradients.pull_back(done, [layer.bias], share).numpy()
        for layer in (head.conv_cls, head.conv_reg))
    channel = np.arange(len(for_classes))
    assert ((for_classes != 0) == (channel % 3 == 1)).all()
    assert not for_boxes.any()
    # cars have boxes at the last third of the anchors
    cars = gradients.pull_back(done, [head.conv_reg.bias],
                               share[:, [0, 2, 1]]).view(3, -1)
    assert cars[2].any() and not cars[:2].any()


def test_classes_add_up(head, done):
    parts = gradients.class_parts(done, [*head.parameters()]).numpy()
    np.testing.assert_allclose(
        parts.sum(0), pulled(done, head, np.ones((3, 3))), atol=1e-6)
    np.testing.assert_array_equal(
        parts[2], pulled(done, head, np.array([[0, 0, 1]] * 3)))


def test_sketch_keeps_inner_products():
    x, y = torch.randn(2, 3000, generator=torch.Generator().manual_seed(0))
    y = x + y
    found = []
    for seed in range(200):
        short = gradients.Sketch(3000, 300, seed)
        a, b = short(torch.stack([x, y]))
        found.append(float(a @ b))
    # the error of each is about |x| |y| / sqrt(d)
    error = float(x.norm() * y.norm()) / 300**0.5
    assert np.mean(found) == pytest.approx(float(x @ y), abs=error / 3)
    assert 0.5 * error < np.std(found) < 2 * error


def test_noise_from_frames_by_hand():
    # two frames of each stratum, all gradients at right angles, each frame
    # with two positives: F of a batch is 8
    likelihood = np.array([0.5, 0.5, 0.7, 0.7, 1, 1])
    stratum = np.array([0, 0, 1, 1, 2, 2])
    frames, axes = {}, np.eye(6 * 3).reshape(3, 2, 1, 3, 18)
    for i, name in enumerate(STRATA):
        frames.update({name: axes[i], f'{name} F': np.full((2, 1), 2),
                       f'{name} row': np.array([2 * i, 2 * i + 1])})
    noise = noise_rows.noise_of(frames, likelihood, stratum)
    weight = dequity_weight(likelihood)
    # each of six frames with chance 1/6: 4 (E |w g|^2 - |E w g|^2) / 8^2,
    # |g|^2 being one a class
    assert noise('weighting', 'all')[0] == pytest.approx(
        4 * 3 * (1 / 6 - 1 / 36) * (weight**2).sum() / 64)
    assert noise('weighting', 'Car')[0] == pytest.approx(
        noise('weighting', 'all')[0] / 3)
    assert noise('weighting', 'rare Car')[0] == pytest.approx(
        4 * (1 / 6 - 1 / 36) * (weight[:2]**2).sum() / 64)
    share, mean = weight / weight.sum(), weight.mean()
    assert noise('drawing', 'all')[0] == pytest.approx(
        4 * 3 * (share - share**2).sum() * mean**2 / 64)
    # without one frame of each stratum
    assert noise('weighting', 'all')[1] == pytest.approx(
        4 * 3 * (1 / 3 - 1 / 9) * (weight[::2]**2).sum() / 64)
