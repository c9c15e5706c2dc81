"""What is finished stays, what failed is said: with scripts in place of the
host's, so that each of them can be killed or fail."""
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

Config = pytest.importorskip(
    'mmengine.config', reason='mmengine reads the config files').Config

from dequity_mmdet3d.compare import run_folder
from dequity_mmdet3d.compare.engines import Options, pool
from dequity_mmdet3d.compare.runs import Tools, make_run, prepare
from dequity_mmdet3d.compare.schedule import finish_all

TRAIN = '''
import json, os, pathlib, sys, time
folder = pathlib.Path(sys.argv[3])
assert sys.argv[2] == '--work-dir' and sys.argv[4] == '--resume'
with open(folder / 'calls', 'a') as f:
    f.write('train\\n')
if os.environ.get('SLOW'):
    (folder / 'slow').write_text(str(os.getpid()))
    time.sleep(60)
if (folder.parent.parent / 'fail').exists():
    sys.exit('out of memory')
(folder / 'time/vis_data').mkdir(parents=True)
(folder / 'time/vis_data/scalars.json').write_text(
    '{"loss": 2.0, "step": 10}\\n{"loss": 1.0, "step": 20}\\n'
    '{"AP": 0.5, "step": 99}\\n')
(folder / 'iter_20.pth').write_text('')
(folder / 'last_checkpoint').write_text(str(folder / 'iter_20.pth'))
'''
TEST = '''
import pathlib, sys
checkpoint, folder = pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[4])
assert checkpoint.name == 'iter_20.pth' and sys.argv[3] == '--work-dir'
with open(folder.parent / 'calls', 'a') as f:
    f.write('test\\n')
(folder / 'a').mkdir(parents=True)
(folder / 'a/a.json').write_text('{"AP": 0.25, "time": 3, "name": "x"}')
'''


@pytest.fixture
def tools(tmp_path):
    for name, text in (('train.py', TRAIN), ('test.py', TEST)):
        (tmp_path / name).write_text(text)
    return Tools([str(tmp_path / 'train.py')], [str(tmp_path / 'test.py')])


def config(**kwargs):
    return Config(dict(
        dict(
            train_dataloader=dict(dataset=dict(type='A')),
            train_cfg=dict(max_epochs=2, val_interval=1),
            val_dataloader=dict(dataset=dict(type='B')),
            val_evaluator=dict(type='C'),
            randomness=dict(deterministic=True)), **kwargs))


@pytest.fixture
def run(tmp_path):
    run = make_run(tmp_path / 'out/equity/seed_3', 'equity:eta=1', config(),
                   3)
    prepare(run)
    return run


def calls(run):
    path = run.folder / 'calls'
    return path.read_text().split() if path.exists() else []


def test_config_of_a_run():
    cfg = config()
    run = make_run('out/a/seed_7', 'a', cfg, 7)
    assert run.config.randomness == dict(deterministic=True, seed=7)
    assert run.config.test_dataloader == cfg.val_dataloader
    assert run.config.test_evaluator == cfg.val_evaluator
    assert run.config.val_dataloader == cfg.val_dataloader
    assert 'test_dataloader' not in cfg
    # a validation at the end would only repeat the test
    run = make_run('out/a/seed_7', 'a', config(
        train_cfg=dict(max_epochs=2, val_interval=2)), 7)
    assert run.config.val_dataloader is None is run.config.val_evaluator
    with pytest.raises(ValueError, match='arm a: the config has no val_'):
        make_run('out/a/seed_7', 'a', config(val_evaluator=None), 7)


def test_finished_once(tools, run):
    result = tools.finish(run)
    assert result['metrics'] == {'AP': 0.25}
    assert (result['steps'], result['checkpoint']) == (20, 'iter_20.pth')
    assert run.result() == result == tools.finish(run)
    assert calls(run) == ['train', 'test']


def test_failed_then_mended(tools, run):
    fail = run.folder.parent.parent / 'fail'
    fail.write_text('')
    with pytest.raises(OSError, match='equity:eta=1 seed 3: train ended with '
                       r'status 1: out of memory \(.*train.log\)'):
        tools.finish(run)
    assert run.result() is None
    fail.unlink()
    assert tools.finish(run)['metrics'] == {'AP': 0.25}
    assert calls(run) == ['train', 'train', 'test']


def test_only_what_is_missing(tools, run):
    tools.finish(run)
    (run.folder / 'result.json').unlink()
    tools.finish(run)
    assert calls(run) == ['train', 'test', 'test']


