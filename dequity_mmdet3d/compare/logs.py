"""What a training and its test leave, as mmengine writes it."""

from dequity_mmdet3d.json_files import (
    NUMBER,
    fields_of,
    is_of,
    parse_json,
    read_json,
)


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
