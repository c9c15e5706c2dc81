"""The runs on this machine, several at once."""
from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

from dequity_mmdet3d.machine import usable_cores

from . import Ended, package_tools


def environment(jobs, cores, slot=None, gpus=0, env=None, gpus_per_run=1):
    """Variables for the processes of a run.

    Args:
        jobs (int): Runs at once.
        cores (int): Of this machine.
        slot (int, optional): Number of the place the run takes on this
            machine, from 0.
        gpus (int): Of this machine.
        env (Mapping, optional): Defaults to this process's.
        gpus_per_run (int): As many, and as many processes, has the run.

    Returns:
        dict[str, str]: With a share of the cores where the user has set no
        other number, and its GPUs where there are several.
    """
    env = dict(os.environ if env is None else env)
    processes = jobs * gpus_per_run
    if processes > 1:
        env.setdefault('OMP_NUM_THREADS', str(max(1, cores // processes)))
    if gpus > 1 and slot is not None:
        seen = env.get('CUDA_VISIBLE_DEVICES')
        names = seen.split(',') if seen else list(map(str, range(gpus)))
        first = slot % (len(names) // gpus_per_run) * gpus_per_run
        env['CUDA_VISIBLE_DEVICES'] = ','.join(
            names[first:first + gpus_per_run])
    return env


def check(options):
    """Raise ValueError if a run is to have more GPUs than there are."""
    if options.processes > max(1, options.gpus):
        raise ValueError(
            f'--gpus-per-run is {options.gpus_per_run}, but this machine has '
            f'{options.gpus} GPUs; give a smaller number, or --engine ray or '
            'slurm for machines with more')


def finish(runs, options, tools=None):
    """Finish runs on this machine.

    Args:
        runs (Sequence[Run]): Prepared.
        options (Options): Of which ``jobs``, ``gpus`` and ``gpus_per_run``
            count here.
        tools (Tools, optional): Defaults to :func:`.package_tools`.

    Yields:
        Ended: Each run, as it ends.
    """
    tools = tools or package_tools(options.processes)
    places = list(range(options.jobs))

    def one(run):
        place = places.pop()  # lists are safe to share between threads
        started = time.time()
        try:
            result = tools.finish(run, environment(
                options.jobs, usable_cores(), place, options.gpus,
                gpus_per_run=options.processes))
            return Ended(run, result, seconds=time.time() - started)
        except OSError as e:
            return Ended(run, error=str(e))
        finally:
            places.append(place)

    with ThreadPoolExecutor(options.jobs) as pool:
        futures = [pool.submit(one, run) for run in runs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            tools.stop()
            raise
