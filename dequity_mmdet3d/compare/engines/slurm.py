"""The runs as an array of jobs of Slurm's, submitted by submitit."""
from __future__ import annotations

import hashlib
import subprocess
import sys
import time

from dequity_mmdet3d.messages import error_line

from .. import run_folder
from . import MAX_RETRIES, Ended
from .jobs import SEEN, Job, RunStopped, job_of, seen
from .node import GRACE, finish_here

# options of sbatch that ask for GPUs in the user's own way
_GPUS = {'gpus', 'gpus_per_node', 'gpus_per_task', 'gres', 'tres_per_task'}
_PAUSE = 5.0  # seconds between two questions to the controller


class OnNode:
    """What a job of Slurm's calls.

    Args:
        job (Job): The run.
    """

    def __init__(self, job: Job):
        self.job = job

    def __call__(self) -> None:
        """Finish the run; an error is the last line of the job's log."""
        try:
            report = finish_here(self.job)
        except RunStopped as e:
            # Slurm ends the job now, and begins it anew where that is what
            # it had in mind; a job that ends by itself is over
            print(f'error: {e}', file=sys.stderr, flush=True)
            time.sleep(24 * 3600)
            return
        if report.error:
            print(f'error: {report.error}', file=sys.stderr, flush=True)

    def checkpoint(self) -> object:
        """What submitit submits when the job's time is over: the same."""
        from submitit.helpers import DelayedSubmission
        return DelayedSubmission(self)


def parameters_of(options, gpus, name):
    """What submitit must know.

    Args:
        options (Options): Of which ``slurm`` counts here.
        gpus (int): Of each run, unless the user has asked in another way.
        name (str): Of the jobs.

    Returns:
        dict: Parameters of ``submitit.SlurmExecutor``.

    Raises:
        ValueError: If the time is missing, or no whole number of minutes.
    """
    given = {key.replace('-', '_'): value
             for key, value in options.slurm.items()}
    if 'time' not in given:
        raise ValueError(
            '--engine slurm needs --slurm time=MINUTES; a run that takes '
            'longer is requeued, and goes on from its last checkpoint')
    found = dict(job_name=name, wckey=None)
    for key in ('time', 'array_parallelism'):  # what submitit counts with
        if key in given:
            found[key] = _whole(key, given.pop(key))
    if 'cpus_per_task' in given:
        # srun does not take it from its job since Slurm 22.05
        found['srun_args'] = [f'--cpus-per-task={given["cpus_per_task"]}']
    if gpus and not _GPUS & {*given}:
        given['gpus_per_node'] = gpus
    found['additional_parameters'] = dict(requeue=True, **given)
    return found


def _whole(key, value):
    try:
        return int(str(value))
    except ValueError as e:
        raise ValueError(f'--slurm {key}=N is a whole number, but got '
                         f'{value!r}') from e


def check(options):
    """See that the jobs can be submitted.

    Args:
        options (Options): Of which ``slurm`` counts here.

    Raises:
        ImportError: If submitit is not there.
        OSError: If there is no Slurm here.
        ValueError: See :func:`parameters_of`.
    """
    try:
        import submitit  # noqa: F401
    except ImportError as e:
        raise ImportError(f'--engine slurm needs submitit ({e}): pip install '
                          "'dequity_mmdet3d[slurm]'") from e
    parameters_of(options, 0, '')
    if jobs_there('none') is None:
        raise OSError('no Slurm answers here (squeue); start the command '
                      'where sbatch works, or leave --engine out for this '
                      'machine alone')


def finish(runs, options):
    """Finish runs as jobs of Slurm's.

    A job that loses its node is requeued by Slurm, one that is preempted or
    whose time is over by submitit.

    Args:
        runs (Sequence[Run]): Prepared, in folders that all nodes share.
        options (Options): Of which ``slurm`` and ``gpus_per_run`` count
            here.

    Yields:
        Ended: Each run, as it ends.

    Raises:
        OSError: If Slurm still has jobs of this comparison, or refuses
            these.
    """
    folder = run_folder.slurm_folder(runs[0].folder).absolute()
    name = f'dequity_{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}'
    pending = _submit(runs, options, folder, name)
    arrays = sorted({job.job_id.split('_')[0] for job in pending})
    print(f'submitted job {", ".join(arrays)} of Slurm', flush=True)
    gone = {}
    try:
        while pending:
            time.sleep(_PAUSE)
            there = jobs_there(name)
            if there is None:
                continue  # the controller is away; the jobs need it not
            for job in [job for job in pending if job.job_id not in there]:
                end = end_of(pending[job], job.paths.stderr,
                             time.time() - gone.setdefault(job, time.time()))
                if end is not None:
                    del pending[job]
                    yield end
    finally:
        if pending:
            subprocess.run(['scancel', *arrays], check=False)
            until = time.monotonic() + GRACE
            while jobs_there(name) and time.monotonic() < until:
                time.sleep(1)


def end_of(run, log, seconds, patience=SEEN):
    """How a run ended whose job is not there any more.

    Args:
        run (Run): Of the job.
        log (Path): What the job said.
        seconds (float): For which it has been gone.
        patience (float): Seconds after which what is not seen is not there.

    Returns:
        Ended, optional: None where files may still come.
    """
    end = seen(run)
    if end is not None:
        return end
    line = run_folder.last_line(log) if log.exists() else ''
    if line.startswith('error: '):
        return Ended(run, error=line.removeprefix('error: '))
    if seconds < patience:
        return None
    return Ended(run, error=f'{run.name}: its job ended without a result: '
                 f'{line} ({log})' if line else
                 f'{run.name}: its job left no log {log}; --out must lie on '
                 'a file system that all machines share')


def jobs_there(name):
    """Jobs that wait or run.

    Args:
        name (str): That they have.

    Returns:
        set[str], optional: 'JOB' or 'JOB_INDEX'; None if Slurm does not say.
    """
    said = _ask('squeue', '--me', '--noheader', '--array', '--format=%i',
                f'--name={name}')
    return None if said is None else {*said.split()}


def has_gpus(partition=None):
    """bool: Whether nodes of Slurm's, of a partition or any, have GPUs."""
    said = _ask('sinfo', '--noheader', '--format=%G',
                *([f'--partition={partition}'] if partition else []))
    return any(line.startswith('gpu') for line in (said or '').split())


def _ask(*command):
    """str, optional: What a command of Slurm's says, if it can."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.DEVNULL, check=False)
    except FileNotFoundError:
        return None
    return None if done.returncode else done.stdout


def _submit(runs, options, folder, name):
    """dict[SlurmJob, Run]: Of jobs that wait for their turn."""
    import submitit
    gpus = options.gpus_per_run
    if gpus is None:
        gpus = int(has_gpus(options.slurm.get('partition')))
    parameters = parameters_of(options, gpus, name)
    there = jobs_there(name)
    if there:
        ids = ' '.join(sorted({job.split('_')[0] for job in there}))
        raise OSError(f'Slurm still has job {ids} of this comparison; wait '
                      f'for its end, or scancel {ids}, then repeat the same '
                      'command')
    try:
        executor = submitit.SlurmExecutor(
            folder, max_num_timeout=MAX_RETRIES)
        executor.update_parameters(**parameters)
        jobs = executor.submit_array(
            [OnNode(job_of(run, options)) for run in runs])
    except (RuntimeError, subprocess.CalledProcessError) as e:
        raise OSError(f'Slurm takes no jobs: {error_line(e)}') from e
    return dict(zip(jobs, runs))
