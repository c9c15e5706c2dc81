"""By what a sample is named, offline and in training."""
from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from .messages import first_five

# By which entry of an info a sample is named; the first that it has counts.
ID_TYPES = ('token', 'sample_idx', 'sample_id', 'lidar_path', 'img_id')


def sample_id_of(info: dict, points_folder: str = '') -> str:
    """The id by which the host names a sample for good.

    The first of these that the info has:

    1. ``token`` (nuScenes, Lyft, whose ``sample_idx`` is a row number);
    2. ``sample_idx``, a number without leading zeros (KITTI: '134' for
       frame 000134; Waymo);
    3. ``sample_id``, as it stands, since SemanticKITTI joins the numbers of
       sequence and frame in it: '015' is not '15';
    4. ``lidar_points.lidar_path``, the file of the points (ScanNet:
       'scene0191_00.bin'; SUN RGB-D, S3DIS), below the data set's folder
       of points where it lies there;
    5. ``img_id``, as it stands (MMDetection's 2D sets: the ``id`` of an
       image of a COCO file, '397133').

    Args:
        info (dict): One entry of an info file's ``data_list`` (version 1.1),
            or what a data set holds of it. Not what ``get_data_info``
            returns: the host puts the row number into ``sample_idx`` there.
        points_folder (str): The data set's ``data_prefix['pts']`` with its
            ``data_root``, which the host puts before ``lidar_path`` when it
            reads the file. Defaults to none.

    Returns:
        str: The id.

    Raises:
        KeyError: If the info has none of these.
    """
    kind = id_type_of(info)
    if kind in ('token', 'sample_id', 'img_id'):
        return str(info[kind])
    if kind == 'lidar_path':
        return _below(str(info['lidar_points'][kind]), points_folder)
    value = info[kind]
    if isinstance(value, str) and not re.fullmatch('-?[0-9]+', value):
        # some converters write names such as 'scene0000_00', and Python
        # takes '0_0' for a number
        return value
    try:
        return str(int(value))
    except ValueError:
        return str(value)


def sample_id_in(path: str, row: int, info: dict,
                 points_folder: str = '') -> str:
    """As :func:`sample_id_of`, of an entry of a file that an error names.

    Args:
        path (str): What holds the entry.
        row (int): Its place there.
        info, points_folder: See :func:`sample_id_of`.
    """
    try:
        return sample_id_of(info, points_folder)
    except KeyError as e:
        raise KeyError(f'{path}: row {row}: {e.args[0]}') from e


def id_type_of(info: dict) -> str:
    """Which of ``ID_TYPES`` names a sample; see :func:`sample_id_of`.

    Raises:
        KeyError: If the info has none of them.
    """
    points = info.get('lidar_points')
    found = dict(info, lidar_path=points.get('lidar_path') if isinstance(
        points, dict) else None)
    for kind in ID_TYPES:
        # 0 is a number of a frame, and an empty token is none
        if found.get(kind) is not None and found[kind] != '':
            return kind
    raise KeyError(
        "a sample needs 'token', 'sample_idx', 'sample_id', "
        "'lidar_points.lidar_path' or 'img_id' to be found in the likelihood "
        "table, but "
        f'has only {sorted(map(str, info))}; write one of them, unique, into '
        'each entry of the info file')


def _below(path: str, folder: str) -> str:
    """A path relative to a folder that it lies in, else as it is."""
    start = folder if not folder or folder.endswith('/') else f'{folder}/'
    return path[len(start):] if path.startswith(start) else path


def ids_fingerprint(ids: Iterable[str]) -> str:
    """SHA-256 of the sorted ids, one a line: do two tables cover the same?"""
    text = '\n'.join(sorted(ids))
    return hashlib.sha256(text.encode()).hexdigest()


def check_ids(ids: Iterable[str]) -> list[str]:
    """Check sample ids.

    Args:
        ids (Sequence[str]): Any iterable of sample ids.

    Returns:
        list[str]: The same ids.

    Raises:
        ValueError: If there is none, or one is empty, no UTF-8 or a
            duplicate; these are counted and five of them named.
        TypeError: If one is not a string.
    """
    ids = [checked_id(i) for i in ids]
    if not ids:
        raise ValueError('at least one sample is needed, but there is none')
    twice = [] if _surely_unique(ids) else [
        i for i, n in Counter(ids).items() if n > 1]
    if twice:
        raise ValueError(
            f'sample ids must be unique, but {len(twice)} appear more than '
            f'once: {first_five(twice)}; take the surplus samples out')
    return ids


def _surely_unique(ids: list[str]) -> bool:
    """Whether hashes alone tell it, in a tenth of the memory of a count."""
    import numpy as np
    return len(np.unique(np.fromiter(map(hash, ids), np.int64))) == len(ids)


def checked_id(value: Any) -> str:
    """One sample id, checked; see :func:`check_ids`."""
    if not isinstance(value, str):
        raise TypeError('a sample id must be a string, but got '
                        f'{value!r} of type {type(value).__name__}; see '
                        'dequity_mmdet3d.sample_ids.sample_id_of')
    if not value:
        raise ValueError('a sample id must not be empty')
    try:
        value.encode()
    except UnicodeEncodeError as e:
        raise ValueError(f'a sample id must be valid UTF-8, but {value!r} is '
                         'not; rename that file') from e
    return str(value)
