"""From image files to embeddings on disk.

Shape letters: M images (of all samples and cameras), m images of one shard,
B batch, D embedding size.
"""
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from ...machine import usable_cores
from ...processes import Alone
from .identity import identity_of
from .images import ImageError, load_rgb
from .threads import run_batches


@dataclass(frozen=True)
class EncodeSettings:
    """How to run; nothing here changes the embeddings beyond float noise.

    Args:
        batch_size (int, optional): Images in one forward pass, >= 1. None
            takes 64 on a GPU; on the CPU 32 in reduced precision and 8 in
            float32, where more gain nothing (two cores, images/s in batches
            of 8 and 32: EfficientNet-Lite0 80 and 80, ViT-B-32 9.7 and 9.4).
        workers (int, optional): Threads that decode and, on the CPU, run
            the network; >= 0, where 0 leaves all to the calling thread. None
            takes one for each usable core, shared with the other processes
            of the run on this machine; at most 16 beside a GPU.
        progress (bool, optional): Show a bar on standard error. None shows
            it on a terminal only.
    """
    batch_size: int | None = None
    workers: int | None = None
    progress: bool | None = None

    def __post_init__(self) -> None:
        for name, low in (('batch_size', 1), ('workers', 0)):
            value = getattr(self, name)
            if value is None:
                continue
            if (isinstance(value, bool) or not isinstance(value, int)
                    or value < low):
                raise ValueError(f'{name} must be an integer of {low} or '
                                 f'more, but got {value!r}')


@dataclass(frozen=True)
class Encoded:
    """Embeddings on disk.

    Args:
        shards (Sequence[np.ndarray]): Memory maps (m, D), float16 or
            float32, opened one by one when indexed; rows of length 1 in the
            order of the images, zero for unusable ones.
        usable (np.ndarray): (M,) bool.
        failures (list[tuple[str, str]]): Path and reason of every unusable
            image, in the order of the images.
        rate (float, optional): Images a second of those that were encoded
            now, by all processes together; None if there was none to encode.
        folder (str): Where the shards lie.
        nbytes (int): Their size on disk.
    """
    shards: Sequence[np.ndarray]
    usable: np.ndarray
    failures: list[tuple[str, str]]
    rate: float | None
    folder: Any = None
    nbytes: int = 0


def encode_images(paths, encoder, settings, store, team=None):
    """Embed images; what an earlier run has embedded is not done again.

    Memory does not grow with M, but for the paths.

    Args:
        paths (Sequence[str]): M >= 1 image files.
        encoder (Encoder): See :mod:`.encoders`.
        settings (EncodeSettings): None takes the class's defaults.
        store (ShardStore): Where the embeddings go.
        team (Alone, optional): The processes that share the work, see
            :mod:`dequity_mmdet3d.processes`; all of them call this, and
            get the same.

    Returns:
        Encoded: The same bits whatever the number of workers and processes.

    Raises:
        ValueError: If the device is too small for a batch, or the processes
            do not agree on what to do.
        OSError: If the embeddings cannot be written, another run is writing
            them, or another process of this run is gone.
    """
    settings = settings or EncodeSettings()
    team = team or Alone()
    batch_size = settings.batch_size or default_batch_size(encoder)
    identity = identity_of(paths, encoder, batch_size, store.dtype,
                           store.shard_size)
    team.agree(identity)
    start = time.perf_counter()
    # process 0 alone looks after the folder, and before the others
    with contextlib.ExitStack() as stack:
        if team.rank == 0:
            shards = stack.enter_context(store.open(identity, paths))
        team.gather(None)
        if team.rank != 0:
            shards = stack.enter_context(store.open(identity, paths, False))
        mine = range(team.rank, len(shards), team.world)
        todo = [k for k in mine if not is_fresh(shards, k)]
        left = sum(team.gather(len(todo)))
        if left < len(shards) and store.say is not None:
            store.say(f'{len(shards) - left} of {len(shards)} shards of '
                      'embeddings are there already')
        _encode_shards(shards, mine, todo, encoder, settings, batch_size,
                       team)
        count = sum(
            team.gather(
                sum(len(range(*shards.span(k))) for k in todo)))
        records = [_record(shards, k, team) for k in range(len(shards))]
    seconds = time.perf_counter() - start
    failures = [(shards.span(k)[0] + row, why)
                for k, record in enumerate(records)
                for row, why in record['failures']]
    usable = np.ones(len(paths), dtype=bool)
    usable[[row for row, _ in failures]] = False
    return Encoded(shards, usable, [(str(paths[row]), why)
                                    for row, why in failures],
                   count / seconds if count else None, shards.folder,
                   shards.nbytes)


