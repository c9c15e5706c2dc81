"""Runs as jobs of a Slurm of two nodes, of which one is lost."""
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from dequity_mmdet3d.compare import run_folder
from dequity_mmdet3d.compare.engines import Ended, Options, slurm
from dequity_mmdet3d.compare.runs import Run

from .clusters import Trial, parent_of, processes_of, wait_for


def test_what_submitit_is_told():
    told = slurm.parameters_of(Options(slurm={
        'time': '90', 'partition': 'gpu', 'exclusive': True,
        'array_parallelism': '8', 'cpus-per-task': '6'}), 2, 'a')
    assert told == dict(
        job_name='a', time=90, wckey=None, array_parallelism=8,
        srun_args=['--cpus-per-task=6'], additional_parameters=dict(
            requeue=True, partition='gpu', exclusive=True, cpus_per_task='6',
            gpus_per_node=2))


@pytest.mark.parametrize('own', ['gres', 'gpus-per-task', 'gpus'])
def test_gpus_asked_for_in_another_way(own):
    told = slurm.parameters_of(Options(slurm={'time': '1', own: 'x'}), 1, 'a')
    assert told['additional_parameters'] == {
        'requeue': True, own.replace('-', '_'): 'x'}


@pytest.mark.parametrize('options, message', [
    ({}, 'needs --slurm time=MINUTES'),
    ({'time': '1:00:00'}, "--slurm time=N is .* but got '1:00:00'"),
    ({'time': True}, '--slurm time=N'),
    ({'time': '60', 'array-parallelism': 'x'}, 'array_parallelism=N is a w')])
def test_numbers_of_slurm(options, message):
    with pytest.raises(ValueError, match=message):
        slurm.parameters_of(Options(slurm=options), 0, 'a')


def test_the_end_of_a_job(tmp_path):
    run = Run('a', 3, tmp_path / 'a/seed_3', None)
    run.folder.mkdir(parents=True)
    log = tmp_path / 'log'
    assert slurm.end_of(run, log, 89) is None  # it may still come
    assert 'a seed 3: its job left no log' in slurm.end_of(run, log, 91).error
    log.write_text('slurmstepd: error: *** STEP 4.0 ON n1 CANCELLED\n')
    assert slurm.end_of(run, log, 1) is None
    assert slurm.end_of(run, log, 91).error.startswith(
        'a seed 3: its job ended without a result: slurmstepd: error: *** S')
    log.write_text('error: a seed 3: train ended with status 1: x (on n1)\n')
    assert slurm.end_of(run, log, 0).error == (
        'a seed 3: train ended with status 1: x (on n1)')
    result = dict(metrics={}, steps=20, seconds=1.5)
    run_folder.write_result(run.folder, result)
    assert slurm.end_of(run, log, 0) == Ended(run, result)


COMMANDS = {
    'squeue': """
[ "$*" = "--me --noheader --array --format=%i --name=a" ] || exit 2
echo 12_0; echo 12_3""",
    'sinfo': """
case "$*" in *partition=gpus*) echo 'gpu:a100:8(S:0-1)';; esac
echo '(null)'"""}


def test_what_slurm_says(tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', f'{tmp_path}:/bin')
    assert slurm.jobs_there('a') is None and not slurm.has_gpus()
    for name, text in COMMANDS.items():
        path = tmp_path / name
        path.write_text(f'#!/bin/sh\n{text}')
        path.chmod(0o700)
    assert slurm.jobs_there('a') == {'12_0', '12_3'}
    assert slurm.jobs_there('b') is None
    assert slurm.has_gpus('gpus') and not slurm.has_gpus('cpus')


def test_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'submitit', None)
    with pytest.raises(ImportError, match=r"pip install 'dequity_mmdet3d\["):
        slurm.check(Options())
    monkeypatch.setitem(sys.modules, 'submitit', sys)
    with pytest.raises(ValueError, match='time=MINUTES'):
        slurm.check(Options())
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(OSError, match='no Slurm answers here'):
        slurm.check(Options(slurm={'time': '5'}))


