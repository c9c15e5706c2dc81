"""Every sample that comes out carries its own likelihood and weight."""
import copy
import pickle
import re

import numpy as np
import pytest
from mmdet3d.registry import DATASETS, TRANSFORMS
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader

from dequity_mmdet3d.plugin import DequityDataset
from dequity_mmdet3d.plugin.walk import base_datasets
from dequity_mmdet3d.weight import dequity_weight
from tests.helpers import save_table


def frame_of(data_sample):
    """Frame number, from the file that the points were read from."""
    return int(re.search(r'(\d{6})\.bin', data_sample.lidar_path)[1])


def likelihood_of_frame(frame):
    """As the fixture ``mini_kitti`` writes it."""
    return 1 / (frame - 3)


def check_item(item, eta=1, gamma=5):
    sample = item['data_samples']
    p = likelihood_of_frame(frame_of(sample))
    assert sample.dequity_likelihood == p
    # scalar and vector powers of one CPU may differ in the last bit
    assert sample.dequity_weight == pytest.approx(
        dequity_weight(p, eta, gamma), rel=1e-15)


@pytest.fixture
def table(mini_kitti):
    return str(mini_kitti / 'kitti_likelihoods.parquet')


@TRANSFORMS.register_module(force=True)
class RefuseEvenFrames:
    """A pipeline step that refuses samples, as augmentations do."""

    def __call__(self, results):
        frame = int(re.search(r'(\d{6})\.bin', results['lidar_path'])[1])
        return None if frame % 2 == 0 else results


def wrap(kind, inner):
    return dict(
        none=inner,
        repeat=dict(type='RepeatDataset', times=2, dataset=inner),
        concat=dict(type='ConcatDataset', datasets=[inner]),
        cbgs=dict(type='CBGSDataset', dataset=inner),
        balanced=dict(
            type='ClassBalancedDataset', oversample_thr=0.5,
            dataset=inner))[kind]


@pytest.mark.parametrize('kind',
                         ['none', 'repeat', 'concat', 'cbgs', 'balanced'])
