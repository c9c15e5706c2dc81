"""From a config with annotated objects to both tables."""
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dequity_mmdet3d.columns import neutral_of
from dequity_mmdet3d.commands.likelihoods import main
from dequity_mmdet3d.likelihood.estimation.estimate import neutral_likelihood
from dequity_mmdet3d.likelihood.object_arguments import (
    check_object_arguments,
)
from dequity_mmdet3d.object_table import ObjectTable
from dequity_mmdet3d.table import LikelihoodTable
from dequity_mmdet3d.weight import dequity_weight
from tests.likelihood.helpers import kitti_info, write_infos

pytest.importorskip('mmengine', reason='mmengine reads the config files')


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
    write_infos(tmp_path / 'kitti/kitti_infos_train.pkl', infos,
                categories=dict(Car=0, Cyclist=1, Van=2))
    return tmp_path / 'kitti'


@pytest.fixture
def config(root, write_config):
    base = dict(type='KittiDataset', data_root=str(root),
                ann_file='kitti_infos_train.pkl',
                data_prefix=dict(img='training/image_2'),
                metainfo=dict(classes=['Car', 'Cyclist']))
    return write_config(
        base, head=f'val_dataloader = dict(dataset={base!r})')


def run(config, out, *more):
    assert not main([str(config), '--objects', '--out', str(out), '--device',
                     'cpu', *more])
    return LikelihoodTable.load(out), ObjectTable.load(
        out.with_suffix('.objects.parquet'))


@pytest.mark.parametrize('rule', ['min', 'product'])
def test_objects_make_the_table(root, config, capsys, rule):
    pytest.importorskip('torch')
    table, objects = run(config, root / 't.parquet', '--object-rule', rule)
    said = capsys.readouterr().out
    for line in ('1 object of class Car not looked at: too small',
                 '1 object of class Car not looked at: outside the images',
                 '1 object of class Car not looked at: occluded or truncated',
                 '1 object of class Car not looked at: without a box',
                 '1 annotation left out: to be ignored',
                 '1 annotation left out: of classes that are not trained',
                 'class Cyclist is neutral: its one object has nothing to be '
                 'compared with', 'Car: 8 of 12 objects looked at'):
        assert line in said
    assert objects.classes == {'Car': 12, 'Cyclist': 1}
    neutral = neutral_of(objects)
    assert objects.object_index[neutral].tolist() == [1, 2, 3, 4, 6]
    car = objects.class_name == 'Car'
    assert (objects.likelihood[neutral & car] == neutral_likelihood(
        objects.likelihood[car & ~neutral])).all()
    assert objects.likelihood_of(['0'], [6]).tolist() == [1]
    # the red one
    red = objects.likelihood_of(['7'], [1])[0]
    assert red == objects.likelihood[car].min()
    p = dict(zip(table.sample_id.tolist(), table.likelihood))
    assert table.metadata['objects']['rule'] == rule
    if rule == 'min':
        assert p['7'] == red == min(p.values())
        assert p['1'] == max(p.values())
    # weights are those of the table that is written
    lowest, highest = (dequity_weight(f(p.values()), 1, 5)
                       for f in (max, min))
    assert f'weights run from {lowest:.2f} to {highest:.2f}' in said
    assert ('scenes' in table.metadata['objects']) == (rule == 'product')
    # the same samples under the finished table
    again, of_val = run(config, root / 'v.parquet', '--split', 'val',
                        '--apply', str(root / 't.parquet'))
    assert of_val.sample_id.tolist() == objects.sample_id.tolist()
    assert neutral_of(of_val).tolist() == neutral.tolist()
    assert of_val.metadata['applied']['ids_sha256'] == (
        objects.metadata['ids_sha256'])
    known = of_val.cluster_id >= 0
    assert known.any()
    assert (of_val.cluster_id[known] == objects.cluster_id[known]).all()
    assert of_val.likelihood[neutral & car] == pytest.approx(
        objects.likelihood[neutral & car])
    for key in ('rule', 'margin', 'min_size', 'features'):
        assert again.metadata['objects'][key] == (
            table.metadata['objects'][key])
    if rule == 'min':  # of the table, where the validation set has no object
        assert again.likelihood_of(['1']) == table.likelihood_of(['1'])
    with pytest.raises(ValueError, match='give --objects here, too'):
        main([str(config), '--split', 'val', '--apply',
              str(root / 't.parquet'), '--out', str(root / 'w.parquet')])


