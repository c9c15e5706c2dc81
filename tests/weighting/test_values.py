"""Values of weighted losses against sums over samples."""
import pytest
import torch

from dequity_mmdet3d.weighting.gradient import BatchWeights, ScaleGradient
from dequity_mmdet3d.weighting.values import (
    is_sum,
    ones,
    parts_of,
    scale_elements,
    show_weighted,
)

WEIGHTS = BatchWeights([0.3, 1.0, 0.7])


def loss_of(z, y, element_weights):
    return (element_weights * (z - y)**2).sum() / 7


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(0)
    z, y, e = (torch.rand(3, 4, 2, generator=generator, dtype=torch.float64)
               for _ in range(3))
    return z.requires_grad_(), y, e


def test_value_and_gradient_against_each_sample_alone(data):
    z, y, e = data
    factors = ones(WEIGHTS, z)
    loss = loss_of(WEIGHTS.scale_axis(z, 0), y, scale_elements(e, factors))
    assert is_sum(loss, factors)
    shown = show_weighted(loss, factors, WEIGHTS)
    slow = sum(w * loss_of(z[i], y[i], e[i])
               for i, w in enumerate(WEIGHTS.values))
    torch.testing.assert_close(shown, slow, rtol=1e-12, atol=0)
    got, = torch.autograd.grad(shown, z)
    want, = torch.autograd.grad(slow, z)
    torch.testing.assert_close(got, want, rtol=1e-12, atol=0)
    assert factors.grad is None


def test_parts_are_the_samples(data):
    z, y, e = data
    factors = ones(WEIGHTS, z)
    parts = parts_of(loss_of(z, y, scale_elements(e, factors)), factors)
    want = torch.stack([loss_of(z[i], y[i], e[i]) for i in range(3)])
    torch.testing.assert_close(parts, want.detach())


def test_what_is_no_sum(data):
    z, y, e = data
    factors = ones(WEIGHTS, z)
    elements = scale_elements(e, factors)
    plain = loss_of(z, y, elements)
    assert not is_sum(plain + z.sum(), factors)
    assert not is_sum(plain**2, factors)  # weights do not enter linearly
    assert not is_sum((z**2).sum(), factors)  # or not at all
    assert is_sum(z[:0].sum(), factors)  # without elements it is 0
    # no parts, no other value
    loss = (z**2).sum()
    assert show_weighted(loss, factors, WEIGHTS) is loss


def test_factors_change_no_bit():
    z = torch.rand(3, 5, requires_grad=True)
    e = torch.rand(3, 5)
    assert torch.equal(scale_elements(e, ones(WEIGHTS, z)), e)


def test_reduced_precision():
    z = torch.rand(3, 5, dtype=torch.bfloat16, requires_grad=True)
    assert ones(WEIGHTS, z).dtype == torch.float32
    assert ScaleGradient.apply(z, torch.tensor(2.0)).dtype == torch.bfloat16
