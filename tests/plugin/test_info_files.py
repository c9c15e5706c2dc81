"""What a training lacks is said before it starts, and only that."""
import pytest

pytest.importorskip('mmdet3d')

from mmengine.config import Config
from mmengine.dataset import BaseDataset

from dequity_mmdet3d.plugin.info_files import check_info_files


def kitti(tmp_path, **more):
    return dict(type='KittiDataset', data_root=str(tmp_path),
                ann_file='a.pkl', **more)


def check(dataset, splits=('train', )):
    check_info_files(
        Config(dict(train_dataloader=dict(dataset=dataset))), splits)


@pytest.mark.parametrize('wrap', [
    lambda dataset: dataset,
    lambda dataset: dict(type='RepeatDataset', times=2, dataset=dataset),
    lambda dataset: dict(type='ConcatDataset', datasets=[dataset])])
def test_info_file(tmp_path, wrap):
    dataset = wrap(kitti(tmp_path))
    with pytest.raises(FileNotFoundError, match='no info file .*a.pkl'):
        check(dataset)
    check(dataset, ('val', 'test'))  # which the config does not have
    (tmp_path / 'a.pkl').touch()
    check(dataset)


def test_database_of_objects(tmp_path):
    (tmp_path / 'a.pkl').touch()
    path = tmp_path / 'db.pkl'
    dataset = kitti(tmp_path, pipeline=[
        dict(type='LoadPointsFromFile'),
        dict(type='ObjectSample', db_sampler=dict(info_path=str(path)))])
    with pytest.raises(FileNotFoundError, match=r'correct db_sampler\.info'):
        check(dataset)
    path.touch()
    check(dataset)


class Theirs(BaseDataset):
    """Reads its files by a rule of its own."""

    def _join_prefix(self):
        self.ann_file = 'elsewhere'


@pytest.mark.parametrize('changes', [
    dict(type='NotImportedYet'), dict(type=Theirs), dict(ann_file=''),
    dict(data_root='s3://bucket'),
    dict(backend_args=dict(backend='petrel'))])
def test_what_is_left_to_others(tmp_path, changes):
    check({**kitti(tmp_path), **changes})


def test_a_config_without_data(tmp_path):
    check_info_files(Config(dict(train_dataloader=None)), ('train', 'val'))
