"""Where the info file of a data set lies, and what to do if it does not."""
from __future__ import annotations

import os.path as osp
from pathlib import Path


def info_path(dataset: dict) -> str | None:
    """The info file of a data set, as MMDetection3D finds it.

    Args:
        dataset (dict): Config of a data set that is no wrapper.

    Returns:
        str: ``ann_file``, below ``data_root`` unless it is absolute. None
        where the config names none.
    """
    ann_file = dataset.get('ann_file')
    if not ann_file or not isinstance(ann_file, str):
        return None
    # an absolute path stays as it is
    return osp.join(dataset.get('data_root') or '', ann_file)


def check_info_file(path: str | Path,
                    keys: str = 'data_root and ann_file') -> None:
    """Raise FileNotFoundError, with advice, unless there is such a file.

    Args:
        path (str | Path): Of the info file.
        keys (str): What in the config says so.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f'there is no info file {path} (looked from {Path.cwd()}); make '
            "it with dequity create-data (KITTI, nuScenes; MMDetection3D's "
            f'create_data.py for others), or correct {keys}, for instance '
            'with --cfg-options')
