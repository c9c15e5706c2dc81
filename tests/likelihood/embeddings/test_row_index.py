"""Rows of several shards in the order of a list."""
import numpy as np
import pytest

from dequity_mmdet3d.likelihood.embeddings.row_index import (
    NOWHERE,
    Index,
    Rows,
)
from dequity_mmdet3d.likelihood.embeddings.shards import Shards
from dequity_mmdet3d.likelihood.embeddings.vectors import UnitVectors


@pytest.fixture
def index(tmp_path):
    """a to f, of which b was made again; d has failed."""
    shards = Shards(tmp_path, 2, 'float32')
    for number, (names, stamp) in enumerate((('abc', '1'), ('def', '1'),
                                             ('b', '2'))):
        x = np.array([[ord(n), number] for n in names])
        why = ['cut off' if n == 'd' else None for n in names]
        x[[w is not None for w in why]] = 0
        shards.write(number, [*names], [stamp] * len(names), x, why)
    return Index(shards, {n: shards.read(n) for n in shards.names()})


def test_the_newest_row_of_a_name(index):
    assert len(index) == 7
    # the newest shard first: b; d e f; a b c
    assert index.find(['a', 'b', 'x', 'f']).tolist() == [4, 0, NOWHERE, 3]
    assert index.find(['b', 'b', 'b', 'd'], ['1', '2', '3', '1']).tolist() == [
        5, 0, NOWHERE, 1]
    assert index.reasons(np.array([4, 1, NOWHERE])) == [(1, 'cut off')]
    assert index.reasons(np.array([], int)) == []


def test_an_empty_index(tmp_path):
    index = Index(Shards(tmp_path, 2, 'float32'), {})
    assert len(index) == 0
    assert index.find(['a']).tolist() == [NOWHERE]


def test_rows_in_the_order_of_a_list(index):
    names = ['e', 'f', 'b', 'a', 'c', 'e', 'd']
    rows = Rows(index, index.find(names), 2)
    assert len(rows) == 4 and len(rows[-2:]) == 2
    # neighbours in a shard are mapped, not read
    assert isinstance(rows[0], np.memmap)
    want = [[ord(n), 2 if n == 'b' else int(n > 'c')] for n in names]
    want[-1] = [0, 0]
    assert np.concatenate([np.asarray(r) for r in rows]).tolist() == want
    assert [r.shape for r in rows] == [(2, 2)] * 3 + [(1, 2)]
    part = rows[1]
    assert len(part) == 2 and part.dtype == np.float32
    assert part[1:].tolist() == want[3:4]
    assert part[np.array([1, 0])].tolist() == want[3:1:-1]
    with pytest.raises(IndexError):
        rows[4]


def test_vectors_read_them_block_by_block(index):
    names = ['e', 'f', 'b', 'a', 'c', 'e', 'd']
    keep = np.array([n != 'd' for n in names])
    vectors = UnitVectors(Rows(index, index.find(names), 2), keep=keep)
    x = np.array([[ord(n), 2 if n == 'b' else n > 'c'] for n in names[:-1]],
                 float)
    want = x / np.linalg.norm(x, axis=1, keepdims=True)
    np.testing.assert_allclose(
        np.concatenate([b for _, b in vectors.blocks()]), want, rtol=1e-6)
    np.testing.assert_allclose(
        vectors.take(np.array([1, 2, 5])), want[[1, 2, 5]], rtol=1e-6)
