"""w = (eta + (1 - p)^gamma) / (eta + 1), against values made by hand."""
import numpy as np
import pytest
import torch

from dequity_mmdet3d.weight import (
    dequity_weight,
    effective_number,
    rarest_edge,
    sample_weights,
    share_of_rarest,
)


@pytest.mark.parametrize('p, eta, gamma, expected', [
    (0.5, 1.0, 1.0, 0.75),  # (1 + 1/2) / 2
    (0.5, 1.0, 2.0, 0.625),  # (1 + 1/4) / 2
    (0.5, 3.0, 2.0, 0.8125),  # (3 + 1/4) / 4
    (1.0, 1.0, 5.0, 0.5),  # the floor, eta / (eta + 1)
    (1.0, 0.0, 5.0, 0.0),
    (1.0, 0.0, 0.0, 1.0),  # 0^0 = 1: gamma 0 changes nothing
])
def test_by_hand_for_every_type(p, eta, gamma, expected):
    assert dequity_weight(p, eta, gamma) == expected
    array = dequity_weight(np.full((2, 3), p), eta, gamma)
    assert array.shape == (2, 3) and (array == expected).all()
    tensor = dequity_weight(torch.full((2, ), p), eta, gamma)
    assert tensor.dtype == torch.float32 and (tensor == expected).all()


@pytest.mark.parametrize('eta', [0, 0.3, 1, 7])
def test_gamma_zero_is_no_weight_at_all(eta):
    p = np.linspace(0.001, 1, 50)
    assert (dequity_weight(p, eta, 0) == 1).all()


def test_range_and_order():
    p = np.linspace(1e-6, 1, 1000)
    weight = dequity_weight(p, 0.5, 5)
    assert (np.diff(weight) <= 0).all()
    assert weight.min() == pytest.approx(0.5 / 1.5)
    assert weight.max() <= 1


def test_gradient_to_a_learned_likelihood():
    p = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    dequity_weight(p, 1.0, 2.0).backward()
    # dw/dp = -gamma (1 - p)^(gamma - 1) / (eta + 1)
    assert p.grad.item() == -0.5


@pytest.mark.parametrize('kwargs', [
    dict(eta=-1), dict(eta=float('nan')), dict(eta='1'), dict(eta=True),
    dict(gamma=-0.1), dict(gamma=float('inf')), dict(gamma=None)
])
def test_bad_parameters_are_named(kwargs):
    with pytest.raises(ValueError, match=next(iter(kwargs))):
        dequity_weight(0.5, **kwargs)


@pytest.mark.parametrize('p', [0, -0.1, 1.1, np.array([0.5, 0.0])])
def test_likelihood_outside_its_range(p):
    with pytest.raises(ValueError, match='likelihood'):
        dequity_weight(p)


def test_missing_likelihood_gets_the_mean():
    p = np.array([0.5, np.nan, 1.0])
    # (1 + 1/2) / 2 and 1/2
    np.testing.assert_allclose(
        sample_weights(p, 1, 1), [0.75, 0.625, 0.5])
    assert np.isnan(p[1])  # the caller's array stays


def test_normalized_over_the_epoch():
    epoch = np.array([0.5, 0.5, 0.5, 1.0])
    weight = sample_weights(np.array([0.5, 1.0]), 1, 1, 'mean', epoch)
    mean = (3 * 0.75 + 0.5) / 4
    np.testing.assert_allclose(weight, [0.75 / mean, 0.5 / mean])
    assert sample_weights(epoch, 1, 5, 'mean').mean() == pytest.approx(1)


def test_nothing_to_average():
    with pytest.raises(ValueError, match='no sample has a likelihood'):
        sample_weights(np.full(3, np.nan))
    with pytest.raises(ValueError, match='raise eta'):
        sample_weights(np.ones(3), eta=0, normalize='mean')
    with pytest.raises(ValueError, match="None or 'mean'"):
        sample_weights(np.ones(3), normalize='max')


def test_effective_number_by_hand():
    assert effective_number(np.array([1.0, 1, 0, 0])) == 2
    assert effective_number(np.full(7, 0.3)) == pytest.approx(7)
    # (1 + 3)^2 / (1 + 9)
    assert effective_number(np.array([1.0, 3.0])) == pytest.approx(1.6)
    assert effective_number(np.zeros(3)) == 0


def test_share_of_the_rarest_by_hand():
    p = np.array([1.0, 0.2, 0.9, 0.2, 1.0, 1, 1, 1, 1, 1])
    w = np.where(p == 0.2, 3.0, 1.0)
    assert share_of_rarest(p, w) == pytest.approx(3 / 14)
    assert share_of_rarest(p, w, 0.2) == pytest.approx(6 / 14)
    assert share_of_rarest(p, w, 1) == 1
    # one sample at least, and half a sample is one
    assert share_of_rarest(p[:4], w[:4]) == pytest.approx(3 / 8)
    assert share_of_rarest(p, w, 0.15) == pytest.approx(6 / 14)
    assert share_of_rarest(p, 0 * w) == 0
    assert [rarest_edge(p, part) for part in (0.1, 0.25, 1)] == [0.2, 0.9, 1]
