"""Info files and ground-truth databases from raw data.

nuScenes is the tiny set of ``nuscenes_raw``, which says where its car drives
and what it meets; KITTI are some frames of the session's mini KITTI.
"""
import json
import os
import re
import runpy
import sys

import mmdet3d
import mmengine
import numpy as np
import pytest
from mmdet3d.registry import DATASETS
from mmengine.registry import init_default_scope

from dequity_mmdet3d.plugin.convert import (
    convert_kitti,
    convert_nuscenes,
    host_tools,
)
from dequity_mmdet3d.plugin.convert.host import finish
from dequity_mmdet3d.plugin.convert.kitti import name_ignored
from dequity_mmdet3d.plugin.dataset import DequityDataset
from dequity_mmdet3d.table import LikelihoodTable
from dequity_mmdet3d.weight import dequity_weight
from tests.helpers import ROOT, run_tool, save_table
from tests.plugin.nuscenes_raw import CAMERAS, KEYS, token, write_nuscenes

CAR, PEDESTRIAN = 0, 1  # as in nuscenes_raw.THINGS


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def error_of(monkeypatch, capfd):
    """The line with which the tool ends; in this process, to be quick."""

    def run(*args):
        monkeypatch.setattr(sys, 'argv', ['create_data.py', *map(str, args)])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(
                str(ROOT / 'tools/create_data.py'), run_name='__main__')
        assert end.value.code == 1
        said = capfd.readouterr().err
        assert 'Traceback' not in said
        line, = [s for s in said.splitlines() if s.startswith('error: ')]
        return line

    return run


@pytest.fixture(scope='module')
def nuscenes(tmp_path_factory):
    """A converted data set, by the tool, called from another folder.

    Its path has 'samples' in it, which the host must not take for that
    folder of nuScenes.
    """
    root = tmp_path_factory.mktemp('samples_of_nuscenes')
    write_nuscenes(root)
    elsewhere = tmp_path_factory.mktemp('elsewhere')
    # a package that would hide the host's tools
    (elsewhere / 'tools').mkdir()
    (elsewhere / 'tools/__init__.py').write_text('')
    done = run_tool(
        'create_data.py',
        'nuscenes',
        '--root-path',
        root,
        '--version',
        'v1.0-mini',
        cwd=elsewhere,
        env=dict(os.environ, PYTHONPATH=f'{elsewhere}{os.pathsep}{ROOT}'))
    assert done.returncode == 0, done.stdout
    assert names_in(elsewhere) == ['tools']
    return root


def infos_of(root, split):
    return mmengine.load(root / f'nuscenes_infos_{split}.pkl')


def test_nuscenes_files(nuscenes):
    assert names_in(nuscenes) == [
        'maps', 'nuscenes_dbinfos_train.pkl', 'nuscenes_gt_database',
        'nuscenes_infos_train.pkl', 'nuscenes_infos_val.pkl', 'samples',
        'sweeps', 'v1.0-mini'
    ]


@pytest.mark.parametrize('split, scene', [('train', 'scene-0061'),
                                          ('val', 'scene-0103')])
def test_nuscenes_infos_are_the_samples_of_the_split(nuscenes, split, scene):
    infos = infos_of(nuscenes, split)
    assert infos['metainfo']['info_version'] == '1.1'
    assert infos['metainfo']['version'] == 'v1.0-mini'
    scenes = json.loads((nuscenes / 'v1.0-mini/scene.json').read_text())
    samples = json.loads((nuscenes / 'v1.0-mini/sample.json').read_text())
    scene_token, = [s['token'] for s in scenes if s['name'] == scene]
    assert [info['token'] for info in infos['data_list']] == [
        s['token'] for s in samples if s['scene_token'] == scene_token
    ]
    assert len(infos['data_list']) == len(KEYS)


