"""The likelihood table: what is refused, and what comes back from disk."""
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from dequity_mmdet3d.cli import run_cli
from dequity_mmdet3d.messages import error_line, first_five
from dequity_mmdet3d.sample_ids import check_ids, ids_fingerprint, sample_id_of
from dequity_mmdet3d.table import LikelihoodTable
from dequity_mmdet3d.table_digest import DIGEST_KEY
from dequity_mmdet3d.table_file import (
    FORMAT_VERSION,
    METADATA_KEY,
    check_writable,
)

pa = pytest.importorskip(
    'pyarrow', reason='pyarrow cannot be imported', exc_type=ImportError)
pq = pytest.importorskip('pyarrow.parquet')


def make(**changes):
    columns = dict(
        sample_id=['7', '134', 'a/b.png'],
        likelihood=np.array([1.0, 1.0, 0.5]),
        cluster_id=np.array([0, 0, -1]),
        cluster_size=np.array([2, 2, 1]),
        metadata=dict(kind='relative'))
    return LikelihoodTable(**dict(columns, **changes))


def rewrite(path, change=lambda t: t, metadata=None):
    """Write a valid table's file again with something wrong."""
    make().save(path)
    table = pq.read_table(path)
    raw = dict(table.schema.metadata)
    del raw[DIGEST_KEY]  # which would be the first to tell
    if metadata is not None:
        raw = metadata
    pq.write_table(change(table).replace_schema_metadata(raw), path)


def test_round_trip(tmp_path):
    path = tmp_path / 'new' / 'folder' / 'table.parquet'
    table = make()
    table.save(path)
    back = LikelihoodTable.load(path)
    for name in ('sample_id', 'likelihood', 'cluster_id', 'cluster_size'):
        assert getattr(back, name).tolist() == getattr(table, name).tolist()
        assert getattr(back, name).dtype == getattr(table, name).dtype
    assert back.metadata == dict(kind='relative', format_version=1)
    assert len(back) == 3 and back.n_clusters == 1
    # nothing but the table is left
    assert os.listdir(path.parent) == ['table.parquet']


def test_opens_elsewhere_as_is(tmp_path):
    pandas = pytest.importorskip('pandas')
    make().save(tmp_path / 't.parquet')
    frame = pandas.read_parquet(tmp_path / 't.parquet')
    assert frame.columns.tolist() == [
        'sample_id', 'likelihood', 'cluster_id', 'cluster_size'
    ]
    assert frame.likelihood.tolist() == [1.0, 1.0, 0.5]
    types = pq.read_schema(tmp_path / 't.parquet').types
    assert types == [pa.string(), pa.float64(), pa.int64(), pa.int64()]


def test_index_and_likelihood_of():
    table = make()
    rows = table.index(['a/b.png', 'nobody', '7'])
    assert rows.dtype == np.int64 and rows.tolist() == [2, -1, 0]
    assert table.index(np.array(['134'])).tolist() == [1]
    assert table.index([]).shape == (0, )
    p = table.likelihood_of(['a/b.png', 'nobody'])
    assert p[0] == 0.5 and np.isnan(p[1])
    with pytest.raises(TypeError, match='134 of type int'):
        table.index([134])  # would be absent without a word
    with pytest.raises(TypeError, match='wrap it in a list'):
        table.index('134')


def test_is_frozen_and_keeps_its_own_copy():
    p = np.array([1.0, 1.0, 0.5])
    table = make(likelihood=p)
    p[0] = 0.1
    assert table.likelihood[0] == 1.0
    with pytest.raises(ValueError, match='read-only'):
        table.likelihood[0] = 0.1
    with pytest.raises(AttributeError):
        table.likelihood = p


@pytest.mark.parametrize('changes, error, text', [
    (dict(likelihood=np.array([1.0, 0.0, 0.5])), ValueError,
     r"\(0, 1\], but 1 of 3 .*'134' has 0.0"),
    (dict(likelihood=np.array([1.0, 1.5, np.nan])), ValueError,
     "2 of 3 .*'134' has 1.5, 'a/b.png' has nan"),
    (dict(likelihood=np.array([1, 1, 1])), ValueError, 'of int64'),
    (dict(likelihood=np.ones((3, 1))), ValueError, r'shape \(3, 1\)'),
    (dict(likelihood=np.ones(2)), ValueError, 'each of the 3 .* has 2'),
    (dict(cluster_id=np.array([0, 0, -2])), ValueError, 'cluster_id must be'),
    (dict(cluster_id=np.array([0, 0, 0.5])), ValueError, 'of float64'),
    (dict(cluster_size=np.array([2, 2, 0])), ValueError, 'cluster_size must'),
    (dict(sample_id=['7', '7', '8']), ValueError, "1 appear more than.*'7'"),
    (dict(sample_id=['7', '', '8']), ValueError, 'must not be empty'),
    (dict(sample_id=['7', 8, '9']), TypeError, '8 of type int'),
    (dict(sample_id=['7', 'a\udcff', '9']), ValueError, 'valid UTF-8'),
    (dict(metadata=dict(a=np.float32(1))), TypeError, 'JSON-able'),
])
def test_invalid_values(changes, error, text):
    with pytest.raises(error, match=text):
        make(**changes)


