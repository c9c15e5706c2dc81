"""Several processes: what launchers say, and what happens when one dies."""
import os
import signal
import socket
import subprocess
import sys

import pytest

from dequity_mmdet3d.launchers import Ranks, find_ranks, first_host
from dequity_mmdet3d.machine import free_threads, usable_cores
from dequity_mmdet3d.processes import Alone, connect

TORCHRUN = dict(RANK='3', WORLD_SIZE='4', LOCAL_RANK='1', MASTER_ADDR='a',
                MASTER_PORT='29500')
SRUN = dict(SLURM_STEP_NUM_TASKS='8', SLURM_PROCID='5', SLURM_LOCALID='1',
            SLURM_STEP_NODELIST='gpu[07-09,12],cpu1', SLURM_JOB_ID='1000',
            SLURM_STEP_ID='2')


def test_what_launchers_say():
    assert find_ranks('auto', {}) == Ranks()
    assert find_ranks('auto', TORCHRUN) == Ranks(3, 4, 1, 'a', 29500)
    assert find_ranks('none', TORCHRUN) == Ranks()
    slurm = find_ranks('auto', SRUN)
    assert slurm == Ranks(5, 8, 1, 'gpu07', 20000 + 31002 % 20000)
    assert find_ranks('slurm', dict(SRUN, MASTER_ADDR='b',
                                    MASTER_PORT='1')).port == 1


def test_a_batch_script_without_srun_is_one_process():
    # sbatch sets these for the script itself
    env = dict(SLURM_NTASKS='8', SLURM_PROCID='0', SLURM_JOB_ID='1000')
    assert find_ranks('auto', env) == Ranks()
    assert find_ranks('auto', dict(env, SLURM_STEP_NUM_TASKS='1')) == Ranks()


@pytest.mark.parametrize('nodes, first', [
    ('a', 'a'), ('a1,a2', 'a1'), ('gpu[07-09,12],cpu1', 'gpu07'),
    ('r[1-2]n[03-04]', 'r1n03'), ('node-1.site', 'node-1.site')
])
def test_first_host(nodes, first):
    assert first_host(nodes) == first


@pytest.mark.parametrize('launcher, env, text', [
    ('pytorch', {}, "start the tool with torchrun"),
    ('pytorch', dict(TORCHRUN, RANK='x'), 'no number'),
    ('pytorch', dict(TORCHRUN, RANK='4'), 'process 4 of 4'),
    ('slurm', {}, 'srun --ntasks'),
    ('mpi', {}, 'launcher must be one of'),
])
def test_launchers_that_make_no_sense(launcher, env, text):
    with pytest.raises(ValueError, match=text):
        find_ranks(launcher, env)


def test_alone():
    with connect(Ranks()) as team:
        assert team.gather(5) == [5] and team.device('cuda') == 'cuda'
        team.agree(dict(a=1))


def test_each_process_has_its_own_gpu(monkeypatch):
    import torch
    team = Alone()
    team.world, team.local_rank = 4, 3
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)
    assert team.device(None) == team.device('cuda') == 'cuda:1'
    assert team.device('cpu') == 'cpu'
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert team.device(None) is None


def test_torchrun_s_limit_of_threads_is_undone():
    env = dict(OMP_NUM_THREADS='1', TORCHELASTIC_RUN_ID='none')
    free_threads(env)
    assert 'OMP_NUM_THREADS' not in env
    for env in (dict(OMP_NUM_THREADS='1'),
                dict(OMP_NUM_THREADS='2', TORCHELASTIC_RUN_ID='none')):
        before = dict(env)
        free_threads(env)
        assert env == before


def test_cores_of_a_container(tmp_path):
    cores = usable_cores(tmp_path / 'nowhere')
    assert cores >= 1
    for text, want in (('max 100000', cores), ('50000 100000', 1),
                       ('99900000 100000', cores)):
        (tmp_path / 'cpu.max').write_text(text)
        assert usable_cores(tmp_path / 'cpu.max') == want


CODE = '''
import sys
from dequity_mmdet3d.cli import run_cli
from dequity_mmdet3d.launchers import find_ranks
from dequity_mmdet3d.processes import connect
def main():
    with connect(find_ranks()) as team:
        said = team.gather(team.rank * 10)
        print(team.rank, team.world, said, team.sharing, flush=True)
        if team.rank == 1:
            sys.stdin.read()
        team.gather(None)
sys.exit(run_cli(main))
'''


@pytest.fixture
def two():
    """Two processes of a run, the second of which waits for its input."""
    pytest.importorskip('torch')
    with socket.socket() as s:
        s.bind(('localhost', 0))
        port = s.getsockname()[1]
    processes = [
        subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-c', CODE], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(os.environ, RANK=str(rank), WORLD_SIZE='2',
                     LOCAL_RANK=str(rank), MASTER_ADDR='localhost',
                     MASTER_PORT=str(port))) for rank in (0, 1)
    ]
    yield processes
    for process in processes:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()


def test_two_processes(two):
    lines = [process.stdout.readline() for process in two]
    assert lines == ['0 2 [0, 10] 2\n', '1 2 [0, 10] 2\n']
    two[1].stdin.close()
    assert [process.wait(60) for process in two] == [0, 0]


def test_the_death_of_one_ends_the_other(two):
    for process in two:
        process.stdout.readline()
    two[1].send_signal(signal.SIGKILL)
    assert two[0].wait(60) == 1
    error = two[0].stderr.read().splitlines()
    assert error[-1].startswith('error: process 0 of 2 has lost the others')
    assert 'repeat the same command' in error[-1]