def test_objects_of_points_need_no_images(tmp_path, write_config, capsys):
    """A truck among cars, and tags; nothing of it needs an image."""
    rng = np.random.default_rng(0)
    infos = []
    for i in range(40):
        far, size = rng.uniform(8, 12), [4, 2, 1.5]
        box = [far, 0, 0, *(np.array(size) * (4 if i == 39 else 1)), 0]
        infos.append(dict(
            sample_idx=i, lidar_points=dict(lidar_path=f'{i}.bin'),
            instances=[dict(bbox_3d=box, bbox_label_3d=0,
                            num_lidar_pts=int(rng.integers(90, 110))),
                       dict(bbox_3d=box, bbox_label_3d=0)]))
    write_infos(tmp_path / 'infos.pkl', infos, categories=dict(Car=0))
    base = dict(type='KittiDataset', data_root=str(tmp_path),
                ann_file='infos.pkl')
    tags = tmp_path / 'tags.csv'
    tags.write_text('sample_id,load\n' + ''.join(
        f'{i},{"heavy" if i == 39 else "light"}\n' for i in range(40)))
    config = write_config(
        base, head=f'val_dataloader = dict(dataset={base!r})')
    more = ['--object-features', 'points']
    out = tmp_path / 't.parquet'
    table, objects = run(config, out, *more, '--tags', str(tags))
    assert (neutral_of(objects) == (objects.object_index == 1)).all()
    assert objects.likelihood[~neutral_of(objects)].argmin() == 39
    assert table.likelihood.argmin() == 39
    assert table.metadata['tags']['agreement']['load']['auroc']['heavy'] == 1
    assert 'load:' in capsys.readouterr().out
    again, _ = run(config, tmp_path / 'v.parquet', '--apply', str(out),
                   '--split', 'val')
    assert again.likelihood == pytest.approx(table.likelihood, abs=.1)
    # the object table of another run
    of_t = (tmp_path / 't.objects.parquet').read_bytes()
    replace(objects, likelihood=objects.likelihood[::-1]).save(
        tmp_path / 't.objects.parquet')
    with pytest.raises(ValueError, match='was made with another table'):
        run(config, tmp_path / 'v.parquet', '--apply', str(out), '--split',
            'val')
    (tmp_path / 't.objects.parquet').write_bytes(of_t)
    # what a stranger may have written into it
    with np.load(tmp_path / 't.objects.modes.npz') as file:
        arrays = dict(file)
    about = json.loads(arrays['about'].tobytes())
    del about['standard']
    arrays['about'] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    np.savez(tmp_path / 't.objects.modes.npz', **arrays)
    with pytest.raises(ValueError, match="its 'standard' must have"):
        run(config, tmp_path / 'v.parquet', '--apply', str(out), '--split',
            'val')
    with pytest.raises(ValueError, match='--objects --object-features'):
        main([str(config), '--out', str(out)])


class _Exit(Exception):
    pass


class _Parser:

    def error(self, message):
        raise _Exit(message)


@pytest.mark.parametrize('more, why', [
    (dict(object_rule='min', objects=False), 'belongs to'),
    (dict(config=None), 'needs the annotations'),
    (dict(method='tags'), 'needs the annotations'),
    (dict(apply='t.parquet', object_rule='min'), 'leave it out'),
    (dict(names='f.txt'), 'are about scenes'),
    (dict(object_margin=-1.0), 'must be 0 or more'),
    (dict(object_min_size=float('nan')), 'must be 0 or more'),
    (dict(object_features='points', object_rule='product'), 'leave out'),
])
def test_arguments_that_do_not_go_together(more, why):
    from argparse import Namespace
    given = dict(objects=True, config='c.py', method='soft', apply=None,
                 object_rule=None, object_margin=None, object_min_size=None,
                 object_features=None, cameras=None, names='auto')
    with pytest.raises(_Exit, match=why):
        check_object_arguments(_Parser(), Namespace(**dict(given, **more)))
    check_object_arguments(_Parser(), Namespace(**given))
