"""What an info file says is checked where it is read, by its field."""
import json

import pytest

from dequity_mmdet3d.likelihood.samples.host_config import samples_from_config
from dequity_mmdet3d.likelihood.samples.info_file import read_info_file

from ..helpers import kitti_info, write_infos


@pytest.mark.parametrize('change, says', [
    (dict(sample_idx=[1]), 'another id'),
    (dict(sample_idx=float('inf')), 'another id'),
    (dict(token=dict()), 'another id'),
    (dict(images=dict(CAM2=dict(img_path=3))), 'another images with img_p'),
    (dict(lidar_points=dict(lidar_path=[])), 'another lidar_points'),
    (dict(instances=3), 'another instances'),
    (dict(instances=[3]), 'another instances'),
    (dict(instances=[dict(bbox_label_3d='x')]), 'another instances'),
    (dict(width='9'), 'another width or height')])
def test_entries(tmp_path, change, says):
    path = tmp_path / 'i.json'
    path.write_text(json.dumps(dict(data_list=[
        dict(sample_idx=0), dict(dict(sample_idx=1), **change)])))
    with pytest.raises(ValueError, match=rf'i\.json: 1 entry has {says}.*: '
                       'rows 1; mend'):
        read_info_file(path)


@pytest.mark.parametrize('metainfo, says', [
    (dict(dataset=3), 'metainfo.dataset must be a name, but is int'),
    (dict(categories=[1]), 'metainfo.categories'),
    (dict(categories=dict(Car='x')), 'metainfo.categories')])
def test_metainfo(tmp_path, metainfo, says):
    path = tmp_path / 'i.json'
    path.write_text(json.dumps(dict(data_list=[], metainfo=metainfo)))
    with pytest.raises(ValueError, match=says):
        read_info_file(path)
    path.write_text('[' * 100_000)
    with pytest.raises(ValueError, match='i.json is not JSON .*too deep'):
        read_info_file(path)


def kitti(root, **more):
    return dict(type='KittiDataset', data_root=f'{root}/',
                ann_file='kitti_infos_train.pkl', data_prefix=dict(
                    img='training/image_2'), **more)


@pytest.mark.parametrize('name', ['/etc/x', '../../x', 'a/b'])
def test_an_info_file_does_not_say_where_the_table_is_written(
        kitti_root, write_config, name):
    pytest.importorskip('mmengine', reason='mmengine reads the config files')
    write_infos(kitti_root / 'kitti_infos_train.pkl', [kitti_info(0)], name)
    samples = samples_from_config(write_config(kitti(kitti_root)))
    safe = name.replace('/', '_')
    assert samples.table_path == f'{kitti_root}/{safe}_likelihoods.parquet'
    assert samples.provenance.dataset == name


def test_images_outside_of_the_data_set_are_said(
        kitti_root, write_config, tmp_path):
    pytest.importorskip('mmengine', reason='mmengine reads the config files')
    folder = kitti_root / 'training' / 'image_2'
    private = tmp_path / 'private.png'
    (folder / '000000.png').rename(private)
    (folder / '000000.png').symlink_to(private)
    infos = [kitti_info(i) for i in range(4)]
    infos[1]['images']['CAM2']['img_path'] = str(private)
    infos[2]['images']['CAM2']['img_path'] = '../../../private.png'
    write_infos(kitti_root / 'kitti_infos_train.pkl', infos)
    config = write_config(kitti(kitti_root))
    [said] = samples_from_config(config).outside
    assert said.startswith('3 images lie outside of')
    # a whole data set behind a link is that data set
    link = tmp_path / 'link'
    link.symlink_to(kitti_root)
    infos = [kitti_info(3)]
    write_infos(kitti_root / 'kitti_infos_train.pkl', infos)
    assert samples_from_config(write_config(kitti(link))).outside == []
