"""By what a sample is named, offline and in training."""
from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import Any

from .messages import first_five


def sample_id_of(info: dict) -> str:
    """The id by which the host names a sample for good.

    Args:
        info (dict): One entry of an info file's ``data_list`` (version 1.1).
            Not what ``get_data_info`` returns: the host puts the row number
            into ``sample_idx`` there.

    Returns:
        str: ``token`` if there is one (nuScenes, whose ``sample_idx`` is a
        row number), else ``sample_idx`` (KITTI: '134' for frame 000134).

    Raises:
        KeyError: If the info has neither.
    """
    token = info.get('token')
    if token is not None and token != '':
        return str(token)
    index = info.get('sample_idx')
    if index is None:
        raise KeyError(
            "a sample needs 'token' or 'sample_idx' to be found in the "
            f'likelihood table, but has only {sorted(map(str, info))}; '
            'convert the info file to version 1.1')
    try:
        return str(int(index))
    except ValueError:
        # some converters write names such as 'scene0000_00'
        return str(index)


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
    twice = [i for i, n in Counter(ids).items() if n > 1]
    if twice:
        raise ValueError(
            f'sample ids must be unique, but {len(twice)} appear more than '
            f'once: {first_five(twice)}; take the surplus samples out')
    return ids


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
