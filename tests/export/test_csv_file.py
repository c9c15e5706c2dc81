"""CSV by hand and back."""
import csv
import io

import numpy as np
import pytest

from dequity_mmdet3d.export.csv_file import as_csv
from dequity_mmdet3d.table import LikelihoodTable
from dequity_mmdet3d.weight import dequity_weight
from dequity_mmdet3d.whole_file import plain_text
from tests.helpers import run_tool


@pytest.fixture
def table():
    return LikelihoodTable(
        ['000134', 'a,"b"\n', 'ü', '7'], np.array([1, 1 / 3, 0.1, 0.1]),
        np.array([0, 1, -1, -1]), np.array([10, 3, 1, 1]), {})


def test_lines_by_hand():
    table = LikelihoodTable(['5', '6'], np.array([0.5, 1.0]),
                            np.array([0, 1]), np.array([2, 4]), {})
    assert as_csv(table, eta=1, gamma=1) == (
        'sample_id,likelihood,cluster_id,cluster_size,weight\n'
        '5,0.5,0,2,0.75\n6,1.0,1,4,0.5\n')
    assert '5,0.5,0,2,1.2\n' in as_csv(table, 1, 1, 'mean')


def test_text_is_no_formula():
    table = LikelihoodTable(
        ['=HYPERLINK("http://a")', '-1', "'", 'a'], np.array([0.5] * 4),
        np.full(4, -1), np.ones(4, int), {})
    assert as_csv(table, eta=1, gamma=0).split('\n')[1:] == [
        '"\'=HYPERLINK(""http://a"")",0.5,-1,1,1.0', "'-1,0.5,-1,1,1.0",
        "'',0.5,-1,1,1.0", 'a,0.5,-1,1,1.0', '']
    for start in '=+-@\t\r\n\'':
        assert plain_text(start) == f"'{start}"
    assert [plain_text(x) for x in (-1, -0.5, None, '', ' =1')] == [
        -1, -0.5, None, '', ' =1']


def test_reads_back_exactly(table):
    rows = list(csv.DictReader(io.StringIO(as_csv(table, 0.3, 2.0))))
    assert [r['sample_id'] for r in rows] == table.sample_id.tolist()
    assert [float(r['likelihood']) for r in rows] == table.likelihood.tolist()
    assert [int(r['cluster_id']) for r in rows] == table.cluster_id.tolist()
    assert [float(r['weight']) for r in rows] == dequity_weight(
        table.likelihood, 0.3, 2.0).tolist()


def test_tool(table, tmp_path):
    path = tmp_path / 't.parquet'
    table.save(path)
    done = run_tool('export.py', 'csv', path, '--gamma', 2)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / 't.csv').read_text(encoding='utf-8') == as_csv(
        table, gamma=2.0)
    for args, message in (
        ((tmp_path / 'no.parquet', ), 'no.parquet'),
        ((path, '--out', path), 'is the table itself'),
        ((path, '--eta', -1), 'eta must be a finite number'),
        ((path, '--out', path / 'x' / 'y.csv'), 't.parquet'),
        ((path, '--out', tmp_path), f'cannot write {tmp_path}: that is a '),
    ):
        done = run_tool('export.py', 'csv', *args)
        last = done.stdout.strip().split('\n')[-1]
        assert done.returncode == 1 and last.startswith('error: ')
        assert message in last
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        't.csv', 't.parquet']


def test_fiftyone_tells_what_is_missing(table, tmp_path):
    path = tmp_path / 't.parquet'
    table.save(path)
    done = run_tool('export.py', 'fiftyone', path, '--name', 'x')
    assert done.returncode == 1
    assert 'name them with --config or --images' in done.stdout
