"""Which process does which runs, how many at once, on which device."""
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

from .run_folder import DamagedRun


def share_of(runs, rank, world):
    """The runs of one of several processes.

    Args:
        runs (Sequence[Run]): All, in an order that all processes have.
        rank (int): Number of this process.
        world (int): Number of processes.

    Returns:
        list[Run]: Every ``world``-th.
    """
    return list(runs)[rank::world]


def environment(jobs, cores, slot=None, gpus=0, env=None):
    """Variables for the processes of a run.

    Args:
        jobs (int): Runs at once.
        cores (int): Of this process.
        slot (int, optional): Number of the place the run takes on this
            machine, from 0.
        gpus (int): Of this machine.
        env (Mapping, optional): Defaults to this process's.

    Returns:
        dict[str, str]: With a share of the cores where the user has set no
        other number, and one GPU where there are several and several runs.
    """
    env = dict(os.environ if env is None else env)
    if jobs > 1:
        env.setdefault('OMP_NUM_THREADS', str(max(1, cores // jobs)))
    if gpus > 1 and slot is not None:
        seen = env.get('CUDA_VISIBLE_DEVICES')
        names = seen.split(',') if seen else list(map(str, range(gpus)))
        env['CUDA_VISIBLE_DEVICES'] = names[slot % len(names)]
    return env


def unfinished(runs):
    """Which runs are to be finished.

    Args:
        runs (Sequence[Run]): Prepared.

    Returns:
        tuple[list[Run], list[str]]: These, and a line for each whose result
        is damaged.
    """
    todo, damaged = [], []
    for run in runs:
        try:
            if run.result() is None:
                todo.append(run)
        except DamagedRun as e:
            damaged.append(str(e))
    return todo, damaged


def finish_all(runs, finish, stop, jobs=1, out=sys.stdout):
    """Finish runs, several at once, and say how each of them ended.

    Args:
        runs (Sequence[Run]): Prepared.
        finish (Callable): Of a run and the number of its place, below
            ``jobs``; returns its result or raises OSError.
        stop (Callable): Makes calls of ``finish`` end soon.
        jobs (int): Runs at once.
        out (TextIO): For a line a run.

    Returns:
        list[str]: What went wrong, a line a run that failed.
    """
    todo, failed = unfinished(runs)
    places = list(range(jobs))

    def one(run):
        place = places.pop()  # lists are safe to share between threads
        started = time.time()
        try:
            return finish(run, place), time.time() - started
        finally:
            places.append(place)

    finished = len(runs) - len(todo) - len(failed)
    if finished:
        print(f'{finished} of {len(runs)} runs are finished',
              file=out, flush=True)
    with ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(one, run): run for run in todo}
        try:
            for i, future in enumerate(as_completed(futures), 1):
                head = f'[{i}/{len(todo)}] {futures[future].name}'
                try:
                    result, seconds = future.result()
                    print(f'{head}: {result["steps"]} steps, '
                          f'{seconds:.0f} s', file=out, flush=True)
                except OSError as e:
                    failed.append(str(e))
                    print(f'{head}: FAILED', file=out, flush=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            stop()
            raise
    return failed
