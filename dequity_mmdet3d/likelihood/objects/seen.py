"""Where the annotated objects of a config's samples are seen."""
from dataclasses import dataclass
from functools import lru_cache

from ...sample_ids import sample_id_of
from ..encoding.images import image_size
from ..samples.host_config import (
    bases_of_split,
    points_folder,
    training_infos,
)
from ..samples.image_folders import image_paths
from ..samples.instances import ClassNames
from .boxes import area, clipped, corners_of, lidar2img_of, project

NO_BOX, OUTSIDE = 'without a box', 'outside the images'


@dataclass(frozen=True)
class Scene:
    """A sample with its objects.

    Args:
        sample_id (str): Of the sample.
        instances (list[dict]): Of the info file.
        views (list[tuple[str, dict]]): Image and what the info file says of
            its camera.
        classes (ClassNames): Of its data set.
        dataset (str, optional): Name of its data set.
    """
    sample_id: str
    instances: list
    views: list
    classes: ClassNames
    dataset: str | None


def scenes_of(path, cfg_options=None, split='train', images=True):
    """Every sample of a config once, with its objects.

    Args:
        path, cfg_options, split, images: See
            :func:`.host_config.samples_from_config`, and its errors.

    Yields:
        Scene: In the order of the info files.
    """
    known = set()
    for base in bases_of_split(path, cfg_options, split)[0]:
        infos, metainfo, ann_file = training_infos(base, path)
        files = names = [()] * len(infos)
        if images:
            files, names, _ = image_paths(
                infos, base.get('data_root') or '', base.get('data_prefix'),
                ann_file)
        classes, folder = ClassNames(metainfo, base), points_folder(base)
        for info, paths, cameras in zip(infos, files, names):
            name = sample_id_of(info, folder)
            if name not in known:
                known.add(name)
                yield Scene(
                    name, list(info.get('instances') or ()),
                    [(p, info['images'][c]) for p, c in zip(paths, cameras)],
                    classes, metainfo.get('dataset'))


@dataclass(frozen=True)
class Seen:
    """An object in an image.

    Args:
        path (str): Of the image.
        box (tuple[float, float, float, float]): x1, y1, x2, y2 in pixels,
            inside it.
        part (float): Share of the projected box that is, in (0, 1]; 1 for
            a box that was annotated in the image.
    """
    path: str
    box: tuple
    part: float = 1.0


def seen_box(instance, scene):
    """Where an object is seen.

    Args:
        instance (dict): Of the scene.
        scene (Scene): By its images.

    Returns:
        tuple[Seen | None, str | None]: By ``bbox`` where the sample has one
        image, else by the projection of ``bbox_3d`` into that in which it
        is largest; or None, and why.
    """
    told = numbers(instance.get('bbox'), 4)
    if told and told[0] < told[2] and told[1] < told[3] and (
            len(scene.views) == 1):
        path, image = scene.views[0]
        box = clipped(told, _size(path, image))
        return (None, OUTSIDE) if box is None else (Seen(path, box), None)
    solid = numbers(instance.get('bbox_3d'), 7)
    # KITTI's boxes in space are the camera's
    if not solid or min(solid[3:6]) <= 0 or scene.dataset == 'kitti':
        return None, NO_BOX
    corners, best = corners_of(solid, bottom=scene.dataset == 'waymo'), None
    for path, image in scene.views:
        matrix = lidar2img_of(image)
        whole = None if matrix is None else project(corners, matrix)
        box = whole and clipped(whole, _size(path, image))
        if box and (best is None or area(box) > area(best.box)):
            best = Seen(path, box, area(box) / area(whole))
    return (None, OUTSIDE) if best is None else (best, None)


def numbers(values, least):
    """list[float]: None unless there are enough, all of them finite."""
    try:
        found = [float(v) for v in values]
    except (TypeError, ValueError):
        return None
    good = len(found) >= least and all(abs(v) < 1e9 for v in found)
    return found if good else None


def _size(path, image):
    """Width and height of an image, as told or as its file says."""
    told = numbers([image.get('width'), image.get('height')], 2)
    return told if told and min(told) > 0 else _size_of_file(path)


@lru_cache(maxsize=64)  # the objects of a sample follow one another
def _size_of_file(path):
    # what cannot be read is said when it is encoded
    return image_size(path) or (1e9, 1e9)
