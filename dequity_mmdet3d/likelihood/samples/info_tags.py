"""What info files tell of samples: weather, time of day, place.

MMDetection3D's own converters write none of it. Those of projects do, mostly
from Waymo's ``context.stats`` or BDD100K's ``attributes``.

Shape letters: N samples.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...tags import MAX_VALUES, Tags

# Names of tags, and of dicts within an entry that hold them.
KEYS = ('weather', 'time_of_day', 'timeofday', 'location', 'city', 'country',
        'road', 'road_type', 'season', 'scene')
_WITHIN = ('context', 'stats', 'attributes')
UNKNOWN = 'unknown'


def info_tags(path: str, ids: Sequence[str],
              infos: Sequence[dict]) -> Tags | None:
    """Tags of the samples of an info file.

    Args:
        path (str): What to call the file.
        ids (Sequence[str]): (N,) sample ids.
        infos (Sequence[dict]): (N,) entries of ``data_list``.

    Returns:
        Tags: Those of ``KEYS`` that are text in some entries; 'unknown' in
        the others. None without any; one with more values than a tag has is
        left out, as a scene's name.

    Example:
        >>> info_tags('i.pkl', ['7'], [{'weather': 'rain'}]).columns
        {'weather': ('rain',)}
    """
    columns = {}
    for key in KEYS:
        told = [_told(info, key) for info in infos]
        if any(told) and len(set(told)) <= MAX_VALUES:
            columns[key] = tuple(value or UNKNOWN for value in told)
    return Tags(path, tuple(ids), columns) if columns else None


def _told(info: dict, key: str) -> str:
    for place in _places(info):
        value = place.get(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ''


def _places(info: dict) -> Iterator[dict]:
    yield info
    for name in _WITHIN:
        inner = info.get(name)
        if isinstance(inner, dict):
            yield from _places(inner)
