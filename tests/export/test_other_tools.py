"""The examples of docs/other_tools.md, run as they stand."""
import re

import numpy as np
import pytest

from dequity_mmdet3d.export.csv_file import write_csv
from dequity_mmdet3d.table import LikelihoodTable
from tests.helpers import ROOT

EXAMPLES = re.findall(r'```python\n(.*?)```',
                      (ROOT / 'docs/other_tools.md').read_text(), re.S)


@pytest.fixture
def here(tmp_path, monkeypatch):
    table = LikelihoodTable(
        ['000134', '000007', '12'], np.array([1.0, 1.0, 0.5]),
        np.array([0, 0, 1]), np.array([2, 2, 1]), {})
    table.save(tmp_path / 'likelihoods.parquet')
    write_csv(tmp_path / 'likelihoods.csv', table)
    monkeypatch.chdir(tmp_path)
    return table


def run(package, number=0):
    pytest.importorskip(package, reason=f'{package} is not installed')
    code = [e for e in EXAMPLES if f'import {package}' in e][number]
    names = {}
    exec(code, names)
    return names


def test_pandas(here):
    found = run('pandas')
    table = found['table']
    assert table.sample_id.tolist() == here.sample_id.tolist()
    assert [str(t) for t in table.dtypes[1:]] == ['float64', 'int64', 'int64']
    assert found['clusters'].loc[0].tolist() == [2, 1.0]
    assert found['rarest'].sample_id.iloc[0] == '12'


def test_pandas_csv(here):
    table = run('pandas', 1)['table']
    assert table.sample_id.tolist() == here.sample_id.tolist()
    assert np.array_equal(table.likelihood, here.likelihood)


def test_pandas_csv_has_every_id(here, tmp_path):
    """Also what pandas takes for nothing, and spreadsheets for a formula."""
    ids = ['NA', 'null', 'nan', 'None', '=1+1', '+1', '-1', '@a', '\ta',
           '\ra', "'=1", "'", "''a", 'a\rb', 'n/a', '#N/A', '1e5', ' a ']
    n = len(ids)
    table = LikelihoodTable(ids, np.full(n, 0.5), np.full(n, -1),
                            np.ones(n, int), {})
    write_csv(tmp_path / 'likelihoods.csv', table)
    found = run('pandas', 1)['table']
    assert found.sample_id.tolist() == ids
    assert found.cluster_id.tolist() == [-1] * n
    assert found.likelihood.tolist() == [0.5] * n


def test_duckdb(here):
    clusters = run('duckdb')['clusters']
    assert clusters.fetchall() == [(0, 2, 1.0), (1, 1, 0.5)]
    assert clusters.columns == ['cluster_id', 'samples', 'likelihood']
