"""Images, info files and encoders that the tests of this half share."""
import pytest

from tests.likelihood.helpers import (
    FakeEncoder,
    kitti_info,
    write_images,
    write_infos,
)


@pytest.fixture
def kitti_root(tmp_path):
    """Four frames of KITTI in its own layout, images of noise."""
    root = tmp_path / 'kitti'
    write_images(root / 'training' / 'image_2', 4)
    write_infos(root / 'kitti_infos_train.pkl',
                [kitti_info(i) for i in (2, 0, 3)])
    return root


@pytest.fixture
def write_config(tmp_path):
    """Write a config around a dataset dict."""

    def write(dataset, name='config.py', head=''):
        path = tmp_path / name
        path.write_text(f'{head}\ntrain_dataloader = dict('
                        f'batch_size=2, dataset={dataset!r})\n')
        return path

    return write


@pytest.fixture
def fake_encoder():
    return FakeEncoder()
