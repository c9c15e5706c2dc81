"""Samples of a host config: found without importing the host."""
import subprocess
import sys

import pytest

from dequity_mmdet3d.likelihood.samples.host_config import (
    base_datasets,
    samples_from_config,
)
from dequity_mmdet3d.likelihood.samples.image_folders import image_paths
from dequity_mmdet3d.likelihood.samples.instances import object_counts
from dequity_mmdet3d.provenance import Provenance
from tests.helpers import ROOT

from ..helpers import kitti_info, write_images, write_infos

pytest.importorskip('mmengine', reason='mmengine reads the config files')


def kitti(root, **more):
    return dict(
        type='KittiDataset',
        data_root=f'{root}/',
        ann_file='kitti_infos_train.pkl',
        data_prefix=dict(pts='training/velodyne_reduced'),
        **more)


def repeat(dataset):
    return dict(type='RepeatDataset', times=2, dataset=dataset)


def test_kitti_through_wrappers(kitti_root, write_config):
    config = write_config(
        repeat(dict(type='CBGSDataset', dataset=kitti(kitti_root))))
    samples = samples_from_config(config)
    assert samples.ids == ['2', '0', '3']  # the order of the info file
    folder = f'{kitti_root}/training/image_2'
    # only CAM2 has an image
    assert samples.images == [(f'{folder}/00000{i}.png', ) for i in (2, 0, 3)]
    assert samples.provenance == Provenance(
        source='config', dataset='kitti', split='kitti_infos_train.pkl',
        id_type='sample_idx')
    assert samples.table_path == f'{kitti_root}/kitti_likelihoods.parquet'
    # the config's points-only prefix did not say where the images are
    assert len(samples.notes) == 1 and 'CAM2 in' in samples.notes[0]


def test_tags_of_the_info_file(kitti_root, write_config):
    config = write_config(kitti(kitti_root))
    assert samples_from_config(config).tags is None
    write_infos(kitti_root / 'kitti_infos_train.pkl', [
        dict(kitti_info(i), weather=w) for i, w in ((2, 'fog'), (0, 'sun'))])
    tags = samples_from_config(config).tags
    assert tags.path == 'kitti_infos_train.pkl'
    assert (tags.ids, tags.columns) == (('2', '0'),
                                        {'weather': ('fog', 'sun')})


def test_prefix_of_the_config_comes_first(kitti_root, write_config):
    write_images(kitti_root / 'elsewhere', 4)
    for prefix in (dict(img='elsewhere'), dict(CAM2='elsewhere', img='x'),
                   dict(img=f'{kitti_root}/elsewhere')):
        dataset = dict(kitti(kitti_root), data_prefix=prefix)
        samples = samples_from_config(write_config(dataset))
        assert samples.images[0] == (f'{kitti_root}/elsewhere/000002.png', )
        assert samples.notes == []


def test_images_nowhere(kitti_root, write_config):
    (kitti_root / 'training' / 'image_2').rename(kitti_root / 'lost')
    with pytest.raises(FileNotFoundError) as e:
        samples_from_config(write_config(kitti(kitti_root)))
    for tried in ('training/image_2', 'samples/CAM2', 'data_prefix.CAM2'):
        assert tried in str(e.value)


def test_one_missing_image_is_left_to_the_encoding(kitti_root, write_config):
    # the first one, so that the folder must be recognised by another
    (kitti_root / 'training' / 'image_2' / '000002.png').unlink()
    samples = samples_from_config(write_config(kitti(kitti_root)))
    assert samples.images[0][0].endswith('training/image_2/000002.png')


@pytest.mark.parametrize('more, ids', [
    (dict(indices=2), ['2', '0']),
    (dict(indices=-1), ['3']),
    (dict(indices=[2, 0]), ['3', '2']),
    (dict(load_interval=2), ['2', '3']),
])
def test_subsets_as_the_host_takes_them(kitti_root, write_config, more, ids):
    samples = samples_from_config(write_config(kitti(kitti_root, **more)))
    assert samples.ids == ids


def test_subsets_that_cut_through_samples(kitti_root, write_config):
    dataset = kitti(kitti_root, indices=2, load_type='mv_image_based')
    with pytest.raises(ValueError, match='cut through samples'):
        samples_from_config(write_config(dataset))
    with pytest.raises(ValueError, match='is empty'):
        samples_from_config(write_config(kitti(kitti_root, indices=0)))


