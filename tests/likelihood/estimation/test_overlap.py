"""Samples that training has nearly seen: found, listed, and no others."""
import csv
from dataclasses import replace

import numpy as np
import pytest

from dequity_mmdet3d.likelihood.beside import rows_path
from dequity_mmdet3d.likelihood.clustering import ClusterSettings
from dequity_mmdet3d.likelihood.clustering.stored_rows import StoredRows
from dequity_mmdet3d.likelihood.embeddings.cameras import View
from dequity_mmdet3d.likelihood.embeddings.vectors import UnitVectors
from dequity_mmdet3d.likelihood.encoding.embed import Embedded
from dequity_mmdet3d.likelihood.estimation import near_duplicates, overlap
from dequity_mmdet3d.likelihood.estimation.make_table import (
    apply_table,
    make_table,
)
from dequity_mmdet3d.likelihood.estimation.overlap import (
    Overlap,
    TrainingRows,
    find_overlap,
)
from dequity_mmdet3d.provenance import Provenance
from dequity_mmdet3d.table import LikelihoodTable

pytest.importorskip('faiss', reason='faiss cannot be imported')

N, D = 120, 16


def embedded(ids, *cameras):
    """Samples of which every camera sees (rows, vectors)."""
    views = [View(name, UnitVectors(x), np.asarray(rows))
             for name, rows, x in cameras]
    return Embedded(ids, views, Provenance('embeddings', 'row'),
                    'likelihood-mean', [])


def drawn(n, seed):
    return np.random.default_rng(seed).standard_normal((n, D))


def names(n, prefix):
    return [f'{prefix}{i}' for i in range(n)]


@pytest.fixture
def made(tmp_path):
    found = make_table(embedded(
        names(N, 't'), ('', range(N), drawn(N, 0))))
    path = tmp_path / 't.parquet'
    found.table.save(path)
    found.rows.save(rows_path(path))
    return found, path


def test_moved_copies_are_found_and_nothing_else(made):
    found, path = made
    x = drawn(30, 1)
    x[[4, 9]] = drawn(N, 0)[[77, 5]] + 0.02 * drawn(2, 2)
    table = LikelihoodTable.load(path)
    overlap = find_overlap(
        embedded(names(30, 'v'), ('', range(30), x)), found.fitted,
        TrainingRows.load(path, table), table.sample_id.tolist())
    assert overlap.looked_at == 30
    assert {pair[:2] for pair in overlap.pairs} == {
        ('v4', 't77'), ('v9', 't5')}
    # .02 of the length in each of 16 directions, over two random ones
    assert all(0 < d < 0.05 / 10 for *_, d in overlap.pairs)
    assert overlap.pairs[0][2] <= overlap.pairs[1][2]


def test_all_cameras_must_say_so():
    front, rear = drawn(N, 0), drawn(N, 1)
    found = make_table(embedded(
        names(N, 't'), ('front', range(N), front), ('rear', range(N), rear)))
    a, b = drawn(4, 2), drawn(2, 3)
    a[0], b[0] = front[7], rear[7]  # seen by both
    a[1] = front[8]  # by one of two
    a[2] = front[9]  # by the only one that it has
    overlap = find_overlap(
        embedded(names(5, 'v'), ('front', range(4), a), ('rear', range(2), b)),
        found.fitted, found.rows, names(N, 't'))
    assert overlap.looked_at == 4  # the fifth has no camera
    assert sorted(pair[:2] for pair in overlap.pairs) == [
        ('v0', 't7'), ('v2', 't9')]


def test_what_is_written(tmp_path, made):
    found, _ = made
    some = Overlap(50, [('a,b', '7', 0.01236), ('c', '8', 0.04)])
    some.save(tmp_path / 'new' / 'p.csv')
    with open(tmp_path / 'new' / 'p.csv', newline='') as f:
        assert list(csv.reader(f)) == [
            ['sample_id', 'training_sample_id', 'distance'],
            ['a,b', '7', '0.01236'], ['c', '8', '0.04']]
    assert some.line('p.csv') == (
        '2 of 50 samples (4.0%) are near duplicates of a training sample, '
        'listed in p.csv: figures on them are too good')
    assert Overlap(50, []).line('p.csv') == (
        'none of 50 samples is a near duplicate of a training sample')
    table = apply_table(
        embedded(['x'], ('', [0], drawn(1, 5))), found.fitted, some)
    assert table.metadata['applied']['near_duplicates'] == dict(
        looked_at=50, near=2, threshold=0.05)


def test_rows_of_another_table_are_not_taken(made):
    found, path = made
    table = LikelihoodTable.load(path)
    again = TrainingRows.load(path, table)
    np.testing.assert_array_equal(again.rows[''], found.rows.rows[''])
    other = make_table(embedded(names(60, 'o'), ('', range(60), drawn(60, 4))))
    assert TrainingRows.load(path, other.table) is None
    for rows in ({'rear': found.rows.rows['']},
                 {'': found.rows.rows[''][:, :-1]}):
        replace(found.rows, rows=rows, samples=dict.fromkeys(
            rows, found.rows.samples[''])).save(rows_path(path))
        with pytest.raises(ValueError, match=r"rows.npz is damaged \(it must "
                           r"have rows of \d+ numbers of view ''"):
            TrainingRows.load(path, table, found.fitted)
    with open(rows_path(path), 'r+b') as f:
        f.truncate(300)
    with pytest.raises(ValueError, match='damaged.*make the table anew'):
        TrainingRows.load(path, table)
    assert TrainingRows.load(path.with_name('no.parquet'), table) is None


def test_stored_rows_are_written_as_others_are(tmp_path, monkeypatch):
    """And near duplicates are the same, a part of the rows at a time."""
    x = drawn(300, 0)
    x[200:210] = x[:10]
    found = embedded(names(300, 's'), ('', range(300), x))
    few = make_table(found, ClusterSettings())
    monkeypatch.setattr(near_duplicates, '_INDEXED', 64)
    many = make_table(found, ClusterSettings(exact=299))
    assert many.table.metadata['near_duplicates'] == (
        few.table.metadata['near_duplicates'])
    assert many.table.metadata['near_duplicates']['near'] == 20
    for i, made in enumerate((few, many)):
        made.table.save(tmp_path / f'{i}.parquet')
        made.rows.save(rows_path(str(tmp_path / f'{i}.parquet')))
    a, b = (TrainingRows.load(path, LikelihoodTable.load(path))
            for path in sorted(tmp_path.glob('*.parquet')))
    np.testing.assert_array_equal(a.rows[''], b.rows[''])
    np.testing.assert_array_equal(a.samples[''], b.samples[''])


def test_many_training_rows_stay_on_the_disk(made, monkeypatch):
    fitted, path = made[0].fitted, made[1]
    table = LikelihoodTable.load(path)
    other = embedded(names(40, 'o'), ('', range(40), np.concatenate(
        [drawn(N, 0)[:7] * 1.01, drawn(33, 9)])))
    few = TrainingRows.load(path, table)
    monkeypatch.setattr(overlap, '_MAPPED', 100)
    monkeypatch.setattr(near_duplicates, '_INDEXED', 50)
    many = TrainingRows.load(path, table)
    assert isinstance(many.rows[''], StoredRows)
    a, b = (find_overlap(other, fitted, rows, table.sample_id.tolist())
            for rows in (few, many))
    assert len(a.pairs) == 7 and a == b
    broken = np.array(few.rows[''])
    broken[-1, -1] = np.nan
    replace(few, rows={'': broken}).save(rows_path(path))
    with pytest.raises(ValueError, match='must be finite numbers'):
        TrainingRows.load(path, table)
