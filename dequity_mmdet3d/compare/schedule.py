"""Has all runs of a comparison finished, and says how each of them ended."""
import contextlib
import sys

from .run_folder import DamagedRun


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


def finish_all(runs, engine, out=sys.stdout):
    """Finish runs, and say how each of them ended.

    Args:
        runs (Sequence[Run]): Prepared.
        engine (Callable): Of the runs that are not finished, see
            :mod:`.engines`.
        out (TextIO): For a line a run.

    Returns:
        list[str]: What went wrong, a line a run that failed.
    """
    todo, failed = unfinished(runs)
    finished = len(runs) - len(todo) - len(failed)
    if finished:
        print(f'{finished} of {len(runs)} runs are finished',
              file=out, flush=True)
    if not todo:
        return failed
    with contextlib.closing(engine(todo)) as ended:
        for i, end in enumerate(ended, 1):
            said = 'FAILED'
            if end.error:
                failed.append(end.error)
            else:
                said = f'{end.result["steps"]} steps'
                if end.seconds is not None:
                    said += f', {end.seconds:.0f} s'
            where = f' on {end.where}' if end.where else ''
            print(f'[{i}/{len(todo)}] {end.run.name}: {said}{where}', file=out,
                  flush=True)
    return failed
