"""Where the objects of data sets are looked at."""
import pickle

import numpy as np
import pytest
from PIL import Image

from dequity_mmdet3d.likelihood.encoding.images import image_size
from dequity_mmdet3d.likelihood.objects.read import objects_from_config
from dequity_mmdet3d.likelihood.objects.seen import Scene, seen_box
from tests.coco_set import coco_dataset, make_coco
from tests.likelihood.helpers import kitti_info, write_infos

pytest.importorskip('mmengine', reason='mmengine reads the config files')


def test_boxes_of_a_coco_file(tmp_path, write_config):
    data = make_coco(tmp_path)
    config = write_config(coco_dataset(tmp_path))
    objects = objects_from_config(config, margin=0)
    expected = {
        str(a['image_id']): (a['bbox'], a['category_id'])
        for a in data['annotations'] if not a['iscrowd']}
    assert sorted(objects.sample) == sorted(expected)
    for sample, kind, crop in zip(objects.sample, objects.classes,
                                  objects.looks):
        (x, y, w, h), category = expected[sample]
        assert crop.box == (x, y, x + w, y + h)
        assert kind == {3: 'car', 4: 'person'}[category]
        assert crop.file.endswith(f'{int(sample) // 10:012d}.png')
    assert objects.left_out == {'to be ignored': 1}


def test_boxes_of_a_nuscenes_frame(shared_data, write_config):
    """Each crop holds its object's centre, in the image that shows most."""
    root = shared_data / 'nuscenes'
    config = write_config(dict(
        type='NuScenesDataset', data_root=str(root),
        ann_file='nuscenes_infos_train.pkl'))
    objects = objects_from_config(config, margin=0, min_size=1)
    info = pickle.loads(
        (root / 'nuscenes_infos_train.pkl').read_bytes())['data_list'][0]
    known = [i for i, instance in enumerate(info['instances'])
             if instance['bbox_label_3d'] >= 0]
    assert objects.index == known
    assert objects.left_out == {'to be ignored': 69 - len(known)}
    lying = {}
    for about in info['images'].values():
        lying[about['img_path']] = (
            np.array(about['cam2img']) @ np.array(about['lidar2cam'])[:3])
    looked_at = 0
    for index, crop in zip(objects.index, objects.looks):
        centre = [*info['instances'][index]['bbox_3d'][:3], 1]
        inside = []
        for name, matrix in lying.items():
            u, v, depth = matrix @ centre
            if depth > 0 and 0 < u / depth < 1600 and 0 < v / depth < 900:
                inside.append((name, u / depth, v / depth))
        if crop is None:
            continue
        looked_at += 1
        here = [(u, v) for name, u, v in inside if crop.file.endswith(name)]
        x1, y1, x2, y2 = crop.box
        assert all(x1 < u < x2 and y1 < v < y2 for u, v in here)
        assert bool(here) == bool(inside)
    # the others have no lidar or radar point, as bbox_3d_isvalid says
    assert looked_at == sum(
        info['instances'][i]['bbox_3d_isvalid'] for i in known) > 50


def test_an_image_on_its_side(tmp_path, write_config):
    """Boxes are in pixels of the image as people see it."""
    path = tmp_path / 'training/image_2/000000.png'
    path.parent.mkdir(parents=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new('RGB', (40, 90)).save(path, exif=exif)
    assert image_size(path) == (90, 40)
    info = kitti_info(0)
    del info['images']['CAM2']['width']
    info['instances'] = [dict(bbox=[60, 5, 100, 39], bbox_label=0)]
    write_infos(tmp_path / 'i.pkl', [info], categories=dict(Car=0))
    config = write_config(dict(
        type='KittiDataset', data_root=str(tmp_path), ann_file='i.pkl'))
    crop, = objects_from_config(config, margin=0).looks
    assert crop.box == (60, 5, 90, 39)


def test_what_has_no_image_has_no_size(tmp_path):
    (tmp_path / 'a.png').write_bytes(b'no image')
    assert image_size(tmp_path / 'a.png') is None
    assert image_size(tmp_path / 'b.png') is None
    assert image_size(tmp_path) is None


@pytest.mark.parametrize('box', [
    None, [1, 2, 3], [5, 1, 5, 2], [0, 0, float('nan'), 1], 'abcd', 3,
    [0, 0, float('inf'), 1]])
def test_what_is_no_box(box):
    scene = Scene('a', [], [('a.png', dict(width=9, height=9))], None, None)
    assert seen_box(dict(bbox=box), scene) == (None, 'without a box')
