"""Data sets whose infos have neither token nor sample_idx, as upstream has
them: the classes are the real ones, the infos those of its converters."""
import numpy as np
import pytest
from mmengine import dump, load
from mmengine.registry import init_default_scope

from dequity_mmdet3d.plugin import DequityDataset
from dequity_mmdet3d.plugin.convert.host import converter
from dequity_mmdet3d.plugin.walk import base_datasets, ids_of
from dequity_mmdet3d.sample_ids import sample_id_of
from dequity_mmdet3d.weight import dequity_weight
from tests.helpers import save_table


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmdet3d')


PACK = dict(type='Pack3DDetInputs')


def points(root, path, features=6):
    """A file of four points."""
    path = root / path
    path.parent.mkdir(parents=True, exist_ok=True)
    np.arange(4 * features, dtype=np.float32).tofile(path)
    return path.name


def write_infos(root, infos, **metainfo):
    dump(dict(metainfo=dict(info_version='1.1', **metainfo), data_list=infos),
         root / 'infos.pkl')
    return dict(data_root=str(root), ann_file='infos.pkl')


def read(coordinates, features=6):
    return dict(type='LoadPointsFromFile', coord_type=coordinates,
                load_dim=features, use_dim=[0, 1, 2])


def box(size=7):
    return dict(bbox_3d=[0.5] * size, bbox_label_3d=1)


def scannet(root):
    infos = [
        dict(
            lidar_points=dict(
                num_pts_feats=6,
                lidar_path=points(root, f'points/{scene}.bin')),
            pts_semantic_mask_path=f'{scene}.bin',
            pts_instance_mask_path=f'{scene}.bin',
            axis_align_matrix=np.eye(4).tolist(),
            instances=[box(6)])
        for scene in ('scene0191_00', 'scene0191_01', 'scene0000_00')
    ]
    return dict(
        type='ScanNetDataset', metainfo=dict(classes=('cabinet', 'bed')),
        **write_infos(root, infos, dataset='scannet'),
        pipeline=[read('DEPTH'), dict(type='LoadAnnotations3D'),
                  dict(PACK, keys=['points', 'gt_bboxes_3d', 'gt_labels_3d'])])


def sunrgbd(root):
    infos = [
        dict(
            lidar_points=dict(
                num_pts_feats=6,
                lidar_path=points(root, f'points/{i:06d}.bin')),
            images=dict(CAM0=dict(img_path=f'{i:06d}.jpg', height=4, width=4,
                                  depth2img=np.eye(3).tolist())),
            instances=[box()]) for i in (5, 1, 9)
    ]
    return dict(
        type='SUNRGBDDataset', **write_infos(root, infos, dataset='sunrgbd'),
        pipeline=[read('DEPTH'), dict(type='LoadAnnotations3D'),
                  dict(PACK, keys=['points', 'gt_bboxes_3d', 'gt_labels_3d'])])


def s3dis(root):
    infos = [
        dict(
            lidar_points=dict(
                num_pts_feats=6,
                lidar_path=points(root, f'points/{room}.bin')),
            pts_semantic_mask_path=f'{room}.bin',
            pts_instance_mask_path=f'{room}.bin')
        for room in ('Area_1_office_2', 'Area_1_hallway_1', 'Area_1_WC_1')
    ]
    found = write_infos(root, infos, dataset='s3dis')
    return dict(
        type='S3DISSegDataset', data_root=found['data_root'],
        ann_files=[found['ann_file']], scene_idxs=[[0, 0, 2, 1, 2, 0]],
        metainfo=dict(classes=('ceiling', 'floor', 'wall', 'beam', 'column',
                               'window', 'door', 'table', 'chair', 'sofa',
                               'bookcase', 'board', 'clutter')),
        pipeline=[read('DEPTH'), dict(PACK, keys=['points'])])


def semantickitti(root):
    infos = [
        dict(
            lidar_points=dict(
                num_pts_feats=4,
                lidar_path=f'sequences/{sequence:02d}/velodyne/' + points(
                    root, f'sequences/{sequence:02d}/velodyne/{j:06d}.bin',
                    4)),
            pts_semantic_mask_path='a.label', sample_id=f'{sequence}{j}')
        for sequence, j in ((0, 15), (1, 5), (10, 0))
    ]
    return dict(
        type='SemanticKittiDataset',
        metainfo=dict(
            classes=('car', 'bicycle', 'motorcycle', 'truck', 'bus', 'person',
                     'bicyclist', 'motorcyclist', 'road', 'parking',
                     'sidewalk', 'other-ground', 'building', 'fence',
                     'vegetation', 'trunck', 'terrian', 'pole',
                     'traffic-sign'),
            seg_label_mapping={0: 0}, max_label=1),
        **write_infos(root, infos, DATASET='SemanticKITTI'),
        pipeline=[read('LIDAR', 4), dict(PACK, keys=['points'])])


