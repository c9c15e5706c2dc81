"""Near duplicates, counted by hand."""
import numpy as np
import pytest

from dequity_mmdet3d.likelihood.estimation import near_duplicates as module
from dequity_mmdet3d.likelihood.estimation.near_duplicates import (
    NearDuplicates,
    near_duplicates,
    nearest_other,
)

pytest.importorskip('faiss', reason='faiss cannot be imported')


def rows_and_drives():
    """20 points apart, of which 3 come again a little moved: two in the same
    drive and one in another."""
    rows = np.eye(20, dtype=np.float32)
    again = rows[:3] + np.float32(.01)
    drives = np.append(np.arange(20), [0, 1, 7])
    return np.concatenate([rows, again]), drives


def test_by_hand():
    rows, drives = rows_and_drives()
    everyone = np.arange(len(rows))
    found = near_duplicates([(rows, everyone)], len(rows), drives)
    assert (found.looked_at, found.near, found.same_drive) == (23, 6, 4)
    assert found.line() == ('6 of 23 samples (26.1%) are near duplicates of '
                            'another, 4 of them within a drive')
    found = near_duplicates([(rows, everyone)], len(rows))
    assert found.same_drive is None and 'drive' not in found.line()
    # all cameras must say so: the second sees nothing twice
    other = np.eye(23, dtype=np.float32)
    found = near_duplicates([(rows, everyone), (other, everyone)], 23, drives)
    assert found.near == 0
    assert found.line() == 'none of 23 samples is a near duplicate of another'


def test_copies_and_one_alone():
    copies = np.ones((5, 3), dtype=np.float32)
    assert near_duplicates([(copies, np.arange(5))], 5).near == 5
    assert near_duplicates([(copies[:1], np.arange(1))], 1).near == 0


def test_cells_find_what_all_pairs_do(monkeypatch):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((2000, 8)).astype(np.float32)
    rows[1000:] = rows[:1000] + 1e-3
    want, _ = nearest_other(rows, np.arange(2000))
    assert (want[:1000] == np.arange(1000, 2000)).all()
    monkeypatch.setattr(module, '_EXACT', 100)
    got, _ = nearest_other(rows, np.arange(2000))
    assert (got == want).mean() > .99


def test_some_are_looked_at(monkeypatch):
    monkeypatch.setattr(module, '_ASKED', 10)
    rows, drives = rows_and_drives()
    found = near_duplicates([(rows, np.arange(23))], 23, drives)
    assert isinstance(found, NearDuplicates) and found.looked_at == 8
