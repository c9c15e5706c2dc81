"""The store: whole files, locks, and errors of disks."""
import contextlib
import errno
import json
import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import dataset, feather

from dequity_mmdet3d import locks
from dequity_mmdet3d.likelihood.embeddings.arrow_file import (
    file_name,
    is_whole,
)
from dequity_mmdet3d.likelihood.embeddings.row_index import Index, Rows
from dequity_mmdet3d.likelihood.embeddings.shards import Shards, ShardStore

IDENTITY = dict(encoder='fake', dim=3)
ONES = np.ones((2, 3))


def opened(folder, **store):
    return ShardStore(folder, shard_size=2, **store).open(IDENTITY)


def write(shards, number, x, reasons=None, names=None):
    n = len(x)
    return shards.write(number, names or [f'{number}_{i}' for i in range(n)],
                        ['1 2'] * n, x, reasons or [None] * n)


def test_what_is_written_is_read(tmp_path):
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    x[1] = 0
    with opened(tmp_path) as shards:
        assert shards.names() == [] and shards.nbytes == 0
        name = write(shards, 7, x, [None, 'grüße\n'], ['a/ü.png', 'b'])
        assert shards.names() == [name] and name.startswith('000007-')
        found = shards.read(name)
        assert found.path.to_pylist() == ['a/ü.png', 'b']
        assert found.stamp.to_pylist() == ['1 2', '1 2']
        assert found.reason.to_pylist() == [None, 'grüße\n']
        rows = shards.rows(name, found)
        assert isinstance(rows, np.memmap) and rows.dtype == np.float16
        assert rows.tolist() == x.tolist()
        assert shards.nbytes == (shards.folder / name).stat().st_size
        # any reader of Arrow's files sees the same
        table = feather.read_table(shards.folder / name)
        assert table.to_pylist() == [
            dict(path='a/ü.png', stamp='1 2', embedding=[0, 1, 2],
                 reason=None),
            dict(path='b', stamp='1 2', embedding=None, reason='grüße\n')]
        assert shards.read('000001-00000000.arrow') is None
    identity, = tmp_path.glob('*/identity.json')
    assert json.loads(identity.read_text()) == IDENTITY


def test_what_is_not_ours_is_not_read(tmp_path):
    """A right checksum alone makes no shard."""
    shards = Shards(tmp_path / 'mine', 3, 'float16')
    (tmp_path / 'mine').mkdir()
    good = shards.read(write(shards, 0, ONES))
    table = feather.read_table(shards.folder / shards.names()[0])
    other = Shards(tmp_path / 'other', 3, 'float16')
    (tmp_path / 'other').mkdir()
    float32 = pa.list_(pa.float32(), 3)
    foreign = [
        (other.folder / write(other, 0, ONES)).read_bytes(),
        b'', b'ARROW1', b'ARROW1\0\0' + bytes(64) + b'ARROW1',
        *map(content_of, (
            table.slice(0, 0), table.drop_columns('stamp'),
            table.replace_schema_metadata(None),
            table.set_column(2, 'embedding',
                             table['embedding'].cast(float32)),
            table.set_column(0, 'path', pa.array(['a', None])),
            table.set_column(3, 'reason', pa.array(['a', None])),
            table.append_column('path', table['path']),
            pa.concat_tables([table, table]))),
        content_of(table.combine_chunks(), compression='lz4')]
    for content in foreign:
        name = file_name(1, content)
        (shards.folder / name).write_bytes(content)
        assert is_whole(shards.folder / name)
        assert shards.read(name) is None
    content = content_of(table)
    (shards.folder / file_name(1, content)).write_bytes(content)
    assert shards.read(file_name(1, content)).path.equals(good.path)


def content_of(table, **options):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(
            sink, table.schema,
            options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize('value', [np.nan, np.inf, 0])
def test_rows_without_a_direction_are_made_anew(tmp_path, value):
    """Whole and ours, but no encoder of ours keeps these without a reason."""
    x = np.array([[1, 2, 3], [value] * 3])
    with opened(tmp_path) as shards:
        assert shards.read(write(shards, 0, x)) is None
        assert shards.read(write(shards, 1, x[:1])) is not None
        x[1] = 0
        assert shards.read(write(shards, 2, x, [None, 'dark'])) is not None


def test_names_of_files(tmp_path):
    for name in ('000010-aaaaaaaa.arrow', '1000000-bbbbbbbb.arrow',
                 '000002-cccccccc.arrow', '000003.arrow', 'x.arrow',
                 '000004-dddddddd.arrow.tmp', '.lock'):
        (tmp_path / name).touch()
    assert Shards(tmp_path, 1, 'float16').names() == [
        '000002-cccccccc.arrow', '000010-aaaaaaaa.arrow',
        '1000000-bbbbbbbb.arrow']
    assert Shards(tmp_path / 'none', 1, 'float16').names() == []


def test_many_shards_need_few_file_descriptors(tmp_path):
    resource = pytest.importorskip('resource')
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    shards = Shards(tmp_path, 1, 'float16')
    for k in range(100):
        write(shards, k, np.full((1, 1), 1 + k))
    open_now = len(os.listdir('/proc/self/fd')) if os.path.isdir(
        '/proc/self/fd') else 32
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_now + 20, hard))
    try:
        index = Index(shards, {n: shards.read(n) for n in shards.names()})
        row = index.find([f'{k}_0' for k in range(100)])
        assert [float(s[0, 0]) for s in Rows(index, row, 1)] == list(
            range(1, 101))
        assert np.asarray(Rows(index, row, 100)[0]).ravel().tolist() == list(
            range(1, 101))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_leftovers_of_the_dead_are_removed(tmp_path):
    with opened(tmp_path) as shards:
        old = shards.folder / '.000000-01234567.arrow.host.1.tmp'
        old.write_bytes(b'half')
    with opened(tmp_path) as shards:
        assert not old.exists()
        # another process of this run does not tidy up
        old.write_bytes(b'at work')
        with ShardStore(tmp_path, shard_size=2).open(IDENTITY, False):
            assert old.exists()