def test_empty_table_is_refused():
    with pytest.raises(ValueError, match='at least one sample'):
        LikelihoodTable([], np.ones(0), np.ones(0, int), np.ones(0, int))


def test_duplicates_are_counted_and_five_named():
    ids = [str(i) for i in range(7)] * 2 + ['single']
    with pytest.raises(ValueError) as e:
        check_ids(ids)
    assert '7 appear more than once' in str(e.value)
    assert "'4', ... (7 in all)" in str(e.value)
    assert "'5'" not in str(e.value)


@pytest.mark.parametrize('change, text', [
    (lambda t: t.drop_columns(['cluster_id']), 'each of the columns'),
    (lambda t: t.set_column(1, 'likelihood', pa.array(['a', 'b', 'c'])),
     "'likelihood' must be double .* is string"),
    (lambda t: t.set_column(1, 'likelihood', pa.array([1.0, None, 1.0])),
     'without nulls, but is double with 1'),
    (lambda t: t.set_column(0, 'sample_id', pa.array([1, 2, 3])),
     "'sample_id' must be string"),
    (lambda t: t.set_column(0, 'sample_id', pa.array(['1', '1', '3'])),
     "unique, but 1 .*'1'"),
    (lambda t: t.set_column(1, 'likelihood', pa.array([1.0, 2.0, 1.0])),
     r'in \(0, 1\]'),
    (lambda t: t.slice(0, 0), 'at least one sample'),
])
def test_load_refuses_a_wrong_file(tmp_path, change, text):
    path = tmp_path / 't.parquet'
    rewrite(path, change)
    with pytest.raises(ValueError, match=text) as e:
        LikelihoodTable.load(path)
    assert str(path) in str(e.value)


@pytest.mark.parametrize('metadata, text', [
    ({}, 'does not say where it comes from'),
    ({METADATA_KEY: b'{"format'}, 'does not say where it comes from'),
    ({METADATA_KEY: b'[1]'}, 'does not say where it comes from'),
    ({METADATA_KEY: json.dumps(dict(format_version=FORMAT_VERSION + 1))},
     'format version 2, but this package reads 1; upgrade'),
])
def test_load_refuses_wrong_provenance(tmp_path, metadata, text):
    path = tmp_path / 't.parquet'
    rewrite(path, metadata=metadata)
    with pytest.raises(ValueError, match=text):
        LikelihoodTable.load(path)


@pytest.mark.parametrize('what, change', [
    ('columns', lambda t: t.slice(0, 2)),
    ('columns', lambda t: t.set_column(
        1, 'likelihood', pa.array([1.0, 1.0, np.nextafter(0.5, 1)]))),
    ('columns', lambda t: t.set_column(
        0, 'sample_id', pa.array(['71', '34', 'a/b.png']))),
    ('columns', lambda t: t.set_column(3, 'cluster_size',
                                       pa.array([2, 2, 3]))),
    ('metadata', lambda t: t.replace_schema_metadata({
        **t.schema.metadata, METADATA_KEY:
        b'{"kind": "absolute", "format_version": 1}'})),
    ('sums', lambda t: t.replace_schema_metadata({
        **t.schema.metadata, DIGEST_KEY: b'0'})),
])
def test_load_refuses_what_was_not_written(tmp_path, what, change):
    path = tmp_path / 't.parquet'
    make().save(path)
    pq.write_table(change(pq.read_table(path)), path)
    with pytest.raises(ValueError, match=f'its {what} are not what was wri'):
        LikelihoodTable.load(path)


def test_no_single_bit_changes_a_value(tmp_path):
    path = tmp_path / 't.parquet'
    table = make()
    table.save(path)
    whole = path.read_bytes()
    refused = 0
    for bit in np.random.default_rng(0).integers(8 * len(whole), size=600):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            found = LikelihoodTable.load(path)
        except ValueError:
            refused += 1
        else:  # a bit that says nothing of values
            assert found.sha256 == table.sha256
            assert found.metadata == dict(kind='relative', format_version=1)
    assert refused > 300


