"""``DequityProbe``: the loss of rare and of common samples, in training.

Shape letters: B samples of a batch, N samples of an epoch.
"""
from __future__ import annotations

import contextlib
import copy
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from mmdet3d.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from ..strata import BOUNDS, COMMON, RARE, check_bounds, edges_of
from ..weighting.randomness import no_trace
from .batch import metas_in, take
from .compat import mend_host
from .equity_pipeline import LIKELIHOOD_KEY
from .hook import equity_datasets
from .registration import register
from .stand_in import stand_in

if TYPE_CHECKING:
    from mmengine.runner import Runner

DONE = 'dequity_probe_done'  # where the message hub keeps what is measured


@contextlib.contextmanager
def aside(model):
    """A context in which a model computes losses without a trace.

    Batch norm takes its running statistics, so that the loss of a sample
    depends on no other; everything else stays in its mode. On leaving, the
    buffers, the modules' own attributes and the random generators are as
    they were. This process counts as the only one: what a head averages
    over processes is not, and none waits for another.

    Args:
        model (nn.Module): A detector, unwrapped, in training mode.
    """
    modules = list(model.modules())
    before = [(dict(vars(m)), dict(m._buffers)) for m in modules]
    values = [(b, b.clone()) for b in model.buffers()]
    try:
        for module in modules:
            if isinstance(module, _BatchNorm):
                module.eval()
        # upstream's reduce_mean and norms ask this before they wait for
        # other processes
        with torch.no_grad(), no_trace(model), stand_in(
                torch.distributed, 'is_initialized', _no_other_process):
            yield
    finally:
        for module, (attributes, buffers) in zip(modules, before):
            vars(module).clear()
            vars(module).update(attributes)
            module._buffers.clear()
            module._buffers.update(buffers)
        with torch.no_grad():
            for buffer, value in values:
                buffer.copy_(value)


def _no_other_process():
    return False


def loss_alone(model, data_batch, rows, context=contextlib.nullcontext):
    """The host's loss of some samples of a batch, as if they were all.

    Args:
        model (nn.Module): A detector, unwrapped, in training mode.
        data_batch (dict): As it leaves the data loader; it is not changed.
        rows (Sequence[int]): Places of the samples in the batch.
        context (Callable): Makes the context of the forward pass, such as
            autocast. Defaults to none.

    Returns:
        float: The sum of the loss terms, without weights.
    """
    # copied, since some preprocessors and voxel encoders write into it
    part = copy.deepcopy(take(data_batch, rows))
    with aside(model), context():
        data = model.data_preprocessor(part, True)
        arguments = ((), data) if isinstance(data, dict) else (data, {})
        # that of the class: torch.compile of an instance's would count this
        # as a change of shapes
        losses = type(model).forward(
            model, *arguments[0], **arguments[1], mode='loss')
        return float(model.parse_losses(losses)[0])


