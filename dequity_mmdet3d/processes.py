"""Who am I among the processes of this run, and what do the others say?

Processes share the work by shard numbers and meet on the file system; what
they tell each other directly is small. No GPU is needed for that.
"""
from __future__ import annotations

import contextlib
import os
import pickle
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from .machine import cores_of_process

if TYPE_CHECKING:
    import numpy as np

LAUNCHERS = ('auto', 'none', 'pytorch', 'slurm')
# All must have started within the first, or one of them never will; the
# second bounds how long the first to finish waits for the last.
_START, _WAIT = timedelta(minutes=10), timedelta(hours=24)


@dataclass(frozen=True)
class Ranks:
    """What a launcher told this process.

    Args:
        rank (int): Number of this process, from 0.
        world (int): Number of processes.
        local_rank (int): Number among those of this machine, from 0.
        address (str): Of process 0's machine.
        port (int): Where process 0 listens.
    """
    rank: int = 0
    world: int = 1
    local_rank: int = 0
    address: str = 'localhost'
    port: int = 0


def find_ranks(launcher: str = 'auto',
               env: Mapping[str, str] | None = None) -> Ranks:
    """Read what the launcher left in the environment.

    Args:
        launcher (str): One of ``LAUNCHERS``. 'auto' sees torchrun, or several
            tasks of one ``srun``; in a batch script of Slurm that starts the
            tool without srun there is one process.
        env (Mapping, optional): Defaults to this process's.

    Returns:
        Ranks: One process alone where nothing was launched.

    Raises:
        ValueError: If the launcher's variables are missing or make no sense.
    """
    env = os.environ if env is None else env
    if launcher not in LAUNCHERS:
        raise ValueError(f'launcher must be one of {LAUNCHERS}, but is '
                         f'{launcher!r}')
    if launcher == 'auto':
        launcher = 'none'
        if 'RANK' in env and 'WORLD_SIZE' in env:
            launcher = 'pytorch'
        elif env.get('SLURM_STEP_NUM_TASKS', '1') != '1':
            launcher = 'slurm'
    if launcher == 'none':
        return Ranks()
    try:
        found = _pytorch(env) if launcher == 'pytorch' else _slurm(env)
    except (KeyError, ValueError) as e:
        start = ('torchrun --nproc-per-node N' if launcher == 'pytorch' else
                 'srun --ntasks N')
        raise ValueError(
            f'--launcher {launcher} needs its variables in the environment, '
            f'but one is missing or no number ({e}); start the tool with '
            f'{start}, or give --launcher none') from e
    if not 0 <= found.rank < found.world:
        raise ValueError(f'the launcher numbers this process {found.rank} of '
                         f'{found.world}; it must be 0 to {found.world - 1}')
    return found


def _pytorch(env: Mapping[str, str]) -> Ranks:
    rank = int(env['RANK'])
    return Ranks(rank, int(env['WORLD_SIZE']), int(env.get('LOCAL_RANK', 0)),
                 env['MASTER_ADDR'], int(env['MASTER_PORT']))


def _slurm(env: Mapping[str, str]) -> Ranks:
    world = env.get('SLURM_STEP_NUM_TASKS') or env['SLURM_NTASKS']
    nodes = env.get('SLURM_STEP_NODELIST') or env['SLURM_JOB_NODELIST']
    job, step = int(env['SLURM_JOB_ID']), int(env.get('SLURM_STEP_ID', 0))
    return Ranks(
        int(env['SLURM_PROCID']), int(world), int(env['SLURM_LOCALID']),
        env.get('MASTER_ADDR') or first_host(nodes),
        # the same in all tasks, another one in a job beside it
        int(env.get('MASTER_PORT', 20000 + (job * 31 + step) % 20000)))


def first_host(nodes: str) -> str:
    """First name of a node list of Slurm's.

    Example:
        >>> first_host('gpu[07-09,12],cpu1')
        'gpu07'
        >>> first_host('a1,a2')
        'a1'
    """
    first = re.match(r'(?:[^,\[]|\[[^\]]*\])+', nodes)
    return re.sub(r'\[(\w+)[^\]]*\]', r'\1', first[0]) if first else nodes


class Alone:
    """A run of one process; also what several processes have in common."""
    rank, world, local_rank, sharing = 0, 1, 0, 1

    def gather(self, value: Any) -> list:
        """Tell all processes; what each of them said, in their order."""
        return [value]

    def join(self, rows: np.ndarray, bounds: Sequence[int]) -> np.ndarray:
        """Rows of all processes one after another, for process 0.

        Args:
            rows (np.ndarray): (B, ...) numbers, this process's.
            bounds (Sequence[int]): Where those of each process begin and
                end: as many as there are processes, and one more.

        Returns:
            np.ndarray: (N, ...) in process 0.
        """
        return rows

    def add(self, values: np.ndarray) -> np.ndarray:
        """Sums over all processes, for process 0; ``values`` are lost."""
        return values

    def agree(self, values: dict) -> None:
        """Raise ValueError in every process unless all say the same dict."""
        said = self.gather(values)
        for other, theirs in enumerate(said):
            wrong = [k for k in said[0] if theirs.get(k) != said[0][k]]
            if wrong:
                key = wrong[0]
                raise ValueError(
                    f'all processes of a run must have the same {key}, but '
                    f'process 0 has {said[0][key]!r} and process {other} '
                    f'{theirs.get(key)!r}; start them with one command')

    def device(self, device: str | None) -> str | None:
        """The device for this process: its own GPU, where there are any."""
        if self.world > 1 and device in (None, 'cuda'):
            import torch
            if torch.cuda.is_available():
                return f'cuda:{self.local_rank % torch.cuda.device_count()}'
        return device


