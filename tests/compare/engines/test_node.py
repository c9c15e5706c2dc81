"""A run on another machine: it ends with what has asked for it.

With scripts in place of the package's commands.
"""
import os
import signal
import subprocess
import sys
import threading

import pytest

from dequity_mmdet3d.compare import run_folder
from dequity_mmdet3d.compare.engines import Options, jobs, node
from dequity_mmdet3d.compare.runs import Run
from dequity_mmdet3d.locks import Busy, lock

from .clusters import parent_of, processes_of, wait_for

# trains for as long as the file 'slow' is there, then fails as 'fail' says
TRAIN = '''
import os, pathlib, sys, time
folder = pathlib.Path(sys.argv[3])
(folder / 'pid').write_text(str(os.getpid()))
while (folder / 'slow').exists():
    time.sleep(0.02)
if (folder / 'fail').exists():
    sys.exit((folder / 'fail').read_text() + os.environ['SENT'] + os.getcwd())
(folder / 'time/vis_data').mkdir(parents=True)
(folder / 'time/vis_data/scalars.json').write_text('{"loss": 1, "step": 5}')
(folder / 'last_checkpoint').write_text('iter_5.pth')
'''
TEST = '''
import pathlib, sys
folder = pathlib.Path(sys.argv[4])
(folder / 'a').mkdir(parents=True)
(folder / 'a/a.json').write_text('{"AP": 0.5}')
'''
# the process of the run, with these in place of the commands
STAND_IN = f'''
import sys
from dequity_mmdet3d.compare.engines import node
from dequity_mmdet3d.compare.runs import Tools
node.package_tools = lambda n, **options: Tools(
    ['-c', {TRAIN!r}], ['-c', {TEST!r}], **options)
sys.exit(node.main())
'''


def command(job):
    return [sys.executable, '-c', STAND_IN, job.folder, job.arm,
            str(job.seed), str(job.processes)]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(node, '_command', command)
    run = Run('equity:eta=1', 3, tmp_path / 'out/equity/seed_3', None)
    run.folder.mkdir(parents=True)
    run_folder.config_path(run.folder).write_text('')
    return run


def job_of(run):
    return jobs.job_of(run, Options(), {'SENT': ' sent '})


def begin(run, blocked=()):
    """An engine's process, that has the run on its way."""
    (run.folder / 'slow').write_text('')
    engine = subprocess.Popen([sys.executable, '-c', (
        'import signal\n'
        f'signal.pthread_sigmask(signal.SIG_BLOCK, {blocked})\n'
        'from tests.compare.engines.test_node import command\n'
        'from dequity_mmdet3d.compare.engines import node\n'
        'from dequity_mmdet3d.compare.engines.jobs import Job\n'
        'node._command = command\n'
        f'node.finish_here({job_of(run)!r})')],
        stderr=subprocess.PIPE, text=True)
    wait_for(lambda: (run.folder / 'pid').exists(), 'a training', 30)
    return engine


def children(run, engine):
    return {pid for pid in processes_of(run.folder)
            if parent_of(pid) == engine.pid}


def nothing_runs(run):
    wait_for(lambda: not processes_of(run.folder), 'its end', 30)
    with lock(run.folder / '.lock', 'taken'):
        return True


def test_finished(run, monkeypatch, tmp_path):
    (tmp_path / 'work').mkdir()
    monkeypatch.chdir(tmp_path / 'work')
    (run.folder / 'fail').write_text('out of memory')
    report = node.finish_here(job_of(run))
    assert report.error.startswith(
        'equity:eta=1 seed 3: train ended with status 1: out of memory sent '
        f'{tmp_path}/work (')
    assert report.error.endswith(f'(on {report.where})')
    assert jobs.ended(run, report).error == report.error
    (run.folder / 'fail').unlink()
    report = node.finish_here(job_of(run))
    end = jobs.ended(run, report)
    assert end.error is None is report.error
    assert end.result['metrics'] == {'AP': 0.5} and end.result['steps'] == 5
    assert (end.where, end.seconds) == (report.where, report.seconds)
    (run.folder / 'result.json').write_text('{')
    assert 'result.json is damaged' in jobs.ended(run, report).error


def test_the_folder_is_not_seen(run, tmp_path):
    run_folder.config_path(run.folder).unlink()
    report = node.finish_here(job_of(run))
    assert report.error == (
        f'equity:eta=1 seed 3: {report.where} does not see '
        f'{run.folder}.py; the folders of the command and of --out must lie '
        'on a file system that all machines share')
    # finished elsewhere, but in a folder of the same name
    end = jobs.ended(run, jobs.Report('there', 1.0), patience=0)
    assert end.error.startswith('equity:eta=1 seed 3: finished on there, but')


@pytest.mark.parametrize('number, blocked', [
    (signal.SIGKILL, [int(signal.SIGINT)]),  # as in Ray's processes
    (signal.SIGINT, [])])
def test_it_ends_with_its_engine(run, number, blocked):
    engine = begin(run, blocked)
    engine.send_signal(number)
    assert engine.wait(30) != 0
    assert nothing_runs(run) and run.result() is None
    engine.stderr.close()


@pytest.mark.skipif(sys.platform != 'linux', reason='Linux tells children')
def test_the_training_ends_with_the_run(run):
    engine = begin(run)
    child, = children(run, engine)
    os.kill(child, signal.SIGKILL)
    assert engine.wait(30) == 0  # an error, which is reported
    assert nothing_runs(run)
    engine.stderr.close()


def test_a_machine_that_goes_down(run):
    """It tells all processes so, and the run must be begun elsewhere."""
    engine = begin(run)
    pids = {*processes_of(run.folder)} - {engine.pid}
    assert len(pids) == 2 > len(children(run, engine))
    for pid in pids:
        os.kill(pid, signal.SIGUSR2)  # time is over; the engine knows more
    for pid in pids - children(run, engine):
        os.kill(pid, signal.SIGTERM)  # the training is first
    for pid in children(run, engine):
        os.kill(pid, signal.SIGTERM)
    assert engine.wait(30) == 1
    assert 'jobs.RunStopped: equity:eta=1 seed 3: train ended with' in (
        engine.stderr.read())
    assert nothing_runs(run)
    engine.stderr.close()


class Tools:
    """That find a run taken."""

    def __init__(self, times):
        self.times = times

    def finish(self, run):
        self.times -= 1
        if self.times >= 0:
            raise Busy('taken')
        return 'done'


def test_a_lost_process_is_waited_for():
    stopped = threading.Event()
    assert node.wait_and_finish(Tools(2), None, stopped) == 'done'
    with pytest.raises(Busy, match='taken'):
        node.wait_and_finish(Tools(2), None, stopped, patience=0)
    stopped.set()
    with pytest.raises(Busy, match='taken'):
        node.wait_and_finish(Tools(2), None, stopped)


def test_what_holds_on_any_machine():
    env = dict(PATH='/bin', RAY_ADDRESS='x', SLURM_JOB_ID='1', TMPDIR='/a',
               SLURMD_NODENAME='n', SUBMITIT_FOLDER='f', MINI_KITTI='/d',
               CUDA_VISIBLE_DEVICES='0')
    assert jobs.portable(env) == dict(PATH='/bin', MINI_KITTI='/d')
