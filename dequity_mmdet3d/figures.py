"""How a figure of an evaluation is named, and what its name says.

The only place that knows this grammar::

    [PREFIX/][STRATUM/][CLASS_]KIND[_DIFFICULTY][_OVERLAP]
    [PREFIX/][STRATUM/][CLASS_][DIFFICULTY_]COUNT

``PREFIX`` is MMDetection3D's and names metric and branch, ``STRATUM`` is one
of ``STRATA`` or ``gap``, or ``BY=VALUE`` where samples were told apart by
something else than likelihood (``object=rare`` where objects were), and
missing for a figure on all samples. ``KIND`` is ``3D_AP40``, ``3D_recall`` and
the like (KITTI), ``AP``, ``recall`` or their means over classes, ``mAP`` and
``mean_recall`` (nuScenes), ``COUNT`` ``objects`` or ``frames``. Figures of
other metrics have names of their own, whose last part the stratum stands
before::

    Kitti metric/pred_instances_3d/KITTI/rare/Car_3D_AP40_moderate_strict
    Kitti metric/pred_instances_3d/KITTI/rare/Car_moderate_objects
    Kitti metric/pred_instances_3d/KITTI/object=rare/Car_3D_recall_hard_loose
    NuScenes metric/pred_instances_3d_NuScenes/gap/traffic_cone_AP
    coco/weather=rain/bbox_mAP
"""
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from .strata import COMMON, RARE, STRATA

GAP = 'gap'  # in place of a stratum: rare less common
OBJECTS, FRAMES = COUNTS = ('objects', 'frames')
DIFFICULTIES = ('easy', 'moderate', 'hard')
# What most would read first, where the user names no figures.
METRICS = ('*_3D_AP40_moderate_strict', '*NuScenes/*/mAP', '*_NuScenes/mAP',
           '*_NuScenes/NDS', '*/object=*_3D_recall_moderate_strict',
           '*NuScenes/object=*/mean_recall', '*_Lyft/*mAP',
           '*/Overall/*L2 mAPH', '*bbox_mAP', '*segm_mAP', '*mAP_0.25',
           '*mAP_0.50', '*miou')

_PLACE = (r'(?:(?P<prefix>.+?)/)??'
          rf'(?:(?P<stratum>{"|".join(STRATA)}|{GAP}|[^/=]+=[^/]+)/)?'
          r'(?:(?P<cls>[^/]+?)_)??')
_DIFFICULTY = rf'(?P<difficulty>{"|".join(DIFFICULTIES)})'
_FIGURE = re.compile(
    rf'{_PLACE}(?P<kind>(?:(?:3D|BEV|2D)_)?(?:AP\d*|recall)|mAP|mean_recall)'
    rf'(?:_{_DIFFICULTY})?'
    r'(?:_(?P<overlap>strict|loose|\d*\.\d+))?')
_COUNT = re.compile(
    rf'{_PLACE}(?:{_DIFFICULTY}_)?(?P<kind>{"|".join(COUNTS)})')


@dataclass(frozen=True)
class Figure:
    """What the name of a figure says; '' where it says nothing.

    Args:
        stratum (str): See :func:`stratum_name`; '' for all samples.
        cls (str): Name of a class; '' for all of them.
        kind (str): What was measured, or one of ``COUNTS``.
        difficulty (str): Of KITTI's ``DIFFICULTIES``.
        overlap (str): Of KITTI's 'strict' and 'loose', or the least IoU
            (indoor sets: '0.25').
        prefix (str): Of the metric, without its last slash.

    Example:
        >>> Figure('rare', 'Car', '3D_AP40', 'moderate', 'strict').name()
        'rare/Car_3D_AP40_moderate_strict'
    """
    stratum: str
    cls: str
    kind: str
    difficulty: str = ''
    overlap: str = ''
    prefix: str = ''

    def name(self) -> str:
        """str: As it stands in logs and files."""
        if self.is_count:
            parts = [self.cls, self.difficulty, self.kind]
        else:
            parts = [self.cls, self.kind, self.difficulty, self.overlap]
        return '/'.join(
            filter(None, (self.prefix, self.stratum,
                          '_'.join(filter(None, parts)))))

    @property
    def is_count(self) -> bool:
        """bool: Whether it is a number of objects or of frames."""
        return self.kind in COUNTS

    def on(self, stratum: str) -> 'Figure':
        """Figure: The same on another stratum."""
        return replace(self, stratum=stratum)

    def objects(self) -> 'Figure':
        """Figure: The number of annotated objects that it rests on.

        Example:
            >>> parse('gap/Car_3D_AP40_hard_loose').objects().name()
            'gap/Car_hard_objects'
        """
        return replace(self, kind=OBJECTS, overlap='')


