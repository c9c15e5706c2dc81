"""Figures by stratum, as a table for a terminal."""
from dequity_mmdet3d.figures import (
    FRAMES,
    GAP,
    OBJECTS,
    Figure,
    beside,
    matching,
    placed,
)
from dequity_mmdet3d.strata import COMMON, STRATA

from .object_strata import OBJECT_GAP, OBJECT_STRATA


def report(figures, rows, strata=STRATA):
    """AP by stratum with the number of objects behind it.

    Args:
        figures (dict[str, float]): Of the strata and the gap, by name.
        rows (list[tuple[str, Figure]]): Label and AP, of any stratum.
        strata (Sequence[str]): Names.

    Returns:
        str: Lines; '-' where there are no objects.
    """
    width = max(len(label) for label, _ in rows)
    frames = [figures[Figure(name, '', FRAMES).name()] for name in strata]
    # a tag has no gap
    gap = beside(strata[0], GAP)
    has_gap = beside(strata[0], COMMON) in strata
    wide = [max(9, len(name) + 2) for name in strata]
    lines = [' ' * width + ''.join(
        f'{name:>{w}s} {int(n):5d} f.'
        for name, n, w in zip(strata, frames, wide))
        + ('      gap' if has_gap else '')]
    for label, figure in rows:
        line = f'{label:{width}s}'
        for name, w in zip(strata, wide):
            here = figure.on(name)
            line += (f'{_number(figures.get(here.name())):>{w}s} '
                     f'({int(figures[here.objects().name()])})').ljust(w + 9)
        if has_gap:
            value = figures.get(figure.on(gap).name())
            line += f'{_number(value, "+"):>9s}'
        lines.append(line)
    lines.append('f.: frames; in brackets the annotated objects behind a '
                 'figure' + ('; gap: rare less common' if has_gap else ''))
    return '\n'.join(line.rstrip() for line in lines)


def report_objects(figures, rows):
    """Figures on objects by stratum, with the number of objects behind each.

    Args:
        figures (dict[str, float]): Of the strata and the gap, by name.
        rows (list[Figure]): To show, of any stratum.

    Returns:
        str: Lines, a figure each; '-' where there are no objects.
    """
    labels = [' '.join(filter(None, (f.cls, f.difficulty, f.kind)))
              for f in rows]
    width = max(map(len, labels))
    lines = [' ' * width + ''.join(f'{s:>21s}' for s in OBJECT_STRATA) +
             '      gap']
    for label, figure in zip(labels, rows):
        line = f'{label:{width}s}'
        for stratum in OBJECT_STRATA:
            here = figure.on(stratum)
            number = int(figures.get(here.objects().name(), 0))
            line += f'{_number(figures.get(here.name()), digits=3):>11s}' + (
                f' ({number})').ljust(10)
        value = figures.get(figure.on(OBJECT_GAP).name())
        lines.append(line + f'{_number(value, "+", 3):>9s}')
    lines.append('in brackets the annotated objects behind a figure; gap: '
                 'rare less common')
    return '\n'.join(line.rstrip() for line in lines)


def _number(value, sign='', digits=2):
    return '-' if value is None else f'{value:{sign}.{digits}f}'


def report_parts(stock, figures, strata, prefix, most=12):
    """Figures of any metric by stratum.

    Args:
        stock (dict[str, float]): On all samples, by name.
        figures (dict[str, float]): On the strata, by name.
        strata (list[str]): Names, the gap included.
        prefix (str, optional): Of the metric, which names of figures that
            most would read first may begin with.
        most (int): Figures that are shown.

    Returns:
        str: Lines, a stratum each; '-' where there is no figure.
    """
    start = f'{prefix}/' if prefix else ''
    names = [name[len(start):] for name in matching(
        [start + name for name in stock
         if any(placed(name, s) in figures for s in strata)])]
    shown = names[:most]
    width = max(map(len, strata), default=0)
    widths = [max(len(name), 8) for name in shown]

    def line(label, texts, *more):
        return f'{label:{width}s}' + ''.join(
            f'  {text:>{w}s}' for text, w in zip(texts, widths)) + ''.join(
                f'  {text:>8s}' for text in more)

    def count(stratum, kind):
        found = (figures.get(placed(f'{p}{kind}', stratum))
                 for p in {n[:n.rfind('/') + 1]: None for n in stock})
        return next((f'{n:.0f}' for n in found if n is not None), '')

    lines = [line('', shown, FRAMES, OBJECTS)]
    for s in strata:
        lines.append(line(
            s, [_number(figures.get(placed(n, s)), digits=3) for n in shown],
            count(s, FRAMES), count(s, OBJECTS)))
    if len(names) > most:
        lines.append(f'and {len(names) - most} figures more')
    return '\n'.join(x.rstrip() for x in lines)
