"""A run on a machine that an engine has chosen.

The engine's process there calls :func:`finish_here`, which starts a process
of its own for the run::

    python -m dequity_mmdet3d.compare.engines.node FOLDER ARM SEED PROCESSES

That one holds the run's lock and starts the training. It ends, and the
training before it, as soon as the engine's process is gone, however that
ended, and the training if only that one is killed, as by Ray, which kills the
children of its processes: nothing of a run stays on a machine that its
scheduler takes for free.
"""
from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from dequity_mmdet3d.cli import run_cli
from dequity_mmdet3d.locks import Busy

from .. import run_folder
from ..runs import Run
from . import package_tools
from .jobs import Report, RunStopped

# A lost node's lock stays for a while with servers of network file systems:
# that of NFS 4 takes it back after 90 s, and serves no one for as long after
# a start of its own.
PATIENCE = 300.0
# seconds in which an interrupted run must have ended
GRACE = 60
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_STOPPED = 128 + signal.SIGTERM  # exit status


def finish_here(job):
    """Finish a run on this machine.

    Args:
        job (Job): From :func:`.job_of`.

    Returns:
        Report: Of it. An interrupt of this function ends the run first.

    Raises:
        RunStopped: If a signal has ended it, as when a machine goes down.
    """
    started, where = time.time(), socket.gethostname()

    def report(error=None):
        return Report(where, time.time() - started, error)

    for path in (job.working_dir, run_folder.config_path(Path(job.folder))):
        if not os.path.exists(path):
            return report(
                f'{job.arm} seed {job.seed}: {where} does not see {path}; '
                'the folders of the command and of --out must lie on a file '
                'system that all machines share')
    with tempfile.TemporaryFile() as said, subprocess.Popen(
            _command(job), cwd=job.working_dir, stdin=subprocess.PIPE,
            stdout=said, stderr=said, start_new_session=True,
            env={**os.environ, **job.environment}) as process:
        try:
            while process.poll() is None:
                # no longer: Ray's interrupt comes between two calls only
                time.sleep(0.2)
        except BaseException:
            process.terminate()
            process.wait()
            raise
        if process.returncode == 0:
            return report()
        said.seek(0)
        line = run_folder.last_words(said.read()).removeprefix('error: ')
        if process.returncode == _STOPPED:
            raise RunStopped(f'{line} (on {where})')
        return report(f'{line} (on {where})')


def _command(job):
    return [sys.executable, '-W', 'ignore', '-m', __name__, job.folder,
            job.arm, str(job.seed), str(job.processes)]


def wait_and_finish(tools, run, stopped, patience=PATIENCE):
    """Do a run as soon as a lost process has left it.

    Args:
        tools (Tools): To do it with.
        run (Run): Prepared.
        stopped (threading.Event): Set when there is nothing to wait for.
        patience (float): Seconds to wait for.

    Returns:
        dict: See :meth:`.runs.Tools.finish`.

    Raises:
        OSError: As there.
    """
    until = time.monotonic() + patience
    while True:
        try:
            return tools.finish(run)
        except Busy:
            if time.monotonic() > until or stopped.wait(0.5):
                raise


def _end_with_parent():
    """Callable, optional: Has Linux end a process with its parent."""
    prctl = getattr(ctypes.CDLL(None), 'prctl', None)
    if prctl is None:
        return None
    parent = os.getpid()

    def end_with_parent():
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it was faster
            os.kill(os.getpid(), signal.SIGTERM)

    return end_with_parent


def main():
    """Do the run that the arguments name.

    Returns:
        int: Exit status; 143 if a signal has ended it.
    """
    folder, arm, seed, processes = sys.argv[1:]
    tools = package_tools(int(processes), preexec_fn=_end_with_parent())
    stopped = threading.Event()

    def stop(*_):
        if not stopped.is_set():
            stopped.set()
            signal.alarm(GRACE)
            tools.stop()

    # Ray blocks the interrupt in its processes, and so in their children
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(0, signal.SIGKILL))
    # Slurm tells every process of a job that its time is over, of which a
    # training would die before the job has asked for more
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)

    def watch():
        # the engine's process holds the other end, and writes nothing
        os.read(0, 1)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
    run = Run(arm, int(seed), Path(folder), None)
    status = run_cli(lambda: wait_and_finish(tools, run, stopped) and None)
    # a signal to all may reach the training first
    return _STOPPED if status and stopped.wait(1) else status


if __name__ == '__main__':
    sys.exit(main())
