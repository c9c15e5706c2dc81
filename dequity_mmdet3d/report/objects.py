"""The rarest objects of each class, with their crops.

Shape letters: N objects of the table.
"""
import math
from dataclasses import dataclass

import numpy as np

from dequity_mmdet3d.columns import neutral_of
from dequity_mmdet3d.likelihood.encoding.images import ImageError, load_rgb

from .thumbnails import encoded, thumbnail

MAX_CLASSES, MAX_OBJECTS = 24, 8
BOX = (160, 120)  # of a crop on the page, in pixels
_MARGIN = 0.5  # of the box's sides, around it
_LEAST = 4  # pixels of a side, below which there is nothing to see


@dataclass(frozen=True)
class RareObject:
    """One object.

    Args:
        sample (str): Id of its sample.
        index (int): Its place among the sample's instances.
        likelihood (float): In (0, 1].
        image (str): WebP in base64; '' where there is none.
        whole (bool): Whether that is all of the sample's image, as the
            object's box is not known.
    """
    sample: str
    index: int
    likelihood: float
    image: str
    whole: bool


@dataclass(frozen=True)
class ObjectClass:
    """The objects of a class.

    Args:
        name (str): Of the class.
        count (int): Objects of it.
        neutral (int): Those of which nothing could be seen.
        clusters (int): That they are in.
        rarest (list[RareObject]): The rarest first, no neutral ones.
    """
    name: str
    count: int
    neutral: int
    clusters: int
    rarest: list[RareObject]


def rarest_objects(objects, images, place):
    """What the page shows of an object table.

    Args:
        objects (ObjectTable): N objects.
        images (dict[str, str]): A file by sample id.
        place (Callable): From a sample's id and the place among its
            instances to where the object is seen, see
            :class:`.objects.seen.Seen`; None where that is not known.

    Returns:
        tuple[list[ObjectClass], int]: Of the classes with the most objects,
        ``MAX_CLASSES`` at most, and how many classes more there are.
    """
    neutral = neutral_of(objects)
    names = list(objects.classes)
    found = []
    for name in names[:MAX_CLASSES]:
        own = objects.class_name == name
        rows = np.flatnonzero(own & ~neutral)
        rows = rows[np.argsort(objects.likelihood[rows], kind='stable')]
        clusters = objects.cluster_id[own]
        found.append(ObjectClass(
            name, int(own.sum()), int((own & neutral).sum()),
            len(np.unique(clusters[clusters >= 0])),
            [_shown(objects, row, images, place)
             for row in rows[:MAX_OBJECTS]]))
    return found, len(names) - len(found)


def _shown(objects, row, images, place):
    sample, index = objects.sample_id[row], int(objects.object_index[row])
    seen, image = place(sample, index), ''
    if seen is not None:
        image = crop(seen.path, seen.box)
    elif sample in images:
        image = thumbnail(images[sample], BOX)
    return RareObject(sample, index, float(objects.likelihood[row]), image,
                      seen is None)


def crop(path, box):
    """An object with what is around it, its box drawn.

    Args:
        path (str): Image file.
        box (tuple[float, float, float, float]): x1, y1, x2, y2 in pixels;
            what lies outside the image is cut off.

    Returns:
        str: A WebP file in base64, or '' if the image cannot be used or the
        box lies outside.
    """
    from PIL import ImageDraw
    try:
        image = load_rgb(path)
    except ImageError:
        return ''
    width, height = image.size
    x1, y1 = max(box[0], 0), max(box[1], 0)
    x2, y2 = min(box[2], width), min(box[3], height)
    if x2 - x1 < 1 or y2 - y1 < 1:
        return ''
    dx, dy = (max(_MARGIN * side, _LEAST) for side in (x2 - x1, y2 - y1))
    left, top = int(max(x1 - dx, 0)), int(max(y1 - dy, 0))
    image = image.crop((left, top, math.ceil(min(x2 + dx, width)),
                        math.ceil(min(y2 + dy, height))))
    scale = min(BOX[0] / image.width, BOX[1] / image.height)
    image = image.resize([max(1, round(side * scale))
                          for side in image.size])
    ImageDraw.Draw(image).rectangle(
        [(v - start) * scale for v, start in zip(
            (x1, y1, x2, y2), (left, top, left, top))],
        outline=(255, 176, 0), width=2)
    return encoded(image)
