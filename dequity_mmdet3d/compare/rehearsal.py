"""Would the runs of a comparison start, and is there room for them?

Each arm is built in a process of its own as its training would build it, and
reads one sample of either split: configs, tables, info files, images and
points that are not there are said now, and not after hours of other runs.
"""
from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dequity_mmdet3d.json_files import fields_of, read_json
from dequity_mmdet3d.messages import counted

from . import run_folder

_BUILDER = 'dequity_mmdet3d.plugin.rehearsal'


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
                [sys.executable, '-W', 'ignore', '-m', _BUILDER, str(config),
                 str(answer)], stdin=subprocess.DEVNULL, stdout=f, stderr=f)
        if done.returncode or not answer.exists():
            raise OSError(f'{run.arm}: would not start: '
                          f'{run_folder.last_line(log)}')
        return Rehearsal(**fields_of(read_json(answer), dict.fromkeys(
            Rehearsal.__dataclass_fields__, int)))
