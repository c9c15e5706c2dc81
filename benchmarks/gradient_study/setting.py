"""A training of the baseline, and what is measured in it shares.

Shape letters: N samples of the training set, d numbers of a sketch.
"""
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmdet3d.registry import DATASETS, MODELS
from mmengine.runner import CheckpointLoader, Runner

from dequity_mmdet3d.compare.arm_names import parse_arm
from dequity_mmdet3d.compare.arms import arm_config
from dequity_mmdet3d.strata import STRATA, strata_of
from dequity_mmdet3d.weight import dequity_weight
from dequity_mmdet3d.whole_file import whole_file

from .draws import batches_of, split
from .gradients import Sketch, batch_of, rows_in

STEPS = (0, 300, 1000)
# eta, and which part of the weight is drawn by; None has no weights
WAYS = {
    'baseline': (1, None), 'weighting': (1, 0), 'split 0.25': (1, 0.25),
    'split 0.5': (1, 0.5), 'split 0.75': (1, 0.75), 'drawing': (1, 1),
    'weighting, eta 0.1': (0.1, 0), 'drawing, eta 0.1': (0.1, 1)
}
# of which gradients of whole batches are measured
WHOLE = ('baseline', 'weighting', 'drawing', 'weighting, eta 0.1',
         'drawing, eta 0.1')
SIZE = 4  # samples of a batch, as in the config


def way_of(name, likelihood):
    """(N,) weights to draw by, and of the losses; see :func:`.split`."""
    eta, part = WAYS[name]
    if part is None:
        return np.ones(len(likelihood)), np.ones(len(likelihood))
    return split(dequity_weight(likelihood, eta), part)


class Setting(NamedTuple):
    """What all measurements share."""
    config: Any
    folder: Path
    seed: int
    dataset: Any
    likelihood: np.ndarray  # (N,)
    stratum: np.ndarray  # (N,) places in STRATA
    model: Any
    parameters: list
    sketch: Sketch

    def rng(self, *of):
        """A generator of its own for each purpose."""
        return np.random.default_rng((self.seed, *of))

    def batch(self, rows, number):
        """The batch of this number; its rows may be others, see rows_in."""
        batch = batch_of(self.dataset, rows, self.seed * 1_000_000 + number)
        return batch, rows_in(batch)

    def stream(self, way, n, number, only=None):
        """n batches as a way draws them, or of one stratum only."""
        draw, _ = way_of(way, self.likelihood)
        if only is not None:
            draw = draw * (self.stratum == STRATA.index(only))
        rows = batches_of(draw, n, SIZE, self.rng(number))
        return (self.batch(r, 1_000 * number + i)[0]
                for i, r in enumerate(rows))

    def checkpoint(self, step):
        """What training kept at a step."""
        return CheckpointLoader.load_checkpoint(
            str(self.folder / 'baseline' / f'iter_{step}.pth'), 'cpu')

    def load(self, step):
        """Give the model the parameters of a step, in training mode."""
        self.model.load_state_dict(self.checkpoint(step)['state_dict'])
        self.model.train()


def make_setting(config, folder, seed, bounds, d):
    """A setting, once the baseline is trained."""
    dataset = DATASETS.build(config.train_dataloader.dataset)
    model = MODELS.build(config.model)
    parameters = list(model.parameters())
    likelihood = np.asarray(dataset.likelihood)
    return Setting(
        config, folder, seed, dataset, likelihood,
        strata_of(likelihood, bounds), model, parameters,
        Sketch(sum(p.numel() for p in parameters), d))


def kept(path, make):
    """Arrays by name, from a file or made now."""
    if not path.exists():
        with whole_file(path, parents=True) as f:
            np.savez(f, **make())
    with np.load(path) as arrays:
        return dict(arrays)


def train(config, folder, seed):
    """Train the baseline of the study, with checkpoints at ``STEPS``."""
    config = arm_config(config, parse_arm('baseline'))
    folder = folder / 'baseline'
    if (folder / f'iter_{STEPS[-1]}.pth').exists():
        return
    config.work_dir, config.resume = str(folder), True
    config.randomness = dict(seed=seed)
    config.train_cfg.max_iters = STEPS[-1]  # the schedule is the study's
    config.train_dataloader.update(num_workers=0, persistent_workers=False)
    for split_name in ('val', 'test'):
        for part in ('cfg', 'dataloader', 'evaluator'):
            config[f'{split_name}_{part}'] = None
    config.default_hooks.checkpoint = dict(
        type='CheckpointHook', by_epoch=False,
        interval=math.gcd(*STEPS))
    runner = Runner.from_cfg(config)
    first = folder / 'iter_0.pth'
    runner.model.init_weights()  # once; training does not do it again
    if not first.exists():
        with whole_file(first, parents=True) as f:
            torch.save(dict(state_dict=runner.model.state_dict()), f)
    runner.train()


def gradient_norms(setting):
    """(steps,) norms before clipping, of the training."""
    scalars = setting.checkpoint(STEPS[-1])['message_hub']['log_scalars']
    return np.asarray(scalars['train/grad_norm'].data[0])
