"""What why.py measures at a checkpoint of the baseline.

Shape letters: N samples of the training set, C classes, n batches, f frames
of a stratum, k augmentations, P parameters, d numbers of a sketch.
"""
import copy

import numpy as np
import torch
from mmengine.optim import build_optim_wrapper

from dequity_mmdet3d.strata import COMMON, RARE, STRATA

from .draws import batches_of
from .gradients import (
    at_predictions,
    class_parts,
    forward,
    set_running,
    weighted,
)
from .setting import SIZE, WHOLE, way_of
from .statistics import adaptive_steps

GROUPS = 8  # of batches, for errors


def positives_of(setting):
    """(N, C) positive anchors of each sample, augmented once."""
    out = forward(setting.model, setting.batch([0], 0)[0]).out
    found = np.zeros((len(setting.likelihood), setting.model.bbox_head
                      .num_classes))
    for start in range(0, len(found), SIZE):
        rows = np.arange(start, min(start + SIZE, len(found)))
        batch, came = setting.batch(rows, start)
        done = at_predictions(
            setting.model.bbox_head,
            [torch.zeros(len(rows), *x.shape[1:]) for x in out],
            batch['data_samples'])
        found[rows] = done.positives * (came == rows)[:, None]
    return dict(positives=found)


def frame_gradients(setting, step, f, k):
    """Gradients of single frames, batch norm at its running statistics.

    Returns:
        dict[str, np.ndarray]: By stratum (f, k, C, d) gradients of the
        classes' parts of the loss times F: a frame's part of a batch but
        for the batch's F. '... loss' and '... F', (f, k) of the loss times
        F, and F. '... row', the (f,) rows of the frames. 'means', (3, P) of
        the gradients.
    """
    setting.load(step)
    set_running(setting.model, setting.stream('baseline', 32, 2))
    found, means = {}, []
    for number, stratum in enumerate(STRATA):
        rows = setting.rng(3, number).choice(
            np.flatnonzero(setting.stratum == number), f, replace=False)
        gradients, losses, factors, mean = [], [], [], 0
        for i, row in enumerate(np.repeat(rows, k)):
            batch, _ = setting.batch([row], 100_000 * (1 + number) + i)
            done = forward(setting.model, batch)
            factors.append(done.factor)
            losses.append(done.loss * done.factor)
            parts = class_parts(done, setting.parameters) * done.factor
            gradients.append(setting.sketch(parts))
            mean = mean + parts.sum(0) / (f * k)
        found[stratum] = np.stack(gradients).reshape(
            f, k, *gradients[0].shape)
        found[f'{stratum} loss'] = np.reshape(losses, (f, k))
        found[f'{stratum} F'] = np.reshape(factors, (f, k))
        found[f'{stratum} row'] = rows
        means.append(mean.numpy())
    found['means'] = np.stack(means)
    return found


def batch_gradients(setting, step, n, targets):
    """Gradients of whole batches, as training makes them.

    Args:
        setting (Setting): The bench.
        step (int): Of the checkpoint.
        n (int): Number of batches, a multiple of ``GROUPS``.
        targets (np.ndarray): (3, P) mean gradients of the strata.

    Returns:
        dict[str, np.ndarray]: By way in ``WHOLE`` (n, d); '... F', the (n,)
        factors by which the losses were divided; and '... step', see
        :func:`.adaptive_steps`.
    """
    setting.load(step)
    draws, found = {}, {}
    for name in WHOLE:
        draw, weight = way_of(name, setting.likelihood)
        draws.setdefault(tuple(draw), {})[name] = weight
    for number, (draw, weights) in enumerate(draws.items()):
        batches = batches_of(np.array(draw), n, SIZE,
                             setting.rng(1, number))
        factors, sketches = [], {name: [] for name in weights}
        sums = {name: np.zeros((2, GROUPS, targets.shape[1]), np.float32)
                for name in weights}
        for i, rows in enumerate(batches):
            batch, rows = setting.batch(rows, 10_000 * (1 + number) + i)
            done = forward(setting.model, batch)
            factors.append(done.factor)
            for name, weight in weights.items():
                whole = weighted(done, setting.parameters, weight[rows])
                sketches[name].append(setting.sketch(whole))
                whole = whole.numpy()
                sums[name][:, i % GROUPS] += whole, whole**2
        for name in weights:
            found[name] = np.stack(sketches[name])
            found[f'{name} F'] = np.array(factors)
            found[f'{name} step'] = adaptive_steps(*sums[name] / n, targets)
    return found


def norm_statistics(setting, step, n):
    """Running statistics of batch norm under several draws.

    Returns:
        dict[str, np.ndarray]: By name (2, m) means and variances of all
        channels; '... loss', what a rare frame's loss is with them.
    """
    setting.load(step)
    rare = list(setting.stream('baseline', n // 2, 9, RARE))
    found = {}
    for name, way, only, number in (
            ('uniform', 'baseline', None, 10), ('again', 'baseline', None, 11),
            ('drawing', 'drawing', None, 12),
            ('drawing, eta 0.1', 'drawing, eta 0.1', None, 13),
            (RARE, 'baseline', RARE, 14), (COMMON, 'baseline', COMMON, 15)):
        found[name] = np.stack(set_running(
            setting.model, setting.stream(way, n, number, only)))
        with torch.no_grad():
            found[f'{name} loss'] = np.mean([
                _loss(setting.model, b) for b in rare])
    return found


def _loss(model, batch):
    losses = model(**model.data_preprocessor(copy.deepcopy(batch), True),
                   mode='loss')
    return float(model.parse_losses(losses)[0])


def updates(setting, step, factor, optimizer, n):
    """What n steps change where all losses have a factor.

    Args:
        setting (Setting): The bench.
        step (int): From which checkpoint on, with AdamW's moments as they
            would be after a training with the factor.
        factor (float): Of the losses.
        optimizer (dict): Config of an optimizer wrapper.
        n (int): Number of steps.

    Returns:
        np.ndarray: (n, d) sketched changes of the parameters so far.
    """
    setting.load(step)
    wrapper = build_optim_wrapper(setting.model, optimizer)
    state = setting.checkpoint(step).get('optimizer')
    if state and optimizer['optimizer']['type'] == 'AdamW':
        state = dict(state, state=copy.deepcopy(state['state']))
        for moments in state['state'].values():
            moments['exp_avg'] *= factor
            moments['exp_avg_sq'] *= factor**2
        wrapper.load_state_dict(state)
    start = [p.detach().clone() for p in setting.parameters]
    found = []
    for batch in setting.stream('baseline', n, 20):
        losses = setting.model(
            **setting.model.data_preprocessor(batch, True), mode='loss')
        wrapper.update_params(
            setting.model.parse_losses(losses)[0] * factor)
        found.append(setting.sketch(torch.cat([
            (p.detach() - q).reshape(-1)
            for p, q in zip(setting.parameters, start)])))
    return np.stack(found)
