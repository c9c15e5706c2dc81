"""Embeddings as directions: any size and type in, or an error by name."""
import numpy as np
import pytest

from dequity_mmdet3d.likelihood.embeddings import vectors
from dequity_mmdet3d.likelihood.embeddings.vectors import (
    UnitVectors,
    unit_rows,
)


def test_unit_rows_keeps_the_direction_of_any_size():
    x = np.array([[3.0, 4.0], [3e200, 4e200], [3e-200, 4e-200], [-3, 4]])
    unit = unit_rows(x)
    assert unit.dtype == np.float32 and unit.flags.c_contiguous
    np.testing.assert_allclose(
        unit, [[.6, .8], [.6, .8], [.6, .8], [-.6, .8]], rtol=1e-6)
    assert unit_rows(np.array([[3, 4]], dtype=np.int16)).tolist() == [
        pytest.approx([.6, .8])
    ]


def test_unit_rows_names_bad_rows():
    x = np.ones((9, 3))
    x[[1, 2, 3, 4, 5, 6]] = np.nan
    x[4, 0] = np.inf
    x[8] = 0
    with pytest.raises(ValueError) as e:
        unit_rows(x)
    assert str(e.value).startswith('6 of 9 embeddings have NaN or inf')
    assert '1, 2, 3, 4, 5, ... (6 in all)' in str(e.value)
    x[1:7] = 1
    with pytest.raises(ValueError, match="1 of 9 .* only zeros.*: 'i'"):
        unit_rows(x, list('abcdefghi'))


@pytest.mark.parametrize('x, error, text', [
    (np.ones(3), ValueError, r'\(N, D\)'),
    (np.ones((0, 3)), ValueError, r'\(0, 3\)'),
    (np.ones((3, 0)), ValueError, r'\(3, 0\)'),
    (np.ones((3, 2), complex), TypeError, 'complex128'),
    (np.array([['a', 'b']]), TypeError, 'real numbers'),
])
def test_unit_rows_refuses(x, error, text):
    with pytest.raises(error, match=text):
        unit_rows(x)


def test_parts_and_kept_rows_read_like_one_array(monkeypatch):
    monkeypatch.setattr(vectors, '_BLOCK', 3)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((20, 4)).astype(np.float16)
    keep = rng.random(20) < 0.6
    keep[8:13] = False  # a whole part
    read = UnitVectors([x[:8], x[8:13], x[13:]], keep=keep)
    want = unit_rows(x[keep])
    assert len(read) == keep.sum() and read.dim == 4
    starts, blocks = zip(*read.check().blocks())
    np.testing.assert_array_equal(np.concatenate(blocks), want)
    assert list(starts) == np.cumsum([0] + [len(b) for b in blocks])[:-1
                                                                     ].tolist()
    rows = np.array([0, 3, len(read) - 1])
    np.testing.assert_array_equal(read.take(rows), want[rows])


def test_bad_rows_in_parts_have_the_samples_numbers():
    x = np.ones((10, 3), dtype=np.float32)
    x[[2, 7]] = np.nan
    keep = np.arange(10) != 1
    read = UnitVectors([x[:5], x[5:]], keep=keep)
    with pytest.raises(ValueError, match='2 of 9 .*: 1, 6'):
        read.check()
    with pytest.raises(ValueError, match='NaN or inf.*: 6'):
        read.take(np.array([0, 6]))


def test_a_memory_map_is_read_in_blocks(tmp_path):
    np.save(tmp_path / 'e.npy', np.random.default_rng(0).random((50, 3)))
    x = np.load(tmp_path / 'e.npy', mmap_mode='r')
    np.testing.assert_array_equal(
        np.concatenate([b for _, b in UnitVectors(x).blocks()]), unit_rows(x))
