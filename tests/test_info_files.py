"""Where info files lie, for both halves."""
import pytest

from dequity_mmdet3d.info_files import check_info_file, info_path


@pytest.mark.parametrize('dataset, path', [
    (dict(data_root='data/kitti/', ann_file='a.pkl'), 'data/kitti/a.pkl'),
    (dict(data_root='data/kitti', ann_file='b/a.pkl'), 'data/kitti/b/a.pkl'),
    (dict(data_root='data/kitti', ann_file='/b/a.pkl'), '/b/a.pkl'),
    (dict(data_root=None, ann_file='a.pkl'), 'a.pkl'),
    (dict(ann_file='a.pkl'), 'a.pkl'),
    (dict(data_root='data/kitti', ann_file=''), None),
    (dict(data_root='data/kitti'), None),
    (dict(ann_file=['a.pkl']), None),
])
def test_by_hand(dataset, path):
    assert info_path(dataset) == path


@pytest.mark.parametrize('dataset', [
    dict(data_root='d', ann_file='a.pkl'), dict(ann_file='a.pkl'),
    dict(data_root='d', ann_file='/a.pkl')])
def test_as_mmengine_joins(dataset):
    base = pytest.importorskip('mmengine.dataset').BaseDataset
    assert base(lazy_init=True, **dataset).ann_file == info_path(dataset)


def test_advice(tmp_path):
    path = tmp_path / 'a.pkl'
    with pytest.raises(FileNotFoundError) as error:
        check_info_file(path, 'db_sampler.info_path')
    for text in (str(path), 'dequity create-data', 'db_sampler.info_path'):
        assert text in str(error.value)
    path.touch()
    check_info_file(path)
