"""Would the runs of a comparison start, and is there room for them?

Each arm is built in a process of its own as its training would build it, and
reads one sample of either split: configs, tables, info files, images and
points that are not there are said now, and not after hours of other runs.
"""
from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from dequity_mmdet3d.json_files import fields_of, read_json
from dequity_mmdet3d.messages import counted

from . import run_folder


@dataclass(frozen=True)
class Rehearsal:
    """What an arm's run will be.

    Args:
        samples (int): Of the training split, as often as the data set has
            them.
        validation (int): Samples of the validation split.
        steps (int): Of a run.
        parameters (int): Of the model.
        bytes (int): That the checkpoints of a run will have, nearly.
    """
    samples: int
    validation: int
    steps: int
    parameters: int
    bytes: int

    def line(self, arm: str, runs: int) -> str:
        """str: For people."""
        return (f'{arm}: {counted(runs, "run")} of {self.steps:,} steps on '
                f'{counted(self.samples, "sample")}, '
                f'{self.validation} to validate; '
                f'{self.parameters / 1e6:.1f} million parameters, '
                f'checkpoints {self.bytes / 1e9:.2f} GB a run')


def rehearse(runs, out, say=print):
    """Build each arm once, and look at the disk.

    Args:
        runs (Sequence[Run]): All of them; nothing is written in their
            folders.
        out (Path): Where they will lie.
        say (Callable): Takes a line for people.

    Returns:
        list[str]: What is wrong, a line an arm, and one for the disk.
    """
    wrong, need = [], 0
    by_arm = {run.arm: run for run in reversed(runs)}
    for arm in dict.fromkeys(run.arm for run in runs):
        count = sum(run.arm == arm and run.result() is None for run in runs)
        try:
            found = _of_process(by_arm[arm])
        except OSError as e:
            wrong.append(str(e))
            say(f'{arm}: FAILED')
            continue
        need += count * found.bytes
        say(found.line(arm, count))
    free = shutil.disk_usage(_existing(Path(out))).free
    say(f'disk: {need / 1e9:.2f} GB of checkpoints, {free / 1e9:.2f} GB free '
        f'at {out}')
    if need > free:
        wrong.append(f'{out} has {free / 1e9:.2f} GB free, but the '
                     f'checkpoints of these runs need {need / 1e9:.2f}; give '
                     'an --out elsewhere, or a smaller '
                     'default_hooks.checkpoint.max_keep_ckpts')
    return wrong


def _existing(path):
    path = path.absolute()
    return next(p for p in (path, *path.parents) if p.is_dir())


def _of_process(run):
    """Rehearsal: Of a run, by a process that can be as large as a run."""
    with tempfile.TemporaryDirectory() as folder:
        config, answer = (Path(folder) / name
                          for name in ('config.py', 'answer.json'))
        config.write_text(run.config.pretty_text, encoding='utf-8')
        log = Path(folder) / 'log'
        with open(log, 'wb') as f:
            done = subprocess.run(
                [sys.executable, '-W', 'ignore', '-m', __name__, str(config),
                 str(answer)], stdin=subprocess.DEVNULL, stdout=f, stderr=f)
        if done.returncode or not answer.exists():
            raise OSError(f'{run.arm}: would not start: '
                          f'{run_folder.last_line(log)}')
        return Rehearsal(**fields_of(read_json(answer), dict.fromkeys(
            Rehearsal.__dataclass_fields__, int)))


def build(path, folder):
    """Build what a training builds, and read a sample of either split.

    Args:
        path (str | Path): Config of a run.
        folder (str | Path): For what the host writes meanwhile.

    Returns:
        Rehearsal: What was found.

    Raises:
        Exception: What a training would raise at its start.
    """
    from mmengine.runner import Runner

    import dequity_mmdet3d.plugin  # noqa: F401
    from dequity_mmdet3d.config_files import mend_config_reading, read_config
    from dequity_mmdet3d.plugin.compat import mend_host
    from dequity_mmdet3d.plugin.info_files import check_info_files
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
    return Rehearsal(
        len(train.dataset), len(test.dataset), steps, parameters,
        checkpoints_of(config, len(train), steps) *
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
    Path(to).write_text(json.dumps(asdict(found)), encoding='utf-8')


if __name__ == '__main__':
    from dequity_mmdet3d.cli import run_cli
    sys.exit(run_cli(main))
