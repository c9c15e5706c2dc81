"""What nuScenes' own tables tell of its samples: time, weather, location.

The tables are::

    DATA_ROOT/v1.0-*/{sample,scene,log}.json

Night and rain stand in the descriptions of the scenes; a sample by night is
one whose scene's description has the word, as in the literature on nuScenes,
and a scene "after rain" counts as rain.
"""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...json_files import fields_of, read_json
from ...tags import Tags

_TABLES: dict[str, Any] = dict(
    sample=dict(token=str, scene_token=str),
    scene=dict(token=str, description=str, log_token=str),
    log=dict(token=str, location=(str, type(None))))


def nuscenes_tags(root: str | Path, tokens: Sequence[str]) -> Tags | None:
    """Tags of nuScenes' samples.

    Args:
        root (str | Path): Of the data, with the folders ``v1.0-*`` of its
            tables.
        tokens (Sequence[str]): N tokens of samples.

    Returns:
        Tags: ``time`` (day, night), ``weather`` (dry, rain) and ``location``
        of each; None unless the tables there tell of all of them.

    Raises:
        ValueError: If a table is damaged.
    """
    found: dict[str, tuple[str, str, str]] = {}
    missing = set(tokens)
    for folder in sorted(Path(root).glob('v1.0-*')):
        files = [folder / f'{name}.json' for name in _TABLES]
        if missing and all(path.is_file() for path in files):
            found.update(_tags_in(files, missing))
            missing -= found.keys()
    if missing or not found:
        return None
    rows = [found[token] for token in tokens]
    return Tags(str(root), tuple(tokens), dict(zip(
        ('time', 'weather', 'location'), map(tuple, zip(*rows)))))


def _tags_in(files, wanted):
    """Tags of the wanted tokens that these tables know."""
    samples, scenes, logs = (_rows(path) for path in files)
    location = {log['token']: log['location'] for log in logs}
    of_scene = {}
    for scene in scenes:
        said = scene['description'].lower()
        of_scene[scene['token']] = (
            'night' if 'night' in said else 'day',
            'rain' if 'rain' in said else 'dry',
            _named(scene, 'log_token', location, files[1]) or 'unknown')
    return {s['token']: _named(s, 'scene_token', of_scene, files[0])
            for s in samples if s['token'] in wanted}


def _rows(path):
    """The rows of a table, with the fields that are read here."""
    row = None
    try:
        rows = read_json(path)
        if not isinstance(rows, list):
            raise ValueError('it must be a list, but is '
                             f'{type(rows).__name__}')
        for row in range(len(rows)):
            fields_of(rows[row], _TABLES[path.stem])
        return rows
    except ValueError as e:
        raise ValueError(_said(path, row, e)) from e


def _named(found, field, others, path):
    """What a row of a table names in another one."""
    if found[field] not in others:
        raise ValueError(_said(path, found['token'], (
            f'its {field!r} names nothing that is there')))
    return others[found[field]]


def _said(path, row, what):
    of = '' if row is None else f', row {row}'
    return (f"{path}{of}: it is no table of nuScenes' ({what}); mend it, or "
            'give --tags none')
