"""Embeddings beside a table are found, and none is taken for another."""
import numpy as np
import pytest

from dequity_mmdet3d.likelihood.embeddings.lookup import stored_embeddings
from dequity_mmdet3d.likelihood.embeddings.names import names_digest
from dequity_mmdet3d.likelihood.embeddings.shards import ShardStore

N, D, SIZE = 5, 3, 2
ABOUT = dict(encoder=dict(name='net', weights_sha256='abc'))


def save(table, paths, value, weights='abc', skip=(), **more):
    identity = dict(dim=D, dtype='float16', shard_size=SIZE, images=len(paths),
                    images_sha256=names_digest(paths), weights_sha256=weights,
                    **more)
    store = ShardStore(table.with_suffix('.embeddings'), shard_size=SIZE)
    with store.open(identity, paths) as shards:
        for k in set(range(len(shards))) - set(skip):
            first, end = shards.span(k)
            rows = np.full((end - first, D), value + k, dtype=float)
            shards.write(k, rows, [(1, 'cut off')] if k == 1 else [], '')


def paths_in(folder):
    return [f'{folder}/{name}.png' for name in 'abcde']


def test_found_wherever_the_images_are_now(tmp_path):
    table = tmp_path / 't.parquet'
    save(table, paths_in('elsewhere'), 7, weights='other')
    save(table, paths_in('elsewhere'), 1)
    save(table, paths_in('elsewhere')[:4], 9)
    (tmp_path / 't.embeddings/foreign').mkdir()
    (tmp_path / 't.embeddings/foreign/identity.json').write_text('[]')
    rows, usable = stored_embeddings(table, ABOUT, paths_in('here'))
    assert rows.dtype == np.float32
    assert rows[:, 0].tolist() == [1, 1, 2, 2, 3]
    assert usable.tolist() == [True, True, True, False, True]
    # the same weights give other numbers by stages
    save(table, paths_in('elsewhere'), 4, features='stages')
    for features, first in ((dict(), 1), (dict(features='pooled'), 1),
                            (dict(features='stages'), 4)):
        about = dict(encoder=dict(ABOUT['encoder'], **features))
        rows, _ = stored_embeddings(table, about, paths_in('here'))
        assert rows[0, 0] == first


def test_missing(tmp_path):
    table = tmp_path / 't.parquet'
    with pytest.raises(FileNotFoundError, match='no embeddings of these 5 '
                       'images by net; repeat'):
        stored_embeddings(table, ABOUT, paths_in('a'))
    save(table, paths_in('a'), 1, skip=[2])
    with pytest.raises(FileNotFoundError, match='no embeddings of these 5'):
        stored_embeddings(table, ABOUT, paths_in('a'))
    save(table, paths_in('a'), 1)
    with pytest.raises(FileNotFoundError, match='no embeddings of these 5'):
        stored_embeddings(table, ABOUT, paths_in('a')[::-1])
    stored_embeddings(table, ABOUT, paths_in('a'))
