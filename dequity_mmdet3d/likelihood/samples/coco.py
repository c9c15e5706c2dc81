"""COCO's instances files, of which MMDetection's 2D detectors are trained.

What ``mmdet.datasets.CocoDataset`` does with them is repeated here: which
images it trains on, and by what it names them.
"""
from ...messages import first_five

DATASET = 'coco'
CAMERA = 'img'  # the key of the images' folder in ``data_prefix``
_LISTS = ('images', 'annotations', 'categories')


def is_coco(data):
    """Whether the content of a JSON file is that of an instances file."""
    return (isinstance(data, dict) and 'images' in data
            and 'data_list' not in data)


def coco_infos(data, path):
    """The images of an instances file as info dicts.

    Args:
        data (dict): Its content: ``images`` with ``id`` and ``file_name``,
            ``annotations`` with ``image_id`` and ``category_id``, and
            ``categories`` with ``id`` and ``name``.
        path (str | Path): Of the file, for errors.

    Returns:
        tuple[list[dict], dict]: As of :func:`.info_file.read_info_file`, in
        the order of the file: ``img_id``, size, path, ``instances`` (label
        -1: to be ignored) and ``labels``, of all annotations.

    Raises:
        ValueError: If a list or an entry is missing or not of its kind, or
            an id stands for two images or two categories.
    """
    images, annotations, categories = (_entries(data, key, path)
                                       for key in _LISTS)
    _check(images, dict(id=(int, str), file_name=(str, )), 'images', path)
    _check(annotations, dict(image_id=(int, str), category_id=(int, str)),
           'annotations', path)
    _check(categories, dict(id=(int, str), name=(str, )), 'categories', path)
    for entries, key in ((images, 'images'), (categories, 'categories')):
        _check_unique([entry['id'] for entry in entries], key, path)
    label_of = {c['id']: label for label, c in enumerate(categories)}
    instances = {image['id']: [] for image in images}
    labels = {image['id']: set() for image in images}
    for a in annotations:
        # CocoDataset, too, passes over what is of no image or category
        if a['image_id'] in instances and a['category_id'] in label_of:
            label = label_of[a['category_id']]
            labels[a['image_id']].add(label)
            ignored = a.get('iscrowd') or a.get('ignore')
            instances[a['image_id']].append(
                dict(bbox_label=-1 if ignored else label,
                     bbox=_corners(a.get('bbox'))))
    infos = [
        dict(img_id=image['id'], width=image.get('width'),
             height=image.get('height'), instances=instances[image['id']],
             labels=labels[image['id']],
             images={CAMERA: dict(
                img_path=image['file_name'], width=image.get('width'),
                height=image.get('height'))})
        for image in images
    ]
    names = {c['name']: label_of[c['id']] for c in categories}
    return infos, dict(dataset=DATASET, categories=names)


def _corners(bbox):
    """x1, y1, x2, y2 out of x, y, width, height; as it is if it is else."""
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(
            isinstance(v, (int, float)) for v in bbox):
        return bbox
    x, y, width, height = bbox
    return [x, y, x + width, y + height]


def coco_trained(infos, metainfo, dataset):
    """The images that CocoDataset trains on: its ``filter_cfg``.

    Args:
        infos (list[dict]): Of :func:`coco_infos`, or of any info file, which
            stay as they are.
        metainfo (dict): With them.
        dataset (dict): The dataset's config.

    Returns:
        list[dict]: Those with annotations of a trained class, and as large
        as asked for.
    """
    rule = dataset.get('filter_cfg')
    if (metainfo.get('dataset') != DATASET or not rule
            or dataset.get('test_mode')
            or not all('labels' in info for info in infos)):
        return infos
    categories = metainfo['categories']
    classes = (dataset.get('metainfo') or {}).get('classes') or categories
    trained = {categories[name] for name in classes if name in categories}
    least = rule.get('min_size', 0)
    return [
        info for info in infos
        if (info['labels'] & trained or not rule.get('filter_empty_gt'))
        and min(info['width'] or least, info['height'] or least) >= least
    ]


def _entries(data, key, path):
    entries = data.get(key)
    if not isinstance(entries, list):
        raise ValueError(
            f'{path} must be an instances file of COCO, with the lists '
            f'{", ".join(_LISTS)}, but its {key} is '
            f'{"missing" if entries is None else type(entries).__name__}; '
            'correct ann_file')
    return entries


def _check(entries, kinds, key, path):
    """Raise ValueError where an entry lacks something; counted."""
    bad = [row for row, entry in enumerate(entries)
           if not isinstance(entry, dict) or not all(
               isinstance(entry.get(name), kind)
               and not isinstance(entry[name], bool)
               for name, kind in kinds.items())]
    if bad:
        raise ValueError(
            f'{path}: {len(bad)} of {len(entries)} {key} have no '
            f'{" or no ".join(kinds)}, or of another type: rows '
            f'{first_five(bad)}; mend the file')


def _check_unique(ids, key, path):
    seen, twice = set(), []
    for name in map(str, ids):
        if name in seen:
            twice.append(name)
        seen.add(name)
    if twice:
        raise ValueError(f'{path}: {len(twice)} {key} have the id of '
                         f'another: {first_five(twice)}; mend the file')