def test_concatenation(kitti_root, write_config):
    write_infos(kitti_root / 'more.pkl', [kitti_info(1), kitti_info(2)])
    more = dict(kitti(kitti_root), ann_file='more.pkl')
    both = dict(type='ConcatDataset', datasets=[kitti(kitti_root), more])
    samples = samples_from_config(write_config(both))
    assert samples.ids == ['2', '0', '3', '1']
    assert samples.provenance.split == 'kitti_infos_train.pkl more.pkl'
    # told, not silent
    assert '1 sample is listed more than once' in samples.notes[-1]
    # the same number with another image is another sample
    write_images(kitti_root / 'other', 4)
    both['datasets'][1]['data_prefix'] = dict(img='other')
    with pytest.raises(ValueError, match="'2' stands for two samples"):
        samples_from_config(write_config(both))


def test_table_of_the_config(kitti_root, write_config):
    equity = dict(
        type='mmdet3d.DequityDataset', table='x/t.parquet',
        dataset=kitti(kitti_root))
    assert samples_from_config(write_config(
        repeat(equity))).table_path == 'x/t.parquet'
    two = dict(
        type='ConcatDataset', datasets=[equity,
                                        dict(equity, table='y.parquet')])
    with pytest.raises(ValueError, match='several likelihood tables'):
        samples_from_config(write_config(two))


def test_cfg_options(kitti_root, write_config):
    config = write_config(repeat(kitti('/nowhere')))
    with pytest.raises(FileNotFoundError, match='/nowhere/kitti_infos'):
        samples_from_config(config)
    samples = samples_from_config(
        config, [f'train_dataloader.dataset.dataset.data_root={kitti_root}'])
    assert len(samples) == 3


@pytest.mark.parametrize('option', [
    'train_dataloader.batch_size.x=3', 'train_dataloader.dataset.a.7.b=1',
    'data.5=2'
])
def test_cfg_options_that_do_not_fit(kitti_root, write_config, option):
    dataset = dict(kitti(kitti_root), a=[1])
    config = write_config(dataset, head='data = [1]')
    with pytest.raises(ValueError, match=f'{option} does not fit'):
        samples_from_config(config, [option])


@pytest.mark.parametrize('text, error, message', [
    ('a = 1', ValueError, r"train_dataloader.dataset, .*\['a'\]"),
    ('train_dataloader = None', ValueError, 'train_dataloader.dataset'),
    ('train_dataloader = dict(dataset=3)', ValueError, 'must be a dict'),
    ('train_dataloader = dict(dataset=dict(type="S3DIS"))', ValueError,
     'dataset S3DIS must name its info file'),
    ('a = (', ValueError, 'cannot be read as a config'),
    ('a = 1 / 0', ValueError, 'ZeroDivisionError'),
    ('_base_ = "missing.py"', FileNotFoundError, 'missing.py'),
    ('_base_ = "nopackage::x/a.py"', ValueError, 'nopackage'),
])
def test_wrong_configs(tmp_path, text, error, message):
    path = tmp_path / 'c.py'
    path.write_text(text)
    with pytest.raises(error, match=message):
        samples_from_config(path)


def test_missing_config(tmp_path):
    with pytest.raises(FileNotFoundError, match='no config file'):
        samples_from_config(tmp_path / 'c.py')


def test_samples_without_images_or_ids(kitti_root, write_config):
    infos = kitti_root / 'kitti_infos_train.pkl'
    write_infos(infos, [kitti_info(0), dict(sample_idx=1)])
    with pytest.raises(ValueError, match=f'1 of 2 samples of {infos} have '
                       'no img_path.*: rows 1'):
        samples_from_config(write_config(kitti(kitti_root)))
    nameless = kitti_info(0)
    del nameless['sample_idx'], nameless['lidar_points']
    write_infos(infos, [nameless])
    with pytest.raises(KeyError, match=f"{infos}: row 0: a sample needs "
                       "'token', 'sample_idx', 'sample_id'"):
        samples_from_config(write_config(kitti(kitti_root)))