def test_a_table_of_0_1_0_has_no_digest(tmp_path):
    path = tmp_path / 't.parquet'
    ids = make().sample_id.tolist()
    make(metadata=dict(ids_sha256=ids_fingerprint(ids))).save(path)
    table = pq.read_table(path)
    old = dict(table.schema.metadata)
    del old[DIGEST_KEY]
    pq.write_table(table.replace_schema_metadata(old), path)
    assert LikelihoodTable.load(path).sha256 == make().sha256
    # but it knows its samples
    pq.write_table(table.replace_schema_metadata(old).slice(1), path)
    with pytest.raises(ValueError, match='its sample ids are not what was'):
        LikelihoodTable.load(path)


def test_the_digest_is_of_the_columns_alone(tmp_path):
    table = make()
    assert make(metadata=dict(date='later')).sha256 == table.sha256
    assert make(sample_id=['713', '4', 'a/b.png']).sha256 != table.sha256
    assert make(cluster_id=np.array([0, 0, 1])).sha256 != table.sha256
    table.save(tmp_path / 't.parquet')
    assert LikelihoodTable.load(tmp_path / 't.parquet').sha256 == table.sha256


def test_load_refuses_what_is_no_parquet(tmp_path):
    path = tmp_path / 't.parquet'
    with pytest.raises(FileNotFoundError, match='dequity likelihoods'):
        LikelihoodTable.load(path)
    path.write_bytes(b'')
    with pytest.raises(ValueError, match='cannot be read as a Parquet'):
        LikelihoodTable.load(path)
    make().save(path)
    whole = path.read_bytes()
    for length in range(1, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match='cannot be read as a Parquet'):
            LikelihoodTable.load(path)


def test_large_string_columns_are_welcome(tmp_path):
    # what pandas and polars may write
    path = tmp_path / 't.parquet'
    rewrite(
        path, lambda t: t.set_column(
            0, 'sample_id', t.column(0).cast(pa.large_string())))
    assert LikelihoodTable.load(path).sample_id.tolist()[1] == '134'


def test_save_leaves_the_old_table_when_it_fails(tmp_path, monkeypatch):
    path = tmp_path / 't.parquet'
    make().save(path)
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(pq, 'write_table', full)
    with pytest.raises(OSError, match='cannot write .*No space left'):
        make(likelihood=np.array([0.1, 0.2, 0.3])).save(path)
    monkeypatch.setattr(pq, 'write_table', interrupt)
    with pytest.raises(KeyboardInterrupt):
        make().save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ['t.parquet']


def interrupt(*args, **kwargs):
    raise KeyboardInterrupt


def test_check_writable_leaves_no_trace(tmp_path):
    check_writable(tmp_path / 'a' / 'b' / 't.parquet')
    assert os.listdir(tmp_path) == []
    (tmp_path / 'file').write_text('')
    # below a regular file nobody can write, not even root
    for bad in (tmp_path / 'file' / 't.parquet',
                tmp_path / 'file' / 'x' / 't.parquet', tmp_path):
        with pytest.raises(OSError, match='cannot write the likelihood'):
            check_writable(bad)
        with pytest.raises(OSError, match='cannot write the likelihood'):
            make().save(bad)
    assert os.listdir(tmp_path) == ['file']


@pytest.mark.parametrize('name', ['t.csv', 'T.CSV', 'a.parquet.npy'])
def test_a_name_of_another_format_is_refused(tmp_path, name):
    for write in (check_writable, make().save):
        with pytest.raises(ValueError, match='ends with .parquet .*export'):
            write(tmp_path / name)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize('name', ['t.parquet', 't.pq', 't', 'run.1'])
def test_other_names_are_the_users(tmp_path, name):
    check_writable(tmp_path / name)
    make().save(tmp_path / name)
    assert len(LikelihoodTable.load(tmp_path / name)) == 3


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='no named pipes here')
def test_what_is_no_file_is_never_replaced(tmp_path):
    # as root, a rename would replace even /dev/null
    pipe = tmp_path / 'pipe'
    os.mkfifo(pipe)
    (tmp_path / 'link').symlink_to(pipe)
    for path in (pipe, tmp_path / 'link'):
        with pytest.raises(OSError, match='a device or a pipe; give a file'):
            check_writable(path)
        with pytest.raises(OSError, match='a device or a pipe; give a file'):
            make().save(path)
    assert pipe.is_fifo()
    assert sorted(os.listdir(tmp_path)) == ['link', 'pipe']


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / 'disk').mkdir()
    (tmp_path / 't.parquet').symlink_to(tmp_path / 'disk' / 'real.parquet')
    check_writable(tmp_path / 't.parquet')
    make().save(tmp_path / 't.parquet')
    assert (tmp_path / 't.parquet').is_symlink()
    assert os.listdir(tmp_path / 'disk') == ['real.parquet']
    assert len(LikelihoodTable.load(tmp_path / 't.parquet')) == 3


