"""A small detector on any device, and its gradients.

Shape letters: B samples.
"""
from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from . import Skip

WEIGHTS = (0.5, 1.0)  # of the samples of the batch


def detector() -> tuple[Any, Callable]:
    """A small PointPillars, and what makes a batch of two samples."""
    try:
        from mmdet3d.registry import MODELS
    except ImportError as e:
        raise Skip(f'MMDetection3D cannot be imported ({e})') from e
    from mmengine.registry import init_default_scope

    from .. import base, plugin  # noqa: F401  (registers)
    from ..config_files import read_config
    from ..plugin.compat import mend_host
    mend_host(quiet=True)
    init_default_scope('mmdet3d')
    config = read_config(base('pointpillars_dequity_mini_kitti.py'), [])
    torch.manual_seed(0)
    return MODELS.build(config.model).train(), make_batch


def make_batch() -> dict:
    """Points and boxes ahead, anew at each call: models change them."""
    from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
    from mmengine.structures import InstanceData
    points, samples = [], []
    for i in range(len(WEIGHTS)):
        rng = np.random.default_rng(i)
        boxes = np.array([[12., -3, -1.7, 3.9, 1.6, 1.56, 0.1],
                          [20., 4, -1.7, 3.9, 1.6, 1.56, 1.4],
                          [9., 5, -1.7, 0.8, 0.6, 1.73, 0.0]][i:])
        ground = rng.uniform([0, -15, -1.8, 0], [40, 15, -1.6, 1], (3000, 4))
        inside = np.concatenate([
            np.c_[rng.uniform(-.4, .4, (60, 3)) * box[3:6] + box[:3]
                  + [0, 0, box[5] / 2], rng.uniform(size=60)]
            for box in boxes])
        points.append(torch.tensor(np.concatenate([ground, inside]),
                                   dtype=torch.float32))
        sample = Det3DDataSample()
        sample.set_metainfo(dict(box_type_3d=LiDARInstance3DBoxes,
                                 box_mode_3d=0, sample_idx=i))
        sample.gt_instances_3d = InstanceData(
            bboxes_3d=LiDARInstance3DBoxes(
                torch.tensor(boxes, dtype=torch.float32)),
            labels_3d=torch.tensor([2, 2, 0][i:]))
        samples.append(sample)
    return dict(inputs=dict(points=points), data_samples=samples)


def weighted(batch, weights):
    """A new batch whose samples have these weights."""
    from ..plugin.equity_pipeline import LIKELIHOOD_KEY, WEIGHT_KEY
    data = batch()
    for sample, weight in zip(data['data_samples'], weights):
        sample.set_metainfo({WEIGHT_KEY: weight, LIKELIHOOD_KEY: 1.0})
    return data


@contextlib.contextmanager
def attached(model, weights):
    """Weight the losses of a detector, as the hook does."""
    if weights is None:
        yield
        return
    from ..plugin.examine import examine
    from ..plugin.loss import DequityLoss
    loss = DequityLoss()
    loss.attach(model, examine(loss, model, weighted(make_batch, weights)))
    try:
        yield
    finally:
        loss.detach()


def gradients_of(model, batch, device, weights=WEIGHTS):
    """Gradients by parameter, float64 on the CPU, of one batch."""
    model = copy.deepcopy(model).to(device)
    with attached(model, weights):
        data = model.data_preprocessor(
            weighted(batch, weights or (1.0, 1.0)), True)
        losses = model(**data, mode='loss')
        total, _ = model.parse_losses(losses)
        total.backward()
    return named_gradients(model)


def named_gradients(model):
    """Gradients by parameter, float64 on the CPU."""
    return {name: p.grad.detach().double().cpu()
            for name, p in model.named_parameters() if p.grad is not None}


def _flat(gradients):
    return torch.cat([gradients[name].flatten() for name in sorted(gradients)])


def difference(came, expected):
    """Length of the difference of gradients over that of the expected."""
    return float((_flat(came) - _flat(expected)).norm()
                 / _flat(expected).norm())


def cosine_of(came, expected):
    """Cosine between gradients."""
    return float(torch.cosine_similarity(_flat(came), _flat(expected), dim=0))
