"""Classes are counted as training sees them."""
import numpy as np
import pytest
from mmdet3d.registry import DATASETS

from dequity_mmdet3d.class_content import sample_factors
from dequity_mmdet3d.plugin import DequityDataset, DequitySampler
from dequity_mmdet3d.plugin.object_counts import object_counts
from dequity_mmdet3d.weight import dequity_weight
from tests.coco_set import coco_dataset, make_coco
from tests.plugin.helpers import label_counts


@pytest.fixture
def counts(base_config, mini_kitti):
    return label_counts(mini_kitti, base_config.metainfo.classes)


@pytest.mark.parametrize('serialize', [True, False])
def test_kitti(base_config, counts, serialize):
    dataset = DATASETS.build(dict(base_config, serialize_data=serialize))
    np.testing.assert_array_equal(object_counts(dataset), counts)


def test_a_class_that_is_not_trained(base_config, counts):
    last = base_config.metainfo.classes[-1]
    dataset = DATASETS.build(dict(base_config, metainfo=dict(classes=[last])))
    np.testing.assert_array_equal(object_counts(dataset), counts[:, -1:])


def test_coco_without_crowds(tmp_path):
    make_coco(tmp_path)
    dataset = DATASETS.build(dict(coco_dataset(tmp_path), _scope_='mmdet'))
    # backwards without the last; image 6 has a crowd alone
    expected = [[0, 0], *([i % 2 == 0, i % 2] for i in range(5, -1, -1))]
    np.testing.assert_array_equal(object_counts(dataset), expected)


def test_nuscenes(shared_data):
    """A key frame: boxes without a point in them do not count."""
    import mmengine
    root = shared_data / 'nuscenes'
    how = dict(type='NuScenesDataset', data_root=str(root), pipeline=[],
               ann_file='nuscenes_infos_train.pkl',
               data_prefix=dict(pts='samples/LIDAR_TOP'))
    info = mmengine.load(root / 'nuscenes_infos_train.pkl')
    instances = info['data_list'][0]['instances']
    for flag in (True, False):
        dataset = DATASETS.build(dict(how, use_valid_flag=flag))
        names = {v: k for k, v in info['metainfo']['categories'].items()}
        seen = [names.get(i['bbox_label_3d']) for i in instances if (
            i['bbox_3d_isvalid'] if flag else i['num_lidar_pts'] > 0)]
        assert 0 < len(seen) < 69 or not flag
        assert object_counts(dataset).tolist() == [
            [seen.count(c) for c in dataset.metainfo['classes']]]


def test_weights_by_hand_over_and_under_wrappers(base_config, mini_kitti,
                                                 counts):
    factor = sample_factors(counts, 'irfs', 0.9)
    assert 1 <= factor.min() < factor.max()
    table = str(mini_kitti / 'kitti_likelihoods.parquet')
    look = dequity_weight(1 / np.arange(1, 13), 0.5, 2)
    alone = DequityDataset(base_config, content='irfs', t=0.9)
    np.testing.assert_allclose(alone.weight, factor, rtol=1e-14)
    assert np.isnan(alone.likelihood).all()
    both = DequityDataset(
        dict(type='RepeatDataset', times=2, dataset=base_config), table, 0.5,
        2, 'mean', content='irfs', t=0.9)
    expected = np.tile(factor * look / (factor * look).mean(), 2)
    np.testing.assert_allclose(both.weight, expected, rtol=1e-14)
    assert [both.get_data_info(i)['dequity_weight'] for i in range(24)] == (
        both.weight.tolist())
    assert both.frame_weights == both.weight.tolist()
    # two halves are counted together
    halves = [dict(base_config, indices=list(i))
              for i in (range(6), range(6, 12))]
    joined = DequityDataset(
        dict(type='ConcatDataset', datasets=halves), content='irfs', t=0.9)
    np.testing.assert_allclose(joined.weight, factor, rtol=1e-14)
    # n = 12 p look alike
    effective = DequityDataset(base_config, table, form='effective', beta=0.5)
    np.testing.assert_allclose(
        effective.weight, 0.5 / (1 - 0.5**(12 / np.arange(1, 13))),
        rtol=1e-12)


def test_an_epoch_is_drawn_by_the_factors(base_config, counts):
    dataset = DequityDataset(base_config, content='rfs', t=1.0)
    factor = sample_factors(counts, 'rfs', 1.0)
    expected = 12 * factor / factor.sum()
    sampler = DequitySampler(dataset, seed=0)
    drawn = np.zeros(12)
    for epoch in range(200):
        sampler.set_epoch(epoch)
        count = np.bincount(list(sampler), minlength=12)
        assert ((count == np.floor(expected + 1e-9))
                | (count == np.ceil(expected - 1e-9))).all()
        drawn += count / 200
    # the variance of one draw is at most 1/4
    np.testing.assert_allclose(drawn, expected, atol=5 * 0.5 / 200**0.5)


@pytest.mark.parametrize('how, message', [
    (dict(), 'from a likelihood table or from classes'),
    (dict(form='effective'), 'needs a likelihood table'),
    (dict(content='x'), 'content of DequityDataset must be one of'),
    (dict(content='rfs', t=2), 't of DequityDataset'),
])
def test_bad_settings_before_anything_is_read(how, message):
    with pytest.raises(ValueError, match=message):
        DequityDataset(dict(type='KittiDataset'), **how)


def test_a_set_without_objects_or_of_other_classes(base_config):
    empty = dict(base_config, metainfo=dict(classes=['Tram']))
    with pytest.raises(ValueError, match='none of 12 samples holds an object'):
        DequityDataset(empty, content='rfs')
    with pytest.raises(ValueError, match='different classes'):
        DequityDataset(dict(
            type='ConcatDataset', ignore_keys=['classes'], datasets=[
                dict(base_config, indices=list(range(6))),
                dict(base_config, indices=list(range(6, 12)),
                     metainfo=dict(classes=['Car']))]), content='rfs')
