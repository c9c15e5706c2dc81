"""The diagnosis: what it counts, and how it reads."""
import json

import numpy as np
import pytest

from dequity_mmdet3d.likelihood.clustering import ClusterSettings, cluster
from dequity_mmdet3d.likelihood.embeddings.vectors import UnitVectors
from dequity_mmdet3d.likelihood.estimation.diagnosis import (
    Diagnosis,
    diagnose,
)
from dequity_mmdet3d.likelihood.estimation.estimate import (
    likelihood_from_labels,
)
from dequity_mmdet3d.likelihood.estimation.stability import repeat
from dequity_mmdet3d.likelihood.estimation.weight_effect import weight_effect

from ..families import modes

pytest.importorskip('faiss', reason='faiss cannot be imported')


def diagnosed(x, method='modes'):
    vectors, settings = UnitVectors(x), ClusterSettings(method)
    found = cluster(vectors, settings)
    p = likelihood_from_labels(found.labels)[0]
    if found.likelihood is not None:
        p = found.likelihood / found.likelihood.max()
    return diagnose(found, p, repeat(found, vectors, settings, p))


def test_counts_by_hand():
    found = diagnosed(modes([800, 150, 50])[0])
    assert (found.samples, found.clusters, found.lone) == (1000, 3, 0)
    assert found.largest == 0.8 and found.rare == 50
    assert found.stability == min(found.correlation) > 0.95
    first, second, third = found.lines()
    assert first == '3 clusters of 1000 samples; the largest holds 80.0%'
    assert second == ('50 samples (5.0%) are rare: their cluster has at most '
                      'a tenth of the size of the largest')
    assert third.startswith(f'stability {found.stability:.2f}: ')
    assert 'another seed' in third


def test_soft_counts_say_how_they_came_about():
    clear = diagnosed(modes([800, 150, 50], spread=0.25)[0], 'soft')
    assert (clear.weight, clear.clusters, clear.rare) == (1, 3, 50)
    assert 'are clear: their sizes are the likelihood' in clear.lines()[2]
    cloud = diagnosed(modes([600], spread=1.0)[0], 'soft')
    assert cloud.weight == 0 and min(cloud.correlation) > 0.95
    assert 'counts softly' in ' '.join(cloud.lines())
    assert 'four fifths of the samples' in cloud.lines()[-1]
    few = diagnosed(modes([30])[0], 'soft')
    assert few.correlation is None and few.stability is None
    assert not any('stability' in line for line in few.lines())


def test_one_sample_is_spoken_of_as_one():
    found = Diagnosis(9, 2, 8 / 9, 1, 1)
    assert found.lines()[1:] == [
        '1 sample (11.1%) is rare: its cluster has at most a tenth of the '
        'size of the largest', '1 sample belongs to no cluster']


def test_weights_are_said_with_what_they_could_be():
    # two of ten with p .5: gamma 5 gives them (1 + 1/32) / 2, gamma .5 more
    p = np.array([0.5] * 2 + [1.0] * 8)
    found = Diagnosis(10, 1, 1.0, 0, 0, weights=weight_effect(p))
    assert found.lines()[-1] == (
        'at eta 1 and gamma 5 weights run from 0.50 to 0.52; 10 samples count '
        'as 10 of equal weight; the rarest tenth has 10.2% of all weight (the '
        'most, 15.0%, with gamma 0.5)')


def test_what_was_written_is_read_again():
    found = diagnosed(modes([800, 150, 50], spread=0.25)[0], 'soft')
    text = json.dumps(dict(found.as_dict(), why=['of a later version']))
    assert Diagnosis.from_dict(json.loads(text)) == found
    old = dict(samples=5, clusters=2, largest=0.6, rare=0, lone=0,
               correlation=[1.0, 1.0], repeated=[2, 2])
    assert Diagnosis.from_dict(old).lines()[0].startswith('2 clusters of 5')
    with pytest.raises(TypeError):
        Diagnosis.from_dict(dict(samples=5))
