"""Embeddings beside a table are found, and none is taken for another."""
import json

import numpy as np
import pytest

from dequity_mmdet3d.likelihood.embeddings.lookup import stored_embeddings
from dequity_mmdet3d.likelihood.embeddings.names import (
    image_names,
    stamp_of,
)
from dequity_mmdet3d.likelihood.embeddings.shards import Shards, ShardStore

N, D, SIZE = 5, 3, 2
ABOUT = dict(encoder=dict(name='net', weights_sha256='abc'))


def save(table, paths, value, weights='abc', skip=(), **more):
    """Shards of two images and a value each, in a folder of one identity."""
    identity = dict(dim=D, dtype='float16', weights_sha256=weights, **more)
    store = ShardStore(table.with_suffix('.embeddings'), shard_size=SIZE)
    names = image_names(paths)
    with store.open(identity) as shards:
        for k in set(range(3)) - set(skip):
            some = names[k * SIZE:(k + 1) * SIZE]
            why = [None, 'cut off' if k == 1 else None][:len(some)]
            rows = np.full((len(some), D), value + k, dtype=float)
            rows[[w is not None for w in why]] = 0
            shards.write(k, some, [''] * len(some), rows, why)


def paths_in(folder):
    return [f'{folder}/{name}.png' for name in 'abcde']


def test_found_wherever_the_images_are_now(tmp_path):
    table = tmp_path / 't.parquet'
    save(table, paths_in('elsewhere'), 7, weights='other')
    save(table, paths_in('elsewhere'), 1)
    (tmp_path / 't.embeddings/foreign').mkdir()
    (tmp_path / 't.embeddings/foreign/identity.json').write_text('[]')
    rows, usable = stored_embeddings(table, ABOUT, paths_in('here'))
    assert rows.dtype == np.float32
    assert rows[:, 0].tolist() == [1, 1, 2, 0, 3]
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
    with pytest.raises(FileNotFoundError, match='no embeddings of these 6'):
        stored_embeddings(table, ABOUT, [*paths_in('a'), 'a/f.png'])
    stored_embeddings(table, ABOUT, paths_in('a'))


def test_any_order_and_the_rows_of_today(tmp_path):
    table = tmp_path / 't.parquet'
    save(table, paths_in('a'), 1)
    rows, usable = stored_embeddings(table, ABOUT, paths_in('b')[::-1], 'b')
    assert rows[:, 0].tolist() == [3, 0, 2, 1, 1]
    assert usable.tolist() == [True, False, True, True, True]
    # made again: the newest counts, unless an older one fits the file
    folder, = (tmp_path / 't.embeddings').iterdir()
    shards = Shards(folder, D, 'float16')
    image = tmp_path / 'b.png'
    image.write_bytes(b'12')
    for number, stamp in ((3, stamp_of(image)), (4, '1 1')):
        shards.write(number, ['b.png'], [stamp], np.full((1, D), number),
                     [None])
    for path, want in (('x/b.png', 4), (image, 3)):
        paths = [str(path), *(f'{path.parent if path is image else "x"}/'
                              f'{n}.png' for n in 'acde')]
        assert stored_embeddings(table, ABOUT, paths)[0][0, 0] == want


def test_damaged_and_odd(tmp_path):
    table = tmp_path / 't.parquet'
    save(table, paths_in('a'), 1)
    for name, about in (('a', '{'), ('b', '[' * 99999), ('c', json.dumps(dict(
            dim=[], dtype={}, weights_sha256='abc')))):
        (tmp_path / f't.embeddings/{name}').mkdir()
        (tmp_path / f't.embeddings/{name}/identity.json').write_text(about)
    stored_embeddings(table, ABOUT, paths_in('a'))
    shard = sorted((tmp_path / 't.embeddings').rglob('*.arrow'))[-1]
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(FileNotFoundError, match='no embeddings of these 5'):
        stored_embeddings(table, ABOUT, paths_in('a'))
