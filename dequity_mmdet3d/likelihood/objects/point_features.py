"""What an object is to a lidar, in a few numbers and without a network.

Shape letters: N objects of one class.
"""
import numpy as np

NAMES = ('log points', 'log distance', 'log length', 'log width',
         'log height', 'occlusion')
LARGEST = 4.0  # deviations; a box of a wrong size is not all there is to see


def raw_features(instance):
    """The numbers of an object.

    Args:
        instance (dict): Of an info file: ``bbox_3d``, ``num_lidar_pts`` and
            perhaps ``occluded``.

    Returns:
        list[float]: By ``NAMES``: logarithms of 1 + number of points, of
        1 + distance in m and of the sides in m, and the occlusion, 0 where
        it is not told. None where box or number is missing.
    """
    box, points = instance.get('bbox_3d'), instance.get('num_lidar_pts')
    try:
        box = np.asarray(box, dtype=np.float64)[:6]
        points = float(points)
        occluded = float(instance.get('occluded') or 0)
    except (TypeError, ValueError, IndexError):
        return None
    if box.shape != (6, ) or not np.isfinite([*box, points, occluded]).all(
            ) or points < 0 or (box[3:] <= 0).any():
        return None
    return [float(np.log1p(points)),
            float(np.log1p(np.linalg.norm(box[:3]))),
            *np.log(box[3:]).tolist(), occluded]


def standard_of(features):
    """Mean and deviation within a class.

    Args:
        features (np.ndarray): (N, 6) float64, see :func:`raw_features`.

    Returns:
        tuple[np.ndarray, np.ndarray]: (6,) float64 each; a deviation is 1
        where all objects are alike.
    """
    deviation = features.std(axis=0)
    return features.mean(axis=0), np.where(deviation > 1e-9, deviation, 1.0)


def directions(features, mean, deviation):
    """Standardised numbers as directions, which is what is compared.

    Args:
        features (np.ndarray): (N, 6) float64.
        mean, deviation (np.ndarray): (6,) of the training set's class.

    Returns:
        np.ndarray: (N, 7) float32: the six, at most ``LARGEST``, and a
        constant of twice the root of six beside them, so that different
        numbers have different directions, and near ones are as far apart as
        they differ.
    """
    z = np.clip((features - mean) / deviation, -LARGEST, LARGEST)
    rest = np.full((len(z), 1), 2 * np.sqrt(z.shape[1]))
    return np.hstack([z, rest]).astype(np.float32)


def check_standard(found, classes):
    """Means and deviations that a file told.

    Args:
        found (object): By class, two lists of six numbers.
        classes (Sequence[str]): That it must have.

    Returns:
        dict[str, list]: The same.

    Raises:
        ValueError: If it is something else.
    """
    if not isinstance(found, dict) or not all(
            _is_standard(found.get(name)) for name in classes):
        raise ValueError("its 'standard' must have mean and deviation of "
                         f'{len(NAMES)} numbers for each class')
    return found


def _is_standard(pair):
    try:
        mean, deviation = np.array(pair, dtype=np.float64)
    except (TypeError, ValueError):
        return False
    return (mean.shape == deviation.shape == (len(NAMES), )
            and np.isfinite([mean, deviation]).all()
            and (deviation > 0).all())
