"""Look and classes make one weight."""
import numpy as np
import pytest

from dequity_mmdet3d.weight import dequity_weight, sample_weights
from dequity_mmdet3d.weight_settings import WeightSettings, alike_of

P = np.array([1.0, 0.5, 0.25, np.nan])
FACTOR = np.array([1.0, 2.0, 1.0, 3.0])


@pytest.mark.parametrize('normalize', [None, 'mean'])
@pytest.mark.parametrize('form', [None, 'equity'])
def test_defaults_are_those_of_the_likelihood_alone(normalize, form):
    settings = WeightSettings(0.5, 2.0, normalize, form)
    np.testing.assert_array_equal(
        settings.weights(P, P, 8.0),
        sample_weights(P, 0.5, 2.0, normalize))


@pytest.mark.parametrize('form, expected', [
    # 8, 4, 2 samples look alike
    ('inverse', [1 / 8, 1 / 4, 1 / 2]),
    ('sqrt-inverse', [8**-0.5, 1 / 2, 2**-0.5]),
    ('effective', [128 / 255, 8 / 15, 2 / 3]),
    ('equity', dequity_weight(P[:3])),
    ('none', [1, 1, 1]),
])
@pytest.mark.parametrize('factor', [None, FACTOR])
def test_forms_by_hand(form, expected, factor):
    settings = WeightSettings(form=form, content=factor is not None and 'rfs'
                              or None, beta=0.5)
    # what has no likelihood looks as the mean does
    look = np.array([*expected, np.mean(expected)])
    weight = look * (1 if factor is None else factor)
    made = settings.weights(P, P, 8.0, factor, factor)
    np.testing.assert_allclose(made, weight, rtol=1e-14)
    normalized = WeightSettings(form=form, beta=0.5, normalize='mean')
    made = normalized.weights(P, P, 8.0, factor, factor)
    np.testing.assert_allclose(made, weight / weight.mean(), rtol=1e-14)


def test_rarer_than_one_sample_is_one():
    settings = WeightSettings(form='inverse')
    p = np.array([1.0, 0.01])
    assert settings.weights(p, p, 8.0).tolist() == [1 / 8, 1]


def test_without_a_table_the_classes_alone_count():
    none = np.full(4, np.nan)
    made = WeightSettings(content='rfs').weights(
        none, none, None, FACTOR, FACTOR)
    assert made.tolist() == FACTOR.tolist()


def test_alike():
    """By cluster size / largest, and by cluster size / number of samples."""
    size = np.array([6, 6, 2])
    for p in (size / 6, size / 30):
        np.testing.assert_allclose(p * alike_of(p, size), size)
    with pytest.raises(ValueError, match='no cluster of two or more'):
        alike_of(np.array([1.0, 0.5]), np.array([1, 1]))


@pytest.mark.parametrize('options, table, given, message', [
    (dict(form='equal'), 't', (), "form of X must be one of equity.*'equal'"),
    (dict(content='cbgs'), 't', (), 'content of X must be one of rfs'),
    (dict(beta=1), 't', (), 'beta of X'),
    (dict(t=0), 't', (), 't of X'),
    (dict(), None, (), 'are made from a likelihood table or from classes'),
    (dict(form='none'), 't', (), 'or from classes'),
    (dict(form='equity', content='rfs'), None, (), 'needs a likelihood table'),
    (dict(), 't', ['t'], "t of X belongs to content='rfs'"),
    (dict(content='inverse'), 't', ['t'], 'leave it out'),
    (dict(content='rfs'), 't', ['beta'], 'beta of X belongs to'),
    (dict(form='effective'), 't', ['gamma'], "gamma of X belongs to form='eq"),
    (dict(content='rfs'), None, ['eta'], "but the form is 'none'"),
])
def test_bad_settings(options, table, given, message):
    settings = WeightSettings(**options)
    with pytest.raises(ValueError, match=message):
        settings.check(' of X')
        settings.check_table(table, ' of X')
        settings.check_used(given, ' of X', table)


def test_normalize_needs_a_weight():
    one = np.ones(2)
    settings = WeightSettings(0, 1, 'mean', content='rfs')
    with pytest.raises(ValueError, match='every weight is 0; raise eta'):
        settings.weights(one, one, 1.0, one, one)
