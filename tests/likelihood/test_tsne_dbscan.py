"""The paper's way to clusters, among the benchmarks."""
import inspect
import sys
from pathlib import Path

import numpy as np
import pytest

from dequity_mmdet3d.likelihood.embeddings.vectors import unit_rows

from .clustering.test_density import blobs

MANIFOLD = pytest.importorskip(
    'sklearn.manifold', reason='scikit-learn, of the extra methods, is absent')
pytest.importorskip('faiss', reason='faiss cannot be imported')

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'benchmarks'))
try:
    from tsne_dbscan import tsne_dbscan
finally:
    sys.path.pop(0)


def fake_tsne(steps, seen, points):
    """A t-SNE of that spelling which puts every sample at a given point."""

    def init(self, components, **kwargs):
        seen.update(kwargs, components=components)

    signature = inspect.Signature(
        [inspect.Parameter(steps, inspect.Parameter.KEYWORD_ONLY)])
    return type(
        'TSNE', (), {
            '__init__': init,
            '__signature__': signature,
            'fit_transform': lambda self, x: np.resize(points, (len(x), 3))
        })


@pytest.mark.parametrize('steps', ['n_iter', 'max_iter'])
def test_tsne_dbscan_is_the_papers(monkeypatch, steps):
    # on a line, a neighbour every 0.9, and two samples far from these
    points = np.zeros((16, 3))
    points[:14, 0] = 0.9 * np.arange(14)
    points[14:] = [[0, 50, 0], [0, 51, 0]]
    seen = {}
    monkeypatch.setattr(MANIFOLD, 'TSNE', fake_tsne(steps, seen, points))
    x, _ = blobs([16])
    expected = [0] * 14 + [-1] * 2
    assert tsne_dbscan(x, seed=3, min_samples=3).tolist() == expected
    assert seen == {
        'components': 3, 'perplexity': 5, steps: 500, 'init': 'pca',
        'learning_rate': 'auto', 'random_state': 3
    }
    # by default an eps of 1 and ten neighbours, which nobody has here
    assert tsne_dbscan(x).tolist() == [-1] * 16
    assert tsne_dbscan(x, eps=9.0).tolist() == expected
    tsne_dbscan(blobs([200])[0][:91], min_samples=3)
    assert seen['perplexity'] == 30


def test_tsne_dbscan_is_repeatable():
    x, _ = blobs([30])
    first = tsne_dbscan(x, seed=1, eps=30.0, min_samples=3)
    assert first.dtype == np.int64 and first.shape == (30, )
    again = tsne_dbscan(x, seed=1, eps=30.0, min_samples=3)
    assert again.tolist() == first.tolist()


@pytest.mark.parametrize('n', [4, 5, 9])
def test_tsne_dbscan_with_few_samples(n):
    # at 30, the perplexity would be refused
    assert tsne_dbscan(blobs([9])[0][:n], min_samples=2).shape == (n, )


def test_tsne_dbscan_puts_copies_together():
    x = unit_rows(np.ones((12, 4)))
    assert tsne_dbscan(x).tolist() == [0] * 12
    assert tsne_dbscan(x, min_samples=13).tolist() == [-1] * 12


@pytest.mark.parametrize('shape', [(3, 4), (9, 2)])
def test_tsne_dbscan_refuses_too_little(shape):
    with pytest.raises(ValueError, match=f'got {shape[0]} of {shape[1]}'):
        tsne_dbscan(unit_rows(np.ones(shape)))