# All of it lies in one folder and listens on ports of its own.
CONFIG = '''\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool_%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd_%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd_%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SlurmdTimeout=10
KillWait=5
ReturnToService=2
SchedulerParameters=sched_interval=2,bf_interval=2
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=1
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=1
PartitionName=all Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
'''


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets:
        s.bind(('127.0.0.1', 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Cluster:
    """slurmctld, two slurmd and munged in a private folder."""

    def __init__(self, folder):
        self.folder, self.config = folder, folder / 'slurm.conf'
        self.variables = dict(SLURM_CONF=str(self.config))
        self.env = dict(os.environ, **self.variables)
        self.daemons = {}
        (folder / 'state').mkdir()
        key = folder / 'munge.key'
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        self.config.write_text(CONFIG.format(
            host=socket.gethostname().split('.')[0], folder=folder,
            user=getpass.getuser(), ports=free_ports(3)))
        # its socket is not for others, of which munged warns
        self._start('munged', '--foreground', '--force', *(
            f'--{name}={folder}/munge.{end}' for name, end in (
                ('key-file', 'key'), ('socket', 'socket'),
                ('pid-file', 'pid'), ('log-file', 'log'),
                ('seed-file', 'seed'))))
        wait_for((folder / 'munge.socket').exists, 'munged', 20)
        self._start('slurmctld', '-D')
        for node in ('n1', 'n2'):
            self._start(node, '-D', '-N', node, program='slurmd')
        wait_for(lambda: self.ask('sinfo', '-h', '-o', '%D%t') == '2idle\n',
                 'two nodes', 60)

    def _start(self, name, *args, program=None):
        with open(self.folder / f'{name}.said', 'wb') as f:
            self.daemons[name] = subprocess.Popen(
                [program or name, *args], env=self.env, stdout=f,
                stderr=subprocess.STDOUT)

    def ask(self, *command):
        return subprocess.run(command, env=self.env, text=True,
                              stdout=subprocess.PIPE).stdout

    def kill_node(self, name, job):
        """All at once, but the run, as far as this machine lets it."""
        self.daemons.pop(name).kill()
        for path in Path('/proc').glob('[0-9]*/cmdline'):
            if f'[{job}.' in path.read_bytes().decode():  # slurmstepd
                os.kill(int(path.parent.name), signal.SIGKILL)

    def stop(self):
        for daemon in reversed([*self.daemons.values()]):
            daemon.terminate()
            daemon.wait(30)


@pytest.fixture
def cluster():
    pytest.importorskip('submitit', reason='submitit is an extra')
    for program in ('slurmctld', 'slurmd', 'munged'):
        if shutil.which(program) is None:
            pytest.skip(f'{program} is not installed')
    # a socket's path may have 107 characters
    folder = Path(tempfile.mkdtemp(prefix='slurm'))
    cluster = Cluster(folder)
    yield cluster
    cluster.stop()
    shutil.rmtree(folder)


def variables_of(pid):
    text = Path(f'/proc/{pid}/environ').read_bytes().decode()
    return dict(line.split('=', 1) for line in text.split('\0') if '=' in line)


@pytest.mark.slow
def test_interrupted_then_a_node_is_killed(cluster, mini_kitti, tmp_path):
    trial = Trial(tmp_path, mini_kitti, (
        '--engine', 'slurm', '--slurm', 'time=60'), cluster.variables)
    trial.start()
    trial.interrupt()
    assert not cluster.ask('squeue', '-h')
    trial.start()
    lost = trial.runs[1]
    seen = variables_of(min(processes_of(lost)))
    node, job = seen['SLURMD_NODENAME'], seen['SLURM_JOB_ID']
    above = {parent_of(pid) for pid in processes_of(lost)}

    def kill():
        cluster.kill_node(node, job)
        for pid in above - {*processes_of(lost)}:  # submitit's process
            os.kill(pid, signal.SIGKILL)

    trial.lose(lost, kill)
    trial.ends_well(lost)


@pytest.mark.slow
def test_out_of_time_then_goes_on(cluster, mini_kitti, tmp_path):
    """By the signal that Slurm sends; submitit has the job requeued."""
    trial = Trial(tmp_path, mini_kitti, (
        '--engine', 'slurm', '--slurm', 'time=60'), cluster.variables)
    trial.start()
    told = trial.runs[1]
    seen = variables_of(min(processes_of(told)))
    # the id of the array's last job is that of the array
    job = f'{seen["SLURM_ARRAY_JOB_ID"]}_{seen["SLURM_ARRAY_TASK_ID"]}'
    trial.lose(told, lambda: cluster.ask('scancel', '--signal=USR2', job))
    trial.ends_well(told)
