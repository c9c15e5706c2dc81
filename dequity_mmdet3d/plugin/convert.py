"""Info files and ground-truth databases, by the host's own converters.

The converters lie in the installed host (``mmdet3d/.mim/tools``) and expect
to be run from a clone of it. Here they write into a folder of their own
first, so that a finished file appears whole or not at all.
"""
import importlib
import os
import sys
import tempfile
import types
from contextlib import contextmanager
from pathlib import Path

import mmengine

import mmdet3d
from mmdet3d.utils import register_all_modules

KITTI_SPLITS = ('train', 'val', 'trainval', 'test')
KITTI_FILES = dict(
    image_2='.png', velodyne='.bin', calib='.txt', label_2='.txt')
NUSCENES_SPLITS = {
    'v1.0-trainval': ('train', 'val'),
    'v1.0-mini': ('train', 'val'),
    'v1.0-test': ('test', )
}
CONVERTERS = 'mmdet3d_dataset_converters'  # our name for the host's package


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
    """A module of the host's ``tools/dataset_converters``.

    Not imported as ``tools.dataset_converters``, because any other package
    ``tools`` on the path would hide it.
    """
    if CONVERTERS not in sys.modules:
        package = types.ModuleType(CONVERTERS)
        package.__path__ = [str(host_tools() / 'dataset_converters')]
        sys.modules[CONVERTERS] = package
    return importlib.import_module(f'{CONVERTERS}.{name}')


@contextmanager
def _work_folders(out_dir):
    """Two folders beside the result, for the infos before and after."""
    out_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
            prefix='.convert-', dir=out_dir) as folder:
        folder = Path(folder).absolute()
        first, second = folder / 'v1', folder / 'v2'
        first.mkdir()
        second.mkdir()
        yield first, second


def _finish(folder, out_dir, names):
    """Move files, in this order, to where they belong."""
    for name in names:
        os.replace(folder / name, out_dir / name)
    return [str(out_dir / name) for name in names]


def _check_kitti(root, with_plane):
    """Find what is missing before the host does, which names no remedy."""
    files = dict(KITTI_FILES, planes='.txt') if with_plane else KITTI_FILES
    parts = [f'ImageSets/{split}.txt' for split in ('train', 'val', 'test')]
    parts += [f'training/{folder}' for folder in files]
    missing = [part for part in parts if not (root / part).exists()]
    if missing:
        raise FileNotFoundError(
            f'expected the layout of KITTI in {root}, but '
            f'{", ".join(missing)} is not there (ImageSets/*.txt list frame '
            'numbers, one a line; test.txt may be empty)')
    for split in ('train', 'val', 'test'):
        _check_frames(root, split, files)


def _check_frames(root, split, files):
    frame_list = root / 'ImageSets' / f'{split}.txt'
    frames = frame_list.read_text().splitlines()
    if split == 'test':
        half = root / 'testing'
        files = {k: files[k] for k in ('image_2', 'velodyne', 'calib')}
    elif frames:
        half = root / 'training'
    else:
        raise ValueError(f'expected frame numbers in {frame_list}, one a '
                         'line, but it is empty')
    odd = [frame for frame in frames if not frame.strip().isdecimal()]
    if odd:
        raise ValueError(f'expected one frame number in each line of '
                         f'{frame_list}, found {odd[:5]}')
    for folder, end in files.items():
        lost = [
            frame for frame in frames
            if not (half / folder / f'{int(frame):06d}{end}').is_file()
        ]
        if lost:
            raise FileNotFoundError(
                f'{half / folder} lacks {len(lost)} of the {len(frames)} '
                f'frames of {frame_list}, first {lost[:5]}; complete the '
                'download or shorten the list')


def convert_kitti(root, out_dir=None, prefix='kitti', with_plane=False):
    """Info files, reduced point clouds and ground-truth database of KITTI.

    The clouds and the objects' points of the database stay below ``root``,
    where the host looks for them.

    Args:
        root (str): Data set in KITTI's own layout.
        out_dir (str, optional): Folder of the info files and of the
            database's. Defaults to root.
        prefix (str): Begin of the files' names. Defaults to 'kitti'.
        with_plane (bool): Whether to read ground planes
            (``training/planes``), which KITTI's own download does not hold.
            Defaults to False.

    Returns:
        list[str]: Paths of the info files, one a split that has frames,
        and of the database's.

    Raises:
        FileNotFoundError: If a part of KITTI's layout is missing, or a file
            of a frame.
        ValueError: If the training or the validation split is empty, or a
            line of one is no frame number.
    """
    root = Path(root)
    out_dir = Path(out_dir or root)
    _check_kitti(root, with_plane)
    kitti = _converter('kitti_converter')
    update = _converter('update_infos_to_v2')
    with _work_folders(out_dir) as (first, second):
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
        names.append(_database('KittiDataset', root, second, prefix,
                               second / names[0]))
        return _finish(second, out_dir, names)


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


