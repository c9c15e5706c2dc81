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

from ...json_files import read_json
from ...tags import Tags

_TABLES = ('sample', 'scene', 'log')


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
    try:
        samples, scenes, logs = (
            read_json(path) for path in files)
        location = {log['token']: log['location'] for log in logs}
        of_scene = {}
        for scene in scenes:
            said = scene['description'].lower()
            of_scene[scene['token']] = (
                'night' if 'night' in said else 'day',
                'rain' if 'rain' in said else 'dry',
                location[scene['log_token']] or 'unknown')
        return {s['token']: of_scene[s['scene_token']] for s in samples
                if s['token'] in wanted}
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise ValueError(
            f'{files[0].parent}: the tables sample, scene and log are not '
            f"nuScenes' ({type(e).__name__}: {e}); mend them, or give "
            '--tags none') from e
