"""Where the images of MMDetection3D's samples lie.

An info file has only the names of the images. Their folders stand in the
dataset's ``data_prefix``, but only in configs that use cameras; those that
read points alone leave them out, and there the standard layouts help.
"""
import os
import os.path as osp
from collections.abc import Iterable, Sequence
from pathlib import Path

from ...messages import counted, first_five

# relative to data_root, in the order in which they are tried
STANDARD_FOLDERS = {
    # KITTI
    'CAM0': ('training/image_0', 'image'),  # the second: SUN RGB-D
    'CAM1': ('training/image_1', ),
    'CAM2': ('training/image_2', ),
    'CAM3': ('training/image_3', ),
    # Waymo in the host's KITTI-like layout; nuScenes shares the names
    'CAM_FRONT': ('samples/CAM_FRONT', 'training/image_0'),
    'CAM_FRONT_LEFT': ('samples/CAM_FRONT_LEFT', 'training/image_1'),
    'CAM_FRONT_RIGHT': ('samples/CAM_FRONT_RIGHT', 'training/image_2'),
    'CAM_SIDE_LEFT': ('training/image_3', ),
    'CAM_SIDE_RIGHT': ('training/image_4', ),
}
# Lyft, and whatever is named after its camera
ANY_CAMERA = ('samples/{}', 'v1.01-train/images', '{}',
              'sunrgbd_trainval/image')
_LOOK_AT = 20  # samples, of which some may be damaged


def image_paths(infos, data_root, data_prefix=None,
                ann_file='the info file'):
    """The image paths of every sample.

    Args:
        infos (list[dict]): Entries of an info file's ``data_list``.
        data_root (str): The dataset's; '' for none.
        data_prefix (dict, optional): The dataset's: ``data_prefix[camera]``
            or ``data_prefix['img']``, relative to ``data_root``, as the host
            reads it.
        ann_file (str): Of the infos, for errors.

    Returns:
        tuple[list[tuple[str, ...]], list[tuple[str, ...]], list[str]]: For
        each sample one path for every camera that has an image, cameras
        sorted by name; these names; and notes on folders that were taken
        from the standard layouts.

    Raises:
        ValueError: If samples have no image at all; counted, five named.
        FileNotFoundError: If no known folder has the images of a camera.
    """
    files = [_named_images(info) for info in infos]
    bare = [row for row, named in enumerate(files) if not named]
    if bare:
        raise ValueError(
            f'{len(bare)} of {len(infos)} samples of {ann_file} have no '
            f"img_path in 'images': rows {first_five(bare)}; likelihoods are "
            'made from camera images: give a folder of images with --images, '
            'your own embeddings with --embeddings, or look at points with '
            '--objects --object-features points')
    folders, elsewhere = {}, {}
    for camera in sorted({c for named in files for c in named}):
        some = [named[camera] for named in files if camera in named]
        folder, as_told = _folder(camera, some[:_LOOK_AT], data_root,
                                  data_prefix or {})
        folders[camera] = folder
        if not as_told:
            elsewhere[camera] = folder
    notes = []
    if elsewhere:
        notes = ["images were found where the config's data_prefix does not "
                 'say: ' + ', '.join(f'{c} in {f}'
                                     for c, f in elsewhere.items())]
    return [
        tuple(osp.join(folders[c], named[c]) for c in sorted(named))
        for named in files
    ], [tuple(sorted(named)) for named in files], notes


def _named_images(info):
    cameras = info.get('images')
    if not isinstance(cameras, dict):
        return {}
    return {
        camera: image['img_path']
        for camera, image in cameras.items()
        if isinstance(image, dict) and image.get('img_path')
    }


def _folder(camera, files, data_root, prefix):
    asked = prefix.get(camera, prefix.get('img', ''))
    tried = [asked, *STANDARD_FOLDERS.get(camera, ())]
    tried += [folder.format(camera) for folder in ANY_CAMERA] + ['']
    tried = list(dict.fromkeys(osp.join(data_root, t) for t in tried))
    for folder in tried:
        if any(osp.isfile(osp.join(folder, f)) for f in files):
            return folder, folder == osp.join(data_root, asked)
    raise FileNotFoundError(
        f'no images of {camera}, such as {files[0]!r}, were found in '
        f'{", ".join(t or "." for t in tried)} (looked from {Path.cwd()}); '
        f'correct data_root, or set data_prefix.{camera} of the dataset in '
        'the config')


def outside_notes(images: Iterable[Sequence[str]],
                  root: str | Path) -> list[str]:
    """Say which images do not lie where their data set does.

    An info file may name any file of this machine, by an absolute path, by
    ``..`` or by a link, and a page may go to others.

    Args:
        images (Iterable[Sequence[str]]): Paths of the images of each sample.
        root (str | Path): Folder of the data set.

    Returns:
        list[str]: One note, or none where all lie in the folder.
    """
    real = osp.join(osp.realpath(root), '')
    inside: dict[str, bool] = {}  # far fewer folders than images
    found = []
    for path in (path for paths in images for path in paths):
        folder = osp.dirname(path)
        if folder not in inside:
            inside[folder] = osp.join(osp.realpath(folder),
                                      '').startswith(real)
        if not inside[folder] or (osp.islink(path) and not osp.realpath(
                path).startswith(real)):
            found.append(path)
    if not found:
        return []
    return [counted(len(found), 'image lies', 'images lie') + ' outside of '
            f'{os.fspath(root)!r}, by an absolute path, .. or a link: '
            f'{first_five(found)}']
