"""Info files and ground-truth databases, by the host's own converters.

The converters lie in the installed host (``mmdet3d/.mim/tools``) and expect
to be run from a clone of it. Here they write into a folder of their own
first, so that a finished file appears whole or not at all.
"""
import importlib
import os
import sys
import tempfile
from pathlib import Path

import mmengine

import mmdet3d
from mmdet3d.utils import register_all_modules

KITTI_SPLITS = ('train', 'val', 'trainval', 'test')


def host_tools():
    """Folder of the installed host's own tools.

    Raises:
        FileNotFoundError: If this installation does not bring them.
    """
    tools = Path(mmdet3d.__file__).parent / '.mim' / 'tools'
    if not tools.is_dir():  # an editable install of a clone
        tools = Path(mmdet3d.__file__).parent.parent / 'tools'
    if not (tools / 'train.py').is_file():
        raise FileNotFoundError(
            'expected the tools of MMDetection3D in mmdet3d/.mim/tools, '
            f'found none (mmdet3d {mmdet3d.__version__}); install mmdet3d '
            'from its wheel or from a full clone')
    return tools


def _converter(name):
    """A module of the host's ``tools.dataset_converters``."""
    above = str(host_tools().parent)
    if above not in sys.path:
        sys.path.insert(0, above)
    return importlib.import_module(f'tools.dataset_converters.{name}')


def _check_kitti(root):
    missing = [
        name for name in ('ImageSets/train.txt', 'ImageSets/val.txt',
                          'ImageSets/test.txt', 'training/image_2',
                          'training/velodyne', 'training/calib',
                          'training/label_2') if not (root / name).exists()
    ]
    if missing:
        raise FileNotFoundError(
            f'expected the layout of KITTI in {root}, but '
            f'{", ".join(missing)} is not there (ImageSets/*.txt list frame '
            'numbers, one a line; test.txt may be empty)')
    for split in ('train', 'val'):
        if not (root / 'ImageSets' / f'{split}.txt').read_text().split():
            raise ValueError(f'expected frame numbers in '
                             f'{root}/ImageSets/{split}.txt, one a line, '
                             'but it is empty')


def convert_kitti(root, out_dir=None, prefix='kitti', with_plane=False):
    """Info files, reduced point clouds and ground-truth database of KITTI.

    Args:
        root (str): Data set in KITTI's own layout.
        out_dir (str, optional): Folder of the info files. Defaults to root.
        prefix (str): Begin of the files' names. Defaults to 'kitti'.
        with_plane (bool): Whether to read ground planes
            (``training/planes``), which KITTI's own download does not hold.
            Defaults to False.

    Returns:
        list[str]: Paths of the info files, one a split that has frames,
        and of the database's.

    Raises:
        FileNotFoundError: If a part of KITTI's layout is missing.
        ValueError: If the training or the validation split is empty.
    """
    root = Path(root)
    out_dir = Path(out_dir or root)
    _check_kitti(root)
    kitti = _converter('kitti_converter')
    update = _converter('update_infos_to_v2')
    out_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
            prefix='.convert-', dir=out_dir) as folder:
        first, second = Path(folder, 'v1'), Path(folder, 'v2')
        first.mkdir()
        second.mkdir()
        kitti.create_kitti_info_file(
            str(root), prefix, with_plane=with_plane, save_path=str(first))
        paths = {s: first / f'{prefix}_infos_{s}.pkl' for s in KITTI_SPLITS}
        kitti.create_reduced_point_cloud(
            str(root), prefix, *(str(paths[s]) for s in
                                 ('train', 'val', 'test')))
        names = []
        for split, path in paths.items():
            if not mmengine.load(path):
                continue  # the host's update stops at an empty test split
            update.update_kitti_infos(str(path), str(second))
            _name_ignored(second / path.name)
            names.append(path.name)
        for name in names:
            os.replace(second / name, out_dir / name)
    database = _database('KittiDataset', root, out_dir, prefix)
    return [str(out_dir / name) for name in names] + [database]


def _name_ignored(path):
    """Let the info file name the class of its ignored boxes.

    The host's update keeps only the ignored classes of the last frame, and
    its KITTI metric stops at a box (-1) of a class without a name.
    """
    infos = mmengine.load(path)
    categories = infos['metainfo']['categories']
    ignored = any(instance['bbox_label'] == -1
                  for info in infos['data_list']
                  for instance in info.get('instances', ()))
    if ignored and -1 not in categories.values():
        categories['DontCare'] = -1
        mmengine.dump(infos, path)


def _database(dataset_type, root, out_dir, prefix):
    """Ground-truth database of the training split, for ``ObjectSample``."""
    register_all_modules(init_default_scope=True)
    path = out_dir / f'{prefix}_dbinfos_train.pkl'
    part = out_dir / f'.{prefix}_dbinfos_train.part'
    _converter('create_gt_database').create_groundtruth_database(
        dataset_type,
        str(root),
        prefix,
        os.path.abspath(out_dir / f'{prefix}_infos_train.pkl'),
        db_info_save_path=str(part))
    os.replace(part, path)
    return str(path)


def convert_nuscenes(root,
                     version='v1.0-trainval',
                     out_dir=None,
                     prefix='nuscenes',
                     max_sweeps=10):
    """Info files and ground-truth database of nuScenes.

    Args:
        root (str): Data set in nuScenes' own layout.
        version (str): Folder of its tables: 'v1.0-trainval', 'v1.0-mini'
            or 'v1.0-test'. Defaults to 'v1.0-trainval'.
        out_dir (str, optional): Folder of the info files. Defaults to root.
        prefix (str): Begin of the files' names. Defaults to 'nuscenes'.
        max_sweeps (int): Earlier lidar sweeps a sample, >= 0.
            Defaults to 10.

    Returns:
        list[str]: Paths of the files made.

    Raises:
        FileNotFoundError: If the version's tables are not there.
    """
    root = Path(root)
    out_dir = Path(out_dir or root)
    if not (root / version / 'sample.json').is_file():
        raise FileNotFoundError(
            f'expected the tables of nuScenes in {root / version}, found no '
            'sample.json there; name the root and the version of your '
            'download')
    converter = _converter('nuscenes_converter')
    update = _converter('update_infos_to_v2')
    nuscenes = update.NuScenes
    out_dir.mkdir(parents=True, exist_ok=True)
    splits = ['test'] if version == 'v1.0-test' else ['train', 'val']
    names = [f'{prefix}_infos_{split}.pkl' for split in splits]
    with tempfile.TemporaryDirectory(
            prefix='.convert-', dir=out_dir) as folder:
        first, second = Path(folder, 'v1'), Path(folder, 'v2')
        first.mkdir()
        second.mkdir()
        # an absolute prefix leads the host's converter out of root
        converter.create_nuscenes_infos(
            str(root),
            os.path.abspath(first / prefix),
            version=version,
            max_sweeps=max_sweeps)
        # the host's update looks for the tables in ./data/nuscenes alone
        update.NuScenes = lambda version, dataroot, verbose: nuscenes(
            version=version, dataroot=str(root), verbose=verbose)
        try:
            for name in names:
                update.update_nuscenes_infos(str(first / name), str(second))
        finally:
            update.NuScenes = nuscenes
        for name in names:
            os.replace(second / name, out_dir / name)
    made = [str(out_dir / name) for name in names]
    if version != 'v1.0-test':
        made.append(_database('NuScenesDataset', root, out_dir, prefix))
    return made
