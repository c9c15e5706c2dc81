"""Builds what a training builds, for dequity compare --dry-run.

    python -m dequity_mmdet3d.plugin.rehearsal CONFIG ANSWER.json
"""
import json
import math
import sys
import tempfile
from pathlib import Path

from mmengine.runner import Runner

from dequity_mmdet3d.config_files import mend_config_reading, read_config

from .compat import mend_host
from .info_files import check_info_files


def build(path, folder):
    """Build what a training builds, and read a sample of either split.

    Args:
        path (str | Path): Config of a run.
        folder (str | Path): For what the host writes meanwhile.

    Returns:
        dict[str, int]: Fields of :class:`.compare.rehearsal.Rehearsal`.

    Raises:
        Exception: What a training would raise at its start.
    """
    config = read_config(path)
    check_info_files(config, ('train', 'test'))
    mend_config_reading()
    mend_host()
    config.work_dir = str(folder)
    runner = Runner.from_cfg(config)
    train = runner.build_dataloader(config.train_dataloader)
    test = runner.build_dataloader(config.test_dataloader)
    evaluator = runner.build_evaluator(config.test_evaluator)
    evaluator.dataset_meta = test.dataset.metainfo
    for loader in (train, test):
        if loader.dataset[0] is None:
            raise ValueError('the first sample of a split cannot be loaded')
    loop = config.train_cfg
    steps = int(loop.get('max_iters') or loop.max_epochs * len(train))
    state = sum(v.numel() * v.element_size()
                for v in runner.model.state_dict().values())
    wrapper = runner.build_optim_wrapper(config.optim_wrapper)
    parameters = sum(p.numel() for p in runner.model.parameters())
    return dict(
        samples=len(train.dataset), validation=len(test.dataset), steps=steps,
        parameters=parameters,
        bytes=checkpoints_of(config, len(train), steps) *
        (state + 4 * parameters * _moments(wrapper)))


def checkpoints_of(config, epoch, steps):
    """How many checkpoints of a run are there at once, at most.

    Args:
        config (Config): Of the run.
        epoch (int): Steps of an epoch.
        steps (int): Of the run.
    """
    hook = (config.get('default_hooks') or {}).get('checkpoint') or {}
    every = max(hook.get('interval', 1), 1) * (
        epoch if hook.get('by_epoch', True) else 1)
    made = max(math.ceil(steps / every), 1)
    kept = hook.get('max_keep_ckpts', -1)
    # a new one is written before the oldest goes
    return made if kept < 1 else min(made, kept + 1)


def _moments(wrapper):
    """Numbers that an optimizer keeps for each parameter."""
    names = [type(o.optimizer).__name__ for o in (
        wrapper.values() if hasattr(wrapper, 'values') else [wrapper])]
    return 2 if any('Adam' in name for name in names) else 1


def main():
    """Answer for one config; both files are arguments."""
    path, to = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        found = build(path, folder)
    Path(to).write_text(json.dumps(found), encoding='utf-8')


if __name__ == '__main__':
    from dequity_mmdet3d.cli import run_cli
    sys.exit(run_cli(main))
