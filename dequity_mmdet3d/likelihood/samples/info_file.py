"""MMDetection3D's info files, version 1.1: which samples a data set has."""
from pathlib import Path

from ...info_files import check_info_file
from ...json_files import read_json
from ...messages import counted, first_five
from .coco import coco_infos, is_coco
from .info_check import check_infos
from .safe_pickle import load_pickle


def read_info_file(path):
    """Read an info file without running code that it brings.

    Args:
        path (str | Path): .pkl of the host's converters, or .json; the
            instances of a COCO file are read as well, see :mod:`.coco`.

    Returns:
        tuple[list[dict], dict]: ``data_list`` and ``metainfo``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, refused or not of version 1.1.
    """
    path = Path(path)
    check_info_file(path)
    if path.suffix == '.json':
        try:
            data = read_json(path)
        except ValueError as e:
            raise ValueError(f'{path} is not JSON ({e})') from e
        if is_coco(data):
            infos, metainfo = coco_infos(data, path)
            _check(infos, metainfo, path)
            return infos, metainfo
    else:
        data = load_pickle(path)
    infos = data.get('data_list') if isinstance(data, dict) else None
    if not isinstance(infos, list):
        raise ValueError(
            f'{path} must be an info file of version 1.1, a dict with the '
            f'list data_list, but is {_describe(data)}; convert an older one '
            "with MMDetection3D's update_infos_to_v2.py")
    bad = [row for row, info in enumerate(infos)
           if not isinstance(info, dict)]
    if bad:
        raise ValueError(
            f'{path}: {counted(len(bad), "entry", "entries")} of its '
            f'data_list must be a dict, but is none: rows {first_five(bad)}; '
            'mend the file')
    metainfo = data.get('metainfo')
    metainfo = metainfo if isinstance(metainfo, dict) else {}
    _check(infos, metainfo, path)
    return infos, metainfo


def _check(infos, metainfo, path):
    try:
        check_infos(infos, metainfo)
    except ValueError as e:
        raise ValueError(f'{path}: {e}; mend the file') from e


def _describe(data):
    if isinstance(data, dict):
        return f'a dict with the keys {sorted(map(str, data))}'
    return f'a {type(data).__name__}'