def test_nuscenes_boxes_in_lidar_coordinates(nuscenes):
    """The map of nuscenes_raw: (y - 50, 99 - 5 t - x, z - 1.8)."""
    first, last = infos_of(nuscenes, 'train')['data_list']
    # The car stands at (89, 48, 1) and looks ahead; the lidar gets 3 m
    # nearer in 0.6 s. Length, width, height; ahead is y, pi / 2.
    for info, y in ((first, 10), (last, 7)):
        np.testing.assert_allclose(
            info['instances'][CAR]['bbox_3d'],
            [-2, y, -0.8, 4, 2, 1.5, np.pi / 2],
            atol=1e-6)
        np.testing.assert_allclose(
            info['instances'][CAR]['velocity'], [0, 0], atol=1e-6)
    # The pedestrian walks 0.6 m towards +y of the world, the lidar's right.
    for info, x, y in ((first, 3, 11), (last, 3.6, 8)):
        box = info['instances'][PEDESTRIAN]
        np.testing.assert_allclose(box['bbox_3d'][:3], [x, y, -0.9], atol=1e-6)
        np.testing.assert_allclose(box['velocity'], [1, 0], atol=1e-6)
    labels = [i['bbox_label_3d'] for i in first['instances']]
    assert labels == [0, 7, -1, 0]  # car, pedestrian, none, car
    valid = [bool(i['bbox_3d_isvalid']) for i in first['instances']]
    assert valid == [True, True, True, False]
    assert len(last['instances']) == 3  # the animal has gone
    assert {i['bbox_label'] for i in first['cam_instances']['CAM_FRONT']
            } == {0, 7}
    assert first['cam_instances']['CAM_BACK'] == []


def test_nuscenes_sweeps_are_named_as_in_the_tables(nuscenes):
    first, last = infos_of(nuscenes, 'val')['data_list']
    assert 'lidar_sweeps' not in first
    records = json.loads((nuscenes / 'v1.0-mini/sample_data.json').read_text())
    path_of = {r['token']: r['filename'] for r in records}
    paths = [s['lidar_points']['lidar_path'] for s in last['lidar_sweeps']]
    assert paths == [
        path_of[s['sample_data_token']] for s in last['lidar_sweeps']
    ]
    assert [p.split('/')[0] for p in paths] == ['sweeps', 'sweeps', 'samples']
    # sweep k was taken k metres behind: what it sees is k metres nearer now
    for k, sweep in enumerate(last['lidar_sweeps'], 1):
        np.testing.assert_allclose(
            sweep['lidar_points']['lidar2sensor'],
            [[1, 0, 0, 0], [0, 1, 0, k], [0, 0, 1, 0], [0, 0, 0, 1]],
            atol=1e-5)


def test_nuscenes_database(nuscenes):
    database = mmengine.load(nuscenes / 'nuscenes_dbinfos_train.pkl')
    # neither what no lidar sees nor the animal, to the host a barrier
    assert {k: len(v) for k, v in database.items()} == dict(
        car=2, pedestrian=2)
    # The first sample has no sweeps: the host repeats it ten times instead.
    # The last one has three, and in each the car of 12 points at its place.
    assert [car['num_points_in_gt'] for car in database['car']] == [132, 48]
    for thing in database['car'] + database['pedestrian']:
        size = (nuscenes / thing['path']).stat().st_size
        assert size == thing['num_points_in_gt'] * 5 * 4 > 0


def base_config(root, **kwargs):
    return dict(
        type='NuScenesDataset',
        data_root=f'{root}/',
        ann_file='nuscenes_infos_train.pkl',
        data_prefix=dict(
            pts='samples/LIDAR_TOP',
            sweeps='sweeps/LIDAR_TOP',
            **{name: f'samples/{name}' for name in CAMERAS}),
        **kwargs)