def parse(name: str) -> Figure | None:
    """Read the name of a figure.

    Args:
        name (str): From a log or a file.

    Returns:
        Figure, optional: With the same ``name()``; None for a name of
        another grammar, such as nuScenes' ``car_trans_err``.

    Example:
        >>> parse('rare/traffic_cone_AP').cls
        'traffic_cone'
    """
    found = _FIGURE.fullmatch(name) or _COUNT.fullmatch(name)
    return Figure(**found.groupdict(default='')) if found else None


def with_gap(figures: Mapping[str, float]) -> dict[str, float]:
    """Figures, and how far those of rare samples are from the common ones.

    Args:
        figures (dict[str, float]): By name.

    Returns:
        dict[str, float]: With the gap of each, rare less common, where there
        are both; counts have none.
    """
    found = dict(figures)
    for name, value in figures.items():
        figure = parse(name)
        if figure is None or figure.is_count or (
                figure.stratum != beside(figure.stratum, RARE)):
            continue
        common = figure.on(beside(figure.stratum, COMMON)).name()
        if common in figures:
            found[figure.on(beside(figure.stratum, GAP)).name()] = (
                value - figures[common])
    return found


def stratum_name(by: str, value: str) -> str:
    """The name of a stratum.

    Args:
        by (str): What the samples were told apart by: 'likelihood', which
            needs no name, 'class frequency', or a tag.
        value (str): Of ``STRATA``, ``GAP``, or a tag's value.

    Returns:
        str: With no slash, which separates parts of a figure's name.

    Example:
        >>> stratum_name('likelihood', 'rare'), stratum_name('road', 'A/B')
        ('rare', 'road=A|B')
    """
    value = re.sub(r'\s+', '_', value.replace('/', '|'))
    if by == 'likelihood':
        return value
    return f'{re.sub(r"[/=]|[ ]+", "_", by)}={value}'


def beside(stratum: str, value: str) -> str:
    """Another stratum that was told apart by the same.

    Example:
        >>> beside('class_frequency=rare', 'gap'), beside('rare', 'gap')
        ('class_frequency=gap', 'gap')
    """
    by, equals, _ = stratum.rpartition('=')
    return by + equals + value


def placed(name: str, stratum: str) -> str:
    """The name of any metric's figure on a stratum.

    Example:
        >>> placed('Lyft metric/pred_Lyft/mAP', 'weather=rain')
        'Lyft metric/pred_Lyft/weather=rain/mAP'
    """
    start, slash, end = name.rpartition('/')
    return f'{start}{slash}{stratum}/{end}'


def objects_behind(name: str,
                   figures: Mapping[str, float]) -> int | None:
    """Number of annotated objects behind a figure.

    Args:
        name (str): Of the figure.
        figures (dict[str, float]): Of the same evaluation, by name.

    Returns:
        int, optional: For a gap, of its smaller side; for a figure on all
        samples, of all strata. None if the evaluation does not tell.
    """
    figure = parse(name)
    if figure is None or figure.is_count:
        return None
    gap = beside(figure.stratum, GAP)
    values = {gap: (RARE, COMMON), '': STRATA}.get(figure.stratum)
    strata = [beside(figure.stratum, v) for v in values] if values else [
        figure.stratum]
    counts = [figure.objects()]
    # 'bbox_mAP': of all classes, whatever it says
    if figure.kind in ('mAP', 'mean_recall'):
        counts.append(replace(counts[0], cls=''))
    for count in counts:
        names = [count.on(stratum).name() for stratum in strata]
        # a damaged result may count anything
        if all(math.isfinite(figures.get(n, math.nan)) for n in names):
            numbers = [figures[n] for n in names]
            return int(min(numbers) if figure.stratum == gap
                       else sum(numbers))
    return None


def matching(names: Iterable[str],
             patterns: Sequence[str] = METRICS) -> list[str]:
    """The names that match a pattern with * and ?; all if none does.

    Args:
        names (Sequence[str]): Of figures.
        patterns (Sequence[str]): As for the file names of a shell.

    Returns:
        list[str]: In their order.
    """
    names = list(names)
    found = [n for n in names if any(fnmatchcase(n, p) for p in patterns)]
    return found or names


def shared_prefix(names: Iterable[str]) -> str:
    """What names have in common, up to the last slash of it.

    Example:
        >>> shared_prefix(['K/rare/Car_AP', 'K/rare/Cat_AP'])
        'K/rare/'
    """
    start = os.path.commonprefix(list(names))
    return start[:start.rfind('/') + 1]


def digits_of(values: Iterable[float | None]) -> int:
    """How many digits the figures of a row are shown with.

    Args:
        values (Iterable[float | None]): Of all arms.

    Returns:
        int: After the point: 2, as for percentages, or 4 where none is above
        1, as nuScenes' and COCO's, whose hundredths are whole points.
    """
    return 4 if all(v is None or not abs(v) > 1 for v in values) else 2
