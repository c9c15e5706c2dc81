"""The benchmark of parts: what it leaves out and what it shows encoders."""
import sys

import numpy as np
import pytest

from tests.helpers import ROOT

pytest.importorskip('torch')
pytest.importorskip('faiss')
pytest.importorskip('scipy')
sys.path.insert(0, str(ROOT / 'benchmarks'))
try:
    import parts
    import real_images
    import real_inputs
    import soft_parts
finally:
    sys.path.pop(0)


def test_columns_are_those_of_the_embedding():
    every = parts.columns(lambda stage, of: True)
    assert every.all() and len(every) == 3520
    pooled = parts.columns(parts.STAGES['last layer, means (pooled)'])
    assert np.flatnonzero(pooled).tolist() == [*range(960, 2240)]
    means = parts.columns(parts.STAGES['means alone'])
    assert np.flatnonzero(means)[:65].tolist() == [
        *range(32), *range(64, 88), *range(112, 121)]


def test_views_by_hand():
    whole = (0, 0, 1242, 375)
    assert real_inputs.shape_kept(1242, 375) == [(whole, (416, 128))]
    assert real_inputs.shape_kept(250, 250) == [((0, 0, 250, 250),
                                                 (224, 224))]
    lefts = [box[0] for box, _ in real_inputs.squares(1242, 375)]
    assert lefts == [0, 434, 867]  # the last ends at the right edge, nearly
    assert [box for box, _ in real_inputs.squares(400, 600)] == [
        (0, 0, 400, 400), (0, 200, 400, 600)]
    assert len(real_inputs.squares(420, 400)) == 1


def test_images_of_several_squares_are_averaged(tmp_path):
    import torch
    from PIL import Image

    class Colour:

        def encode(self, batch):
            return batch.float().mean(dim=(2, 3))

    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, :40, 0] = pixels[:, 40:, 1] = 200
    paths = []
    for i in range(11):
        paths.append(tmp_path / f'{i}.png')
        Image.fromarray(pixels if i % 2 else pixels[:, :40]).save(paths[-1])
    with torch.inference_mode():
        x = real_inputs.encode(Colour(), paths, real_inputs.squares)
    np.testing.assert_allclose(x[0], [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(x[1], [.5**.5, .5**.5, 0], atol=1e-6)
    np.testing.assert_allclose(x, x[[0, 1] * 5 + [0]], atol=1e-6)


def test_another_encoder_is_asked(tmp_path):
    """Not the default, whose embeddings the same class keeps."""
    class Ones:

        def encode(self, batch):
            import torch
            return torch.ones(len(batch), 4)

    from PIL import Image
    bench = tmp_path / 'real_images.py'
    bench.write_text('def images(name):\n    return PATHS, LABELS\n')
    sets = real_inputs.Encoded(tmp_path, tmp_path, Ones,
                               real_inputs.whole((8, 8)), 'ones')
    Image.new('RGB', (16, 8)).save(tmp_path / 'a.png')
    sets.bench.PATHS, sets.bench.LABELS = [tmp_path / 'a.png'] * 3, None
    assert (sets.embeddings('roads') == .5).all()
    assert sets.embeddings('roads').shape == (3, 4)
    assert [p.name for p in tmp_path.glob('*.npy')] == ['parts_ones_roads.npy']


def test_milliseconds_of_every_view(tmp_path):
    from PIL import Image

    class Busy:

        def encode(self, batch):
            return sum(range(200_000))

    class Idle:

        def encode(self, batch):
            return None

    path = tmp_path / 'a.png'
    Image.new('RGB', (16, 8)).save(path)
    view = real_inputs.whole((8, 8))
    took = real_inputs.milliseconds(
        dict(busy=(Busy(), view), idle=(Idle(), view)), [path] * 3)
    assert took['busy'] > took['idle'] >= 0


@pytest.fixture(scope='module')
def cloud():
    """(300, 12) float32: one cloud that thins out, so no groups are clear."""
    rng = np.random.default_rng(3)
    x = rng.exponential(size=(300, 12)) * np.linspace(1, .3, 12)
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def test_all_parts_are_the_default(cloud):
    clear = np.repeat(np.eye(3, 12, dtype=np.float32), (60, 30, 20), axis=0)
    for x in (cloud, np.concatenate([clear, cloud[:20]])):
        assert (soft_parts.soft_parts(x) ==
                real_images.estimate(x, 'soft')).all()


@pytest.mark.parametrize('name', soft_parts.ESTIMATES)
def test_every_row_differs_from_the_default(cloud, name):
    p = soft_parts.ESTIMATES[name](cloud)
    assert p.shape == (300, ) and (p > 0).all() and (p <= 1).all()
    if name != 'soft counts alone':
        assert (p != soft_parts.soft_parts(cloud)).any()


def test_the_line_changes_no_order(cloud):
    order = np.argsort(soft_parts.soft_parts(cloud, groups=0., strays=False))
    p = soft_parts.soft_parts(cloud, groups=0., line=False)
    assert (np.diff(p[order]) >= -1e-12).all()


def test_slope_by_hand():
    truth = np.array([1., .1, .01])
    assert parts.slope(truth, truth**.5) == pytest.approx(.5)


def test_own_draws():
    labels = np.repeat([*'abcd'], 120)
    draws = list(parts.own_draws(labels, 'weather'))
    assert len(draws) == parts.DRAWS
    for rows, truth, rare in draws:
        assert (np.diff(rows) > 0).all()
        for kind in 'abcd':
            of = labels[rows] == kind
            assert (truth[of] == of.sum() / 90).all()
        assert rare.sum() == 7 + 14
    assert len({tuple(rows) for rows, _, _ in draws}) == parts.DRAWS
    labels = np.repeat([*'abc'], (150, 90, 180))
    rows, truth, rare = next(parts.own_draws(labels, 'drives'))
    assert rare.sum() == parts.RARE and len(rows) == 15 + 60 + 120