def test_nuscenes_is_loaded_and_joined(nuscenes, tmp_path):
    tokens = [token('scene-0061', t) for t in KEYS]
    table = save_table(
        tmp_path / 'table.parquet', dict(zip(tokens, (0.25, 1.0))),
        dataset='nuscenes')
    config = base_config(
        nuscenes,
        use_valid_flag=True,
        pipeline=[
            dict(
                type='LoadPointsFromFile',
                coord_type='LIDAR',
                load_dim=5,
                use_dim=5),
            dict(type='LoadPointsFromMultiSweeps', sweeps_num=10),
            dict(type='LoadAnnotations3D', with_bbox_3d=True,
                 with_label_3d=True),
            dict(type='Pack3DDetInputs',
                 keys=['points', 'gt_bboxes_3d', 'gt_labels_3d'])
        ])
    init_default_scope('mmdet3d')
    assert len(DATASETS.build(config)) == 2
    dataset = DequityDataset(config, table)
    for item, y, p in zip((dataset[0], dataset[1]), (10, 7), (0.25, 1.0)):
        sample = item['data_samples']
        assert sample.dequity_likelihood == p
        assert sample.dequity_weight == pytest.approx(
            dequity_weight(p), rel=1e-15)
        # the host puts the origin of a box on its floor
        np.testing.assert_allclose(
            sample.gt_instances_3d.bboxes_3d.tensor[0],
            [-2, y, -0.8 - 1.5 / 2, 4, 2, 1.5, np.pi / 2, 0, 0],
            atol=1e-5)
        assert sample.gt_instances_3d.labels_3d.tolist()[:2] == [0, 7]


def test_nuscenes_likelihoods(nuscenes, tmp_path):
    config, out = tmp_path / 'config.py', tmp_path / 'table.parquet'
    config.write_text(
        f'train_dataloader = dict(dataset={base_config(nuscenes)!r})\n')
    done = run_tool('compute_likelihoods.py', config, '--method', 'kmeans',
                    '--clusters', 1, '--workers', 0, '--device', 'cpu',
                    '--out', out)
    assert done.returncode == 0, done.stdout
    table = LikelihoodTable.load(out)
    assert table.likelihood.tolist() == [1, 1]  # one cluster holds both
    config = base_config(nuscenes, pipeline=[])
    dataset = DequityDataset(config, str(out))
    assert dataset.weight.tolist() == [dequity_weight(1.0)] * 2


def test_nuscenes_test_tables(tmp_path):
    write_nuscenes(tmp_path / 'in', 'v1.0-test', ['scene-0077'])
    out = tmp_path / 'out'
    made = convert_nuscenes(
        tmp_path / 'in', 'v1.0-test', out, 'nus', max_sweeps=1)
    assert made == [str(out / 'nus_infos_test.pkl')]
    assert names_in(out) == ['nus_infos_test.pkl']
    infos = mmengine.load(made[0])['data_list']
    assert [len(i.get('lidar_sweeps', ())) for i in infos] == [0, 1]
    assert all(i['instances'] == [] for i in infos)


def test_nuscenes_version_that_is_not_there(nuscenes, error_of):
    before = names_in(nuscenes)
    line = error_of('nuscenes', '--root-path', nuscenes)
    assert f'{nuscenes}, but v1.0-trainval/sample.json is not there' in line
    assert names_in(nuscenes) == before


@pytest.mark.parametrize('kwargs, message', [
    (dict(version='v2.0'), "version must be one of.*'v2.0'"),
    (dict(version='v1.0-mini', max_sweeps=-1), 'max_sweeps must be 0 or'),
])
def test_nuscenes_arguments(nuscenes, kwargs, message):
    with pytest.raises(ValueError, match=message):
        convert_nuscenes(nuscenes, **kwargs)


def test_nuscenes_without_a_split(tmp_path):
    write_nuscenes(tmp_path / 'in', scenes=['scene-0061'])
    with pytest.raises(ValueError, match='nuscenes_infos_val.pkl.*splits'):
        convert_nuscenes(tmp_path / 'in', 'v1.0-mini', tmp_path / 'out')
    assert names_in(tmp_path / 'out') == []


def test_nuscenes_leaves_nothing_half_made(tmp_path):
    """A sweep is read in the last step only, for the database."""
    tables = write_nuscenes(tmp_path / 'in')
    sweep = next(r['filename'] for r in tables['sample_data']
                 if r['filename'].startswith('sweeps'))
    (tmp_path / 'in' / sweep).unlink()
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'nuscenes_infos_train.pkl').write_text('of an earlier run')
    with pytest.raises(FileNotFoundError, match=sweep.split('/')[-1]):
        convert_nuscenes(tmp_path / 'in', 'v1.0-mini', out)
    assert names_in(out) == ['nuscenes_infos_train.pkl']
    text = (out / 'nuscenes_infos_train.pkl').read_text()
    assert text == 'of an earlier run'