class Team(Alone):
    """One of several connected processes. Made by :func:`connect`."""

    def __init__(self, ranks: Ranks, distributed: Any):
        self.rank, self.world = ranks.rank, ranks.world
        self.local_rank = ranks.local_rank
        self._distributed = distributed
        # What gloo's threads hold must not be theirs alone when the group
        # ends: to free it they wait for Python, which waits for them. Such
        # a run of torch 2.4 hung at its end.
        self._kept: list = []
        self._large: Any = None
        # a launcher may already have bound every process to cores of its own
        here = (socket.gethostname(), cores_of_process())
        self.sharing = self.gather(here).count(here)

    def gather(self, value: Any) -> list:
        """Tell all processes; what each of them said, in their order."""
        with self._together():
            return [pickle.loads(told) for told in self._told(
                pickle.dumps(value))]

    def join(self, rows: np.ndarray, bounds: Sequence[int]) -> np.ndarray:
        """See :class:`Alone`."""
        import numpy as np
        import torch
        with self._together():
            if self.rank > 0:
                self._large = torch.from_numpy(np.ascontiguousarray(rows))
                self._distributed.send(self._large, 0)
                return rows
            out = np.empty((bounds[-1], *rows.shape[1:]), rows.dtype)
            out[:bounds[1]] = rows
            self._large = torch.from_numpy(out)
            for rank in range(1, self.world):
                self._distributed.recv(
                    self._large[bounds[rank]:bounds[rank + 1]], rank)
            return out

    def add(self, values: np.ndarray) -> np.ndarray:
        """See :class:`Alone`."""
        import numpy as np
        import torch
        with self._together():
            self._large = torch.from_numpy(np.ascontiguousarray(values))
            self._distributed.reduce(self._large, 0)
            return self._large.numpy()

    @contextlib.contextmanager
    def _together(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as e:  # gloo: the connection is closed, or waited
            raise OSError(
                f'process {self.rank} of {self.world} has lost the others '
                f'({_short(e)}): one has ended, and its own message '
                'says why; then repeat the same command, which goes on from '
                'where it stopped') from e

    def _told(self, message: bytes) -> list[bytes]:
        """The message of each process, which gloo wants as long as others."""
        import torch
        mine = torch.tensor([len(message)])
        lengths = [torch.zeros_like(mine) for _ in range(self.world)]
        self._distributed.all_gather(lengths, mine)
        padded = torch.zeros(int(max(lengths)), dtype=torch.uint8)
        padded[:len(message)] = torch.frombuffer(
            bytearray(message), dtype=torch.uint8)
        told = [torch.zeros_like(padded) for _ in range(self.world)]
        self._distributed.all_gather(told, padded)
        self._kept += mine, padded, *lengths, *told
        return [t[:int(n)].numpy().tobytes() for t, n in zip(told, lengths)]


@contextlib.contextmanager
def connect(ranks: Ranks) -> Iterator[Alone]:
    """Join the other processes of this run.

    Args:
        ranks (Ranks): From :func:`find_ranks`.

    Yields:
        Alone: What to talk to the others with.

    Raises:
        OSError: If they cannot be reached within ten minutes.
    """
    if ranks.world == 1:
        yield Alone()
        return
    import torch.distributed as dist
    os.environ.update(
        MASTER_ADDR=ranks.address, MASTER_PORT=str(ranks.port))
    try:
        store, _, _ = next(
            dist.rendezvous('env://', ranks.rank, ranks.world,
                            timeout=_START))
        dist.init_process_group(
            'gloo', store=store, rank=ranks.rank, world_size=ranks.world,
            timeout=_WAIT)
    except (RuntimeError, ValueError) as e:
        raise OSError(
            f'process {ranks.rank} of {ranks.world} cannot reach the others '
            f'at {ranks.address}:{ranks.port} ({_short(e)}); '
            'start all of them, on machines that reach each other') from e
    try:
        team = Team(ranks, dist)  # outlives the group
        yield team
    finally:
        dist.destroy_process_group()


def _short(error: BaseException) -> str:
    """What gloo says, without where in its source it says so."""
    return re.sub(r'^\[[^\]]*\] *', '', str(error).splitlines()[0])[:60]
