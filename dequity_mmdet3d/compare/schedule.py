"""Has all runs of a comparison finished, and says how each of them ended."""
import contextlib
import sys


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
    failed = []
    todo = [run for run in runs if run.result() is None]
    if len(todo) < len(runs):
        print(f'{len(runs) - len(todo)} of {len(runs)} runs are finished',
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
