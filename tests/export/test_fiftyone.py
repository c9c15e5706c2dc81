"""A real FiftyOne with its data base, where both are there."""
import os
from types import SimpleNamespace

import numpy as np
import pytest

from dequity_mmdet3d.export.fiftyone_dataset import make_dataset
from dequity_mmdet3d.table import LikelihoodTable

NAME = f'dequity_test_{os.getpid()}'


@pytest.fixture(scope='module')
def fo():
    fo = pytest.importorskip('fiftyone', reason='FiftyOne is not installed')
    try:
        before = fo.list_datasets()
    except Exception as e:  # its own errors and those of pymongo
        pytest.skip(f'the data base of FiftyOne does not start ({e})')
    yield fo
    for name in fo.list_datasets():
        if name not in before:
            fo.delete_dataset(name)


@pytest.fixture
def table(tmp_path):
    table = LikelihoodTable(
        ['000134', 'b', 'c'], np.array([1, 0.5, 0.25]), np.array([0, 1, -1]),
        np.array([4, 2, 1]), dict(seed=0, encoder=dict(name='net')))
    images = [str(tmp_path / f'{i}.png') for i in range(3)]
    return SimpleNamespace(table=table, images=images,
                           vectors=np.eye(3, dtype=np.float32))


def test_fields(fo, table):
    n = make_dataset(NAME, table.table, table.images, table.vectors, eta=1,
                     gamma=1, overwrite=True)
    dataset = fo.load_dataset(NAME)
    assert n == len(dataset) == 3 and dataset.persistent
    assert dataset.values('filepath') == table.images
    assert dataset.values('dequity_id') == ['000134', 'b', 'c']
    assert dataset.values('likelihood') == [1, 0.5, 0.25]
    assert dataset.values('weight') == [0.5, 0.75, 0.875]
    assert dataset.values('cluster_id') == [0, 1, -1]
    assert dataset.values('cluster_size') == [4, 2, 1]
    assert np.array_equal(np.stack(dataset.values('embedding')), np.eye(3))
    assert dataset.info['dequity_mmdet3d']['encoder'] == dict(name='net')
    assert dataset.info['gamma'] == 1
    assert len(dataset.match(fo.ViewField('likelihood') < 0.4)) == 1


def test_taken_names_and_lost_images(fo, table):
    make_dataset(NAME, table.table, table.images, overwrite=True)
    with pytest.raises(ValueError, match='already; give another --name, or'):
        make_dataset(NAME, table.table, table.images)
    n = make_dataset(NAME, table.table, [None, *table.images[1:]],
                     overwrite=True)
    assert n == 2
    assert fo.load_dataset(NAME).values('dequity_id') == ['b', 'c']


def test_a_failure_leaves_nothing(fo, table):
    make_dataset(NAME, table.table, table.images, overwrite=True)
    before = fo.list_datasets()

    def stop(samples, total):
        yield next(samples)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_dataset(NAME, table.table, table.images[:2], overwrite=True,
                     progress=stop)
    assert fo.list_datasets() == before
    assert len(fo.load_dataset(NAME)) == 3