@register(HOOKS)
class DequityProbe(Hook):
    """Shows the loss of rare samples against that of common ones.

    One line over a config with :class:`.DequityDataset`, whether its losses
    are weighted, its samples drawn by weight, or neither (without
    ``DequityHook``), so that such runs can be compared::

        default_hooks = dict(probe=dict(type='DequityProbe'))

    Once every ``interval`` steps the model computes, before its step, the
    host's loss of the rare samples of the batch alone, and of the common ones
    alone; each in the first batch that has some. The log and the
    visualizer's backends get ``dequity_loss_rare`` and
    ``dequity_loss_common`` at this step, and at no other: they do not pass
    through the message hub, which would repeat and average them.

    Training is not disturbed: its parameters are bit-identical to those of a
    run without. With several processes the first one measures, on its own
    batch.

    Args:
        interval (int): Steps from measurement to measurement, on average,
            >= 1. Defaults to 100.
        bounds (Sequence[float]): Shares of an epoch's samples up to which
            they are rare, and above which they are common, as in the
            evaluation. Defaults to :data:`dequity_mmdet3d.strata.BOUNDS`.

    Raises:
        ValueError: For an interval or bounds out of range.
    """

    def __init__(self, interval: int = 100, bounds: Sequence[float] = BOUNDS):
        if not isinstance(interval, int) or interval < 1:
            raise ValueError('interval of DequityProbe must be a whole number '
                             f'of steps, >= 1, but got {interval!r}')
        check_bounds(bounds)
        mend_host()
        self.interval, self.bounds = interval, bounds
        self._edges: tuple[float, float] | None = None

    def before_train(self, runner: Runner) -> None:
        """Learn which samples are rare."""
        likelihood = np.concatenate([
            d.likelihood
            for d in equity_datasets(runner.train_dataloader.dataset)
        ])
        if np.isnan(likelihood).all():
            raise ValueError(
                'DequityProbe tells rare samples by their likelihoods, but '
                'DequityDataset has no table; give it one, or remove the '
                'probe')
        model = runner.model
        self._edges = None
        if is_model_wrapper(model) and not isinstance(
                model, DistributedDataParallel):
            _say(f'cannot measure within {type(model).__name__}, whose parts '
                 'belong to several processes', logging.WARNING)
            return
        self._edges = edges_of(likelihood, self.bounds)
        if self._edges is None:
            _say('all samples are alike, so none is rare and nothing is '
                 'measured', logging.WARNING)
            return
        rare, common = self._edges
        _say(f'every {self.interval} steps the loss of rare samples '
             f'(likelihood up to {rare:.4g}, '
             f'{np.mean(likelihood <= rare):.1%} of an epoch) and of common '
             f'ones (from {common:.4g}, {np.mean(likelihood >= common):.1%})')

    def before_train_iter(self, runner: Runner, batch_idx: int,
                          data_batch: Any = None) -> None:
        """Measure what is due, while the batch is as it was loaded."""
        if self._edges is None or not is_main_process():
            return
        # kept in checkpoints, so that a resumed run measures where an
        # undisturbed one would
        done = runner.message_hub.get_info(DONE, {})
        window = runner.iter // self.interval
        due = [name for name in (RARE, COMMON) if done.get(name) != window]
        if not due:
            return
        metas = metas_in(data_batch.get('data_samples')) if isinstance(
            data_batch, dict) else None
        if metas is None:
            self._edges = None
            _say('batches are no dict with a list of data_samples, so '
                 'nothing is measured', logging.WARNING)
            return
        likelihood = np.array([m.get(LIKELIHOOD_KEY, np.nan) for m in metas],
                              dtype=float)
        is_due = dict(zip((RARE, COMMON), (likelihood <= self._edges[0],
                                           likelihood >= self._edges[1])))
        found = {name: np.flatnonzero(is_due[name]).tolist() for name in due
                 if is_due[name].any()}
        if found:
            self._measure(runner, data_batch, found)
            runner.message_hub.update_info(
                DONE, dict(done, **dict.fromkeys(found, window)))

    def _measure(self, runner, data_batch, rows_of):
        model = runner.model
        model = model.module if is_model_wrapper(model) else model
        wrapper = runner.optim_wrapper

        def context():  # mixed precision, where the run has it
            return (wrapper.optim_context(model) if isinstance(
                wrapper, OptimWrapper) else contextlib.nullcontext())

        losses = {name: loss_alone(model, data_batch, rows, context)
                  for name, rows in rows_of.items()}
        step = runner.iter + 1  # as LoggerHook counts
        _say(f'step {step}: ' + ', '.join(
            f'loss of {len(rows_of[name])} {name} {loss:.4f}'
            for name, loss in losses.items()))
        prefix = ('train/' if runner.log_processor.log_with_hierarchy else '')
        tag = {f'{prefix}dequity_loss_{k}': v for k, v in losses.items()}
        # some backends take no step; there the LoggerHook's key is the axis
        tag['iter'] = step
        runner.visualizer.add_scalars(tag, step=step)


def _say(line, level=logging.INFO):
    print_log(f'DequityProbe: {line}', 'current', level=level)
