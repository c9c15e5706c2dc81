"""The object table: what is refused, what is found, what comes back."""
import os

import numpy as np
import pytest

from dequity_mmdet3d.object_table import ObjectTable
from dequity_mmdet3d.table import LikelihoodTable
from dequity_mmdet3d.table_digest import DIGEST_KEY

pa = pytest.importorskip(
    'pyarrow', reason='pyarrow cannot be imported', exc_type=ImportError)
pq = pytest.importorskip('pyarrow.parquet')


def make(**changes):
    columns = dict(
        sample_id=['7', '134', '7', '7', '9'],
        object_index=np.array([3, 0, 0, 5, 0]),
        class_name=['Car', 'Car', 'Cyclist', 'Car', 'Cyclist'],
        likelihood=np.array([1.0, 1.0, 0.5, 0.25, 1.0]),
        cluster_id=np.array([0, 0, 1, -1, -1]),
        cluster_size=np.array([2, 2, 1, 1, 1]),
        metadata=dict(kind='relative'))
    return ObjectTable(**dict(columns, **changes))


def test_round_trip(tmp_path):
    path = tmp_path / 'new' / 't.objects.parquet'
    table = make()
    table.save(path)
    back = ObjectTable.load(path)
    for name in ('sample_id', 'object_index', 'class_name', 'likelihood',
                 'cluster_id', 'cluster_size'):
        assert getattr(back, name).tolist() == getattr(table, name).tolist()
        assert getattr(back, name).dtype == getattr(table, name).dtype
    assert back.metadata == dict(
        kind='relative', format_version=1, table='objects')
    assert os.listdir(path.parent) == ['t.objects.parquet']
    assert pq.read_schema(path).types == [
        pa.string(), pa.int64(), pa.string(), pa.float64(), pa.int64(),
        pa.int64()]
    back.save(path)  # what was read can be written again
    assert ObjectTable.load(path).metadata == back.metadata


def test_objects_are_found():
    table = make()
    assert len(table) == 5 and table.n_clusters == 2
    assert table.classes == {'Car': 3, 'Cyclist': 2}
    assert table.rows_of('7').tolist() == [2, 0, 3]
    assert table.rows_of('134').tolist() == [1]
    assert table.rows_of('8').shape == (0, )
    rows = table.index(['7', '7', '9', '7', '8', '7', '134'],
                       [0, 5, 0, 4, 0, -1, 3])
    assert rows.dtype == np.int64
    assert rows.tolist() == [2, 3, 4, -1, -1, -1, -1]
    p = table.likelihood_of(['7', '9', '9'], np.array([5, 0, 9]))
    assert p[:2].tolist() == [0.25, 1.0] and np.isnan(p[2])
    assert table.index([], []).shape == (0, )
    # a place beyond all is not mistaken for one of the next sample
    assert table.index(['7'], [6]).tolist() == [-1]
    with pytest.raises(TypeError, match='7 of type int'):
        table.index([7], [0])
    with pytest.raises(TypeError, match='rows_of'):
        table.index('7', [0])
    with pytest.raises(ValueError, match='one length, but have 2 and 1'):
        table.index(['7', '9'], [0])


@pytest.mark.parametrize('changes, error, text', [
    (dict(object_index=np.array([3, 0, 0, 3, 0])), ValueError,
     "1 objects appear more than once: '7', 3"),
    (dict(object_index=np.array([3, 0, 0, -1, 0])), ValueError,
     "object_index must be 0 or more, but 1 of 5 objects .*'7', -1 has -1"),
    (dict(object_index=np.array([3, 0, 0, .5, 0])), ValueError, 'of float64'),
    (dict(likelihood=np.array([1, 1, 0, 1, 1.])), ValueError,
     r"\(0, 1\], but 1 of 5 objects break that: '7', 0 has 0.0"),
    (dict(cluster_id=np.array([0, 0, 0, -1, -1])), ValueError,
     'of one class, but 1 are of several: cluster_id 0'),
    (dict(cluster_size=np.ones(4, int)), ValueError, 'each of the 5 objects'),
    (dict(class_name=['Car'] * 4 + ['']), ValueError, 'must not be empty'),
    (dict(class_name=['Car'] * 4 + [1]), TypeError, '1 of type int'),
    (dict(sample_id=['7', '134', '7', '7', '']), ValueError, 'not be empty'),
    (dict(metadata=dict(a={1})), TypeError, 'JSON-able'),
])
def test_invalid_values(changes, error, text):
    with pytest.raises(error, match=text):
        make(**changes)


def test_an_empty_table_is_refused():
    none = np.ones(0, int)
    with pytest.raises(ValueError, match='at least one object'):
        ObjectTable([], none, [], np.ones(0), none, none)


def test_one_kind_of_table_is_not_taken_for_the_other(tmp_path):
    path = tmp_path / 't.parquet'
    make().save(path)
    with pytest.raises(ValueError, match='the likelihood table, but holds a '
                       'table of objects'):
        LikelihoodTable.load(path)
    LikelihoodTable(['7'], np.ones(1), np.zeros(1, int),
                    np.ones(1, int)).save(path)
    with pytest.raises(ValueError, match='the object table, but holds a '
                       'table of samples'):
        ObjectTable.load(path)
    with pytest.raises(FileNotFoundError, match='object table .* does not '
                       'exist .*--objects'):
        ObjectTable.load(tmp_path / 'u.parquet')


def test_values_of_a_file_are_checked(tmp_path):
    path = tmp_path / 't.parquet'
    make().save(path)
    table = pq.read_table(path)
    raw = dict(table.schema.metadata)
    del raw[DIGEST_KEY]  # which would be the first to tell
    wrong = table.set_column(1, 'object_index', pa.array([3, 0, 0, 3, 0]))
    pq.write_table(wrong.replace_schema_metadata(raw), path)
    with pytest.raises(ValueError, match='t.parquet: 1 objects appear'):
        ObjectTable.load(path)
    wrong = table.set_column(2, 'class_name', pa.array([1, 2, 3, 4, 5]))
    pq.write_table(wrong.replace_schema_metadata(raw), path)
    with pytest.raises(ValueError, match="'class_name' must be string"):
        ObjectTable.load(path)
