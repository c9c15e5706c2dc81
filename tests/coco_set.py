"""A made-up set in COCO's layout: bright squares on a grey street."""
import json

import numpy as np
from PIL import Image

CLASSES = ('car', 'person')
SIZE = (96, 64)  # width, height


def make_coco(root, n=8, seed=0):
    """Images ``train2017/`` and ``annotations/instances_train2017.json``.

    Image ids are 7, 17, 27, ..., and the file lists them backwards. The last
    image has no object, the one before a crowd only.

    Returns:
        dict: The content of the file.
    """
    rng = np.random.default_rng(seed)
    (root / 'train2017').mkdir(parents=True)
    (root / 'annotations').mkdir()
    images, annotations = [], []
    for i in range(n):
        pixels = rng.integers(90, 110, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
        name = f'{i:012d}.png'
        if i < n - 1:
            x, y = (int(v) for v in rng.integers(0, 32, 2))
            w, h = (int(v) for v in rng.integers(20, 32, 2))
            pixels[y:y + h, x:x + w] = (230, 40, 40) if i % 2 else (40, 40,
                                                                    230)
            annotations.append(dict(
                id=len(annotations) + 1, image_id=10 * i + 7,
                category_id=3 + i % 2, bbox=[x, y, w, h], area=w * h,
                iscrowd=int(i == n - 2), segmentation=[]))
        Image.fromarray(pixels).save(root / 'train2017' / name)
        images.append(dict(id=10 * i + 7, file_name=name, width=SIZE[0],
                           height=SIZE[1]))
    data = dict(
        images=images[::-1], annotations=annotations,
        categories=[dict(id=3 + i, name=c) for i, c in enumerate(CLASSES)])
    (root / 'annotations/instances_train2017.json').write_text(
        json.dumps(data))
    return data


def coco_dataset(root, **more):
    """The config of its training set."""
    return dict(
        dict(type='CocoDataset', data_root=f'{root}/',
             ann_file='annotations/instances_train2017.json',
             data_prefix=dict(img='train2017/'),
             metainfo=dict(classes=CLASSES),
             filter_cfg=dict(filter_empty_gt=True, min_size=32)), **more)