IDS = {
    scannet: ['scene0191_00.bin', 'scene0191_01.bin', 'scene0000_00.bin'],
    sunrgbd: ['000005.bin', '000001.bin', '000009.bin'],
    s3dis: ['Area_1_office_2.bin', 'Area_1_office_2.bin', 'Area_1_WC_1.bin',
            'Area_1_hallway_1.bin', 'Area_1_WC_1.bin', 'Area_1_office_2.bin'],
    semantickitti: ['015', '15', '100'],
}


@pytest.fixture(params=IDS, ids=lambda f: f.__name__)
def case(request, tmp_path):
    """Config of a data set, its ids in order, and a table of them."""
    cfg, ids = request.param(tmp_path), IDS[request.param]
    likelihood = {key: 1 / (i + 1) for i, key in enumerate(sorted({*ids}))}
    table = save_table(tmp_path / 't.parquet', likelihood)
    return cfg, table, [likelihood[key] for key in ids]


@pytest.mark.parametrize('serialize', [True, False])
def test_joined_with_its_table(case, serialize):
    cfg, table, likelihood = case
    if 'ann_files' in cfg or cfg['type'] == 'SemanticKittiDataset':
        serialize = False  # upstream's Seg3DDataset knows no other
    dataset = DequityDataset(dict(cfg, serialize_data=serialize), table)
    assert dataset.likelihood.tolist() == likelihood
    for i, p in enumerate(likelihood):
        info = dataset.get_data_info(i)
        assert info['sample_idx'] == i  # a row, which must not be the id
        assert info['dequity_likelihood'] == p
        sample = dataset[i]['data_samples']
        assert sample.dequity_weight == dequity_weight(p)
        assert sample.sample_idx == i


def test_ids_of_the_info_file_are_those_of_the_data_set(case, tmp_path):
    """What a user writes to --ids, from the file alone."""
    cfg, table, likelihood = case
    infos = load(tmp_path / 'infos.pkl')['data_list']
    ids = {sample_id_of(info) for info in infos}
    dataset = DequityDataset(cfg, table)
    assert {*ids_of(base_datasets(dataset)[0]).tolist()} == ids


def test_without_lidar_as_imvoxelnet_reads_it(tmp_path):
    """The file of the points is named, not read, and so not joined."""
    cfg = sunrgbd(tmp_path)
    table = save_table(tmp_path / 't.parquet',
                       dict.fromkeys(IDS[sunrgbd], 0.5))
    dataset = DequityDataset(
        dict(cfg, modality=dict(use_camera=True, use_lidar=False),
             pipeline=[]), table)
    assert dataset.likelihood.tolist() == [0.5] * 3


def test_the_same_name_in_another_folder(tmp_path):
    """A scene may be listed again, another one may not have its name."""
    parts = [tmp_path / 'a', tmp_path / 'b']
    table = save_table(tmp_path / 't.parquet',
                       dict.fromkeys(IDS[scannet], 0.5))
    both = dict(type='ConcatDataset', datasets=[scannet(p) for p in parts])
    with pytest.raises(ValueError, match="'scene.*two data sets, under .*a/"):
        DequityDataset(both, table)
    cfg = semantickitti(tmp_path / 'c')
    infos = [dict(sample_id='1', lidar_points=dict(lidar_path=path))
             for path in ('a.bin', 'a.bin', 'b.bin')]
    table = save_table(tmp_path / 'u.parquet', {'1': 0.5})
    write_infos(tmp_path / 'c', infos[:2])
    assert len(DequityDataset(cfg, table)) == 2
    write_infos(tmp_path / 'c', infos)
    with pytest.raises(ValueError, match=r"1 sample ids.*\['1'\]"):
        DequityDataset(cfg, table)


def test_ids_of_all_of_semantickitti():
    """Upstream's own converter joins sequence and frame: none is lost."""
    infos = converter('semantickitti_converter').get_semantickitti_info(
        'train')['data_list']
    assert len({sample_id_of(info) for info in infos}) == len(infos) == 19130


def test_infos_without_any_name(tmp_path):
    cfg = sunrgbd(tmp_path)
    write_infos(tmp_path, [
        dict(images=dict(CAM0=dict(img_path='a.png', depth2img=np.eye(3))),
             instances=[box()])])
    table = save_table(tmp_path / 't.parquet', {'a': 0.5})
    with pytest.raises(KeyError, match='SUNRGBDDataset of .*infos.pkl: row 0: '
                       "a sample needs 'token', 'sample_idx', 'sample_id', "
                       "'lidar_points.lidar_path' or 'img_id'.*write one of "
                       'them'):
        DequityDataset(
            dict(cfg, modality=dict(use_camera=True, use_lidar=False),
                 pipeline=[]), table)