def _known_only(path, folder):
    """A copy of an info file, in folder, without boxes of ignored classes.

    The host's database would call them all by the last name of its classes,
    'barrier', because their label is -1.
    """
    infos = mmengine.load(path)
    for info in infos['data_list']:
        info['instances'] = [
            box for box in info['instances'] if box['bbox_label_3d'] != -1
        ]
    mmengine.dump(infos, folder / path.name)
    return folder / path.name


def _database(dataset_type, root, folder, prefix, infos):
    """Ground-truth database of an info file, for ``ObjectSample``.

    Its own file comes to lie in ``folder``; the points of its objects in
    ``root/PREFIX_gt_database``.
    """
    register_all_modules(init_default_scope=True)
    name = f'{prefix}_dbinfos_train.pkl'
    _converter('create_gt_database').create_groundtruth_database(
        dataset_type,
        str(root),
        prefix,
        str(infos),
        db_info_save_path=str(folder / name))
    return name


def _check_nuscenes(root, version, max_sweeps):
    if version not in NUSCENES_SPLITS:
        raise ValueError(f'version must be one of {list(NUSCENES_SPLITS)}, '
                         f'but is {version!r}')
    if max_sweeps < 0:
        raise ValueError(f'max_sweeps must be 0 or more, but is {max_sweeps}')
    missing = [
        part for part in (f'{version}/sample.json', 'maps',
                          'samples/LIDAR_TOP') if not (root / part).exists()
    ]
    if missing:
        raise FileNotFoundError(
            f'expected the layout of nuScenes in {root}, but '
            f'{", ".join(missing)} is not there; name the root and the '
            'version of your download')


def convert_nuscenes(root,
                     version='v1.0-trainval',
                     out_dir=None,
                     prefix='nuscenes',
                     max_sweeps=10):
    """Info files and ground-truth database of nuScenes.

    The objects' points of the database stay below ``root``, where the host
    looks for them.

    Args:
        root (str): Data set in nuScenes' own layout.
        version (str): Folder of its tables: 'v1.0-trainval', 'v1.0-mini'
            or 'v1.0-test'. Defaults to 'v1.0-trainval'.
        out_dir (str, optional): Folder of the info files and of the
            database's. Defaults to root.
        prefix (str): Begin of the files' names. Defaults to 'nuscenes'.
        max_sweeps (int): Earlier lidar sweeps a sample, >= 0.
            Defaults to 10.

    Returns:
        list[str]: Paths of the info files, one a split, and of the
        database's, which 'v1.0-test' has not.

    Raises:
        FileNotFoundError: If a part of the layout or a lidar file is
            missing.
        ValueError: If there is no such version, ``max_sweeps`` is negative
            or a split has no samples.
    """
    root = Path(root)
    out_dir = Path(out_dir or root)
    _check_nuscenes(root, version, max_sweeps)
    converter = _converter('nuscenes_converter')
    update = _converter('update_infos_to_v2')
    nuscenes = update.NuScenes
    names = [
        f'{prefix}_infos_{split}.pkl' for split in NUSCENES_SPLITS[version]
    ]
    with _work_folders(out_dir) as (first, second):
        # an absolute prefix leads the host's converter out of root
        converter.create_nuscenes_infos(
            str(root),
            str(first / prefix),
            version=version,
            max_sweeps=max_sweeps)
        tables = nuscenes(version, str(root), verbose=False)
        # the host's update looks for the tables in ./data/nuscenes alone
        update.NuScenes = lambda **kwargs: tables
        try:
            for name in names:
                _mend_sweeps(first / name, tables)
                update.update_nuscenes_infos(str(first / name), str(second))
        finally:
            update.NuScenes = nuscenes
        if version != 'v1.0-test':
            known = _known_only(second / names[0], first)
            names.append(
                _database('NuScenesDataset', root, second, prefix, known))
        return _finish(second, out_dir, names)


def _mend_sweeps(path, tables):
    """Let an info file name its sweeps as the tables do.

    The host's converter writes paths with root in them, and its data set
    takes a sweep for a key frame where it reads 'samples' in the path.

    Raises:
        ValueError: If there are no samples, at which the host's update
            would stop.
    """
    infos = mmengine.load(path)
    if not infos['infos']:
        raise ValueError(
            f'no sample of {tables.table_root} is for {path.name}; expected '
            'scenes of that split, named as in nuscenes.utils.splits')
    for info in infos['infos']:
        for sweep in info['sweeps']:
            sweep['data_path'] = tables.get(
                'sample_data', sweep['sample_data_token'])['filename']
    mmengine.dump(infos, path)
