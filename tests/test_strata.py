"""Which samples are rare: by hand."""
import inspect

import numpy as np
import pytest

from dequity_mmdet3d.strata import (
    BOUNDS,
    STRATA,
    check_bounds,
    edges_of,
    strata_of,
)


@pytest.mark.parametrize('values, bounds, expected', [
    ([.1, .2, .3, .4, .5, .6, .7, .8, .9, 1], (.2, .5),
     [0, 0, 1, 1, 1, 2, 2, 2, 2, 2]),
    # clusters stay together: 3 of 10 is nearer to a fifth than none
    ([.3, .3, .3, .4, .4, 1, 1, 1, 1, 1], (.2, .5),
     [0, 0, 0, 1, 1, 2, 2, 2, 2, 2]),
    ([1, .2, 1, 1], (.2, .5), [2, 0, 2, 2]),
    ([.5, .5], (.2, .5), [2, 2]),
    ([.5], (.2, .5), [2]),
    ([.2, .2, .2, .2, 1], (.2, .5), [0, 0, 0, 0, 2]),
])
def test_strata_by_hand(values, bounds, expected):
    got = strata_of(np.array(values), bounds)
    assert got.tolist() == expected


@pytest.mark.parametrize('bounds', [
    (0.5, 0.2), (0, 0.5), (0.2, 1), (0.2, ), 0.2, ('a', 'b'), None,
    (float('nan'), 0.5)])
def test_bad_bounds(bounds):
    with pytest.raises(ValueError, match='bounds must be two shares'):
        check_bounds(bounds)


def test_names_and_default():
    """They stand in users' logs and configs."""
    assert STRATA == ('rare', 'middle', 'common')
    assert BOUNDS == (0.2, 0.5)
    check_bounds(BOUNDS)
    assert inspect.signature(strata_of).parameters['bounds'].default == BOUNDS


def test_edges_by_hand():
    assert edges_of(np.array([np.nan, .5, .1]), (.2, .5)) == (.1, .5)
    assert edges_of(np.array([np.nan, .5, .5]), (.2, .5)) is None
    # continuous: a fifth of ten is two, half is five
    p = np.arange(1, 11) / 10
    assert edges_of(p) == (0.2, 0.6)
    assert np.bincount(strata_of(p)).tolist() == [2, 3, 5]
