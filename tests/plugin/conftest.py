"""Configs and batches for the tests of the training half."""
import copy
import os

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from dequity_mmdet3d.plugin import mend_host
from tests.conftest import ROOT

mend_host()  # most tests have no training around them, which would


def load_config(name, data_root):
    """A config of this project on another data root, without workers."""
    os.environ['MINI_KITTI'] = f'{data_root}/'
    init_default_scope('mmdet3d')
    cfg = Config.fromfile(ROOT / 'configs' / f'{name}.py')
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.num_workers, loader.persistent_workers = 0, False
    return cfg


def move_kitti(cfg, root):
    """Point a config for stock KITTI to another data root."""
    text = cfg.pretty_text.replace('data/kitti/', f'{root}/')
    return Config.fromstring(text, '.py')


@pytest.fixture
def mini_config(mini_kitti):
    return load_config('pointpillars_dequity_mini_kitti', mini_kitti)


@pytest.fixture
def base_config(mini_config):
    """Config of the KittiDataset below all wrappers."""
    return copy.deepcopy(mini_config.train_dataloader.dataset.dataset.dataset)


def first_batch(cfg, batch_size):
    """A batch as it leaves the training data loader."""
    loader = copy.deepcopy(cfg.train_dataloader)
    loader.batch_size = batch_size
    np.random.seed(0)  # the host's augmentations draw from the global state
    return next(iter(Runner.build_dataloader(loader, seed=0)))
