"""What a launcher told this process: torchrun, srun, or nobody."""
from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

LAUNCHERS = ('auto', 'none', 'pytorch', 'slurm')


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
