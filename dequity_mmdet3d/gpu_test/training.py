"""Checks of weighted training on a GPU."""
from __future__ import annotations

import copy
import tempfile

import numpy as np
import torch

from . import Check, Skip, demand
from .detector import (
    WEIGHTS,
    attached,
    cosine_of,
    detector,
    difference,
    gradients_of,
    named_gradients,
    weighted,
)


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
            gradients.append(named_gradients(layer)['weight']
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

    def state():
        return (torch.get_rng_state() if device.type == 'cpu' else
                torch.cuda.get_rng_state(device))

    torch.rand(1, device=device)
    before = state()
    with no_trace():
        torch.rand(1000, device=device)
    demand(torch.equal(before, state()), 'the generator has moved')
    return 'the generator has not moved'


def training_step(device: torch.device) -> str:
    """PointPillars under DequityLoss: gradients against the CPU's."""
    model, batch = detector()
    expected = gradients_of(model, batch, torch.device('cpu'))
    came = gradients_of(model, batch, device)
    error = difference(came, expected)
    # convolutions may run in TensorFloat-32, whose mantissa has 11 bits
    demand(error < 5e-2, f'gradients differ from those of the CPU by '
           f'{error:.1e} of their length, at most 5e-2 was expected')
    stock = gradients_of(model, batch, device, weights=None)
    ones = gradients_of(model, batch, device, weights=(1.0, 1.0))
    noise = difference(ones, stock)
    # sums by atomic additions come in any order
    demand(noise < 1e-3, f'with weights of 1 gradients differ from those '
           f'without by {noise:.1e}, at most 1e-3 was expected')
    return (f'relative difference to the CPU {error:.0e}; weights of 1 '
            f'against none {noise:.0e}')


def mixed_training(device: torch.device) -> str:
    """The same under MMEngine's AmpOptimWrapper, with its scaler."""
    if device.type != 'cuda':
        raise Skip("MMEngine's AmpOptimWrapper runs on a GPU")
    model, batch = detector()
    expected = gradients_of(model, batch, torch.device('cpu'))
    found = []
    for name, least in (('float16', 0.98), ('bfloat16', 0.95)):
        cosine = cosine_of(_mixed_gradients(model, batch, device, name),
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
        kept.update(named_gradients(model))
        step(**kwargs)

    wrapper.step = keep_and_step
    with attached(model, WEIGHTS):
        model.train_step(weighted(batch, WEIGHTS), wrapper)
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