def test_samples_named_by_their_files(tmp_path, write_config):
    """SUN RGB-D: its info files have no id but the name of the points."""
    write_images(tmp_path / 'sunrgbd_trainval' / 'image', 3)
    write_infos(tmp_path / 'infos.pkl', [
        dict(lidar_points=dict(lidar_path=path),
             images=dict(CAM0=dict(img_path=f'{i:06d}.png')), instances=[])
        for i, path in ((1, '000001.bin'),
                        (2, f'{tmp_path}/points/000002.bin'))
    ], dataset='sunrgbd')
    config = write_config(dict(
        type='SUNRGBDDataset', data_root=f'{tmp_path}/', ann_file='infos.pkl',
        data_prefix=dict(pts='points', img='sunrgbd_trainval/image')))
    samples = samples_from_config(config)
    assert samples.ids == ['000001.bin', '000002.bin']
    assert samples.provenance.id_type == 'lidar_path'
    assert samples.provenance.dataset == 'sunrgbd'
    assert list(object_counts(config)) == samples.ids


def test_base_datasets_of_a_tree():
    tree = dict(
        type='ConcatDataset',
        datasets=[repeat(dict(type='A')), dict(type='B')])
    assert base_datasets(tree) == ([dict(type='A'), dict(type='B')], [])


def test_cameras_may_differ_between_samples(tmp_path):
    write_images(tmp_path / 'samples' / 'CAM_FRONT', 2)
    write_images(tmp_path / 'samples' / 'CAM_BACK', 1)

    def info(**cams):
        return dict(images={c: dict(img_path=f) for c, f in cams.items()})

    paths, _, _ = image_paths([
        info(CAM_FRONT='000000.png', CAM_BACK='000000.png'),
        info(CAM_FRONT='000001.png'),
    ], str(tmp_path))
    assert paths == [
        (f'{tmp_path}/samples/CAM_BACK/000000.png',
         f'{tmp_path}/samples/CAM_FRONT/000000.png'),
        (f'{tmp_path}/samples/CAM_FRONT/000001.png', ),
    ]


STOCK = {
    'kitti': '''
_base_ = 'mmdet3d::_base_/datasets/kitti-3d-3class.py'
custom_imports = dict(imports=['dequity_mmdet3d.plugin', 'no_such_module'])
train_dataloader = dict(dataset=dict(dataset=dict(data_root='{root}/')))
''',
    'lazy': '''
from mmdet3d.datasets import KittiDataset
from mmengine.dataset import RepeatDataset
train_dataloader = dict(dataset=dict(
    type=RepeatDataset, times=2, dataset=dict(
        type=KittiDataset, data_root='{root}/',
        ann_file='kitti_infos_train.pkl')))
''',
}


@pytest.mark.parametrize('style', STOCK)
def test_the_host_is_not_imported(kitti_root, tmp_path, style):
    import importlib.util
    if importlib.util.find_spec('mmdet3d') is None:
        pytest.skip('mmdet3d is not installed, so its configs are not here')
    path = tmp_path / 'c.py'
    path.write_text(STOCK[style].format(root=kitti_root))
    code = f'''
import sys
from dequity_mmdet3d.likelihood.samples.host_config import samples_from_config
print(samples_from_config({str(path)!r}).ids)
print(sorted({{'torch', 'mmdet3d', 'mmdet', 'mmcv', 'mmengine.runner',
              'dequity_mmdet3d.plugin'}} & set(sys.modules)))
'''
    out = subprocess.run([sys.executable, '-c', code], cwd=ROOT, text=True,
                         capture_output=True, check=True)
    assert out.stdout.splitlines() == ["['2', '0', '3']", '[]']


def test_real_nuscenes_sample(shared_data, write_config):
    root = shared_data / 'nuscenes'
    dataset = dict(
        type='NuScenesDataset', data_root=f'{root}/',
        ann_file='nuscenes_infos_train.pkl',
        data_prefix=dict(pts='samples/LIDAR_TOP', img=''))
    samples = samples_from_config(write_config(dataset))
    assert samples.ids == ['ca9a282c9e77460f8360f564131a8af5']
    folders = [p.split('/')[-2] for p in samples.images[0]]
    assert folders == [
        'CAM_BACK', 'CAM_BACK_LEFT', 'CAM_BACK_RIGHT', 'CAM_FRONT',
        'CAM_FRONT_LEFT', 'CAM_FRONT_RIGHT'
    ]
    assert samples.provenance.id_type == 'token'
