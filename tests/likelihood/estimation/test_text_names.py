"""Names by text, by hand."""
import numpy as np
import pytest

from dequity_mmdet3d.likelihood.embeddings.vectors import UnitVectors
from dequity_mmdet3d.likelihood.estimation.text_names import (
    Texts,
    name_clusters,
    names_lines,
    names_of,
)

TEXTS = ('road', 'night', 'rain')


def test_what_all_share_does_not_count():
    """'road' is the nearest to all images, and says nothing of any."""
    # the images' common part is the first axis, as is the text's
    images = np.array([[5, 1, 0], [5, 1, 0], [5, 0, 1], [5, 0, 0]], float)
    texts = Texts('p', TEXTS, np.eye(3, dtype=np.float32), 3)
    labels = np.array([0, 0, 1, -1])
    near = images / np.linalg.norm(images, axis=1)[:, None]
    assert (near.argmax(1) == 0).all()
    assert name_clusters(UnitVectors(images), labels, texts) == [
        'night', 'rain']


def test_mean_over_clusters_by_hand():
    """Three clusters, the large one no more than the others."""
    texts = Texts('p', ('a', 'b'), np.eye(2, dtype=np.float32), 2)
    # cosines with a: .6, .8, 1 of mean .8; with b: .8, .6, 0 of mean .467
    images = np.array([[.6, .8]] * 9 + [[.8, .6], [1, 0]])
    labels = np.array([0] * 9 + [1, 2])
    assert name_clusters(UnitVectors(images), labels, texts) == [
        'b', 'b', 'a']


def test_images_that_are_their_texts():
    """By stages: the last numbers alone; by cameras: all alike."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((3, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    labels = np.array([2, 0, 1, 1])
    texts = Texts('p', TEXTS, vectors, 10)
    stages = np.concatenate(
        [rng.standard_normal((4, 6)), 0.3 * vectors[labels]], axis=1)
    want = list(TEXTS)
    assert name_clusters(UnitVectors(stages), labels, texts) == want
    two = np.concatenate([stages, 7 * stages], axis=1)  # cameras, C = 2
    assert name_clusters(UnitVectors(two), labels, texts) == want


def test_nothing_to_tell():
    texts = Texts('p', TEXTS, np.eye(3, dtype=np.float32), 3)
    images = UnitVectors(np.array([[1., 2, 3]] * 4))
    assert name_clusters(images, np.zeros(4, int), texts) == ['']
    assert name_clusters(images, np.array([0, 0, 1, 1]), texts) == ['', '']
    assert name_clusters(images, np.full(4, -1), texts) == []


def test_names_in_the_metadata():
    text = dict(source='built in', clusters=['night', '', 'rain'])
    tags = dict(clusters=['rain 93%'])
    assert names_of(dict(names=text, tags=tags)) == ['night', '', 'rain']
    assert names_of(dict(tags=tags)) == ['rain 93%']
    assert names_of(dict(clustering=dict(
        method='tags', combinations=['sun, day']))) == ['sun, day']
    assert names_lines(dict(names=text)) == [
        'clusters by text (built in): 0 night, 2 rain']
    assert names_lines(dict(names=dict(text, clusters=[''] * 9))) == []
    many = dict(text, clusters=[str(i) for i in range(9)])
    assert names_lines(dict(names=many))[0].endswith('7 7, ...')


@pytest.mark.parametrize('junk', [
    {}, dict(names=3), dict(names=dict(clusters='abc')),
    dict(names=dict(clusters=[1])), dict(tags=None), dict(clustering=[])])
def test_junk_in_the_metadata(junk):
    assert names_of(junk) == []