def test_another_config_or_table(tmp_path):
    table = tmp_path / 't.parquet'
    cfg = config(train_dataloader=dict(dataset=dict(table=str(table))))
    run = make_run(tmp_path / 'a/seed_0', 'a', cfg, 0)
    with pytest.raises(FileNotFoundError, match='t.parquet is not there'):
        prepare(run)
    table.write_text('one')
    prepare(run)
    prepare(run)
    table.write_text('two')
    with pytest.raises(ValueError, match='begun with another config .*sha256'):
        prepare(run)
    table.write_text('one')
    with pytest.raises(ValueError, match="'' there, '# 2 processes' now"):
        prepare(run, 2)
    cfg.train_cfg.max_epochs = 5
    with pytest.raises(ValueError, match='max_epochs=2.* there.*max_epochs=5'):
        prepare(make_run(tmp_path / 'a/seed_0', 'a', cfg, 0))


def wait_for(path):
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f'{path} did not come')


def test_killed_parent_leaves_the_run_taken(tools, run, tmp_path):
    """Its training goes on, and nobody else may begin the same."""
    code = (
        'import sys; from pathlib import Path\n'
        'from dequity_mmdet3d.compare.runs import Run, Tools\n'
        f'run = Run("a", 3, Path({str(run.folder)!r}), None)\n'
        f'Tools({tools.train!r}, {tools.test!r}).finish(run)')
    parent = subprocess.Popen([sys.executable, '-c', code],
                              env=dict(os.environ, SLOW='1'))
    wait_for(run.folder / 'slow')
    parent.kill()
    parent.wait()
    with pytest.raises(OSError, match='is in progress in another process'):
        tools.finish(run)
    for _ in range(600):  # written whole, but perhaps not yet
        text = (run.folder / 'slow').read_text()
        if text:
            break
        time.sleep(0.05)
    os.kill(int(text), signal.SIGKILL)
    for _ in range(600):
        try:
            assert tools.finish(run)['steps'] == 20
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError('the lock of a dead process is still held')


def test_stop_interrupts_and_starts_nothing_more(tools, run):
    slow = dict(os.environ, SLOW='1')
    failed = []

    def work():
        try:
            tools.finish(run, slow)
        except OSError as e:
            failed.append(str(e))

    thread = threading.Thread(target=work)
    thread.start()
    wait_for(run.folder / 'slow')
    tools.stop()
    thread.join(30)
    assert not thread.is_alive() and 'train ended with status' in failed[0]
    with pytest.raises(OSError, match='interrupted before train'):
        tools.finish(run)


def test_all_runs_and_what_went_wrong(tools, tmp_path):
    runs = [make_run(tmp_path / f'out/{name}/seed_0', name, config(), 0)
            for name in 'abc']
    for r in runs:
        prepare(r)
    tools.finish(runs[0])
    (tmp_path / 'out/b/seed_0/time').mkdir()  # which train.py cannot make
    (tmp_path / 'out/b/seed_0/time/vis_data').write_text('')
    out = io.StringIO()
    failed = finish_all(
        runs, lambda todo: pool.finish(todo, Options(jobs=2), tools), out)
    text = out.getvalue()
    assert '1 of 3 runs are finished' in text
    assert 'b seed 0: FAILED' in text and 'c seed 0: 20 steps' in text
    assert len(failed) == 1 and failed[0].startswith('b seed 0: train ended')
    assert json.loads((tmp_path / 'out/c/seed_0/result.json').read_text())


def test_damage_stops_its_own_run_alone(tools, tmp_path):
    """Of a result, of what says that training is over, of a log."""
    runs = [make_run(tmp_path / f'{name}/seed_0', name, config(), 0)
            for name in 'abcd']
    for r in runs:
        prepare(r)
        (r.folder / 'iter_20.pth').touch()
        run_folder.write_result(r.folder, dict(metrics={}, steps=1, seconds=1))
        (r.folder / 'trained').write_text('iter_20.pth 1.0')
    (runs[0].folder / 'result.json').write_text('{')
    for r in runs[1:]:
        (r.folder / 'result.json').unlink()
    (runs[1].folder / 'trained').write_text('x')
    log = runs[2].folder / 'time/vis_data/scalars.json'
    log.parent.mkdir(parents=True)
    log.write_text('{"loss": 1}')
    out = io.StringIO()
    failed = finish_all(
        runs, lambda todo: pool.finish(todo, Options(), tools), out)
    assert [re.search(r'/([a-d])/seed_0/(.*?) is damaged', line).groups()
            for line in sorted(failed)] == [
        ('a', 'result.json'), ('b', 'trained'),
        ('c', 'time/vis_data/scalars.json, line 1,')]
    assert 'd seed 0: 0 steps' in out.getvalue()