def test_mini_kitti_has_its_splits(mini_kitti):
    frames = {}
    for split in ('train', 'val', 'trainval'):
        infos = mmengine.load(mini_kitti / f'kitti_infos_{split}.pkl')
        assert infos['metainfo']['info_version'] == '1.1'
        frames[split] = [info['sample_idx'] for info in infos['data_list']]
    for split in ('train', 'val'):
        text = (mini_kitti / 'ImageSets' / f'{split}.txt').read_text()
        assert frames[split] == [int(line) for line in text.split()]
    assert frames['trainval'] == frames['train'] + frames['val']
    assert (mini_kitti / 'ImageSets/test.txt').read_text() == ''
    assert not (mini_kitti / 'kitti_infos_test.pkl').exists()
    assert not [name for name in names_in(mini_kitti) if name[0] == '.']


@pytest.fixture
def small_kitti(mini_kitti, tmp_path):
    """Frames 4 and 5 to train and 6 to validate; one region to ignore.

    It is in frame 4, which is the last of no split.
    """
    root = tmp_path / 'kitti'
    for half in ('training', 'testing'):
        (root / half).mkdir(parents=True)
        for folder in ('image_2', 'velodyne', 'calib'):
            (root / half / folder).symlink_to(mini_kitti / 'training' / folder)
    (root / 'training/label_2').mkdir()
    for frame in (4, 5, 6):
        label = f'training/label_2/{frame:06d}.txt'
        lines = [
            line for line in (mini_kitti / label).read_text().splitlines()
            if not line.startswith('DontCare')
        ]
        if frame == 4:
            lines.append('DontCare -1 -1 -10 10 10 20 20 -1 -1 -1 '
                         '-1000 -1000 -1000 -10')
        (root / label).write_text('\n'.join(lines) + '\n')
    (root / 'ImageSets').mkdir()
    for split, text in dict(train='000004\n5\n', val='000006\n',
                            test='').items():
        (root / 'ImageSets' / f'{split}.txt').write_text(text)
    return root


def ignored_names(path):
    categories = mmengine.load(path)['metainfo']['categories']
    return [name for name, label in categories.items() if label == -1]


def test_kitti_twice_and_ignored_regions(small_kitti):
    made = convert_kitti(small_kitti)
    assert [path.rpartition('/')[2] for path in made] == [
        'kitti_infos_train.pkl', 'kitti_infos_val.pkl',
        'kitti_infos_trainval.pkl', 'kitti_dbinfos_train.pkl'
    ]
    first = [mmengine.load(path) for path in made]
    assert [i['sample_idx'] for i in first[0]['data_list']] == [4, 5]
    labels = [[box['bbox_label'] for box in info['instances']]
              for info in first[0]['data_list']]
    assert labels[0][-1] == -1 and -1 not in labels[1]
    assert [ignored_names(path) for path in made[:3]] == [['DontCare'], [],
                                                          ['DontCare']]
    listed = names_in(small_kitti)
    assert convert_kitti(small_kitti) == made
    assert names_in(small_kitti) == listed
    for one, path in zip(first[:3], made):
        assert mmengine.load(path) == one
    again = mmengine.load(made[3])
    assert {k: [d['path'] for d in v] for k, v in again.items()} == {
        k: [d['path'] for d in v] for k, v in first[3].items()}


@pytest.mark.parametrize('categories, labels, names', [
    (dict(Car=2), [2, -1, 2], ['DontCare']),
    (dict(Car=2), [2], []),
    (dict(Car=2, Boat=-1), [-1], ['Boat']),
])
def test_name_of_ignored_boxes(tmp_path, categories, labels, names):
    boxes = [dict(bbox_label=label) for label in labels]
    infos = dict(
        metainfo=dict(categories=categories),
        data_list=[dict(instances=boxes), dict(instances=[]), dict()])
    mmengine.dump(infos, tmp_path / 'infos.pkl')
    name_ignored(tmp_path / 'infos.pkl')
    assert ignored_names(tmp_path / 'infos.pkl') == names


