"""What goes to another machine to have a run done, and what comes back."""
from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..run_folder import DamagedRun
from . import Ended

# seconds until a file of another machine's must be seen: Linux asks a server
# for a folder that it knows after 60 s at most (nfs(5), acdirmax)
SEEN = 90.0
# What belongs to the machine of the command, not to that of the run.
_OF_MACHINE = ('CUDA_VISIBLE_DEVICES', 'HIP_VISIBLE_DEVICES', 'HOSTNAME',
               'ROCR_VISIBLE_DEVICES', 'TMPDIR')
_OF_ENGINE = ('RAY_', 'SLURM', 'SUBMITIT_')


@dataclass(frozen=True)
class Job:
    """What another machine must know of a run.

    Args:
        arm (str): Its name.
        seed (int): Of the run.
        folder (str): Absolute.
        processes (int): That train it.
        working_dir (str): To which paths in its config are relative.
        environment (dict[str, str]): Takes the place of the same variables
            there.
    """
    arm: str
    seed: int
    folder: str
    processes: int
    working_dir: str
    environment: Mapping[str, str] = field(default_factory=dict)


def job_of(run, options, environment=None):
    """The job of a run.

    Args:
        run (Run): Prepared.
        options (Options): Of which ``processes`` counts here.
        environment (Mapping, optional): For the job.

    Returns:
        Job: With this process's folder.
    """
    return Job(run.arm, run.seed, str(Path(run.folder).absolute()),
               options.processes, os.getcwd(), dict(environment or {}))


def portable(env):
    """Those variables of an environment that hold on any machine.

    Example:
        >>> portable({'PATH': '/bin', 'RAY_ADDRESS': 'x', 'TMPDIR': '/a'})
        {'PATH': '/bin'}
    """
    return {name: value for name, value in env.items()
            if name not in _OF_MACHINE and not name.startswith(_OF_ENGINE)}


class RunStopped(OSError):
    """A run was ended from outside, and may go on elsewhere."""


@dataclass(frozen=True)
class Report:
    """How a job ended.

    Args:
        where (str): Name of the machine.
        seconds (float): That it took.
        error (str, optional): What went wrong.
    """
    where: str
    seconds: float
    error: str | None = None


def ended(run, report, patience=SEEN):
    """How a run ended that another machine has reported.

    Args:
        run (Run): Of the job.
        report (Report): Of its end.
        patience (float): Seconds to wait for its result.

    Returns:
        Ended: With the result, as this machine reads it.
    """
    if report.error:
        return Ended(run, error=report.error)
    until = time.monotonic() + patience
    while (end := seen(run, report.seconds, report.where)) is None:
        if time.monotonic() > until:
            return Ended(run, error=f'{run.name}: finished on {report.where}, '
                         f'but its result is not seen here in {run.folder}; '
                         '--out must lie on a file system that all machines '
                         'share')
        time.sleep(0.5)
    return end


def seen(run, seconds=None, where=None):
    """The end of a run, as its folder tells it.

    Args:
        run (Run): Prepared.
        seconds, where: See :class:`.Ended`.

    Returns:
        Ended, optional: None while there is no result.
    """
    try:
        result = run.result()
    except DamagedRun as e:
        return Ended(run, error=str(e))
    return None if result is None else Ended(
        run, result, None, seconds, where)
