"""Small files that ask for much: refused before they get it."""
import io
import os
import pickle
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dequity_mmdet3d import bounds
from dequity_mmdet3d.bounds import read_arrays
from dequity_mmdet3d.likelihood.samples.safe_pickle import load_pickle
from dequity_mmdet3d.parquet_file import read_parquet
from dequity_mmdet3d.table import LikelihoodTable

from .fuzz.watch import watched

ABOUT = {b'dequity_mmdet3d': b'{"format_version": 1}'}


def write(path, n, ids, **options):
    one = np.ones(n, dtype=np.int64)
    pq.write_table(pa.table(dict(
        sample_id=ids, likelihood=one / 2, cluster_id=one,
        cluster_size=one)).replace_schema_metadata(ABOUT), path, **options)


def test_a_table_of_many_rows(tmp_path):
    """One id, said 5,000,000 times, in 40 KB."""
    path = tmp_path / 't.parquet'
    ids = pa.DictionaryArray.from_arrays(
        np.zeros(5_000_000, np.int32), ['x']).cast(pa.string())
    write(path, 5_000_000, ids, compression='zstd')
    assert path.stat().st_size < 100_000
    with watched(tmp_path), pytest.raises(
            ValueError, match='t.parquet .*5000000 rows.*different ids'):
        LikelihoodTable.load(path)


def test_a_table_of_long_ids(tmp_path):
    """One id of 100 KB, said 4,000 times: 400 MB."""
    path = tmp_path / 't.parquet'
    ids = pa.DictionaryArray.from_arrays(
        np.zeros(4000, np.int32), ['x' * 100_000])
    write(path, 4000, ids)
    # the file does not say that the column was a dictionary
    table = pq.read_table(path)
    plain = table.schema.set(0, pa.field('sample_id', pa.string()))
    pq.write_table(table.cast(plain), path)
    with watched(tmp_path), pytest.raises(
            ValueError, match="'sample_id' repeats long texts, 400000000"):
        LikelihoodTable.load(path)


def test_pages_that_grow(tmp_path):
    path = tmp_path / 't.parquet'
    pq.write_table(pa.table(dict(a=['x' * 300_000_000])), path,
                   compression='zstd', use_dictionary=False)
    with pytest.raises(ValueError, match='would become 300'):
        read_parquet(path, 'again')


def test_nothing_is_lost_of_what_is_read(tmp_path):
    path = tmp_path / 't.parquet'
    table = pa.table(dict(
        a=['x', None, 'ä' * 3], b=pa.array(['x', 'x', 'y'], pa.large_string()),
        c=[1, 2, None], d=pa.array(['k', 'k', 'l']).dictionary_encode()))
    pq.write_table(table, path)
    assert read_parquet(path, 'again').equals(table)
    assert read_parquet(path, 'again', ['c', 'a', 'no']).equals(
        table.select(['c', 'a']))
    pq.write_table(pa.table(dict(a=[[1], [2, 3]])), path)
    with pytest.raises(ValueError, match="column 'a' is list"):
        read_parquet(path, 'again')


@pytest.mark.parametrize('raw', [
    # place 2**28 of the memo; 8 GB of bytes by their length, in two ways
    b'\x80\x02Nr\x00\x00\x00\x10.',
    b'\x80\x02c__builtin__\nbytearray\n\x8a\x05\x00\x00\x00\x00\x02\x85R.',
    b'\x80\x04\x8e\x00\x00\x00\x00\x02\x00\x00\x00x.'],
    ids=['memo', 'bytearray', 'bytes'])
def test_pickles_that_ask_for_gigabytes(tmp_path, raw):
    path = tmp_path / 'a.pkl'
    path.write_bytes(raw)
    with watched(tmp_path), pytest.raises(ValueError, match=r'a\.pkl is'):
        load_pickle(path)
    path.write_bytes(pickle.dumps([bytes(5), bytearray(b'x'), bytearray()]))
    assert load_pickle(path) == [bytes(5), b'x', b'']


def test_archives_of_arrays(tmp_path):
    path = tmp_path / 'a.npz'
    arrays = dict(a=np.arange(6).reshape(2, 3), b=np.float32(3),
                  c=np.asfortranarray(np.eye(3)), d=np.array(['x', 'yz']),
                  e=np.zeros((0, 3)))
    np.savez(path, **arrays)
    found = read_arrays(path)
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == np.asarray(array).dtype
        np.testing.assert_array_equal(found[name], array)
    mapped = read_arrays(path, 40)  # bytes
    for name, array in arrays.items():
        assert isinstance(mapped[name], np.memmap) == (name in 'ac')
        np.testing.assert_array_equal(mapped[name], array)
    with pytest.raises(ValueError, match="it has no 'z'"):
        found['z']
    raw = bytearray(path.read_bytes())
    raw[raw.index(arrays['a'].tobytes())] ^= 1  # a bit
    path.write_bytes(raw)
    for least in (None, 40):
        with pytest.raises(ValueError, match='Bad CRC'):
            read_arrays(path, least)
    np.savez_compressed(path, a=np.zeros(10**6))
    with pytest.raises(ValueError, match='more than it has|compressed'):
        read_arrays(path)
    np.savez(path, a=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match='holds objects'):
        read_arrays(path)


def test_arrays_of_a_file_that_is_replaced_meanwhile(tmp_path, monkeypatch):
    np.savez(tmp_path / 'a.npz', a=np.arange(6))
    np.savez(tmp_path / 'b.npz', a=np.arange(6)[::-1])
    start = bounds._start

    def replaced(*args):
        os.replace(tmp_path / 'b.npz', tmp_path / 'a.npz')
        return start(*args)

    monkeypatch.setattr(bounds, '_start', replaced)
    assert read_arrays(tmp_path / 'a.npz', 40)['a'].tolist() == [*range(6)]
    monkeypatch.undo()
    assert read_arrays(tmp_path / 'a.npz', 40)['a'].tolist() == [
        *range(6)][::-1]


@pytest.mark.parametrize('shape', [(10**12, ), (-1, ), (3, 3)])
def test_arrays_that_say_another_shape(tmp_path, shape):
    raw = io.BytesIO()
    np.lib.format.write_array_header_1_0(raw, dict(
        shape=shape, fortran_order=False, descr='<f8'))
    with zipfile.ZipFile(tmp_path / 'a.npz', 'w') as f:
        f.writestr('a.npy', raw.getvalue() + bytes(16))
    with pytest.raises(ValueError, match="'a.npy' must hold"):
        read_arrays(tmp_path / 'a.npz')
