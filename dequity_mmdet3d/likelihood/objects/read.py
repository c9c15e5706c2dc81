"""The annotated objects of a config's training set, and where they are seen.

Shape letters: M objects.
"""
from collections import Counter
from dataclasses import dataclass, field

from ...messages import counted
from ..encoding.crops import Crop
from ..samples.instances import is_ignored
from .boxes import widened
from .point_features import raw_features
from .seen import numbers, scenes_of, seen_box

# KITTI: 2 is largely occluded, 3 unknown; nuScenes: '1' is 0 to 40 % visible
OCCLUDED, TRUNCATED, VISIBILITY = 2, 0.5, '1'
HIDDEN, SMALL = 'occluded or truncated', 'too small'
NO_NUMBERS = 'without bbox_3d or num_lidar_pts'


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

    def lines(self) -> list[str]:
        """list[str]: What is not looked at, and why."""
        out = [f'{counted(n, "object")} of class {name} not looked at: {why}'
               for (name, why), n in sorted(self.unused.items())]
        return out + [f'{counted(n, "annotation")} left out: {why}'
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
    found = Objects()
    for scene in scenes_of(path, cfg_options, split, not points):
        for i, instance in enumerate(scene.instances):
            name = scene.classes.of(instance)
            if name is None:
                found.left_out['to be ignored' if is_ignored(instance) else
                               'of classes that are not trained'] += 1
                continue
            if points:
                look = raw_features(instance)
                why = NO_NUMBERS if look is None else None
            else:
                look, why = _crop(instance, scene, margin, min_size)
            if why is not None:
                found.unused[name, why] += 1
            found.sample.append(scene.sample_id)
            found.index.append(i)
            found.classes.append(name)
            found.looks.append(look)
    if not found.sample:
        raise ValueError(
            f"{path}: no sample has an annotated object ('instances' of the "
            "info file, with labels that its metainfo's 'categories' name) of "
            'a trained class; leave out --objects')
    return found


def _crop(instance, scene, margin, min_size):
    """A crop, or None and the reason."""
    seen, why = seen_box(instance, scene)
    if seen is None:
        return None, why
    if seen.part < 1 - TRUNCATED or _hidden(instance):
        return None, HIDDEN
    x1, y1, x2, y2 = seen.box
    if min(x2 - x1, y2 - y1) < min_size:
        return None, SMALL
    return Crop(seen.path, widened(seen.box, margin)), None


def _hidden(instance):
    occluded, truncated = (numbers([instance.get(k)], 1) or [0]
                           for k in ('occluded', 'truncated'))
    visible = str(instance.get('visibility', '')).removeprefix('v0-')
    return (occluded[0] >= OCCLUDED or truncated[0] > TRUNCATED
            or visible in (VISIBILITY, '40')
            or not instance.get('bbox_3d_isvalid', True))
