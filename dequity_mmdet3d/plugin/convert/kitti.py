"""Info files and ground-truth database of KITTI."""
from pathlib import Path

import mmengine

from .host import converter, database, finish, work_folders

SPLITS = ('train', 'val', 'trainval', 'test')
FILES = dict(image_2='.png', velodyne='.bin', calib='.txt', label_2='.txt')


def _check_kitti(root, with_plane):
    """Find what is missing before the host does, which names no remedy."""
    files = dict(FILES, planes='.txt') if with_plane else FILES
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
    kitti = converter('kitti_converter')
    update = converter('update_infos_to_v2')
    with work_folders(out_dir) as (first, second):
        kitti.create_kitti_info_file(
            str(root), prefix, with_plane=with_plane, save_path=str(first))
        paths = {s: first / f'{prefix}_infos_{s}.pkl' for s in SPLITS}
        kitti.create_reduced_point_cloud(
            str(root), prefix, *(str(paths[s]) for s in
                                 ('train', 'val', 'test')))
        names = []
        for path in paths.values():
            if not mmengine.load(path):
                continue  # the host's update stops at an empty test split
            update.update_kitti_infos(str(path), str(second))
            name_ignored(second / path.name)
            names.append(path.name)
        names.append(database('KittiDataset', root, second, prefix,
                              second / names[0]))
        return finish(second, out_dir, names)


def name_ignored(path):
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
