"""The annotated objects of a config's training set, and where they are seen.

Shape letters: M objects.
"""
from collections import Counter
from dataclasses import dataclass, field

from PIL import Image

from ...sample_ids import sample_id_of
from ..encoding.crops import Crop
from ..samples import host_config
from ..samples.image_folders import image_paths
from .boxes import (
    area,
    clipped,
    corners_of,
    lidar2img_of,
    project,
    widened,
)
from .point_features import raw_features

# KITTI: 2 is largely occluded, 3 unknown; nuScenes: '1' is 0 to 40 % visible
OCCLUDED, TRUNCATED, VISIBILITY = 2, 0.5, '1'
HIDDEN, SMALL = 'occluded or truncated', 'too small'
NO_BOX, OUTSIDE = 'without a box', 'outside the images'


@dataclass(frozen=True)
class Objects:
    """What there is to look at.

    Args:
        sample (list[str]): (M,) ids of their samples.
        index (list[int]): (M,) their places among the sample's instances.
        classes (list[str]): (M,) names.
        looks (list): (M,) a :class:`.Crop`, or numbers by
            :mod:`.point_features`; None for what is not looked at.
        unused (Counter): Why objects are not looked at, by class and reason.
        left_out (Counter): Annotations that are no objects here, by reason.
    """
    sample: list = field(default_factory=list)
    index: list = field(default_factory=list)
    classes: list = field(default_factory=list)
    looks: list = field(default_factory=list)
    unused: Counter = field(default_factory=Counter)
    left_out: Counter = field(default_factory=Counter)

    def lines(self):
        """list[str]: What is not looked at, and why."""
        out = [f'{n} objects of {name} are not looked at: {why}; their rows '
               'are neutral' for (name, why), n in self.unused.items()]
        return out + [f'{n} annotations are left out: {why}'
                      for why, n in self.left_out.items()]


def objects_from_config(path, cfg_options=None, split='train', points=False,
                        margin=0.1, min_size=16.0):
    """The objects of a config's data set.

    Args:
        path, cfg_options, split: See
            :func:`.host_config.samples_from_config`, and its errors.
        points (bool): Look at numbers, not at images.
        margin (float): See :func:`.boxes.widened`.
        min_size (float): In pixels, of each side of the box in the image.

    Returns:
        Objects: Of the classes that the config trains.

    Raises:
        ValueError: If there is no object.
    """
    found, known, sizes = Objects(), set(), {}
    for base in host_config._bases_of_split(path, cfg_options, split)[0]:
        infos, metainfo, _ = host_config._training_infos(base, path)
        names = [()] * len(infos)
        files = names
        if not points:
            files, names, _ = image_paths(
                infos, base.get('data_root') or '', base.get('data_prefix'))
        trained = (base.get('metainfo') or {}).get('classes')
        of = {label: name for name, label in (
            metainfo.get('categories') or {}).items()}
        folder = host_config._points_folder(base)
        for info, paths, cameras in zip(infos, files, names):
            name = sample_id_of(info, folder)
            if name in known:
                continue
            known.add(name)
            views = [(p, info['images'][c]) for p, c in zip(paths, cameras)]
            for i, instance in enumerate(info.get('instances') or ()):
                label = instance.get('bbox_label_3d',
                                     instance.get('bbox_label', -1))
                kind = of.get(label) if label >= 0 else None
                if kind is None or trained and kind not in trained:
                    found.left_out['to be ignored' if kind is None else
                                   'of classes that are not trained'] += 1
                    continue
                if points:
                    look = raw_features(instance)
                    why = NO_BOX if look is None else None
                else:
                    look, why = _look(instance, views, sizes, margin,
                                      min_size, metainfo.get('dataset'))
                if why is not None:
                    look = None
                    found.unused[kind, why] += 1
                found.sample.append(name)
                found.index.append(i)
                found.classes.append(kind)
                found.looks.append(look)
    if not found.sample:
        raise ValueError(f'{path}: no sample has an annotated object of a '
                         'trained class; leave out --objects')
    return found


def _look(instance, views, sizes, margin, min_size, dataset):
    """A crop, or None and the reason."""
    box, path, part = None, None, 1.0
    told = _numbers(instance.get('bbox'), 4)
    if told and told[0] < told[2] and told[1] < told[3] and len(views) == 1:
        path, image = views[0]
        box = clipped(told, _size(path, image, sizes))
    else:
        # KITTI's boxes in space are the camera's
        solid = _numbers(instance.get('bbox_3d'), 7)
        if not solid or min(solid[3:6]) <= 0 or dataset == 'kitti':
            return None, NO_BOX
        corners = corners_of(solid, bottom=dataset == 'waymo')
        for p, image in views:
            matrix = lidar2img_of(image)
            seen = None if matrix is None else project(corners, matrix)
            inside = seen and clipped(seen, _size(p, image, sizes))
            if inside and (box is None or area(inside) > area(box)):
                box, path, part = inside, p, area(inside) / area(seen)
    if box is None:
        return None, OUTSIDE
    if part < 1 - TRUNCATED or _hidden(instance):
        return None, HIDDEN
    if min(box[2] - box[0], box[3] - box[1]) < min_size:
        return None, SMALL
    return Crop(path, widened(box, margin)), None


def _hidden(instance):
    occluded, truncated = (_numbers([instance.get(k)], 1) or [0]
                           for k in ('occluded', 'truncated'))
    visible = str(instance.get('visibility', '')).removeprefix('v0-')
    return (occluded[0] >= OCCLUDED or truncated[0] > TRUNCATED
            or visible in (VISIBILITY, '40')
            or instance.get('bbox_3d_isvalid') is False)


def _numbers(values, least):
    """list[float]: None unless there are enough, all of them finite."""
    try:
        found = [float(v) for v in values]
    except (TypeError, ValueError):
        return None
    good = len(found) >= least and all(abs(v) < 1e9 for v in found)
    return found if good else None


def _size(path, image, sizes):
    """Width and height of an image, as told or of its first file's camera."""
    if image.get('width') and image.get('height'):
        return image['width'], image['height']
    if path not in sizes:
        try:
            with Image.open(path) as file:
                sizes[path] = file.size
        except OSError:  # said when it is encoded
            return 1e9, 1e9
    return sizes[path]
