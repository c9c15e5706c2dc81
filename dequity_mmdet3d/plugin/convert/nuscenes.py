"""Info files and ground-truth database of nuScenes."""
from pathlib import Path

import mmengine

from .host import converter, database, finish, work_folders

SPLITS = {
    'v1.0-trainval': ('train', 'val'),
    'v1.0-mini': ('train', 'val'),
    'v1.0-test': ('test', )
}


def _check_nuscenes(root, version, max_sweeps):
    if version not in SPLITS:
        raise ValueError(f'version must be one of {list(SPLITS)}, '
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
    converters = converter('nuscenes_converter')
    update = converter('update_infos_to_v2')
    nuscenes = update.NuScenes
    names = [
        f'{prefix}_infos_{split}.pkl' for split in SPLITS[version]
    ]
    with work_folders(out_dir) as (first, second):
        # an absolute prefix leads the host's converter out of root
        converters.create_nuscenes_infos(
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
                database('NuScenesDataset', root, second, prefix, known))
        return finish(second, out_dir, names)


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
