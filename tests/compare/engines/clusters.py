"""What the tests of both clusters have in common: the shortest real runs."""
import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.helpers import ROOT, save_table

STEPS = 60
ARMS = ('baseline', 'equity')
SHORT = ('--cfg-options', f'train_cfg.max_iters={STEPS}',
         'default_hooks.checkpoint.interval=4',
         'default_hooks.checkpoint.max_keep_ckpts=3',
         'default_hooks.logger.interval=1', 'log_processor.window_size=1')


class Trial:
    """A comparison of two runs on an engine of two nodes.

    Args:
        out (Path): ``--out``.
        mini_kitti (Path): The data set.
        args (Sequence): Of the engine.
        env (dict): More variables for the command.
    """

    def __init__(self, out, mini_kitti, args, env=()):
        save_table(mini_kitti / 'kitti_likelihoods_val.parquet',
                   {str(i): (1 + i) / 4 for i in range(4)}, dataset='kitti')
        self.env = dict(os.environ, MINI_KITTI=f'{mini_kitti}/',
                        OMP_NUM_THREADS='1', **dict(env))
        self.out, self.args = out, args
        self.runs = [out / arm / 'seed_4' for arm in ARMS]

        self.parts = dict.fromkeys(self.runs, 0)

    def begin(self):
        """Start the command; what it says goes to a file."""
        with open(self.out / 'said', 'w') as said:
            self.process = subprocess.Popen(
                [sys.executable, '-W', 'ignore', ROOT / 'tools/compare.py',
                 ROOT / 'configs/study_mini_kitti.py', '--out', self.out,
                 '--arms', *ARMS, '--seeds', '4', *self.args, *SHORT],
                env=self.env, stdout=said, stderr=subprocess.STDOUT)

    def start(self):
        """Start it, and wait until both runs have another checkpoint."""
        saved = [checkpoint_of(run) for run in self.runs]
        self.begin()
        wait_for(lambda: self.process.poll() is not None or all(
            checkpoint_of(run) > s for run, s in zip(self.runs, saved)),
            'two trainings')
        assert self.process.poll() is None, self.said()
        for run in self.runs:
            self.parts[run] += 1

    def said(self):
        """What the command has said."""
        return (self.out / 'said').read_text()

    def end(self):
        """(exit status, output) of the command."""
        try:
            return self.process.wait(500), self.said()
        finally:
            self.process.kill()

    def interrupt(self):
        """Ctrl-C ends all that the command has started."""
        self.process.send_signal(signal.SIGINT)
        status, said = self.end()
        assert status == 130, said
        assert not any(map(processes_of, self.runs))

    def lose(self, run, kill):
        """Kill the node of a run, of which nothing may stay behind."""
        pids = {*processes_of(run)}
        assert pids
        self.saved = checkpoint_of(run)
        kill()
        wait_for(lambda: not pids & {*processes_of(run)}, 'the end of the run')
        self.parts[run] += 1

    def ends_well(self, lost):
        """All is there; each part went on from a checkpoint."""
        status, said = self.end()
        assert status == 0, said
        assert '[2/2]' in said and f'{STEPS} steps' in said
        self.check_steps()
        # so fewer than the whole were made again
        assert steps_of(lost)[-1][0] > self.saved >= 4
        with open(self.out / 'comparison.csv', newline='') as f:
            assert {row['arm'] for row in csv.DictReader(f)
                    if row['mean']} == {*ARMS}
        # what is done is not done again
        self.begin()
        status, said = self.end()
        assert status == 0 and '2 of 2 runs are finished' in said
        self.check_steps()

    def check_steps(self):
        """Parts of each run's training; none of them leaves a step out."""
        for run in self.runs:
            parts = steps_of(run)
            assert len(parts) == self.parts[run]
            last = 0
            for part in parts:
                assert part == list(range(part[0], part[-1] + 1))
                assert part[0] <= last + 1
                # a checkpoint of every fourth step is gone on from
                assert (part[0] - 1) % 4 == 0 and part[0] > last - 4
                last = part[-1]
            assert last == STEPS


def wait_for(condition, what, seconds=300):
    """Wait for a condition; its value, which is true."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError(f'{what} did not come')


def processes_of(run):
    """Processes that do a run.

    Args:
        run (Path): Its folder.

    Returns:
        dict[int, str]: Their commands by process id.
    """
    found = {}
    for path in Path('/proc').glob('[0-9]*/cmdline'):
        try:
            command = path.read_bytes().decode().replace('\0', ' ')
        except OSError:  # it has ended meanwhile
            continue
        if str(run) in command:
            found[int(path.parent.name)] = command
    return found


def parent_of(pid):
    """Process id of the parent; 0 if the process has ended."""
    try:
        text = Path(f'/proc/{pid}/stat').read_text()
    except OSError:
        return 0
    return int(text.rpartition(')')[2].split()[1])


def steps_of(run):
    """Steps that each part of a run's training has made, in their order."""
    parts = []
    for path in sorted(run.glob('*/vis_data/scalars.json')):
        lines = [json.loads(line) for line in path.read_text().splitlines()
                 if line.endswith('}')]
        parts.append([line['step'] for line in lines if 'loss' in line])
    return parts


def checkpoint_of(run):
    """Step of the last checkpoint that a run may go on from, or 0."""
    try:
        name = (run / 'last_checkpoint').read_text()
    except OSError:
        return 0
    return int(name.rpartition('_')[2].split('.')[0] or 0)