def test_kitti_elsewhere(small_kitti, tmp_path):
    """Points stay below the data root, for the host joins its name."""
    (small_kitti / 'ImageSets/test.txt').write_text('000007\n')
    out = tmp_path / 'deep/out'
    convert_kitti(small_kitti, out, 'mini')
    assert names_in(out) == ['mini_dbinfos_train.pkl'] + [
        f'mini_infos_{s}.pkl' for s in ('test', 'train', 'trainval', 'val')
    ]
    assert names_in(small_kitti) == [
        'ImageSets', 'mini_gt_database', 'testing', 'training'
    ]
    database = mmengine.load(out / 'mini_dbinfos_train.pkl')
    things = [thing for one_class in database.values() for thing in one_class]
    assert things
    for thing in things:
        size = (small_kitti / thing['path']).stat().st_size
        assert size == thing['num_points_in_gt'] * 4 * 4


def remove(path):
    path.unlink() if not path.is_dir() or path.is_symlink() else path.rmdir()


@pytest.mark.parametrize('part, text, message', [
    ('ImageSets/val.txt', None, 'ImageSets/val.txt is not there'),
    ('training/velodyne', None, 'training/velodyne is not there'),
    ('ImageSets/train.txt', '', 'ImageSets/train.txt.*is empty'),
    ('ImageSets/train.txt', '4\n\n', r"each line of .*train.txt.*\[''\]"),
    ('ImageSets/train.txt', '4\na\n', r"each line of .*train.txt.*\['a'\]"),
    ('training/label_2/000006.txt', None, r"label_2 lacks 1 of .*'000006'"),
    ('ImageSets/test.txt', '99\n', r"testing/image_2 lacks 1 .*\['99'\]"),
])
def test_kitti_that_is_not_whole(small_kitti, error_of, part, text, message):
    if text is None:
        remove(small_kitti / part)
    else:
        (small_kitti / part).write_text(text)
    before = names_in(small_kitti)
    line = error_of('kitti', '--root-path', small_kitti)
    assert re.search(message, line)
    assert names_in(small_kitti) == before


def test_kitti_planes(small_kitti):
    with pytest.raises(FileNotFoundError, match='training/planes is not'):
        convert_kitti(small_kitti, with_plane=True)


def test_kitti_that_is_not_there(tmp_path, error_of):
    line = error_of('kitti', '--root-path', tmp_path)
    assert 'ImageSets/train.txt' in line and str(tmp_path) in line
    assert names_in(tmp_path) == []


def test_kitti_leaves_nothing_half_made(small_kitti, tmp_path):
    calib = small_kitti / 'training/calib'
    calib.unlink()
    calib.mkdir()
    for frame in (4, 5, 6):
        (calib / f'{frame:06d}.txt').write_text('')
    with pytest.raises(IndexError):
        convert_kitti(small_kitti, tmp_path / 'out')
    assert names_in(tmp_path / 'out') == []


def test_host_tools_of_a_wheel_and_of_a_clone(tmp_path, monkeypatch):
    assert (host_tools() / 'create_data.py').is_file()
    monkeypatch.setattr(mmdet3d, '__file__',
                        str(tmp_path / 'mmdet3d/__init__.py'))
    with pytest.raises(FileNotFoundError, match='from its wheel or from a'):
        host_tools()
    (tmp_path / 'tools').mkdir()
    (tmp_path / 'tools/train.py').write_text('')
    assert host_tools() == tmp_path / 'tools'


def test_no_pipe_becomes_an_info_file(tmp_path):
    """Nor is the file before it put in its place."""
    (tmp_path / 'work').mkdir()
    for name in ('a.pkl', 'b.pkl'):
        (tmp_path / 'work' / name).write_bytes(b'new')
    (tmp_path / 'a.pkl').write_bytes(b'old')
    os.mkfifo(tmp_path / 'b.pkl')
    with pytest.raises(OSError, match='b.pkl: that is a device or a pipe'):
        finish(tmp_path / 'work', tmp_path, ['a.pkl', 'b.pkl'])
    assert (tmp_path / 'a.pkl').read_bytes() == b'old'
    (tmp_path / 'b.pkl').unlink()
    finish(tmp_path / 'work', tmp_path, ['a.pkl', 'b.pkl'])
    assert (tmp_path / 'a.pkl').read_bytes() == b'new'
