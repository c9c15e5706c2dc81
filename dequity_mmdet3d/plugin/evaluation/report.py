"""Figures by stratum, as a table for a terminal."""
from dequity_mmdet3d.figures import FRAMES, GAP, Figure
from dequity_mmdet3d.strata import STRATA


def report(figures, rows):
    """AP by stratum with the number of objects behind it.

    Args:
        figures (dict[str, float]): Of the strata and the gap, by name.
        rows (list[tuple[str, Figure]]): Label and AP, of any stratum.

    Returns:
        str: Lines; '-' where there are no objects.
    """
    width = max(len(label) for label, _ in rows)
    frames = [figures[Figure(name, '', FRAMES).name()] for name in STRATA]
    lines = [' ' * width + ''.join(
        f'{name:>9s} {int(n):5d} f.' for name, n in zip(STRATA, frames))
        + '      gap']
    for label, figure in rows:
        line = f'{label:{width}s}'
        for name in STRATA:
            here = figure.on(name)
            line += (f'{_number(figures.get(here.name())):>9s} '
                     f'({int(figures[here.objects().name()])})').ljust(18)
        gap = figures.get(figure.on(GAP).name())
        lines.append(line + f'{_number(gap, "+"):>9s}')
    lines.append('f.: frames; in brackets the annotated objects behind a '
                 'figure; gap: rare less common')
    return '\n'.join(lines)


def _number(value, sign=''):
    return '-' if value is None else f'{value:{sign}.2f}'
