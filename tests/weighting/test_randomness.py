"""Generators that code keeps for itself are put back."""
import random
import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from dequity_mmdet3d.weighting.randomness import generators_of, no_trace

MAKE = {
    'RandomState': lambda: np.random.RandomState(234),
    'Generator': lambda: np.random.default_rng(0),
    'Random': lambda: random.Random(0),
    'torch': lambda: torch.Generator().manual_seed(0),
}


def draw(generator):
    if isinstance(generator, torch.Generator):
        return float(torch.rand((), generator=generator))
    return generator.random() if isinstance(
        generator, (random.Random, np.random.Generator)) else generator.rand()


@pytest.mark.parametrize('kind', MAKE)
@pytest.mark.parametrize('place', ['instance', 'class', 'Python module'])
def test_own_generators(kind, place, monkeypatch):
    class Drawing(nn.Module):
        pass

    model = nn.Sequential(Drawing())
    generator, fresh = MAKE[kind](), MAKE[kind]()
    if place == 'Python module':
        monkeypatch.setitem(sys.modules, 'rays', ModuleType('rays'))
        sys.modules['rays'].rng = generator
    elif place == 'class':
        Drawing.rng = generator
    else:
        model[0].rng = generator
    assert any(found is generator for found in generators_of(model))
    with no_trace(model):
        first = draw(generator)
        assert draw(generator) != first
    assert draw(generator) == draw(fresh) == first


def test_global_generators():
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    with no_trace():
        first = random.random(), np.random.rand(), float(torch.rand(()))
    assert (random.random(), np.random.rand(), float(
        torch.rand(()))) == first
