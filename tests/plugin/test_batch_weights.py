"""Weights of a batch: whose eta and gamma, and when."""
import numpy as np
import pytest

from dequity_mmdet3d.plugin import DequityLoss
from dequity_mmdet3d.plugin.batch_weights import BatchWeighting
from dequity_mmdet3d.weight import dequity_weight, mean_weight
from dequity_mmdet3d.weighting.draw import expected_counts
from dequity_mmdet3d.weighting.schedule import Schedule


def metas(*likelihoods):
    return [
        dict(dequity_likelihood=p, dequity_weight=0.9) for p in likelihoods
    ]


EPOCH = np.array([0.5, 1.0, 1.0, np.nan])
MEAN = (0.75 + 0.5 + 0.5) / 3  # eta 1, gamma 1


def test_weights_are_the_data_sets_by_default():
    weighting = BatchWeighting()
    weighting.fit(EPOCH)
    assert weighting(metas(0.5, 1.0)) == [0.9, 0.9]
    assert weighting.current is None and not weighting.lacks


@pytest.mark.parametrize('power', [0.25, 0.5, 1.0])
def test_the_rest_of_drawn_weights(power):
    """Counts of the draws times what is left are the weights themselves."""
    weight = np.array([0.1, 0.5, 0.9, 0.9])
    counts = expected_counts(weight**power, 4)
    weighting = BatchWeighting()
    weighting.fit(EPOCH)
    weighting.leave(power, np.mean(weight**power))
    left = weighting([dict(dequity_weight=float(w)) for w in weight])
    np.testing.assert_allclose(counts * left, weight)
    weighting.fit(EPOCH)  # the next training, with another sampler
    assert weighting(metas(0.5)) == [0.9]


def test_no_rest_of_other_weights():
    with pytest.raises(ValueError, match='its own eta.*power=0.5'):
        BatchWeighting(eta=1).leave(0.5, 0.7)


def test_own_eta_and_gamma():
    weighting = BatchWeighting(eta=1, gamma=1)
    assert not weighting.lacks
    with pytest.raises(ValueError, match='fit'):
        weighting(metas(0.5))
    weighting.fit(EPOCH)
    np.testing.assert_allclose(
        weighting(metas(0.5, 1.0, float('nan'))), [0.75, 0.5, MEAN])


def test_what_is_not_given_is_the_data_sets():
    weighting = BatchWeighting(gamma=1, normalize='mean')
    assert weighting.lacks
    weighting.fit(EPOCH, eta=1.0, gamma=7.0)
    np.testing.assert_allclose(
        weighting(metas(0.5, float('nan'))), [0.75 / MEAN, 1])
    weighting = BatchWeighting(eta=0.3)
    weighting.fit(EPOCH, eta=1.0, gamma=2.0)
    assert weighting(metas(0.5)) == [dequity_weight(0.5, 0.3, 2)]


def test_mean_of_counted_likelihoods():
    values, counts = np.array([0.5, 1.0, np.nan]), np.array([1, 2, 5])
    assert mean_weight(values, 1, 1, counts=counts) == pytest.approx(MEAN)


def test_schedule_is_linear_between_its_points():
    schedule = Schedule(gamma=[(2, 0), (4, 5)], eta=[(0, 1), (10, 0.5)])
    assert schedule.times == [0, 2, 4, 10]
    for time, gamma, eta in ((0, 0, 1), (2, 0, .9), (3, 2.5, .85),
                             (4, 5, .8), (99, 5, .5)):
        now = schedule.at(time)
        assert now == dict(
            gamma=pytest.approx(gamma), eta=pytest.approx(eta))


def test_weights_follow_the_schedule():
    weighting = BatchWeighting(
        normalize='mean', schedule=dict(gamma=[(0, 0), (10, 1)]))
    weighting.fit(EPOCH, eta=1.0, gamma=99.0)
    assert weighting(metas(0.5, 1.0, float('nan'))) == [1, 1, 1]
    weighting.set_time(10)
    assert weighting.current == dict(eta=1.0, gamma=1.0)
    np.testing.assert_allclose(
        weighting(metas(0.5, 1.0)), [0.75 / MEAN, 0.5 / MEAN])


def test_a_mean_of_zero_is_found_before_it_is_reached():
    weighting = BatchWeighting(
        gamma=5, normalize='mean', schedule=dict(eta=[(0, 1), (10, 0)]))
    with pytest.raises(ValueError, match='every weight is 0'):
        weighting.fit(np.ones(3))


def test_sample_without_a_weight():
    with pytest.raises(ValueError, match='1 of 2 samples.*DequityDataset'):
        BatchWeighting()([dict(dequity_weight=1.0), dict()])


@pytest.mark.parametrize('kwargs, match', [
    (dict(eta=-1), 'eta of DequityLoss must'),
    (dict(gamma='5'), 'gamma of DequityLoss must'),
    (dict(gamma=5, normalize='max'), 'normalize'),
    (dict(normalize='mean'), 'normalize of DequityDataset'),
    (dict(terms='loss_cls'), 'terms .* list of patterns'),
    (dict(terms=[]), 'terms .* list of patterns'),
    (dict(terms=5), 'terms .* list of patterns'),
    (dict(terms=[1]), 'terms .* list of patterns'),
    (dict(boundaries='head.loss'), 'boundaries .* dict from methods'),
    (dict(schedule={}), 'needs points'),
    (dict(schedule=[(0, 0)]), 'schedule .* must be a dict'),
    (dict(schedule=dict(alpha=[(0, 0)])), 'schedule .* must be a dict'),
    (dict(schedule=dict(gamma=5)), 'schedule.gamma must be a list'),
    (dict(schedule=dict(gamma=[])), 'schedule.gamma must have times'),
    (dict(schedule=dict(gamma=[(3, 0), (2, 5)])), 'later than'),
    (dict(schedule=dict(gamma=[(-1, 0)])), 'times from 0'),
    (dict(schedule=dict(gamma=[(0, -5)])), 'schedule.gamma: gamma must'),
    (dict(schedule=dict(eta=[(0, 'much')])), 'schedule.eta: eta must'),
    (dict(schedule=dict(eta=[(0, 1)], by='step')), "'epoch' or 'iter'"),
])
def test_bad_arguments(kwargs, match):
    with pytest.raises(ValueError, match=match):
        DequityLoss(**kwargs)
