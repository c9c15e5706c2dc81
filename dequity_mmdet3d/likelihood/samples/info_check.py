"""Is what an info file says of the kind that is read from it?"""
from ...json_files import is_of
from ...messages import counted, first_five

_INT = 2**63  # beyond it no number counts or names anything


def check_infos(infos, metainfo):
    """Check the fields that are read, where they are there.

    Args:
        infos (list[dict]): Entries of ``data_list``.
        metainfo (dict): With them.

    Raises:
        ValueError: If one is of another type; the field is named, entries
            are counted and five of them named.
    """
    named = metainfo.get('dataset')
    if not isinstance(named, (str, type(None))):
        raise ValueError('its metainfo.dataset must be a name, but is '
                         f'{type(named).__name__}')
    categories = metainfo.get('categories')
    if categories is not None and not (isinstance(categories, dict) and all(
            isinstance(k, str) and _is_int(v)
            for k, v in categories.items())):
        raise ValueError('its metainfo.categories must be numbers by name')
    for field, fits in _RULES.items():
        bad = [row for row, info in enumerate(infos) if not fits(info)]
        if bad:
            raise ValueError(
                f'{counted(len(bad), "entry has", "entries have")} another '
                f'{field} in its data_list than MMDetection3D writes: rows '
                f'{first_five(bad)}')


def _is_int(value):
    try:
        return not isinstance(value, (bool, str)) and (
            int(value) == value and abs(value) < _INT)
    except (TypeError, ValueError, OverflowError):
        return False


def _is_name(value):
    return value is None or isinstance(value, str) or _is_int(value)


def _path(value, key):
    return value is None or isinstance(value, dict) and isinstance(
        value.get(key), (str, type(None)))


def _images(info):
    images = info.get('images')
    return not isinstance(images, dict) or all(
        isinstance(camera, str) and (
            not isinstance(image, dict) or _path(image, 'img_path'))
        for camera, image in images.items())


def _instances(info):
    instances = info.get('instances')
    return instances is None or isinstance(instances, (list, tuple)) and all(
        isinstance(i, dict) and all(_is_int(i.get(key, -1)) for key in (
            'bbox_label_3d', 'bbox_label')) for i in instances)


def _size(info):
    return all(is_of(info.get(key), (int, float, type(None)))
               for key in ('width', 'height'))


def _ids(info):
    return all(_is_name(info.get(key)) for key in (
        'token', 'sample_idx', 'sample_id', 'img_id'))


_RULES = {
    'id (token, sample_idx, sample_id or img_id)': _ids,
    'images with img_path': _images,
    'lidar_points.lidar_path': lambda info: not isinstance(info.get(
        'lidar_points'), dict) or _path(info['lidar_points'], 'lidar_path'),
    'instances with bbox_label_3d': _instances,
    'width or height': _size,
}
