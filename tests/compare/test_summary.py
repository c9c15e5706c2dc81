"""The table by hand."""
import csv
import io

import pytest

from dequity_mmdet3d.compare.run_folder import Comparison, write_result
from dequity_mmdet3d.compare.summary import (
    FIELDS,
    as_csv,
    as_markdown,
    compare,
    digits_of,
    write_table,
)
from dequity_mmdet3d.json_files import refuse_nan
from dequity_mmdet3d.report.runs import read_runs

P = 'Kitti metric/pred_instances_3d/KITTI/'
AP = f'{P}rare/Car_3D_AP40_moderate_strict'
OTHER = f'{P}rare/Car_BEV_AP40_moderate_loose'
OBJECTS = f'{P}rare/Car_moderate_objects'
NUS = 'NuScenes metric/pred_instances_3d_NuScenes/'
ARMS, SEEDS = ['baseline', 'equity'], [0, 1, 2, 3, 4]


def results(drop=()):
    found = {}
    for seed in SEEDS:
        for arm, more in (('baseline', 0), ('equity', 2 + seed % 2)):
            found[arm, seed] = dict(
                metrics={
                    AP: 40.0 + 10 * seed + more,
                    OTHER: 80.0,
                    OBJECTS: 17.0,
                    f'{NUS}mAP': 0.5,
                    f'{NUS}rare/bicycle_AP': 0.25,
                    f'{NUS}rare/bicycle_objects': 3.0,
                    f'{NUS}rare/mAP': 0.5,
                    f'{NUS}rare/objects': 9.0
                },
                steps=100,
                seconds=60 + seed)
    return {k: v for k, v in found.items() if k not in drop}


def test_rows():
    rows = {(r['metric'], r['arm']): r
            for r in compare(results(), ARMS, SEEDS)}
    row = rows[AP, 'equity']
    assert (row['mean'], row['objects'], row['pairs']) == (62.4, 17, 5)
    assert row['difference'] == 2.4 and row['low'] < 2.4 < row['high']
    # of 2, 3, 2, 3, 2: 2.4 ± t sqrt(0.3) / sqrt(5), t = 2.7764
    assert (row['low'], row['high']) == pytest.approx((1.7199, 3.0801),
                                                      abs=1e-4)
    assert rows[AP, 'baseline']['difference'] is None
    assert rows[AP, 'baseline']['sd'] == 250**0.5
    assert rows[OTHER, 'equity']['objects'] == 17
    assert rows[f'{NUS}rare/bicycle_AP', 'equity']['objects'] == 3
    assert rows[f'{NUS}rare/mAP', 'equity']['objects'] == 9
    assert rows[f'{NUS}mAP', 'equity']['objects'] is None


def test_csv_has_everything():
    text = as_csv(compare(results(), ARMS, SEEDS))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert tuple(rows[0]) == FIELDS
    assert len(rows) == 2 * 8
    row = next(r for r in rows if r['metric'] == AP and r['arm'] == 'equity')
    assert row['mean'] == '62.4' and row['seeds'] == '5'
    row = next(r for r in rows if r['metric'] == AP)
    assert row['arm'] == 'baseline' and row['low'] == row['pairs'] == ''


def lines(found, patterns=(AP, )):
    rows = compare(found, ARMS, SEEDS)
    return as_markdown(rows, found, ARMS, SEEDS, patterns).split('\n')


def test_markdown():
    text = lines(results())
    row = next(line for line in text if 'Car_3D' in line)
    assert row.startswith('| Car_3D_AP40_moderate_strict | 17 | 60.00 ± 15.81 '
                          '| 62.40 ± ')
    assert '<br>**+2.40 [+1.72, +3.08]**' in row
    assert '| finished runs | | 5 of 5 | 5 of 5 |' in text
    assert '| steps | | 100 | 100 |' in text
    assert '| seconds of training | | 60 to 64 | 60 to 64 |' in text
    # nothing matches: all is shown
    assert len(lines(results(), ['nothing'])) == len(text) + 7


def test_figures_below_1_have_more_digits():
    """Those of nuScenes and COCO: 0.004 is not nothing."""
    row = next(line for line in lines(results(), [f'{NUS}mAP'])
               if '0.5000' in line)
    assert '| 0.5000 ± 0.0000 | 0.5000 ± 0.0000<br>+0.0000 [' in row
    assert digits_of([.4, None, -1]) == digits_of([]) == 4
    assert digits_of([.4, 1.5]) == digits_of([-2.0, None]) == 2


