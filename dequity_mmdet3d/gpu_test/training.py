"""Checks of weighted training on a GPU.

Shape letters: B samples, N points of one, M boxes of one.
"""
from __future__ import annotations

import contextlib
import copy
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from . import Check, Skip, demand

WEIGHTS = (0.5, 1.0)  # of the samples of the batch


def weighted_gradient(device: torch.device) -> str:
    """ScaleGradient under autocast and a scaler, against the plain sum."""
    from ..weighting.gradient import BatchWeights
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(len(WEIGHTS), 64, generator=generator).to(device)
    layer = torch.nn.Linear(64, 8)
    torch.nn.init.normal_(layer.weight, std=1 / 8, generator=generator)
    layer.to(device)
    weights = torch.tensor(WEIGHTS, device=device)
    found = []
    for dtype, tolerance in ((None, 1e-5), (torch.bfloat16, 2e-2),
                             (torch.float16, 2e-3)):
        scaler = torch.amp.GradScaler(
            device.type, init_scale=16.0, enabled=dtype is torch.float16)
        gradients = []
        for way in ('scaled', 'summed'):
            layer.zero_grad()
            with torch.autocast(device.type, dtype, dtype is not None):
                out = layer(x)
            if way == 'scaled':
                out = BatchWeights(list(WEIGHTS)).scale_axis(out, 0)
                loss = out.float().pow(2).sum()
            else:
                loss = (out.float().pow(2).sum(1) * weights).sum()
            scaler.scale(loss).backward()
            gradients.append(_named_gradients(layer)['weight']
                             / scaler.get_scale())
        error = float((gradients[0] - gradients[1]).norm()
                      / gradients[1].norm())
        demand(error < tolerance,
               f'the gradient is off by {error:.1e}, at most {tolerance} was '
               'expected')
        found.append(f'{str(dtype or torch.float32)[6:]} {error:.0e}')
    return 'relative difference to the weighted sum: ' + ', '.join(found)


def random_state(device: torch.device) -> str:
    """A probe's draws leave the device's generator as it was."""
    from ..weighting.randomness import no_trace
    torch.rand(1, device=device)
    before = torch.random.get_rng_state() if device.type == 'cpu' else (
        torch.cuda.get_rng_state(device))
    with no_trace():
        torch.rand(1000, device=device)
    after = torch.random.get_rng_state() if device.type == 'cpu' else (
        torch.cuda.get_rng_state(device))
    demand(torch.equal(before, after), 'the generator has moved')
    return 'the generator has not moved'


def training_step(device: torch.device) -> str:
    """PointPillars under DequityLoss: gradients against the CPU's."""
    model, batch = _detector()
    expected = _gradients(model, batch, torch.device('cpu'))
    came = _gradients(model, batch, device)
    error = _difference(came, expected)
    # convolutions may run in TensorFloat-32, whose mantissa has 11 bits
    demand(error < 5e-2, f'gradients differ from those of the CPU by '
           f'{error:.1e} of their length, at most 5e-2 was expected')
    stock = _gradients(model, batch, device, weights=None)
    ones = _gradients(model, batch, device, weights=(1.0, 1.0))
    noise = _difference(ones, stock)
    # sums by atomic additions come in any order
    demand(noise < 1e-3, f'with weights of 1 gradients differ from those '
           f'without by {noise:.1e}, at most 1e-3 was expected')
    return (f'relative difference to the CPU {error:.0e}; weights of 1 '
            f'against none {noise:.0e}')


def mixed_training(device: torch.device) -> str:
    """The same under MMEngine's AmpOptimWrapper, with its scaler."""
    if device.type != 'cuda':
        raise Skip("MMEngine's AmpOptimWrapper runs on a GPU")
    model, batch = _detector()
    expected = _gradients(model, batch, torch.device('cpu'))
    found = []
    for name, least in (('float16', 0.98), ('bfloat16', 0.95)):
        cosine = _cosine(_mixed_gradients(model, batch, device, name),
                         expected)
        demand(cosine > least, f'gradients in {name} have a cosine of '
               f'{cosine:.4f} to those of the CPU, more than {least} was '
               'expected')
        found.append(f'{name} {cosine:.4f}')
    return 'cosine to the float32 gradients of the CPU: ' + ', '.join(found)


def _mixed_gradients(model, batch, device, dtype):
    """Gradients of a step of MMEngine's, once they are unscaled."""
    from mmengine.optim import AmpOptimWrapper
    model = copy.deepcopy(model).to(device)
    wrapper = AmpOptimWrapper(
        dtype=dtype, optimizer=torch.optim.SGD(model.parameters(), 0.0),
        loss_scale=1024.0)
    kept, step = {}, wrapper.step

    def keep_and_step(**kwargs):
        # as clipping does, between the backward pass and the step
        wrapper.loss_scaler.unscale_(wrapper.optimizer)
        kept.update(_named_gradients(model))
        step(**kwargs)

    wrapper.step = keep_and_step
    with _attached(model, WEIGHTS):
        model.train_step(_weighted(batch, WEIGHTS), wrapper)
    return kept


