"""One run, an arm with a seed: trained and evaluated once, or gone on with.

    OUT/ARM/seed_K.py            what it was made with
    OUT/ARM/seed_K/trained       the checkpoint, once training is over
                   test/         of the evaluation
                   result.json   its figures: the run is finished
                   train.log, test.log
"""
import copy
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dequity_mmdet3d.whole_file import lock, whole_file


@dataclass(frozen=True)
class Run:
    """A training with its evaluation.

    Args:
        arm (str): Name of the arm.
        seed (int): Of weights and data order.
        folder (Path): Where it lives.
        config (Config): Of mmengine, complete but for ``work_dir``.
    """
    arm: str
    seed: int
    folder: Path
    config: object

    @property
    def name(self):
        """str: For messages."""
        return f'{self.arm} seed {self.seed}'

    @property
    def path(self):
        """Path: Its config; beside the folder, where mmengine writes its
        own copy."""
        return self.folder.with_suffix('.py')

    def result(self):
        """What it found, or None if it is not finished.

        Returns:
            dict, optional: 'metrics' by name and more; see :func:`finish`.
        """
        path = self.folder / 'result.json'
        try:
            return json.loads(path.read_text())
        except FileNotFoundError:
            return None
        except ValueError as e:
            raise ValueError(f'{path} is damaged ({e}); remove it, and the '
                             'run is evaluated again') from e


def make_run(out, arm, folder, config, seed):
    """A run of an arm.

    Args:
        out (Path): Folder of the comparison.
        arm (str): Name of the arm.
        folder (str): The arm's folder below ``out``.
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
    loop = config.train_cfg
    if loop.get('val_interval', 1) >= loop.get('max_epochs', loop.get(
            'max_iters', 0)):
        # at the end alone, where the test does it
        config.val_cfg = config.val_dataloader = config.val_evaluator = None
    return Run(arm, seed, Path(out) / folder / f'seed_{seed}', config)


def prepare(run):
    """Write the run's config, or see that it is the one that is there.

    Args:
        run (Run): Of this comparison.

    Raises:
        ValueError: If the run was begun with another config or table.
    """
    text = run.config.pretty_text
    path = run.path
    run.folder.mkdir(parents=True, exist_ok=True)
    tables = {
        name: _sha256(name)
        for name in sorted(_tables(dict(run.config.items())))
    }
    text += ''.join(f'# {name} sha256 {sha}\n' for name, sha in tables.items())
    if path.exists() and path.read_text(encoding='utf-8') != text:
        old = path.read_text(encoding='utf-8').splitlines()
        new = text.splitlines()
        first = next((f'{a.strip()!r} there, {b.strip()!r} now'
                      for a, b in zip(old, new) if a != b),
                     f'{len(old)} lines there, {len(new)} now')
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
                                'it with tools/compute_likelihoods.py')
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


class Tools:
    """Trains and evaluates with the command line tools.

    Args:
        train (Sequence[str]): What follows ``python`` before a config:
            ``-m dequity_mmdet3d train``, or a script of its arguments.
        test (Sequence[str]): Likewise.
    """

    def __init__(self, train, test):
        self.train, self.test = train, test
        self._processes = set()
        self._stopped = False

    def stop(self):
        """Interrupt what runs, as Ctrl-C would, and start nothing more."""
        self._stopped = True
        for process in list(self._processes):
            process.send_signal(signal.SIGINT)

    def finish(self, run, environment=None):
        """Do what is missing of a run.

        Args:
            run (Run): Prepared.
            environment (dict, optional): Of its processes.

        Returns:
            dict: 'arm', 'seed', 'metrics' (floats by name), 'steps' of
            training, 'seconds' that it took by its own clock (of the last
            process, where it was interrupted) and 'checkpoint'.

        Raises:
            OSError: If a process failed, or another one has the run.
        """
        with lock(run.folder / '.lock',
                  f'{run.name} is in progress in another process') as held:
            if run.result():
                return run.result()
            # The processes inherit the lock: if only this one is killed,
            # the run stays taken until its training has ended.
            how = dict(env=environment, pass_fds=(held, ) if held else ())
            checkpoint, seconds = self._trained(run, how)
            result = dict(
                arm=run.arm,
                seed=run.seed,
                metrics=self._tested(run, checkpoint, how),
                steps=_steps(run.folder),
                seconds=seconds,
                checkpoint=checkpoint.name)
            with whole_file(run.folder / 'result.json') as f:
                f.write(json.dumps(result, indent=1).encode())
            return result

    def _trained(self, run, how):
        mark = run.folder / 'trained'
        if not mark.exists():
            started = time.time()
            self._call(run, 'train', self.train, ['--work-dir', run.folder,
                                                  '--resume'], how)
            last = (run.folder / 'last_checkpoint').read_text().strip()
            with whole_file(mark) as f:
                f.write(f'{Path(last).name} '
                        f'{time.time() - started:.1f}'.encode())
        name, seconds = mark.read_text().rsplit(' ', 1)
        return run.folder / name, float(seconds)

    def _tested(self, run, checkpoint, how):
        folder = run.folder / 'test'
        shutil.rmtree(folder, ignore_errors=True)
        self._call(run, 'test', self.test,
                   [checkpoint, '--work-dir', folder], how)
        # the host's name for the figures of a test: TIME/TIME.json
        found = sorted(folder.glob('*/*.json'))
        if not found:
            raise OSError(f'{run.name}: {" ".join(self.test)} left no '
                          f'figures in {folder}')
        figures = json.loads(found[-1].read_text())
        return {
            name: float(value)
            for name, value in figures.items()
            if isinstance(value, (int, float)) and name not in (
                'time', 'data_time')
        }

    def _call(self, run, what, program, arguments, how):
        log = run.folder / f'{what}.log'
        command = [
            sys.executable, '-W', 'ignore', *program, run.path,
            *arguments
        ]
        if self._stopped:
            raise OSError(f'{run.name}: interrupted before {what}')
        with open(log, 'ab') as f:
            process = subprocess.Popen(
                list(map(str, command)),
                stdin=subprocess.DEVNULL,
                stdout=f,
                stderr=subprocess.STDOUT,
                **how)
        self._processes.add(process)
        status = process.wait()
        self._processes.discard(process)
        if status:
            raise OSError(
                f'{run.name}: {what} ended with status {status}: '
                f'{_last_line(log)} ({log})')


def _last_line(log):
    lines = log.read_text(errors='replace').strip().splitlines()
    return lines[-1].strip()[:300] if lines else 'it said nothing'


def _steps(folder):
    """The last step that training logged."""
    steps = [0]
    for path in folder.glob('*/vis_data/scalars.json'):
        for line in path.read_text().splitlines():
            with suppress(ValueError):
                entry = json.loads(line)
                if 'loss' in entry:
                    steps.append(int(entry['step']))
    return max(steps)