@pytest.mark.skipif(locks.fcntl is None, reason='no locks on Windows')
def test_two_runs_at_once(tmp_path):
    code = f'''
from dequity_mmdet3d.likelihood.embeddings.shards import ShardStore
store = ShardStore({str(tmp_path)!r}, shard_size=2)
with store.open({IDENTITY!r}):
    print('mine', flush=True)
    input()
'''
    other = subprocess.Popen([sys.executable, '-c', code], text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert other.stdout.readline() == 'mine\n'
        with pytest.raises(OSError, match='another run writes .*--embeddings'):
            with opened(tmp_path):
                pass
        # other embeddings in the same folder are nobody's business
        with ShardStore(tmp_path).open(dict(IDENTITY, dim=4)):
            pass
    finally:
        other.kill()  # the lock dies with it
        other.communicate()
    with opened(tmp_path):
        pass


def test_without_locks_nothing_is_tidied(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, 'fcntl', None)
    with opened(tmp_path) as shards, opened(tmp_path):
        (shards.folder / '.x.tmp').touch()
    with opened(tmp_path) as shards:
        assert (shards.folder / '.x.tmp').exists()


def test_disk_full_and_no_folder(tmp_path, monkeypatch):
    (tmp_path / 'file').write_text('')
    with pytest.raises(OSError, match='cannot keep embeddings in .*file/e: '
                       'Not a directory; .*--embeddings-dir'):
        with opened(tmp_path / 'file' / 'e'):
            pass

    def full(fd):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with opened(tmp_path / 'e') as shards:
        monkeypatch.setattr(os, 'fsync', full)
        with pytest.raises(OSError, match='No space left on device; free'):
            write(shards, 0, ONES)
        assert shards.names() == []
        assert not list(shards.folder.glob('.*.tmp'))


def test_foreign_folders_beside_ours(tmp_path):
    for name, text in (('a', '{'), ('b', '[]'), ('c', None)):
        (tmp_path / name).mkdir()
        if text is not None:
            (tmp_path / name / 'identity.json').write_text(text)
    said = []
    with opened(tmp_path, say=said.append):
        pass
    assert said == []


@pytest.mark.parametrize('changes', [dict(dtype='int8'), dict(shard_size=0),
                                     dict(shard_size=True)])
def test_settings_are_checked(changes):
    with pytest.raises(ValueError, match=f'{list(changes)[0]} must be'):
        ShardStore('x', **changes)


def test_a_crash_between_batches_keeps_finished_shards(tmp_path):
    with contextlib.suppress(RuntimeError), opened(tmp_path) as shards:
        name = write(shards, 0, ONES)
        raise RuntimeError
    with opened(tmp_path) as shards:
        assert shards.read(name) is not None


@pytest.mark.parametrize('dtype', ['float16', 'float32'])
def test_others_open_a_shard_as_it_is(tmp_path, dtype):
    pd = pytest.importorskip('pandas', reason='pandas is not installed')
    shards = Shards(tmp_path, 3, dtype)
    shard = tmp_path / write(shards, 0, ONES, [None, 'cut off'], ['a', 'b'])
    frame = pd.read_feather(shard)
    assert frame.path.tolist() == ['a', 'b']
    assert frame.embedding[0].tolist() == [1, 1, 1]
    assert frame.embedding[0].dtype == dtype and frame.embedding[1] is None
    (tmp_path / 'identity.json').write_text('{}')
    whole = dataset.dataset(tmp_path, format='ipc',
                            exclude_invalid_files=True)
    assert whole.to_table().num_rows == 2
    duckdb = pytest.importorskip('duckdb', reason='duckdb is not installed')
    if dtype == 'float16':  # which DuckDB does not know
        frame = pd.read_feather(shard, columns=['path', 'reason'])
        assert duckdb.sql('SELECT path FROM frame WHERE reason IS NOT NULL'
                          ).fetchall() == [('b', )]
        return
    for source in ('frame', 'whole'):
        assert duckdb.sql(f'SELECT path, embedding[2] FROM {source} '
                          'WHERE reason IS NULL').fetchall() == [('a', 1)]
