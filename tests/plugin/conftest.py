"""Configs and batches for the tests of the training half."""
import copy

import pytest

from dequity_mmdet3d.plugin import mend_host
from tests.plugin.helpers import load_config

mend_host()  # most tests have no training around them, which would


@pytest.fixture
def mini_config(mini_kitti):
    return load_config('pointpillars_dequity_mini_kitti', mini_kitti)


@pytest.fixture
def base_config(mini_config):
    """Config of the KittiDataset below all wrappers."""
    return copy.deepcopy(mini_config.train_dataloader.dataset.dataset.dataset)