def rotated_overlap(device: torch.device) -> str:
    """The CUDA kernel of KITTI's evaluation against ours for the CPU."""
    from ..plugin.evaluation import kitti
    if device.type != 'cuda' or not kitti.host_can_run():
        raise Skip('numba finds no CUDA; KITTI is evaluated on the CPU')
    from mmdet3d.evaluation.functional.kitti_utils.rotate_iou import (
        rotate_iou_gpu_eval,
    )

    from ..plugin.evaluation.rotated_iou import rotated_iou
    rng = np.random.default_rng(0)
    boxes = np.stack([
        *rng.uniform(0, 40, (2, 300)), rng.uniform(3, 5, 300),
        rng.uniform(1.5, 2, 300), rng.uniform(-3, 3, 300)], 1)
    others = boxes + rng.normal(0, 0.3, boxes.shape)
    came = rotate_iou_gpu_eval(boxes, others, -1)
    expected = rotated_iou(boxes, others, -1)
    typical = float(np.quantile(np.abs(came - expected), 0.999))
    demand(typical < 1e-3, f'one overlap in a thousand differs by '
           f'{typical:.1e} or more, at most 1e-3 was expected')
    return (f'999 of 1,000 overlaps differ by less than {typical:.0e}, the '
            f'most by {np.abs(came - expected).max():.0e}')


def communication(device: torch.device) -> str:
    """NCCL on all GPUs of this machine: a sum."""
    import torch.distributed as dist
    import torch.multiprocessing as mp
    gpus = torch.cuda.device_count() if device.type == 'cuda' else 0
    backend = 'nccl' if gpus else 'gloo'
    if gpus and not dist.is_nccl_available():
        raise Skip('this PyTorch has no NCCL')
    world = gpus or 2
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(_sum_of_ranks, (world, backend, f'{folder}/meeting'), world)
    return f'{world} processes by {backend} agree on a sum'


def _sum_of_ranks(rank, world, backend, meeting):
    import torch.distributed as dist
    if backend == 'nccl':
        torch.cuda.set_device(rank)
    dist.init_process_group(backend, init_method=f'file://{meeting}',
                            rank=rank, world_size=world)
    value = torch.full((1000,), rank + 1.0,
                       device=f'cuda:{rank}' if backend == 'nccl' else 'cpu')
    dist.all_reduce(value)
    demand(bool((value == world * (world + 1) / 2).all()),
           f'process {rank} of {world} got the sum {float(value[0])}')
    dist.destroy_process_group()


def _detector() -> tuple[Any, Callable]:
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
    return MODELS.build(config.model).train(), _make_batch


def _make_batch() -> dict:
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


def _weighted(batch, weights):
    from ..plugin.equity_pipeline import LIKELIHOOD_KEY, WEIGHT_KEY
    data = batch()
    for sample, weight in zip(data['data_samples'], weights):
        sample.set_metainfo({WEIGHT_KEY: weight, LIKELIHOOD_KEY: 1.0})
    return data


@contextlib.contextmanager
def _attached(model, weights):
    """Weight the losses of a detector, as the hook does."""
    if weights is None:
        yield
        return
    from ..plugin.examine import examine
    from ..plugin.loss import DequityLoss
    loss = DequityLoss()
    loss.attach(model, examine(loss, model, _weighted(_make_batch, weights)))
    try:
        yield
    finally:
        loss.detach()


def _gradients(model, batch, device, weights=WEIGHTS):
    """Gradients by parameter, float64 on the CPU, of one batch."""
    model = copy.deepcopy(model).to(device)
    with _attached(model, weights):
        data = model.data_preprocessor(
            _weighted(batch, weights or (1.0, 1.0)), True)
        losses = model(**data, mode='loss')
        total, _ = model.parse_losses(losses)
        total.backward()
    return _named_gradients(model)


def _named_gradients(model):
    return {name: p.grad.detach().double().cpu()
            for name, p in model.named_parameters() if p.grad is not None}


def _flat(gradients):
    return torch.cat([gradients[name].flatten() for name in sorted(gradients)])


def _difference(came, expected):
    return float((_flat(came) - _flat(expected)).norm()
                 / _flat(expected).norm())


def _cosine(came, expected):
    return float(torch.cosine_similarity(_flat(came), _flat(expected), dim=0))


CHECKS = (
    Check('weights', 'the gradient of weighted samples, in float32 and under '
          'autocast with GradScaler, against the weighted sum of losses',
          weighted_gradient),
    Check('random state', "that a probe's draws leave no trace in the "
          "device's generator", random_state),
    Check('training', 'a step of a small PointPillars under DequityLoss: '
          'gradients against the CPU, and weights of 1 against none',
          training_step),
    Check('mixed training', "the same by MMEngine's AmpOptimWrapper with its "
          'scaler, float16 and bfloat16', mixed_training),
    Check('rotated IoU', "KITTI's CUDA kernel against ours for the CPU",
          rotated_overlap),
    Check('NCCL', 'a sum over one process for each GPU', communication),
)