def default_batch_size(encoder):
    """Images in one forward pass, by the kind of device and precision."""
    if encoder.device.type == 'cuda':
        return 64
    # matrix units are fed by larger batches only
    return 8 if encoder.precision == 'float32' else 32


def batch_sizes(count, largest, last):
    """How a shard is cut into batches, whoever encodes it.

    Args:
        count (int): Images in the shard.
        largest (int): Images in a batch.
        last (bool): Whether this is the end of the list. There batches
            become smaller, down to 8, so that the threads end together.

    Returns:
        list[int]: Sum ``count``.

    Example:
        >>> batch_sizes(100, 32, False)
        [32, 32, 32, 4]
        >>> batch_sizes(100, 32, True)
        [25, 18, 14, 10, 8, 8, 8, 8, 1]
    """
    sizes = []
    while count:
        size = max(min(8, largest), count // 4) if last else largest
        sizes.append(min(size, largest, count))
        count -= sizes[-1]
    return sizes


def default_workers(encoder, team):
    """Threads for this process, see :class:`EncodeSettings`."""
    share = max(1, usable_cores() // team.sharing)
    return share if encoder.device.type == 'cpu' else min(16, share)


def is_fresh(shards, k):
    """Whether a shard is whole and its images are those of today.

    Args:
        shards (Shards): Of this run.
        k (int): Number of the shard.

    Returns:
        bool: False also if an image that failed can be read by now.
    """
    record = shards.read(k)
    if record is None or record['stamp'] != shards.stamp(k):
        return False
    first = shards.span(k)[0]
    for row, _ in record['failures']:
        with contextlib.suppress(ImageError):
            load_rgb(shards.paths[first + row])
            return False
    return True


def _encode_shards(shards, mine, todo, encoder, settings, batch_size, team):
    """Encode and write the shards ``todo`` out of ``mine``."""
    spans = [shards.span(k) for k in todo]
    stamps = {}

    def batches():
        # in one stream, so that no thread waits at the end of a shard
        for k, (first, end) in zip(todo, spans):
            # before its images are read: a later change must be noticed
            stamps[k] = shards.stamp(k)
            for size in batch_sizes(end - first, batch_size,
                                    k == len(shards) - 1):
                yield shards.paths[first:first + size]
                first += size

    workers = settings.workers
    if workers is None:
        workers = default_workers(encoder, team)
    total = sum(len(range(*shards.span(k))) for k in mine)
    disable = None if settings.progress is None else not settings.progress
    with tqdm(
            total=total,
            initial=total - sum(end - first for first, end in spans),
            unit=' images',
            desc=encoder.name,
            disable=True if team.rank else disable) as bar, \
            contextlib.closing(run_batches(batches(), encoder,
                                           workers)) as results:
        for k, (first, end) in zip(todo, spans):
            embeddings = np.zeros((end - first, encoder.dim), shards.dtype)
            failures, row = [], 0
            while row < end - first:
                rows, bad = next(results)
                embeddings[row:row + len(rows)] = rows
                failures += [(row + i, why) for i, why in bad]
                row += len(rows)
                bar.update(len(rows))
            shards.write(k, embeddings, failures, stamps[k])


def _record(shards, k, team):
    # a network file system may show another machine's file late
    for _ in range(60 if team.world > 1 else 1):
        record = shards.read(k)
        if record is not None:
            return record
        time.sleep(1 if team.world > 1 else 0)
    raise OSError(f'the shard {shards.path(k)} has vanished or changed while '
                  'this run was at work; repeat the same command')
