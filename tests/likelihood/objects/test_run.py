"""From a config with annotated objects to both tables."""
import numpy as np
import pytest
from PIL import Image

from dequity_mmdet3d.columns import neutral_of
from dequity_mmdet3d.commands.likelihoods import main
from dequity_mmdet3d.likelihood.object_arguments import (
    check_object_arguments,
)
from dequity_mmdet3d.object_table import ObjectTable
from dequity_mmdet3d.table import LikelihoodTable
from tests.likelihood.helpers import kitti_info, write_infos


@pytest.fixture
def root(tmp_path):
    """Eight frames: a grey Car each, in the last a red one beside it."""
    rng = np.random.default_rng(0)
    folder = tmp_path / 'kitti/training/image_2'
    folder.mkdir(parents=True)
    infos = []
    for i in range(8):
        pixels = rng.integers(90, 110, (60, 120, 3), dtype=np.uint8)
        info = kitti_info(i)
        info['images']['CAM2'].update(width=120, height=60)
        boxes = [(dict(bbox=[5, 5, 45, 45], bbox_label=0))]
        if i == 7:
            pixels[5:45, 60:100] = (255, 0, 0)
            boxes.append(dict(bbox=[60, 5, 100, 45], bbox_label=0))
        if i == 0:
            boxes += [dict(bbox=[0, 0, 9, 50], bbox_label=0),
                      dict(bbox=[200, 0, 300, 50], bbox_label=0),
                      dict(bbox=[5, 5, 45, 45], bbox_label=0, occluded=2),
                      dict(bbox_label=0), dict(bbox_label=-1),
                      dict(bbox=[5, 5, 45, 45], bbox_label=1),
                      dict(bbox=[5, 5, 45, 45], bbox_label=2)]
        info['instances'] = [] if i == 1 else boxes
        Image.fromarray(pixels).save(folder / f'{i:06d}.png')
        infos.append(info)
    write_infos(tmp_path / 'kitti/kitti_infos_train.pkl', infos)
    return tmp_path / 'kitti'


@pytest.mark.parametrize('rule', ['min', 'product'])
def test_objects_make_the_table(root, write_config, capsys, rule):
    pytest.importorskip('torch')
    import pickle
    path = root / 'kitti_infos_train.pkl'
    infos = pickle.loads(path.read_bytes())
    infos['metainfo']['categories'] = dict(Car=0, Cyclist=1, Van=2)
    path.write_bytes(pickle.dumps(infos))
    config = write_config(dict(
        type='KittiDataset', data_root=str(root), ann_file=path.name,
        data_prefix=dict(img='training/image_2'),
        metainfo=dict(classes=['Car', 'Cyclist'])))
    out = root / 't.parquet'
    main([str(config), '--objects', '--object-rule', rule, '--out', str(out),
          '--device', 'cpu'])
    said = capsys.readouterr().out
    for line in ('1 objects of Car are not looked at: too small',
                 '1 objects of Car are not looked at: outside the images',
                 '1 objects of Car are not looked at: occluded or truncated',
                 '1 objects of Car are not looked at: without a box',
                 '1 annotations are left out: to be ignored',
                 '1 annotations are left out: of classes that are not'):
        assert line in said
    objects = ObjectTable.load(root / 't.objects.parquet')
    table = LikelihoodTable.load(out)
    assert objects.classes == {'Car': 12, 'Cyclist': 1}
    neutral = neutral_of(objects)
    assert objects.object_index[neutral].tolist() == [1, 2, 3, 4]
    car = objects.class_name == 'Car'
    assert (objects.likelihood[neutral] == np.median(
        objects.likelihood[car & ~neutral])).all()
    # the only one of its class
    assert objects.likelihood_of(['0'], [6]).tolist() == [1]
    # the red one
    red = objects.likelihood_of(['7'], [1])[0]
    assert red == objects.likelihood[car].min()
    p = dict(zip(table.sample_id.tolist(), table.likelihood))
    assert table.metadata['objects']['rule'] == rule
    if rule == 'min':
        assert p['7'] == red == min(p.values())
        assert p['1'] == max(p.values())


class _Exit(Exception):
    pass


class _Parser:

    def error(self, message):
        raise _Exit(message)


@pytest.mark.parametrize('more, why', [
    (dict(object_rule='min', objects=False), 'belongs to'),
    (dict(config=None), 'needs the annotations'),
    (dict(method='tags'), 'needs the annotations'),
    (dict(apply='t.parquet'), 'leave out --apply'),
    (dict(object_margin=-1.0), 'must be 0 or more'),
    (dict(object_min_size=float('nan')), 'must be 0 or more'),
    (dict(object_features='points', object_rule='product'), 'leave out'),
])
def test_arguments_that_do_not_go_together(more, why):
    from argparse import Namespace
    given = dict(objects=True, config='c.py', method='soft', apply=None,
                 object_rule=None, object_margin=None, object_min_size=None,
                 object_features=None)
    with pytest.raises(_Exit, match=why):
        check_object_arguments(_Parser(), Namespace(**dict(given, **more)))
    check_object_arguments(_Parser(), Namespace(**given))
