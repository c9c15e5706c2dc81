"""``DequityHook``: puts ``DequityLoss`` to work in a training run."""
from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
from mmdet3d.registry import HOOKS, MODELS
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper

from .compat import mend_host
from .dataset import DequityDataset
from .examine import examine
from .registration import register
from .resumed import KEY, noted_in, other_tables, tables_of
from .sampler import DequitySampler, draws_by_weights, sampler_of
from .walk import unweighted, wrapped_by

if TYPE_CHECKING:
    from mmengine.runner import Runner


def equity_datasets(dataset):
    """Every ``DequityDataset`` of a training set.

    Raises:
        ValueError: If a part of the training set stands under none.
    """
    if isinstance(dataset, DequityDataset):
        return [dataset]
    if not wrapped_by(dataset):
        raise unweighted(dataset)
    return [e for d in wrapped_by(dataset) for e in equity_datasets(d)]


@register(HOOKS)
class DequityHook(Hook):
    """Weights the losses while training lasts, and logs the weights.

    As an entry of ``default_hooks``, a dict, it leaves the
    ``custom_hooks`` of an existing project alone::

        default_hooks = dict(dequity=dict(type='DequityHook'))

    The mean, minimum and maximum weight of each batch reach the log and
    the visualizer's backends as ``dequity_weight_mean``, ``_min``, ``_max``;
    with eta and gamma of the loss's own, also ``dequity_eta`` and
    ``dequity_gamma``.

    Before the first step a copy of the model computes the losses of the
    first batch, and of the same without its last sample, to see that each
    loss term can be told apart by sample; see :func:`.examine.examine`. A line
    of the log says what is weighted, in value or in gradient alone.

    Beside a :class:`.DequitySampler`, or another sampler that draws samples
    by the same weights, it does nothing; where the sampler's ``power``
    leaves a part of the weights, losses are weighted by that part.

    Args:
        loss (dict): Config of the loss wrapper, ``type='DequityLoss'``
            where it names no other. Defaults to the data set's weights on
            all terms.
        other_table (str): A training that is resumed with another table
            than it was begun with is an 'error', or 'warn': a warning.
            Checkpoints name their tables by digest. Defaults to 'error'.
    """

    def __init__(self, loss: dict | None = None, other_table: str = 'error'):
        if other_table not in ('error', 'warn'):
            raise ValueError("other_table of DequityHook must be 'error' or "
                             f"'warn', but got {other_table!r}")
        mend_host()
        self.other_table = other_table
        self._before: Any = None
        self._tables: list | None = None
        self.loss = MODELS.build({'type': 'DequityLoss', **(loss or {})})
        self._attached = False
        self._active = True

    def before_train(self, runner: Runner) -> None:
        """Check that all samples carry a weight, and learn the epoch's."""
        self._attached = False
        loader = runner.train_dataloader
        self._tables = tables_of(loader.dataset)
        if runner.iter > 0:
            self._check_tables()
        sampler = sampler_of(loader)
        self._active = not draws_by_weights(sampler)
        if not self._active:
            _say('DequityHook: samples are drawn by their weights '
                 f'({type(sampler).__name__}), so their losses are not '
                 'weighted too')
            return
        datasets = equity_datasets(loader.dataset)
        if self.loss.weights.own and not all(
                d.settings.is_plain for d in datasets):
            raise ValueError(
                'DequityLoss has its own eta, gamma or schedule, which would '
                'replace the form or content of DequityDataset; remove one '
                'of them')
        self.loss.fit(
            np.concatenate([d.likelihood for d in datasets]),
            *self._settings_of(datasets))
        if isinstance(sampler, DequitySampler):
            self.loss.weights.leave(sampler.power, sampler.weights.mean())
            _say(f'DequityHook: samples are drawn by weight ** '
                 f'{sampler.power:g}; losses are weighted by the rest')

    def _check_tables(self):
        wrong = other_tables(self._before, self._tables)
        if wrong is None:
            return
        if self.other_table == 'error':
            raise ValueError(
                f'{wrong}; give the same table, begin anew, or go on with '
                '--cfg-options default_hooks.dequity.other_table=warn')
        print_log(f'DequityHook: {wrong}', 'current', logging.WARNING)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Learn by which tables a training was begun."""
        self._before = noted_in(checkpoint)

    def before_save_checkpoint(self, runner: Runner,
                               checkpoint: dict) -> None:
        """Say by which tables the training was weighted."""
        if self._tables is not None:
            checkpoint['meta'][KEY] = self._tables

    def _settings_of(self, datasets):
        """eta and gamma of the data sets, as far as the loss needs them."""
        settings = {(d.eta, d.gamma) for d in datasets}
        if self.loss.weights.lacks and len(settings) > 1:
            raise ValueError(
                'the DequityDatasets of train_dataloader have different eta '
                f'and gamma {sorted(settings)}; give both to DequityLoss')
        return min(settings)

    def before_train_iter(self, runner: Runner, batch_idx: int,
                          data_batch: Any = None) -> None:
        """Attach the loss before the first step; follow its schedule."""
        if not self._active:
            return
        if not self._attached:
            self._attach(runner.model, data_batch)
        schedule = self.loss.weights.schedule
        if schedule is not None:
            self.loss.weights.set_time(
                runner.iter if schedule.by == 'iter' else runner.iter /
                len(runner.train_dataloader))

    def _attach(self, model, data_batch):
        model = model.module if is_model_wrapper(model) else model
        found = examine(self.loss, model, data_batch)
        self.loss.attach(model, found)
        self._attached = True
        _say(f'DequityLoss: {found}')

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: Any = None,
                         outputs: dict | None = None) -> None:
        """Write the weights of the batch to the message hub."""
        if not self._active:
            return
        weights = self.loss.take_used()
        scalars = dict(self.loss.weights.current or {})
        scalars.update(
            weight_mean=sum(weights) / len(weights),
            weight_min=min(weights),
            weight_max=max(weights))
        for name, value in scalars.items():
            runner.message_hub.update_scalar(f'train/dequity_{name}', value)

    def after_train(self, runner: Runner) -> None:
        """Give the detector back as it was."""
        self.loss.detach()


def _say(line):
    print_log(line, 'current')