@pytest.mark.parametrize('place', ['over', 'under'])
@pytest.mark.parametrize('serialize', [True, False])
def test_join_with_each_wrapper(base_config, table, kind, place, serialize):
    base_config.serialize_data = serialize
    np.random.seed(0)  # CBGSDataset draws from the global state
    if place == 'over':
        cfg = dict(
            type='DequityDataset',
            table=table,
            dataset=wrap(kind, base_config))
    else:
        cfg = wrap(
            kind, dict(
                type='DequityDataset', table=table, dataset=base_config))
    dataset = DATASETS.build(cfg)
    for i in (0, len(dataset) // 2, len(dataset) - 1):
        check_item(dataset[i])
        info = dataset.get_data_info(i)
        frame = int(re.search(r'(\d{6})\.bin', info['lidar_path'])[1])
        assert info['dequity_likelihood'] == likelihood_of_frame(frame)
    assert dataset.metainfo['classes'] == ['Pedestrian', 'Cyclist', 'Car']


def test_row_of_a_frame_is_not_its_number(base_config, table):
    """The host overwrites sample_idx with the row: the join must not."""
    dataset = DequityDataset(base_config, table)
    info = dataset.get_data_info(0)
    assert info['sample_idx'] == 0 and '000004' in info['lidar_path']
    assert info['dequity_likelihood'] == likelihood_of_frame(4)


def test_join_on_the_sample_that_comes_out(base_config, table):
    base_config.pipeline.insert(0, dict(type='RefuseEvenFrames'))
    dataset = DequityDataset(base_config, table)
    for i in range(len(dataset)):
        item = dataset[i]
        assert frame_of(item['data_samples']) % 2 == 1
        check_item(item)


def test_results_inside_the_pipeline_carry_the_weight(base_config, table):
    dataset = DequityDataset(base_config, table)
    seen = []
    dataset.pipeline.transforms.insert(
        0, lambda results: seen.append(results['dequity_weight']) or results)
    item = dataset[0]
    assert seen[-1] == item['data_samples'].dequity_weight


@pytest.mark.parametrize('lazy_inner', [True, False])
def test_lazy_init(base_config, table, lazy_inner):
    base_config.lazy_init = lazy_inner
    dataset = DequityDataset(base_config, table, lazy_init=True)
    assert not dataset._fully_initialized
    check_item(dataset[1])
    assert len(dataset) == 12


def test_workers(base_config, table):
    dataset = DequityDataset(base_config, table)
    loader = DataLoader(
        dataset, batch_size=3, num_workers=2, collate_fn=pseudo_collate)
    samples = [s for batch in loader for s in batch['data_samples']]
    assert len(samples) == 12
    for sample in samples:
        check_item(dict(data_samples=sample))


def test_workers_that_are_not_forked(base_config, table):
    """They start without what was mended here, and ObjectSample needs it."""
    assert 'ObjectSample' in [t['type'] for t in base_config.pipeline]
    dataset = DequityDataset(base_config, table)
    loader = DataLoader(
        dataset, batch_size=6, num_workers=1, collate_fn=pseudo_collate,
        multiprocessing_context='spawn')
    samples = [s for batch in loader for s in batch['data_samples']]
    assert len(samples) == 12
    for sample in samples:
        check_item(dict(data_samples=sample))


def test_copies_are_joined_too(base_config, table):
    dataset = DequityDataset(base_config, table)
    check_item(copy.deepcopy(dataset)[2])
    check_item(pickle.loads(pickle.dumps(dataset))[2])


@pytest.mark.parametrize('kind', ['none', 'repeat', 'cbgs'])
@pytest.mark.parametrize('place', ['over', 'under'])
def test_host_hook_that_changes_the_pipeline(base_config, table, kind, place):
    """What DisableObjectSampleHook of the host does (trap 5)."""
    np.random.seed(0)
    inner = dict(type='DequityDataset', table=table, dataset=base_config)
    cfg = wrap(kind, inner) if place == 'under' else dict(
        inner, dataset=wrap(kind, base_config))
    dataset = DATASETS.build(cfg)
    for transform in dataset.dataset.pipeline.transforms:
        if type(transform).__name__ == 'ObjectSample':
            transform.disabled = True
    for base in base_datasets(dataset):
        assert [
            t.disabled for t in base.pipeline.transforms
            if type(t).__name__ == 'ObjectSample'
        ] == [True]


def test_pipeline_put_in_place_by_a_hook(base_config, table):
    from mmengine.dataset import Compose
    dataset = DequityDataset(base_config, table)
    dataset.pipeline = Compose(
        [t for t in base_config.pipeline if t['type'] != 'ObjectSample'])
    check_item(dataset[3])


def test_weights_of_an_epoch(base_config, table):
    dataset = DequityDataset(
        wrap('repeat', base_config), table, eta=0.5, gamma=2)
    expected = dequity_weight(
        np.array([likelihood_of_frame(i) for i in range(4, 16)] * 2), 0.5, 2)
    np.testing.assert_array_equal(dataset.weight, expected)
    check_item(dataset[12], 0.5, 2)
    normalized = DequityDataset(
        wrap('repeat', base_config), table, 0.5, 2, normalize='mean')
    np.testing.assert_allclose(normalized.weight, expected / expected.mean())
    assert (normalized[5]['data_samples'].dequity_weight ==
            normalized.weight[5])


def partial_table(tmp_path, frames=range(4, 10), **metadata):
    return save_table(tmp_path / 'part.parquet',
                      {str(i): likelihood_of_frame(i)
                       for i in frames}, **metadata)


def test_sample_that_the_table_lacks(base_config, tmp_path):
    with pytest.raises(ValueError) as error:
        DequityDataset(base_config, partial_table(tmp_path))
    message = str(error.value)
    assert '6 of 12 samples' in message
    assert "['10', '11', '12', '13', '14']" in message
    assert 'dequity likelihoods' in message


def test_neutral_weight(base_config, tmp_path):
    dataset = DequityDataset(
        base_config, partial_table(tmp_path), missing='neutral')
    known = dequity_weight(
        np.array([likelihood_of_frame(i) for i in range(4, 10)]))
    np.testing.assert_allclose(dataset.weight[6:], known.mean())
    assert np.isnan(dataset.likelihood[6:]).all()
    sample = dataset[8]['data_samples']
    assert sample.dequity_weight == known.mean()


def test_table_of_another_data_set(base_config, tmp_path):
    with pytest.raises(ValueError, match="'kitti' data set.*'nuscenes'"):
        DequityDataset(base_config,
                       partial_table(tmp_path, dataset='nuscenes'))
    # neutral is for some samples, not for all
    other = save_table(tmp_path / 'other.parquet', {'a/b.png': 0.5})
    with pytest.raises(ValueError, match='12 of 12 samples'):
        DequityDataset(base_config, other, missing='neutral')


def test_missing_table(base_config, tmp_path):
    with pytest.raises(FileNotFoundError, match='dequity likelihoods'):
        DequityDataset(base_config, str(tmp_path / 'none.parquet'))


def test_duplicate_ids(base_config, table, mini_kitti, tmp_path):
    import mmengine
    infos = mmengine.load(mini_kitti / 'kitti_infos_train.pkl')
    infos['data_list'].append(copy.deepcopy(infos['data_list'][3]))
    mmengine.dump(infos, tmp_path / 'twice.pkl')
    base_config.ann_file = str(tmp_path / 'twice.pkl')
    with pytest.raises(ValueError, match=r"1 sample ids.*\['7'\]"):
        DequityDataset(base_config, table)


def test_validation_set(base_config, table):
    base_config.test_mode = True
    with pytest.raises(ValueError, match='train_dataloader only'):
        DequityDataset(base_config, table)


def test_wrapped_twice(base_config, table):
    inner = dict(type='DequityDataset', table=table, dataset=base_config)
    with pytest.raises(ValueError, match='two DequityDatasets'):
        DequityDataset(inner, table)


@pytest.mark.parametrize('kwargs', [
    dict(eta=-1), dict(gamma=float('nan')), dict(normalize='max'),
    dict(missing='skip')
])
def test_bad_arguments_before_anything_is_read(kwargs):
    with pytest.raises(ValueError,
                       match=f'{next(iter(kwargs))} of DequityDataset'):
        DequityDataset(dict(type='KittiDataset'), 'none.parquet', **kwargs)


def test_something_that_is_no_data_set(table):
    with pytest.raises(TypeError, match='config or a data set'):
        DequityDataset([1, 2], table)


@pytest.mark.parametrize('load_type, items', [('frame_based', 1),
                                              ('mv_image_based', 6)])
def test_nuscenes_is_joined_by_token(shared_data, tmp_path, load_type, items):
    token = 'ca9a282c9e77460f8360f564131a8af5'
    table = save_table(
        tmp_path / 'nus.parquet', {token: 0.25}, dataset='nuscenes')
    dataset = DequityDataset(
        dict(
            type='NuScenesDataset',
            data_root=str(shared_data / 'nuscenes'),
            ann_file='nuscenes_infos_train.pkl',
            data_prefix=dict(pts='samples/LIDAR_TOP'),
            modality=dict(use_lidar=True, use_camera=True),
            load_type=load_type,
            use_valid_flag=True,
            pipeline=[]), table)
    assert len(dataset) == items
    for i in range(items):
        info = dataset.get_data_info(i)
        assert info['token'] == token
        assert info['dequity_weight'] == pytest.approx(
            dequity_weight(0.25), rel=1e-15)