def test_unfinished():
    drop = [('equity', s) for s in SEEDS[1:]]
    row = next(line for line in lines(results(drop)) if 'Car_3D' in line)
    assert row.endswith('| 42.00<br>+2.00 |')
    text = lines(results([('equity', s) for s in SEEDS]))
    assert next(line for line in text if 'Car_3D' in line).endswith('| - |')
    assert '| finished runs | | 5 of 5 | 0 of 5 |' in text
    assert '| finished runs | | 0 of 5 | 0 of 5 |' in lines({})


def test_objects_of_any_run_that_tells():
    found = results()
    del found['baseline', 0]['metrics'][OBJECTS]
    assert {r['objects'] for r in compare(found, ARMS, SEEDS)
            if r['metric'] == AP} == {17}


def test_two_pairs_are_never_bold():
    drop = [(arm, s) for arm in ARMS for s in SEEDS[2:]]
    row = next(line for line in lines(results(drop)) if 'Car_3D' in line)
    assert row.endswith('<br>+2.50 |')
    drop = [(arm, s) for arm in ARMS for s in SEEDS[3:]]
    row = next(line for line in lines(results(drop)) if 'Car_3D' in line)
    # of 2, 3, 2: 7/3 ± t sqrt(1/3) / sqrt(3), t = 4.3027
    assert row.endswith('<br>**+2.33 [+0.90, +3.77]** |')


def test_what_is_no_number_is_said(tmp_path):
    """A figure that is not finite, a count of objects, a damaged result."""
    comparison = Comparison(tmp_path, {'a': 'a', 'b': 'b'}, (0, 1))
    for arm, seed, ap, objects in (
            ('a', 0, 1.0, float('nan')), ('a', 1, float('nan'), 3.0),
            ('b', 0, float('-inf'), float('inf')), ('b', 1, 2.0, 3.0)):
        folder = comparison.folder(arm, seed)
        folder.mkdir(parents=True)
        write_result(folder, dict(metrics={AP: ap, OBJECTS: objects},
                                  steps=1, seconds=1))
    text = write_table(comparison)
    said = text.splitlines()[-1]
    assert said.startswith('Not in the table: 4 figures are NaN or infinite')
    assert f'{AP} of b seed 0' in said
    assert '| 3 | 1.00 | 2.00 |' in text
    (comparison.folder('a', 0) / 'result.json').write_text('{')
    text = write_table(comparison)
    assert 'Not in the table: ' in text and 'a/seed_0/result.json is' in text
    assert '| 3 | - | 2.00 |' in text
    rows = list(csv.DictReader((tmp_path / 'comparison.csv').open()))
    assert not {'nan', 'inf', '-inf'} & {v for r in rows for v in r.values()}
    found = read_runs(tmp_path)
    assert len(found.notes) == 2 and 'is damaged' in found.notes[0]
    refuse_nan(found.rows, 'rows')


def test_names_of_figures_are_no_markdown():
    row = dict.fromkeys(FIELDS, None) | dict(
        metric='<img src=x>|a', arm='a', seeds=1, mean=2.0)
    text = as_markdown([row], {}, ['a'], [0], ['*'])
    assert '| &lt;img src=x&gt;&#124;a | | 2.00 |' in text


def test_tables_are_written(tmp_path):
    comparison = Comparison(tmp_path / 'out', dict(zip(ARMS, ARMS)), SEEDS)
    for (arm, seed), result in results([('equity', 4)]).items():
        folder = comparison.folder(arm, seed)
        folder.mkdir(parents=True)
        write_result(folder, result)
    text = write_table(comparison, [AP])
    assert '| finished runs | | 5 of 5 | 4 of 5 |' in text
    assert (tmp_path / 'out/comparison.md').read_text() == text
    table = (tmp_path / 'out/comparison.csv').read_text()
    assert table == as_csv(compare(comparison.results(), ARMS, SEEDS))
    assert Comparison.read(tmp_path / 'out') == Comparison(
        tmp_path / 'out', comparison.arms, tuple(SEEDS))