@pytest.mark.parametrize('info, name', [
    (dict(sample_idx=134), '134'),
    (dict(sample_idx='000134'), '134'),
    (dict(sample_idx=np.int64(0)), '0'),
    (dict(sample_idx='scene0000_00'), 'scene0000_00'),
    (dict(sample_idx='0_0'), '0_0'),  # which int() takes for 0
    (dict(sample_idx='\u0663'), '\u0663'),
    (dict(sample_idx=3, token='ca9a'), 'ca9a'),
    (dict(sample_idx=3, token=''), '3'),
    # SemanticKITTI: sequence 0, frame 15, which is not 1 and 5
    (dict(sample_id='015', lidar_points=dict(lidar_path='a.bin')), '015'),
    (dict(lidar_points=dict(lidar_path='scene0191_00.bin')),
     'scene0191_00.bin'),
    (dict(sample_idx=0, lidar_points=dict(lidar_path='a.bin')), '0'),
])
def test_sample_id_of(info, name):
    assert sample_id_of(info) == name


@pytest.mark.parametrize('path, folder, name', [
    ('data/points/a/b.bin', 'data/points', 'a/b.bin'),
    ('data/points/a/b.bin', 'data/points/', 'a/b.bin'),
    ('a/b.bin', 'data/points', 'a/b.bin'),
    ('data/points_2/b.bin', 'data/points', 'data/points_2/b.bin'),
    ('/x/b.bin', '', '/x/b.bin'),
])
def test_file_of_points_below_its_folder(path, folder, name):
    info = dict(lidar_points=dict(lidar_path=path))
    assert sample_id_of(info, folder) == name


@pytest.mark.parametrize('points', [{}, None, dict(lidar_path=None)])
def test_sample_id_of_nothing(points):
    with pytest.raises(KeyError, match=r"only \['lidar_points'\]"):
        sample_id_of(dict(lidar_points=points))


def test_small_helpers():
    assert first_five('abc') == "'a', 'b', 'c'"
    assert first_five(range(6)) == '0, 1, 2, 3, 4, ... (6 in all)'
    assert ids_fingerprint(['b', 'a']) == ids_fingerprint(['a', 'b'])
    assert ids_fingerprint(['a', 'b']) != ids_fingerprint(['a'])


def test_import_is_cheap():
    code = ('import sys, dequity_mmdet3d.table; print(sorted({m.split(".")[0] '
            'for m in sys.modules} & {"torch", "faiss", "pyarrow", "mmdet3d", '
            '"mmengine"}))')
    out = subprocess.run([sys.executable, '-c', code],
                         capture_output=True, text=True, check=True).stdout
    assert out.strip() == '[]'


def raising(error, module='dequity_mmdet3d.table'):
    """A tool in which a module raises."""
    code = 'def main():\n    raise error\n'
    names = dict(error=error, __name__=module)
    exec(code, names)
    return names['main']


@pytest.mark.parametrize('error, line', [
    (ValueError('two\nlines'), 'two lines'),
    (KeyError("no 'token'"), "no 'token'"),
    (FileNotFoundError(2, 'No such file', 'x'),
     "[Errno 2] No such file: 'x'"),
    (ImportError(''), 'ImportError'),
])
def test_run_cli_tells_a_mistake_in_one_line(capsys, monkeypatch, error, line):
    monkeypatch.delenv('DEQUITY_TRACEBACK', raising=False)
    assert error_line(error) == line
    assert run_cli(raising(error)) == 1
    assert capsys.readouterr().err == f'error: {line}\n'
    monkeypatch.setenv('DEQUITY_TRACEBACK', '1')
    with pytest.raises(type(error)):
        run_cli(raising(error))


def test_run_cli_statuses(capsys):
    assert run_cli(lambda: None) == 0
    assert run_cli(lambda: 3) == 3
    assert run_cli(raising(KeyboardInterrupt())) == 130
    assert 'interrupted' in capsys.readouterr().err
    # a bug keeps its traceback, whoever's it is
    with pytest.raises(AttributeError):
        run_cli(raising(AttributeError('x')))
    with pytest.raises(ValueError):
        run_cli(raising(ValueError('x'), 'numpy.core'))
