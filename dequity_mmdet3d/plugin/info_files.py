"""Are the info files that a config names there? Asked before a run starts."""
from collections.abc import Iterator
from typing import Any

from mmdet3d.registry import DATASETS
from mmengine.dataset import BaseDataset

from dequity_mmdet3d.info_files import check_info_file, info_path
from dequity_mmdet3d.weighted_config import datasets_of


def check_info_files(config: Any, splits: tuple[str, ...]) -> None:
    """Find what is missing before MMDetection3D does, which names no remedy.

    What lies elsewhere than on a disk, and what classes that are not
    registered yet make of their settings, is left to them.

    Args:
        config (Config): Of mmengine.
        splits (tuple[str]): Of 'train', 'val', 'test': what the run takes,
            as far as the config has it.

    Raises:
        FileNotFoundError: If an info file or the database of objects is not
            there.
    """
    for split in splits:
        dataset = (config.get(f'{split}_dataloader') or {}).get('dataset')
        for part in datasets_of(dataset) if isinstance(dataset, dict) else ():
            for path, keys in _named(part):
                check_info_file(path, keys)


def _named(dataset: dict) -> Iterator[tuple[str, str]]:
    """Files on a disk, and what in the config names them."""
    path = info_path(dataset)
    if path and _on_disk(path, dataset) and _reads_as_known(dataset):
        yield path, 'data_root and ann_file'
    for step in dataset.get('pipeline') or ():
        objects = step.get('db_sampler') if isinstance(step, dict) else None
        if isinstance(objects, dict):
            path = objects.get('info_path')
            if path and _on_disk(path, objects):
                yield path, 'db_sampler.info_path'


def _on_disk(path: str, part: dict) -> bool:
    backend = (part.get('backend_args') or {}).get('backend', 'local')
    return '://' not in path and backend in ('local', 'disk')


def _reads_as_known(dataset: dict) -> bool:
    """Whether ``data_root`` and ``ann_file`` mean what they do upstream."""
    kind: Any = dataset.get('type')
    if isinstance(kind, str):
        kind = DATASETS.get(kind)
    known = isinstance(kind, type) and issubclass(kind, BaseDataset)
    return known and kind._join_prefix is BaseDataset._join_prefix
