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
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from .launchers import Ranks
from .machine import cores_of_process

if TYPE_CHECKING:
    import numpy as np

# All must have started within the first, or one of them never will; the
# second bounds how long the first to finish waits for the last.
_START, _WAIT = timedelta(minutes=10), timedelta(hours=24)


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
        ranks (Ranks): From :func:`.find_ranks`.

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
