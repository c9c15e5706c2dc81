"""The plot of gains and costs, on comparisons made by hand."""
import sys

import pytest

from dequity_mmdet3d.compare.statistics import paired_interval
from dequity_mmdet3d.compare.summary import as_csv, compare
from dequity_mmdet3d.figures import Figure
from tests.helpers import ROOT

pytest.importorskip('scipy', reason='intervals need scipy')
sys.path.insert(0, str(ROOT / 'benchmarks'))
try:
    import study_plot
    import trades
finally:
    sys.path.pop(0)

ARMS, SEEDS = ('baseline', 'sampling:eta=0.1', 'irfs'), range(4)
OBJECTS = dict(Car=500, Pedestrian=60, Cyclist=49)
# AP of the baseline on rare samples, and what seed 0 differs by
RARE_AP = dict(Car=60.0, Pedestrian=20.0, Cyclist=5.0)
# by arm: gain of rare Pedestrians, changes of all Cars and Pedestrians
CHANGES = {'baseline': (0, 0, 0), 'sampling:eta=0.1': (5, -0.5, 1),
           'irfs': (2, -3, -1)}
SPREAD = (0.0, 0.1, 0.2, 0.3)  # by seed, of every change


def name(stratum, cls, kind='3D_AP40', overlap='strict'):
    return Figure(stratum, cls, kind, 'moderate', overlap, 'K/p').name()


def results(share=1):
    found = {}
    for arm, (gain, car, pedestrian) in CHANGES.items():
        for seed in SEEDS:
            change = SPREAD[seed] * (arm != 'baseline')
            metrics = {name('rare', c): share * RARE_AP[c] for c in OBJECTS}
            metrics |= {name('rare', c, 'objects', ''): n
                        for c, n in OBJECTS.items()}
            metrics[name('rare', 'Pedestrian')] += share * (gain + change)
            metrics |= {name('', c): share * (50 + more + change)
                        for c, more in (('Car', car), ('Cyclist', 9),
                                        ('Pedestrian', pedestrian))}
            metrics[name('rare', 'Car', 'BEV_AP40', 'loose')] = 1.0
            found[arm, seed] = dict(metrics=metrics, steps=1, seconds=1)
    return found


def written(folder, found):
    folder.mkdir(exist_ok=True)
    (folder / 'comparison.csv').write_text(as_csv(compare(
        found, list(ARMS), list(SEEDS))))
    return folder


@pytest.fixture
def folder(tmp_path):
    return written(tmp_path / 'looks', results())


def read(folder, **more):
    return trades.panel_of(folder.name, trades.read_rows(
        folder / 'comparison.csv'), **more)


def test_the_worst_class_and_what_arms_do_to_it(folder):
    panel = read(folder)
    # Cyclists are worse, but 49 objects are too few
    assert (panel.worst, panel.objects, panel.baseline) == (
        'Pedestrian', 60, 20)
    sampling, irfs = panel.trades
    low, high = paired_interval([5 + s for s in SPREAD])
    assert (sampling.gain.mean, sampling.gain.low, sampling.gain.high) == (
        pytest.approx((5.15, low, high), abs=1e-4))
    assert (sampling.loss.cls, sampling.loss.pairs) == ('Car', 4)
    assert sampling.loss.mean == pytest.approx(-0.35)
    assert irfs.loss.mean == pytest.approx(-2.85)
    assert sampling.met and not irfs.met


def test_the_aim_asks_the_interval_of_every_class(folder):
    gain = trades.Change('a', 3.0, 1.0, 5.0, 8)
    fine = trades.Change('b', -0.5, -0.9, -0.1, 8)
    wide = trades.Change('c', 0.5, -1.5, 2.5, 8)
    assert trades.Trade('x', gain, [fine]).met
    assert not trades.Trade('x', gain, [fine, wide]).met
    assert trades.Trade('x', gain, [fine, wide]).loss is fine
    unknown = trades.Change('a', 3.0, float('nan'), float('nan'), 2)
    assert not trades.Trade('x', unknown, [fine]).met
    assert unknown.at(0.99) is unknown and unknown.text() == '+3.00'


def test_another_level_is_student_s_too(folder):
    gain = read(folder).trades[0].gain.at(0.99)
    assert (gain.low, gain.high) == pytest.approx(
        paired_interval([5 + s for s in SPREAD], 0.99), abs=1e-3)


def test_shares_become_points(tmp_path):
    panel = read(written(tmp_path / 'n', results(share=0.01)))
    assert panel.baseline == pytest.approx(20)
    assert panel.trades[0].gain.mean == pytest.approx(5.15)


def test_the_table(folder):
    lines = trades.table_of([read(folder)], 9).split('\n')
    assert len(lines) == 4 and 'at 99.4%' in lines[0]
    assert lines[2].startswith(
        '| looks | Pedestrian, 20.00 of 60 objects | `sampling:eta=0.1` | 4 '
        '| +5.15 [+4.94, +5.36] | +5.15 [')
    assert lines[2].endswith('| Car | -0.35 [-0.56, -0.14] | yes |')
    assert lines[3].endswith('| no |')


@pytest.mark.parametrize('more, said', [
    (dict(stratum='middle'), "only .'all', 'rare'. are there"),
    (dict(figure='2D_AP'), "there is .'3D_AP40_moderate_strict'"),
    (dict(figure='BEV_AP40_moderate_loose'), 'of classes on all')])
def test_what_is_not_there(folder, more, said):
    with pytest.raises(ValueError, match=said):
        read(folder, **more)


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match='--table-only writes it'):
        trades.read_rows(tmp_path / 'comparison.csv')
    path = tmp_path / 'comparison.csv'
    path.write_text('a,b\n1,2\n')
    with pytest.raises(ValueError, match='must have the columns'):
        trades.read_rows(path)
    path.write_text(','.join(trades.FIELDS) + '\nx,many,baseline,1,1,1,,,,\n')
    with pytest.raises(ValueError, match='is damaged .*many'):
        trades.read_rows(path)


def test_a_plot_is_small_and_the_same_again(folder, tmp_path, capsys):
    image = pytest.importorskip('PIL.Image')
    pytest.importorskip('matplotlib', reason='draws the plot')
    for out in ('a.png', 'b.png'):
        study_plot.main([f'A={folder}', str(folder), f'C={folder}', '--out',
                         str(tmp_path / out)])
    said = capsys.readouterr().out
    assert said.count('| A |') == said.count('| looks |') == 4
    data = (tmp_path / 'a.png').read_bytes()
    assert data == (tmp_path / 'b.png').read_bytes()
    assert 5_000 < len(data) < 100_000
    assert image.open(tmp_path / 'a.png').width == 900
