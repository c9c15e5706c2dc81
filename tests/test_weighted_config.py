"""Any config that trains becomes a weighted one, and stays what it was."""
import copy
import os
from pathlib import Path

import pytest

from dequity_mmdet3d.config_files import read_config
from dequity_mmdet3d.weighted_config import (
    datasets_of,
    lacks_use,
    weight_config,
)
from tests.helpers import ROOT

Config = pytest.importorskip('mmengine.config').Config
NEW_STYLE = ROOT / 'tests/commands/new_style/pointpillars.py'
DATASET = 'dequity_mmdet3d.plugin.DequityDataset'
HOOK = dict(type='dequity_mmdet3d.plugin.DequityHook')
BASE = dict(type='KittiDataset', ann_file='a.pkl')


def config_of(dataset, **more):
    return Config(dict(
        train_dataloader=dict(
            batch_size=2, sampler=dict(type='DefaultSampler'),
            dataset=copy.deepcopy(dataset)), **more))


@pytest.mark.parametrize('dataset', [
    BASE,
    dict(type='RepeatDataset', times=2, dataset=BASE),
    dict(type='CBGSDataset', dataset=dict(
        type='ConcatDataset', datasets=[BASE, dict(BASE, ann_file='b.pkl')])),
])
def test_wrapped_as_a_whole(dataset):
    config = config_of(dataset)
    weight_config(config, 't.parquet')
    assert config.train_dataloader.dataset == dict(
        type=DATASET, table='t.parquet', eta=1.0, gamma=5.0, normalize=None,
        dataset=dataset)
    assert config.train_dataloader.sampler == dict(type='DefaultSampler')
    assert config.default_hooks == dict(dequity=HOOK)


def test_numbers_and_sampler():
    config = config_of(BASE)
    weight_config(config, 't', eta=0.5, gamma=2.0, normalize='mean',
                  sampler=True)
    dataset = config.train_dataloader.dataset
    assert (dataset.eta, dataset.gamma, dataset.normalize) == (0.5, 2, 'mean')
    assert config.train_dataloader.sampler == dict(
        type='dequity_mmdet3d.plugin.DequitySampler')


def test_all_else_stays():
    more = dict(
        default_hooks=dict(logger=dict(type='LoggerHook', interval=7)),
        custom_hooks=[dict(type='EMAHook')],
        custom_imports=dict(imports=['theirs']), model=dict(type='Theirs'))
    config = config_of(BASE, **more)
    weight_config(config, 't')
    assert config.default_hooks.pop('dequity') == HOOK
    found = config.to_dict()
    del found['train_dataloader']
    assert found == more


def test_a_hook_of_ours_is_not_doubled():
    hook = dict(type='DequityHook', loss=dict(terms=['loss_cls']))
    config = config_of(BASE, custom_hooks=[hook])
    weight_config(config, 't')
    assert 'default_hooks' not in config and config.custom_hooks == [hook]


@pytest.mark.parametrize('config, numbers, text', [
    (Config(), {}, 'train_dataloader.dataset .* must be a dict, but is None'),
    (Config(dict(train_dataloader=None)), {}, 'but is None'),
    (Config(dict(train_dataloader=dict(dataset='kitti'))), {}, "is 'kitti'"),
    (config_of(dict(type='RepeatDataset', dataset=dict(
        type=DATASET, dataset=BASE))), {}, 'is weighted already'),
    (config_of(BASE), dict(eta=-1.0), 'eta of the weights'),
    (config_of(BASE), dict(gamma=float('nan')), 'gamma of the weights'),
    (config_of(BASE), dict(normalize='max'), 'normalize of the weights'),
])
def test_what_cannot_be_weighted(config, numbers, text):
    before = config.to_dict()
    with pytest.raises(ValueError, match=text):
        weight_config(config, 't', **numbers)
    assert config.to_dict() == before


def test_pure_python(tmp_path):
    """Weighted, written and read again: the same but for the equity."""
    pytest.importorskip('mmdet3d')
    stock = read_config(NEW_STYLE).to_dict()
    config = read_config(NEW_STYLE)
    weight_config(config, 't.parquet')
    path = tmp_path / 'config.py'
    path.write_text(config.pretty_text)
    again = read_config(path).to_dict()
    assert again == config.to_dict()
    loader = again['train_dataloader']
    assert loader['dataset'].pop('type') == DATASET
    loader['dataset'] = loader['dataset']['dataset']
    assert again['default_hooks'].pop('dequity') == HOOK
    assert again == stock
    assert [d['type'].split('.')[-1] for d in datasets_of(
        loader['dataset'])] == ['RepeatDataset', 'KittiDataset']


def test_pure_python_of_a_clone(tmp_path):
    """All that MMDetection3D has; its wheel leaves them out."""
    folder = Path(os.environ.get('MMDET3D', ''), 'mmdet3d/configs')
    if 'MMDET3D' not in os.environ or not folder.is_dir():
        pytest.skip('name a clone of MMDetection3D by MMDET3D=')
    paths = [path for path in sorted(folder.glob('[!_]*/[!_]*.py'))
             # it has an import * that mmengine forbids
             if path.parent.name != 'pgd']
    assert len(paths) >= 7
    for path in paths:
        config = read_config(path)
        weight_config(config, 't.parquet')
        written = tmp_path / path.name
        written.write_text(config.pretty_text)
        again = read_config(written).to_dict()
        assert again == config.to_dict(), path
        loader = again['train_dataloader']
        loader['dataset'] = loader['dataset']['dataset']
        assert again['default_hooks'].pop('dequity') == HOOK
        assert again == read_config(path).to_dict(), path


def test_weights_that_nothing_uses():
    config = config_of(BASE)
    assert not lacks_use(config)
    weight_config(config, 't')
    assert not lacks_use(config)
    del config.default_hooks['dequity']
    assert lacks_use(config)
    for hook in ('DequityHook', 'DequityProbe'):
        assert not lacks_use(Config(dict(
            config, custom_hooks=[dict(type=hook)])))
    # a project's own may draw by frame_weights
    for sampler, lacks in (('DequitySampler', False), ('Own', False),
                           ('mmengine.DefaultSampler', True)):
        config.train_dataloader.sampler = dict(type=sampler)
        assert lacks_use(config) is lacks
    assert not lacks_use(Config(dict()))
