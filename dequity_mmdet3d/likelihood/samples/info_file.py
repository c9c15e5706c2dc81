"""MMDetection3D's info files, version 1.1: which samples a data set has."""
import json
from pathlib import Path

from ...info_files import check_info_file
from .safe_pickle import load_pickle


def read_info_file(path):
    """Read an info file without running code that it brings.

    Args:
        path (str | Path): .pkl of the host's converters, or .json.

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
            data = json.loads(path.read_text(encoding='utf-8'))
        except ValueError as e:
            raise ValueError(f'{path} is not JSON ({e})') from e
    else:
        data = load_pickle(path)
    infos = data.get('data_list') if isinstance(data, dict) else None
    if not isinstance(infos, list) or not all(
            isinstance(i, dict) for i in infos):
        raise ValueError(
            f'{path} must be an info file of version 1.1, a dict with the '
            f'list data_list, but is {_describe(data)}; convert an older one '
            "with MMDetection3D's update_infos_to_v2.py")
    metainfo = data.get('metainfo')
    return infos, metainfo if isinstance(metainfo, dict) else {}


def _describe(data):
    if isinstance(data, dict):
        return f'a dict with the keys {sorted(map(str, data))}'
    return f'a {type(data).__name__}'
