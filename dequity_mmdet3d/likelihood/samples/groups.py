"""Which samples are frames of one drive.

Known from info files and file names, or given in a file.

Shape letters: N samples.
"""
from __future__ import annotations

import csv
import os.path as osp
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ...messages import first_five
from ...parquet_file import read_parquet
from ...tag_file import ID_COLUMNS

# What names the sequence of an entry of an info file; the first that it has.
# Waymo's converter writes context_name; scene tokens are those of nuScenes.
KEYS = ('scene_token', 'scene_name', 'log_token', 'context_name')
# What names it in a path. A log of nuScenes, which holds several scenes:
# n015-2018-07-18-11-07-57+0800__CAM_FRONT__1531883530412470.jpg; a raw drive
# of KITTI: 2011_09_26/2011_09_26_drive_0001_sync/image_02/...; a segment of
# Waymo: segment-10017090168044687777_6380_000_6400_000; a sequence of
# KITTI's odometry: sequences/04/velodyne/000000.bin.
_IN_PATHS = re.compile(
    r'(?:^|/)(?:(n\d{3}-\d{4}(?:-\d\d){5}[+-]\d{4})__'
    r'|(\d{4}_\d\d_\d\d_drive_\d{4})(?:_\w+)?/'
    r'|(segment-\d+(?:_\d+)+)'
    r'|(sequences/[^/]+)/)')
_NUMBERED = re.compile(r'^(.*?)[-_. ]?\d+$')
_ADVICE = 'give --groups FILE with the columns id,group'


@dataclass(frozen=True)
class Groups:
    """The drive of every sample.

    Args:
        by_id (dict[str, str]): Name of the drive by sample id.
        source (str): Where they come from, for people.
    """
    by_id: dict[str, str]
    source: str

    def about(self) -> dict:
        """dict: JSON-able, for a table's metadata."""
        sizes = Counter(self.by_id.values())
        return dict(source=self.source, drives=len(sizes),
                    largest=max(sizes.values()))


def groups_of(samples, asked=None):
    """The drives of samples, as the user asked.

    Args:
        samples (Samples): N of them.
        asked (str | Path, optional): 'none'; 'auto' for those of the info
            file, or else of file names and folders; or a file, see
            :func:`read_groups`. None takes what info file and file names
            tell for certain, and nothing otherwise.

    Returns:
        Groups: Of all samples; None where they are not known.

    Raises:
        ValueError: If they are asked for and not told, or a file is wrong.
        FileNotFoundError: If there is no such file.
    """
    if asked == 'none':
        return None
    if asked not in (None, 'auto'):
        return Groups(read_groups(asked, samples.ids),
                      f'file {Path(asked).name}')
    told = samples.groups
    source = 'info file'
    if told is None:
        paths = [i[0] for i in samples.images] or samples.ids
        told, source = [sequence_in(p) for p in paths], 'file names'
    if None not in told:
        return Groups(dict(zip(samples.ids, told)), source)
    if asked is None:
        return None
    if samples.groups is not None or any(told):
        bare = [i for i, name in zip(samples.ids, told) if name is None]
        raise ValueError(
            f'{len(bare)} of {len(told)} samples do not tell their drive, by '
            f'{", ".join(KEYS)} or by file names: {first_five(bare)}; '
            f'{_ADVICE}')
    told = [_folder_and_name(i) for i in samples.ids]
    found = len(set(told))
    if found in (1, len(told)):
        raise ValueError(
            f'folders and file names tell {found} drives of {len(told)} '
            f'samples, such as {samples.ids[0]!r}, so they tell nothing; '
            f'{_ADVICE}')
    return Groups(dict(zip(samples.ids, told)), 'folders and file names')


def sequence_of_info(info, dataset=None):
    """The drive of an entry of an info file.

    Args:
        info (dict): Of ``data_list``.
        dataset (str, optional): ``metainfo['dataset']``. Waymo's frames are
            numbered 1SSSFFF there: split, segment, frame.

    Returns:
        str: Its name; None if it does not tell.
    """
    for key in KEYS:
        if isinstance(info.get(key), str) and info[key]:
            return info[key]
    cameras, points = info.get('images'), info.get('lidar_points')
    entries = list(cameras.values()) if isinstance(cameras, dict) else []
    for entry in [*entries, points]:
        for key in ('img_path', 'lidar_path'):
            path = entry.get(key) if isinstance(entry, dict) else None
            found = sequence_in(path) if isinstance(path, str) else None
            if found:
                return found
    number = str(info.get('sample_idx', ''))
    if str(dataset).lower() == 'waymo' and number.isdecimal():
        return f'{int(number) // 1000:04d}'
    return None


def sequence_in(path):
    """The drive that a path names for certain, or None.

    Example:
        >>> sequence_in('2011_09_26/2011_09_26_drive_0001_sync/image_02/1.png')
        '2011_09_26_drive_0001'
    """
    found = _IN_PATHS.search(path.replace('\\', '/'))
    return next(filter(None, found.groups())) if found else None


def _folder_and_name(path):
    """'a/drive_0012.png' -> 'a/drive'; 'a/0012.png' -> 'a/'."""
    folder, name = osp.split(path)
    stem = osp.splitext(name)[0]
    found = _NUMBERED.match(stem)
    return osp.join(folder, found.group(1) if found else stem)


def read_groups(path, ids):
    """The user's drives.

    Args:
        path (str | Path): CSV, or Parquet by the suffix .parquet, with the
            columns ``id`` (or ``sample_id``) and ``group``: one row for each
            sample, in any order.
        ids (Sequence[str]): N sample ids.

    Returns:
        dict[str, str]: By id, in the order of ``ids``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged or empty, lacks a column, a value or a
            sample, names one twice, or one that there is not.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f'--groups: there is no file {path} (looked from {Path.cwd()}); '
            "correct the path, or give 'auto' or 'none'")
    names, drives = _columns(path)

    def refuse(bad, what):
        if bad:
            raise ValueError(f'{path}: {what}: {first_five(bad)}; it must '
                             'have one row id,group for each sample')

    if not names:
        raise ValueError(f'{path} is empty; it must have one row id,group '
                         'for each sample')
    refuse([i for i, n in Counter(names).items() if n > 1],
           'ids appear more than once')
    refuse([i for i, g in zip(names, drives) if not g.strip()],
           'samples without a group')
    known, found = set(ids), dict(zip(names, drives))
    refuse([i for i in names if i not in known],
           f'ids that no sample has (samples are such as {ids[0]!r})')
    refuse([i for i in ids if i not in found], 'samples that are missing')
    return {i: found[i] for i in ids}


def _columns(path):
    """Ids and groups of a file, as lists of str."""
    try:
        if Path(path).suffix.lower() == '.parquet':
            table = read_parquet(path, _ADVICE)
            key = _key(table.column_names, path)
            return [['' if v is None else str(v) for v in
                     table.column(name).to_pylist()]
                    for name in (key, 'group')]
        with open(path, newline='', encoding='utf-8-sig') as f:
            reader = csv.DictReader(f, strict=True)
            if reader.fieldnames is None:
                return [], []
            key = _key(reader.fieldnames, path)
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error, OSError) as e:
        raise ValueError(f'{path} must be a CSV or Parquet file, but cannot '
                         f'be read as one ({e})') from e
    return [[row[name] or '' for row in rows] for name in (key, 'group')]


def _key(columns, path):
    keys = [c for c in ID_COLUMNS if c in columns]
    if len(keys) != 1 or 'group' not in columns:
        raise ValueError(f'{path} must have the columns id and group, but has '
                         f'{first_five(columns)}')
    return keys[0]
