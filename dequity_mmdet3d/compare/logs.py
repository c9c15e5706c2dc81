"""What a training and its test leave, as mmengine writes it."""
from pathlib import Path
from zipfile import is_zipfile

from dequity_mmdet3d.json_files import (
    NUMBER,
    fields_of,
    is_of,
    parse_json,
    read_json,
)
from dequity_mmdet3d.whole_file import whole_file


class DamagedRun(OSError, ValueError):
    """A file of one run is not what was written; other runs go on."""


def read_scalars(folder):
    """What a training logged.

    Args:
        folder (Path): Work dir of any training.

    Returns:
        list[dict]: Lines of all its scalars.json, in the order of its parts;
        a part that was resumed repeats steps of the one before.
    """
    return [line for _, line in _scalars(folder)]


def _scalars(folder):
    """Where each line of scalars stands, and what it says."""
    for path in sorted(folder.glob('*/vis_data/scalars.json')):
        for i, text in enumerate(path.read_bytes().splitlines(), 1):
            try:
                line = parse_json(text)
            except ValueError:
                continue  # the last line of a killed training
            if isinstance(line, dict):
                yield f'{path}, line {i},', line


def last_step(folder):
    """The last step of which a training logged a loss.

    Args:
        folder (Path): Work dir of any training.

    Returns:
        int: 0 without any.

    Raises:
        DamagedRun: If a loss has no step.
    """
    last = 0
    for where, line in _scalars(folder):
        if 'loss' in line:
            try:
                last = max(last, fields_of(line, dict(step=int))['step'])
            except ValueError as e:
                raise DamagedRun(f'{where} is damaged ({e}); remove the '
                                 'line') from e
    return last


def read_test(folder):
    """The figures that the last test left.

    Args:
        folder (Path): Work dir of ``dequity test``; others may be in it.

    Returns:
        dict[str, float], optional: By name, without times; None if there
        are none.
    """
    # mmengine's name for the figures of a test: TIME/TIME.json
    found = sorted(folder.glob('*/*.json'))
    if not found:
        return None
    try:
        figures = fields_of(read_json(found[-1]), {})
    except ValueError as e:
        raise ValueError(f'{found[-1]} is not finished, or damaged ({e}); '
                         'wait for its test, or remove it and test again'
                         ) from e
    return {name: float(value) for name, value in figures.items()
            if is_of(value, (*NUMBER, bool))
            and name not in ('time', 'data_time')}


def mend_last_checkpoint(folder):
    """Have ``last_checkpoint`` name a checkpoint that a training left whole.

    mmengine removes the oldest checkpoint before it writes the next one: with
    ``max_keep_ckpts=1``, a training that is killed meanwhile leaves the name
    of a file that is gone, from which none can go on.

    Args:
        folder (Path): Work dir of a training that does not run.

    Returns:
        Path, optional: The checkpoint; None where there is none, and the
        training begins anew.
    """
    pointer = folder.absolute() / 'last_checkpoint'
    named = pointer.read_text().strip() if pointer.exists() else ''
    found = pointer.with_name(Path(named).name) if named else pointer
    if not named or not found.exists():
        # a zip archive ends with its table, so that a part of one is none
        found = max(filter(is_zipfile, pointer.parent.glob('*.pth')),
                    key=lambda path: path.stat().st_mtime_ns, default=None)
    if found is None:
        pointer.unlink(missing_ok=True)
    elif str(found) != named:  # or the folder was moved
        with whole_file(pointer) as f:
            f.write(str(found).encode())
    return found
