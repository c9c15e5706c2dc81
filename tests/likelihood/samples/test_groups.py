"""Drives from info files in the true formats, from names, from files."""
import numpy as np
import pytest

from dequity_mmdet3d.likelihood.samples.groups import (
    groups_of,
    sequence_in,
    sequence_of_info,
)
from dequity_mmdet3d.likelihood.samples.sources import Samples
from dequity_mmdet3d.provenance import Provenance

LOG = 'n015-2018-07-18-11-07-57+0800'


def samples(ids, groups=None):
    return Samples(ids, [(i, ) for i in ids],
                   Provenance('images', 'relative_path'), groups=groups)


@pytest.mark.parametrize('path, want', [
    (f'samples/CAM_FRONT/{LOG}__CAM_FRONT__1531883530412470.jpg', LOG),
    ('n008-2018-08-01-15-16-36-0400__LIDAR_TOP__1533151603547590.pcd.bin',
     'n008-2018-08-01-15-16-36-0400'),
    ('2011_09_26/2011_09_26_drive_0001_sync/image_02/data/0000000000.png',
     '2011_09_26_drive_0001'),
    ('sequences/04/velodyne/000000.bin', 'sequences/04'),
    ('segment-10017090168044687777_6380_000_6400_000_with_camera_labels/1.png',
     'segment-10017090168044687777_6380_000_6400_000'),
    ('training/image_2/000134.png', None),
])
def test_paths(path, want):
    assert sequence_in(path) == want


def test_infos():
    nuscenes = dict(token='a', sample_idx=3, images=dict(CAM_FRONT=dict(
        img_path=f'{LOG}__CAM_FRONT__1531883530412470.jpg')))
    assert sequence_of_info(nuscenes, 'nuscenes') == LOG
    # the scene is narrower than the log
    assert sequence_of_info(dict(nuscenes, scene_token='s')) == 's'
    lidar = dict(token='a', lidar_points=dict(
        lidar_path=f'{LOG}__LIDAR_TOP__1531883530449377.pcd.bin'))
    assert sequence_of_info(lidar) == LOG
    # 1SSSFFF: validation, segment 12, frame 34
    waymo = dict(sample_idx=1012034, images=dict(
        CAM_FRONT=dict(img_path='1012034.jpg')))
    assert sequence_of_info(waymo, 'waymo') == '1012'
    assert sequence_of_info(dict(waymo, sample_idx=12034), 'waymo') == '0012'
    assert sequence_of_info(dict(waymo, context_name='c'), 'waymo') == 'c'
    kitti = dict(sample_idx=134, images=dict(CAM2=dict(img_path='000134.png')))
    assert sequence_of_info(kitti, 'kitti') is None


def test_what_is_told_for_certain():
    raw = [f'2011_09_26_drive_000{d}_sync/{i}.png' for d in (1, 2)
           for i in range(3)]
    found = groups_of(samples(raw))
    assert found.about() == dict(source='file names', drives=2, largest=3)
    assert groups_of(samples(raw), 'none') is None
    assert groups_of(samples(['a/1.png', 'b/1.png'])) is None
    found = groups_of(samples(['1', '2'], ['x', 'y']))
    assert found.by_id == {'1': 'x', '2': 'y'}
    assert found.source == 'info file'
    # half told is not told, and an error for who asks for it
    half = samples(['1', '2'], ['x', None])
    assert groups_of(half) is None
    with pytest.raises(ValueError, match="1 of 2 samples do not tell .*'2'"):
        groups_of(half, 'auto')


def test_folders_and_names_on_request():
    found = groups_of(samples(['a/1.png', 'a/2.png', 'b_1.png', 'b_2.png',
                               'c_07.png']), 'auto')
    assert list(found.by_id.values()) == ['a/', 'a/', 'b', 'b', 'c']
    for same in (['1.png', '2.png'], ['a.png', 'b.png']):
        with pytest.raises(ValueError, match='they tell nothing; give'):
            groups_of(samples(same), 'auto')


@pytest.mark.parametrize('text, says', [
    ('', 'is empty'),
    ('id,group\n', 'is empty'),
    ('id,drive\n1,a\n', "must have the columns id and group.*'drive'"),
    ('id,group\n1,a\n1,b\n2,a\n', "ids appear more than once: '1'"),
    ('id,group\n1,a\n2,a\n3,a\n', "ids that no sample has.*: '3'"),
    ('id,group\n1,a\n', "samples that are missing: '2'"),
    ('id,group\n1,a\n2,\n', "samples without a group: '2'"),
    ('id,group\n1,a\n2\n', "samples without a group: '2'"),
    ('id,group\n1,"a\n2,b', 'cannot be read'),
])
def test_a_wrong_file(tmp_path, text, says):
    (tmp_path / 'g.csv').write_text(text)
    with pytest.raises(ValueError, match=says) as e:
        groups_of(samples(['1', '2']), tmp_path / 'g.csv')
    assert '\n' not in str(e.value)


def test_files(tmp_path):
    (tmp_path / 'g.csv').write_text('\ufeffgroup,id,more\nb,2,x\na,1,x\n')
    want = {'1': 'a', '2': 'b'}
    found = groups_of(samples(['1', '2']), tmp_path / 'g.csv')
    assert found.by_id == want and found.source == 'file g.csv'
    pa = pytest.importorskip('pyarrow')
    import pyarrow.parquet as pq
    pq.write_table(pa.table(dict(sample_id=np.array([1, 2]),
                                 group=['a', 'b'])), tmp_path / 'g.parquet')
    assert groups_of(samples(['1', '2']),
                     tmp_path / 'g.parquet').by_id == want
    (tmp_path / 'bad.parquet').write_bytes(b'PAR1')
    with pytest.raises(ValueError, match='cannot be read'):
        groups_of(samples(['1', '2']), tmp_path / 'bad.parquet')
    with pytest.raises(FileNotFoundError, match='there is no file'):
        groups_of(samples(['1', '2']), tmp_path / 'gone.csv')
