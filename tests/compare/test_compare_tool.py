"""The whole command with real trainings, as short as can be."""
import csv
import json
import os

import pytest

from tests.helpers import ROOT, run_tool, save_table

pytestmark = pytest.mark.slow

CONFIG = ROOT / 'configs/study_mini_kitti.py'


@pytest.fixture
def data(mini_kitti):
    save_table(mini_kitti / 'kitti_likelihoods_val.parquet',
               {str(i): (1 + i) / 4 for i in range(4)}, dataset='kitti')
    return dict(os.environ, MINI_KITTI=f'{mini_kitti}/')


def compare(out, env, *args):
    return run_tool('compare.py', CONFIG, '--out', out, '--jobs', 2, *args,
                    env=env)


def first_loss(run):
    log = next(run.glob('*/vis_data/scalars.json')).read_text()
    return json.loads(log.split('\n')[0])['loss']


def test_pairs_then_nothing_twice(tmp_path, data):
    short = ('--cfg-options', 'train_cfg.max_iters=2',
             'default_hooks.checkpoint.interval=2',
             'default_hooks.logger.interval=1', 'log_processor.window_size=1',
             # the losses of both arms can be told equal
             'default_hooks.dequity.loss.values=stock')
    done = compare(tmp_path, data, '--arms', 'baseline', 'equity', '--seeds',
                   4, *short)
    assert done.returncode == 0, done.stdout[-3000:]
    assert '[2/2]' in done.stdout and 'baseline | equity' in done.stdout
    runs = [tmp_path / arm / 'seed_4' for arm in ('baseline', 'equity')]
    # the same weights, batch and augmentation; gradients differ
    assert first_loss(runs[0]) == first_loss(runs[1])
    assert 'DequityLoss: weights' in (runs[1] / 'train.log').read_text()
    assert 'Dequity' not in (runs[0] / 'train.log').read_text().split(
        'Iter(train)')[1]
    with open(tmp_path / 'comparison.csv', newline='') as f:
        rows = list(csv.DictReader(f))
    assert {row['arm'] for row in rows} == {'baseline', 'equity'}
    assert any('/rare/Car_3D_AP40' in row['metric'] for row in rows)
    # again: nothing is trained; another setting is refused
    before = (runs[0] / 'result.json').stat().st_mtime_ns
    again = compare(tmp_path, data, '--arms', 'baseline', 'equity', '--seeds',
                    4, *short)
    assert again.returncode == 0 and '2 of 2 runs are finished' in again.stdout
    assert (runs[0] / 'result.json').stat().st_mtime_ns == before
    other = compare(tmp_path, data, '--arms', 'baseline', '--seeds', 4)
    assert other.returncode == 1
    last = other.stdout.strip().split('\n')[-1]
    assert last.startswith('error: ') and 'begun with another config' in last


def test_a_probe_in_the_baseline(tmp_path, data):
    done = compare(
        tmp_path, data, '--arms', 'baseline', '--seeds', 4, '--cfg-options',
        'train_cfg.max_iters=2', 'default_hooks.checkpoint.interval=2',
        'default_hooks.probe.type=DequityProbe',
        'default_hooks.probe.interval=1')
    assert done.returncode == 0, done.stdout[-3000:]
    log = (tmp_path / 'baseline/seed_4/train.log').read_text()
    assert 'DequityProbe: step 1: loss of ' in log
    assert 'DequityLoss' not in log


@pytest.mark.parametrize('args, message', [
    ((CONFIG, CONFIG, '--arms', 'equity'), '--arms are made from one CONFIG'),
    ((CONFIG, '--seeds', 1, 1), 'are given twice'),
    ((CONFIG, '--seeds', -1), 'must be 0 or more'),
    ((CONFIG, '--jobs', 0), 'expected 1 or more'),
])
def test_wrong_arguments(args, message):
    done = run_tool('compare.py', *args)
    assert done.returncode == 2 and message in done.stdout


def test_mistakes_are_said_before_anything_is_trained(tmp_path, data):
    done = run_tool('compare.py', tmp_path / 'no.py')
    assert done.returncode == 1 and 'no config file' in done.stdout
    done = compare(tmp_path, data, '--arms', 'baseline', 'equaty')
    assert done.returncode == 1 and 'an arm is one of' in done.stdout
    assert not list(tmp_path.iterdir())
