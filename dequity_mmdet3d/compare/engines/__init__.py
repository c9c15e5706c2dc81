"""Where the runs of a comparison are done: here, or on other machines.

An engine is a module with two functions::

    check(options)
    finish(runs, options) -> iterator of Ended

The first raises what is wrong with the options or missing here, before
anything is written. ``runs`` are prepared and not finished; each is yielded
as it ends, in any order. Closed before the end, or interrupted, the iterator
cancels what it has started.

An engine only says where and when a run is done: the run itself is that of
:class:`.runs.Tools`, with its folder, lock and checkpoints, so a command may
go on with another engine than it was begun with.

``pool`` does them on this machine; ``ray`` and ``slurm`` hand each to
:mod:`.node` on a machine that their scheduler finds.
"""
from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import NamedTuple

from ..runs import Run, Tools

ENGINES = ('pool', 'ray', 'slurm')
# How often a run may lose its node or its time. It goes on from its last
# checkpoint each time; one that never comes to the next must end some day.
MAX_RETRIES = 10


@dataclass(frozen=True)
class Options:
    """What a user may say about it.

    Args:
        jobs (int): Runs at once on a machine.
        gpus_per_run (int, optional): Each run has so many GPUs of one
            machine, and as many processes. None: one GPU where there are
            any.
        gpus (int): Of this machine.
        address (str): Of a Ray cluster; 'auto' is one of this machine.
        slurm (Mapping): Options of ``sbatch``, without their dashes, by
            name; True for one without a value.
    """
    jobs: int = 1
    gpus_per_run: int | None = None
    gpus: int = 0
    address: str = 'auto'
    slurm: Mapping[str, str | bool] = field(default_factory=dict)

    @property
    def processes(self) -> int:
        """int: Of each run."""
        return self.gpus_per_run or 1


class Ended(NamedTuple):
    """A run that is over.

    Args:
        run (Run): As it was given.
        result (dict, optional): See :func:`.run_folder.read_result`.
        error (str, optional): In its place, what went wrong.
        seconds (float, optional): That it took.
        where (str, optional): Name of the machine, if another one.
    """
    run: Run
    result: dict | None = None
    error: str | None = None
    seconds: float | None = None
    where: str | None = None


def engine_of(name: str) -> ModuleType:
    """An engine.

    Args:
        name (str): One of ``ENGINES``.

    Returns:
        ModuleType: With ``check`` and ``finish``; what the engine needs is
        imported when these are called.
    """
    return importlib.import_module(f'.{name}', __name__)


def package_tools(processes=1, **options):
    """The commands of this package.

    Args:
        processes (int): Of each run; several are started by torchrun, on a
            port of their own.
        **options: See :class:`.runs.Tools`.

    Returns:
        Tools: That train and evaluate with them.
    """
    start, flags = ['-m', 'dequity_mmdet3d'], []
    if processes > 1:
        start = ['-m', 'torch.distributed.run', '--standalone',
                 '--nproc-per-node', str(processes), *start]
        flags = ['--launcher', 'pytorch']
    return Tools(
        [*start, 'train', *flags], [*start, 'test', *flags], **options)
