"""This machine: cores, threads, memory."""
from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Callable, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

# glibc, malloc.h
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8


def tune_for_cpu(threads: bool = False) -> None:
    """Let torch share two cores and keep its memory. Call it before torch.

    Threads of GNU's OpenMP spin while they wait for each other, by default
    long enough to keep the data loader's workers off their cores. Measured
    on two cores, a training step of the small PointPillars:

    ================  ==========  ==================
    spin count        cores free  one core taken
    ================  ==========  ==================
    300,000 (stock)   0.22 s      2.5 to 3.4 s
    30,000            0.19 s      1.5 s
    3,000             0.21 s      0.6 to 0.75 s
    0                 0.27 s      0.4 to 0.5 s
    ================  ==========  ==================

    And where every large tensor came fresh from the system, encoding 100
    images ran at 15.5 images/s; at 27.6 where freed memory stayed with the
    process. Settings of the user's stay as they are. The second part does
    nothing where the C library is not glibc.

    Args:
        threads (bool): Whether several threads will run networks of their
            own. They then share one pool of memory: glibc's pools for single
            threads end at 64 MB, beyond which every tensor came fresh again
            (two threads, batches of 32: 36 to 58 images/s against 80).
    """
    if 'OMP_WAIT_POLICY' not in os.environ:
        os.environ.setdefault('GOMP_SPINCOUNT', '3000')
    mallopt = getattr(
        ctypes.CDLL(None), 'mallopt', None) if os.name == 'posix' else None
    if mallopt is not None and not any(
            name.startswith(('MALLOC_', 'GLIBC_TUNABLES'))
            for name in os.environ):
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        if threads:
            mallopt(M_ARENA_MAX, 1)


def cores_of_process() -> tuple[int, ...]:
    """Numbers of the cores that this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def usable_cores(quota: str = '/sys/fs/cgroup/cpu.max') -> int:
    """Cores' worth of time that this process may use, >= 1.

    Fewer than there are where it is bound to some, or in a container with a
    limit.

    Args:
        quota (str): Where Linux tells the container's limit.
    """
    cores = len(cores_of_process())
    try:
        with open(quota) as f:
            limit, period = f.read().split()
        cores = min(cores, -(-int(limit) // int(period)))
    except (OSError, ValueError):
        pass  # no container, or no limit ('max')
    return max(1, cores)


def in_threads(function: Callable[[Any], Any],
               values: Sequence[Any]) -> list[Any]:
    """What a function makes of values, by a thread for each usable core.

    Args:
        function (Callable): Of one value; mostly numpy's work, which lets
            other threads run.
        values (Sequence): Of which few are worked on at once.

    Returns:
        list: In the order of the values.
    """
    if len(values) < 2:
        return [function(value) for value in values]
    with ThreadPoolExecutor(usable_cores()) as pool:
        return list(pool.map(function, values))


def release(array: Any) -> None:
    """Give back the memory of a file's pages that were read.

    They would count as this process's, up to the size of the file, and are
    read again when needed.

    Args:
        array (np.ndarray): Only a file that is mapped for reading gives
            back any: what was changed in memory would be lost.
    """
    mapped = getattr(array, '_mmap', None)
    if (mapped is not None and array.mode == 'r'
            and hasattr(mmap, 'MADV_DONTNEED')):
        mapped.madvise(mmap.MADV_DONTNEED)


def free_threads(env: MutableMapping[str, str] | None = None) -> None:
    """Undo that torchrun limits every process to one OpenMP thread.

    It does so, aloud, where the user has set nothing, which would leave the
    clustering one core. Call it before torch is imported.

    Args:
        env (MutableMapping, optional): Defaults to this process's.
    """
    env = os.environ if env is None else env
    if 'TORCHELASTIC_RUN_ID' in env and env.get('OMP_NUM_THREADS') == '1':
        del env['OMP_NUM_THREADS']
