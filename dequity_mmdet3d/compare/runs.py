"""One run, an arm with a seed: trained and evaluated once, or gone on with."""
from __future__ import annotations

import copy
import functools
import hashlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dequity_mmdet3d.whole_file import lock, whole_file

from . import run_folder


@dataclass(frozen=True)
class Run:
    """A training with its evaluation.

    Args:
        arm (str): Name of the arm.
        seed (int): Of weights and data order.
        folder (Path): Where it lives, see :mod:`.run_folder`.
        config (Config): Of mmengine, complete but for ``work_dir``.
    """
    arm: str
    seed: int
    folder: Path
    config: object

    @property
    def name(self) -> str:
        """str: For messages."""
        return f'{self.arm} seed {self.seed}'

    def result(self) -> dict | None:
        """dict, optional: See :func:`.run_folder.read_result`."""
        return run_folder.read_result(self.folder)


def make_run(folder, arm, config, seed):
    """A run of an arm.

    Args:
        folder (Path): Where it lives.
        arm (str): Name of the arm.
        config (Config): Of the arm; stays as it is.
        seed (int): For ``randomness``: runs of one seed start from the same
            weights and see the data in the same order, and so make pairs.

    Returns:
        Run: Whose config is evaluated on its validation set.

    Raises:
        ValueError: If the config has no validation set.
    """
    config = copy.deepcopy(config)
    if not config.get('val_evaluator') or not config.get('val_dataloader'):
        raise ValueError(f'arm {arm}: the config has no val_dataloader or '
                         'val_evaluator to be evaluated with')
    config.randomness = dict(config.get('randomness') or {}, seed=seed)
    config.test_dataloader = config.val_dataloader
    config.test_evaluator = config.val_evaluator
    config.test_cfg = config.get('test_cfg') or dict(type='TestLoop')
    loop = config.get('train_cfg') or {}  # without, training says it
    if loop.get('val_interval', 1) >= loop.get('max_epochs', loop.get(
            'max_iters', 0)):
        # at the end alone, where the test does it
        config.val_cfg = config.val_dataloader = config.val_evaluator = None
    return Run(arm, seed, Path(folder), config)


def prepare(run, processes=1):
    """Write the run's config, or see that it is the one that is there.

    Args:
        run (Run): Of this comparison.
        processes (int): That train it together: its batch is as many times
            larger.

    Raises:
        ValueError: If the run was begun with another config, table or
            number of processes.
    """
    text = run.config.pretty_text
    path = run_folder.config_path(run.folder)
    run.folder.mkdir(parents=True, exist_ok=True)
    tables = {
        name: _sha256(name)
        for name in sorted(_tables(dict(run.config.items())))
    }
    text += ''.join(f'# {name} sha256 {sha}\n' for name, sha in tables.items())
    if processes > 1:
        text += f'# {processes} processes\n'
    if path.exists() and path.read_text(encoding='utf-8') != text:
        old = path.read_text(encoding='utf-8').splitlines()
        new = text.splitlines()
        first = next((f'{a.strip()!r} there, {b.strip()!r} now'
                      for a, b in itertools.zip_longest(
                          old, new, fillvalue='') if a != b),
                     'other ends of lines')
        raise ValueError(
            f'{run.folder} was begun with another config ({first}); give '
            'another --out, or remove the run to make it anew')
    with whole_file(path) as f:
        f.write(text.encode())


def _tables(node):
    """Files of likelihoods that a config names."""
    if isinstance(node, dict):
        if isinstance(node.get('table'), str):
            yield node['table']
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for part in node:
            yield from _tables(part)


def _sha256(path):
    if not os.path.isfile(path):
        raise FileNotFoundError(f'likelihood table {path} is not there; make '
                                'it with dequity likelihoods')
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


class Tools:
    """Trains and evaluates with the command line tools.

    Args:
        train (Sequence[str]): What follows ``python`` before a config:
            ``-m dequity_mmdet3d train``, or a script of its arguments.
        test (Sequence[str]): Likewise.
        preexec_fn (Callable, optional): Called in each process before it
            becomes the command.
    """

    def __init__(self, train: Sequence[str], test: Sequence[str],
                 preexec_fn: Callable[[], object] | None = None):
        self.train, self.test = train, test
        self._preexec_fn = preexec_fn
        self._processes: set = set()
        self._stopped = False

    def stop(self) -> None:
        """Interrupt what runs, as Ctrl-C would, and start nothing more."""
        self._stopped = True
        for process in list(self._processes):
            process.send_signal(signal.SIGINT)

    def finish(self, run: Run,
               environment: dict[str, str] | None = None) -> dict:
        """Do what is missing of a run.

        Args:
            run (Run): Prepared.
            environment (dict, optional): Of its processes.

        Returns:
            dict: See :func:`.run_folder.read_result`; 'seconds' by its own
            clock, of the last process where training was interrupted.

        Raises:
            Busy: If another process has the run.
            OSError: If a process failed.
        """
        with lock(run.folder / '.lock',
                  f'{run.name} is in progress in another process') as held:
            result = run.result()
            if result is None:
                # The processes inherit the lock: if only this one is killed,
                # the run stays taken until its training has ended.
                call = functools.partial(
                    self._call, run, env=environment,
                    pass_fds=() if held is None else (held, ))
                trained = self._trained(run, call)
                result = dict(
                    arm=run.arm,
                    seed=run.seed,
                    metrics=self._tested(run, trained.checkpoint, call),
                    steps=run_folder.last_step(run.folder),
                    seconds=trained.seconds,
                    checkpoint=trained.checkpoint.name)
                run_folder.write_result(run.folder, result)
            return result

    def _trained(self, run, call):
        """run_folder.Trained: Now, or by an earlier command."""
        if run_folder.read_trained(run.folder) is None:
            started = time.time()
            call('train', self.train, '--work-dir', run.folder, '--resume')
            run_folder.write_trained(run.folder, time.time() - started)
        return run_folder.read_trained(run.folder)

    def _tested(self, run, checkpoint, call):
        """dict[str, float]: Figures of the checkpoint, made anew."""
        folder = run_folder.evaluation_folder(run.folder)
        shutil.rmtree(folder, ignore_errors=True)
        call('test', self.test, checkpoint, '--work-dir', folder)
        figures = run_folder.read_evaluation(run.folder)
        if figures is None:
            raise OSError(f'{run.name}: {" ".join(self.test)} left no '
                          f'figures in {folder}')
        return figures

    def _call(self, run, what, program, *arguments, **process_options):
        """Wait for a tool; what it says goes to the run's log."""
        if self._stopped:
            raise OSError(f'{run.name}: interrupted before {what}')
        log = run.folder / f'{what}.log'
        config = run_folder.config_path(run.folder)
        command = [
            sys.executable, '-W', 'ignore', *program, config, *arguments
        ]
        with open(log, 'ab') as f:
            process = subprocess.Popen(
                list(map(str, command)),
                stdin=subprocess.DEVNULL,
                stdout=f,
                stderr=subprocess.STDOUT,
                preexec_fn=self._preexec_fn,
                **process_options)
        self._processes.add(process)
        status = process.wait()
        self._processes.discard(process)
        if status:
            raise OSError(
                f'{run.name}: {what} ended with status {status}: '
                f'{run_folder.last_line(log)} ({log})')
