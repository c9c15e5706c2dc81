"""Embeddings as directions: any size and type in, or an error by name."""
import numpy as np
import pytest

from dequity_mmdet3d.likelihood.vectors import unit_rows


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
