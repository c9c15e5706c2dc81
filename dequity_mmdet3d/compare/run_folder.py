"""The folder of a comparison: what lies where, read and written here alone.

::

    OUT/comparison.json          its arms and seeds
        comparison.md, .csv      its table
        .slurm/                  jobs of --engine slurm, with their logs
    OUT/ARM/seed_K.py            what a run was made with
    OUT/ARM/seed_K/              work dir of its training
                   trained       the checkpoint, once training is over
                   test/         work dir of its evaluation
                   result.json   its figures: the run is finished
                   train.log, test.log
"""
import itertools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dequity_mmdet3d.json_files import (
    NUMBER,
    fields_of,
    is_of,
    read_json,
)
from dequity_mmdet3d.whole_file import whole_file

from .logs import DamagedRun, read_test
from .logs import last_step as last_step
from .logs import read_scalars as read_scalars


def folder_of(arm):
    """The file name of an arm's folder.

    Example:
        >>> folder_of('equity:eta=0.5')
        'equity_eta=0.5'
    """
    return re.sub(r'[^\w.+=,-]', '_', arm)


@dataclass(frozen=True)
class Comparison:
    """Which runs belong to a comparison, and where they lie.

    Args:
        out (Path): Its folder.
        arms (dict[str, str]): Folder below ``out`` by name of the arm, the
            baseline first.
        seeds (tuple[int, ...]): One run of each arm for each.
    """
    out: Path
    arms: dict[str, str]
    seeds: tuple[int, ...]

    @classmethod
    def read(cls, out: str | Path) -> 'Comparison':
        """The comparison that lies in a folder.

        Args:
            out (Path): ``--out`` of ``dequity compare``.

        Returns:
            Comparison: With arms and seeds of the last table written there.

        Raises:
            FileNotFoundError: If there is none.
            ValueError: If its file is damaged.
        """
        path = cls._file(out)
        try:
            found = fields_of(read_json(path), dict(arms=dict, seeds=list))
            arms, seeds = found['arms'], found['seeds']
            # a folder below this one, not anywhere
            if not arms or not all(isinstance(a, str) and a == folder_of(a)
                                   and a.strip('.') for a in arms.values()):
                raise ValueError("its 'arms' must be names of folders")
            if not all(is_of(s, int) for s in seeds):
                raise ValueError("its 'seeds' must be integers")
            return cls(Path(out), arms, tuple(seeds))
        except ValueError as e:
            raise ValueError(
                f'{path} is not of dequity compare ({e})'
                '; repeat its command with --table-only') from e

    @staticmethod
    def _file(out: str | Path) -> Path:
        return Path(out) / 'comparison.json'

    @classmethod
    def is_in(cls, out: str | Path) -> bool:
        """bool: Whether a folder holds a comparison."""
        return cls._file(out).is_file()

    def write(self) -> None:
        """Say in ``out``, made if needed, which arms and seeds there are."""
        with whole_file(self._file(self.out), parents=True) as f:
            f.write(json.dumps(dict(arms=self.arms, seeds=list(self.seeds)),
                               indent=1).encode())

    def write_tables(self, csv: str, markdown: str) -> None:
        """Write ``comparison.csv`` and ``comparison.md``, both texts."""
        for suffix, text in (('csv', csv), ('md', markdown)):
            with whole_file(Path(self.out) / f'comparison.{suffix}') as f:
                f.write(text.encode())

    def folder(self, arm: str, seed: int) -> Path:
        """Path: Where a run lives."""
        return Path(self.out) / self.arms[arm] / f'seed_{seed}'

    def results(self, damaged: list[str] | None = None
                ) -> dict[tuple[str, int], dict]:
        """What the finished runs found.

        Args:
            damaged (list[str], optional): Gets a line for each result that
                is damaged, and left out. Defaults to None: it is an error.

        Returns:
            dict: See :func:`read_result`, by arm and seed.

        Raises:
            DamagedRun: As there, unless ``damaged`` is given.
        """
        found = {}
        for arm, seed in itertools.product(self.arms, self.seeds):
            try:
                found[arm, seed] = read_result(self.folder(arm, seed))
            except DamagedRun as e:
                if damaged is None:
                    raise
                damaged.append(str(e))
        return {key: result for key, result in found.items() if result}


def slurm_folder(folder):
    """Path: For jobs that do runs, of the comparison that a run belongs to."""
    return folder.parent.parent / '.slurm'


def config_path(folder):
    """Path: What a run was made with; beside its folder, into which mmengine
    writes a copy of its own.
    """
    return folder.with_suffix('.py')


def read_result(folder):
    """What a run found.

    Args:
        folder (Path): Of the run.

    Returns:
        dict, optional: 'arm', 'seed', 'metrics' (floats by name), 'steps' of
        training, 'seconds' that it took and 'checkpoint'; None if the run is
        not finished.

    Raises:
        DamagedRun: If the file is damaged.
    """
    path = folder / 'result.json'
    try:
        result = fields_of(read_json(path), dict(
            metrics=dict, steps=int, seconds=NUMBER))
        for name, value in result['metrics'].items():
            if not name.isprintable():  # it would steer a terminal
                raise ValueError(f'its metric {name!r} is no line of text')
            if not is_of(value, (*NUMBER, bool)):
                raise ValueError(f'its metric {name!r} is no number, but '
                                 f'{type(value).__name__}')
        return result
    except FileNotFoundError:
        return None
    except ValueError as e:
        raise DamagedRun(f'{path} is damaged ({e}); remove it, and the '
                         'run is evaluated again') from e


def write_result(folder, result):
    """Write what :func:`read_result` reads: the run is finished."""
    with whole_file(folder / 'result.json') as f:
        f.write(json.dumps(result, indent=1).encode())


class Trained(NamedTuple):
    """A training that is over: its checkpoint (Path), seconds (float)."""
    checkpoint: Path
    seconds: float


def read_trained(folder):
    """What a training left that is over.

    Args:
        folder (Path): Of the run.

    Returns:
        Trained, optional: None while the training is not over.

    Raises:
        DamagedRun: If the file that says so is damaged.
    """
    mark = folder / 'trained'
    if not mark.exists():
        return None
    text = mark.read_bytes()[:1000].decode(errors='replace')
    name, _, seconds = text.rpartition(' ')
    # a file of this folder, not of anywhere
    if not name.strip('.') or Path(name).name != name or not re.fullmatch(
            r'\d{1,12}(\.\d+)?', seconds, re.ASCII):
        raise DamagedRun(
            f'{mark} is damaged (it must be a checkpoint and seconds, but is '
            f'{text[:60]!r}); remove it, and the training goes on from its '
            'last checkpoint')
    return Trained(folder / name, float(seconds))


def write_trained(folder, seconds):
    """Note that the training is over, with mmengine's last checkpoint."""
    last = (folder / 'last_checkpoint').read_text().strip()
    with whole_file(folder / 'trained') as f:
        f.write(f'{Path(last).name} {seconds:.1f}'.encode())


def evaluation_folder(folder):
    """Path: Work dir of the run's evaluation."""
    return folder / 'test'


def read_evaluation(folder):
    """The figures of a run's evaluation, see :func:`.logs.read_test`."""
    return read_test(evaluation_folder(folder))


def last_line(log):
    """str: The last line of a log, for a message."""
    return last_words(log.read_bytes())


def last_words(said):
    """str: The last line of what a process said, as bytes."""
    lines = said.decode(errors='replace').strip().splitlines()
    return lines[-1].strip()[:300] if lines else 'it said nothing'
