"""The benchmarks that look at images: what they show, corrupt and score."""
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

pytest.importorskip('scipy', reason='scipy, of the extra compare, is absent')
pytest.importorskip('faiss')

BENCHMARKS = Path(__file__).resolve().parents[2] / 'benchmarks'
sys.path.insert(0, str(BENCHMARKS))
try:
    import corruptions
    import held_out
    import rarest_images
    import real_images
finally:
    sys.path.pop(0)


def test_extremes_are_in_order_and_equals_by_chance():
    p = np.array([.5, .1, 1., .2, .9])
    rarest, common = rarest_images.extremes(p, 2)
    assert rarest.tolist() == [1, 3] and common.tolist() == [2, 4]
    # never more than half: no image is both
    rarest, common = rarest_images.extremes(p, 20)
    assert len(rarest) == len(common) == 2
    some = [rarest_images.extremes(np.ones(1000), 20, seed)[0]
            for seed in (0, 0, 1)]
    assert (some[0] == some[1]).all() and (some[0] != some[2]).any()
    assert some[0].max() > 100  # not the first files of the folder


def test_kinds_most_first():
    kinds = np.array(['a', 'b', 'b', 'a', 'b'])
    assert rarest_images.kinds_text(
        np.array([0, 1, 2]), kinds) == 'b 2 of 3, a 1 of 2'


def test_sheet_shows_every_image_once(tmp_path):
    paths = []
    for i, colour in enumerate([(255, 0, 0), (0, 255, 0), (0, 0, 255)]):
        paths.append(tmp_path / f'{i}.png')
        Image.new('RGB', (640, 160), colour).save(paths[-1])
    page = rarest_images.sheet(
        [('one', [(0, '0.1', False), (1, '0.2', True)]),
         ('two', [(2, '1', False)])], paths)
    # four times as wide as high: five in a row, at most 1280 / 5 - 6 wide,
    # so 62 high and four times as wide
    assert page.width == 1280
    pixels = np.asarray(page).reshape(-1, 3)
    for colour in np.eye(3) * 255:
        assert (pixels == colour).all(1).sum() == 248 * 62


def test_kinds_of_a_folder(tmp_path):
    file = tmp_path / 'kinds.csv'
    file.write_text('id,split,mode\n000001,train,fog\n')
    kinds = rarest_images.read_kinds(file)
    assert kinds['000001'] == 'fog'
    Image.new('RGB', (8, 8)).save(tmp_path / '000002.png')
    with pytest.raises(ValueError, match='not that of 000002'):
        rarest_images.folder_set(str(tmp_path), kinds, tmp_path)


@pytest.fixture(scope='module')
def picture():
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(rows).resize((120, 90))


@pytest.mark.parametrize('name', corruptions.CORRUPTIONS)
def test_corruptions_grow_and_repeat(picture, name):
    clean = np.asarray(picture).astype(float)
    off = []
    for severity in range(len(corruptions.SEVERITIES)):
        bad = corruptions.corrupt(picture, name, severity, 3)
        again = corruptions.corrupt(picture, name, severity, 3)
        assert bad.size == picture.size and bad.mode == 'RGB'
        assert bad.tobytes() == again.tobytes()
        off.append(np.abs(np.asarray(bad) - clean).mean())
    if name == 'none':
        assert off == [0, 0, 0]
    else:
        assert 0 < off[0] < off[1] < off[2]
    grey = corruptions.corrupt(picture.convert('L').convert('RGB'), name, 2)
    assert (np.ptp(np.asarray(grey), axis=2) == 0).all()


def test_fog_by_hand():
    x = np.zeros((3, 1, 3))
    # 0.6 of 0.75 at the top, half as much at the bottom
    assert corruptions.fog(x, 1, None)[:, 0, 0] == pytest.approx(
        [.45, .3375, .225])


def test_a_plan_takes_an_image_once():
    good, bad = held_out.plan(1000, .02, [1, 2])
    assert (len(good), len(bad)) == (588, 12)
    assert len({*good.tolist(), *bad.tolist()}) == 600
    assert bad.max() < held_out.POOL
    again = held_out.plan(1000, .02, [1, 2])
    assert (good == again[0]).all() and (bad == again[1]).all()
    # clean images of the pool are taken, too: nothing else tells it apart
    assert (good < held_out.POOL).any()


def test_auroc_by_hand():
    assert held_out.auroc([1, 2], [2, 3]) == (1 + 1 + .5 + 1) / 4
    assert held_out.auroc([3], [1, 2]) == 0


def test_table_of_corruptions():
    found = {(n, c, s, f): {.01: [s / 2], .02: [0.], .05: [0., 0.]}
             for n in held_out.CLEAN for c in corruptions.CORRUPTIONS
             for s in range(3) for f in ('old', 'new')}
    lines = [line.split(' | ') for line in held_out.table(found)]
    assert lines[2][0] == '| night'
    # shares by the number of their draws: 1 / 4 and 0.5 / 4
    assert lines[2][1:] == ['0.00 0.12 0.25'] * 5 + ['0.00 0.12 0.25 |']
    assert lines[-2][1] == '0.12'
    assert lines[-1][1] == '0.50 0.00 0.00'


def test_drawn_families_beside_their_goals(monkeypatch):
    pytest.importorskip('sklearn')
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import default_likelihood
    finally:
        sys.path.pop(0)
    rho = dict(easy=1., hard=.5)
    module = SimpleNamespace(
        FAMILIES=('easy', 'hard', 'one_mode'),
        family=lambda name, seed, n: (name, name),
        scores=lambda truth, p: (dict(rho=rho[p]) if p in rho
                                 else dict(spread=.1)))
    monkeypatch.setattr(real_images, 'estimate', lambda x, method: x)
    rows = list(default_likelihood.drawn_rows(module, 30, 2))
    assert [row[:3] for row in rows] == [
        ('drawn, N = 30', 'mean rho', .75),
        ('drawn, N = 30', 'lowest rho (hard)', .5)]
    assert real_images.row_text(*rows[0]).endswith(
        '| 0.750 | 0.96 MISSED | 0.99 | 0.240 |')
