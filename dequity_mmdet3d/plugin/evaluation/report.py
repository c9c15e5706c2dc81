"""Figures by stratum, as a table for a terminal."""
from .strata import STRATA


def report(figures, rows):
    """AP by stratum with the number of objects behind it.

    Args:
        figures (dict[str, float]): 'rare/NAME' and so on, and 'gap/NAME'.
        rows (list[tuple[str, str, str]]): Label, name of the AP, name of the
            number of objects.

    Returns:
        str: Lines; '-' where there are no objects.
    """
    width = max(len(label) for label, _, _ in rows)
    lines = [' ' * width + ''.join(
        f'{name:>9s} {int(figures[f"{name}/frames"]):5d} f.'
        for name in STRATA) + '      gap']
    for label, ap, objects in rows:
        cells = ''.join(
            f'{_number(figures.get(f"{name}/{ap}")):>9s} '
            f'({int(figures[f"{name}/{objects}"])})'.ljust(18)
            for name in STRATA)
        lines.append(f'{label:{width}s}{cells}'
                     f'{_number(figures.get(f"gap/{ap}"), "+"):>9s}')
    lines.append('f.: frames; in brackets the annotated objects behind a '
                 'figure; gap: rare less common')
    return '\n'.join(lines)


def _number(value, sign=''):
    return '-' if value is None else f'{value:{sign}.2f}'
