"""The plain pool: places, cores and GPUs."""
import subprocess
import sys
import threading
import time

import pytest

from dequity_mmdet3d.compare.engines import (
    ENGINES,
    Options,
    engine_of,
    package_tools,
    pool,
)
from dequity_mmdet3d.compare.runs import Run


def test_environment():
    environment = pool.environment
    assert environment(1, 8, env={}) == {}
    assert environment(3, 8, env={}) == {'OMP_NUM_THREADS': '2'}
    assert environment(3, 2, env={}) == {'OMP_NUM_THREADS': '1'}
    user = {'OMP_NUM_THREADS': '5', 'CUDA_VISIBLE_DEVICES': '2,5'}
    assert environment(2, 8, 3, 2, user) == dict(
        user, CUDA_VISIBLE_DEVICES='5')
    assert environment(1, 8, 5, 4, {}) == {'CUDA_VISIBLE_DEVICES': '1'}
    assert environment(1, 8, 5, 1, {}) == {}


def test_several_gpus_a_run():
    seen = [pool.environment(2, 16, slot, 7, {}, 3) for slot in range(3)]
    assert seen == [
        dict(OMP_NUM_THREADS='2', CUDA_VISIBLE_DEVICES=names)
        for names in ('0,1,2', '3,4,5', '0,1,2')]  # the seventh is over
    user = {'CUDA_VISIBLE_DEVICES': '4,1,6,3', 'OMP_NUM_THREADS': '1'}
    assert pool.environment(2, 16, 1, 4, user, 2) == dict(
        user, CUDA_VISIBLE_DEVICES='6,3')
    assert pool.environment(1, 16, 0, 4, user, 4) == user


class Tools:
    """Runs that note where they are; the last ones fail."""

    def __init__(self):
        self.there, self.seen, self.stopped = threading.Barrier(2), [], False

    def finish(self, run, environment):
        self.there.wait(10)
        self.seen.append((run.seed // 2, environment['CUDA_VISIBLE_DEVICES']))
        if run.seed > 3:
            raise OSError(f'{run.name}: no')
        return dict(steps=run.seed)

    def stop(self):
        self.stopped = True


def runs(n):
    return [Run('a', seed, None, None) for seed in range(n)]


def test_runs_at_once_have_gpus_of_their_own(monkeypatch):
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
    tools = Tools()
    ended = list(pool.finish(runs(6), Options(2, 2, gpus=4), tools))
    assert sorted(tools.seen) == [
        (pair, names) for pair in range(3) for names in ('0,1', '2,3')]
    assert {end.run.seed: (end.result, end.error) for end in ended} == {
        **{seed: (dict(steps=seed), None) for seed in range(4)},
        **{seed: (None, f'a seed {seed}: no') for seed in (4, 5)}}
    assert not tools.stopped


def test_closed_before_the_end(monkeypatch):
    tools = Tools()
    tools.finish = lambda run, environment: time.sleep(run.seed / 5)
    iterator = pool.finish(runs(9), Options(), tools)
    assert next(iterator).run.seed == 0
    iterator.close()  # no other run is begun but the next one
    assert tools.stopped


@pytest.mark.parametrize('options', [Options(1, 2), Options(1, 3, gpus=2)])
def test_more_gpus_than_there_are(options):
    with pytest.raises(ValueError, match='but this machine has . GPUs'):
        pool.check(options)


def test_commands_of_several_processes():
    assert package_tools().train == ['-m', 'dequity_mmdet3d', 'train']
    tools = package_tools(4)
    assert tools.test == [
        '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node',
        '4', '-m', 'dequity_mmdet3d', 'test', '--launcher', 'pytorch']


def test_torchrun_starts_them(tmp_path):
    """On a port of its own, with the flags before the config."""
    (tmp_path / 'tool.py').write_text(
        'import os, sys\n'
        'name = os.environ["RANK"] + os.environ["WORLD_SIZE"]\n'
        f'open(rf"{tmp_path}/{{name}}", "w").write(" ".join(sys.argv[1:]))')
    train = package_tools(2).train
    at = len(train) - train[::-1].index('-m') - 1  # -m dequity_mmdet3d
    train[at:at + 2] = [str(tmp_path / 'tool.py')]
    done = subprocess.run([sys.executable, *train, 'config.py', '--resume'],
                          stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_text() for path in tmp_path.glob('??')} == (
        dict.fromkeys(('02', '12'),
                      'train --launcher pytorch config.py --resume'))


def test_every_engine_has_its_functions():
    for name in ENGINES:
        engine = engine_of(name)
        assert engine.__name__ == f'dequity_mmdet3d.compare.engines.{name}'
        assert callable(engine.check) and callable(engine.finish)
