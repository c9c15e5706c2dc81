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
from ..embeddings.arrow_file import file_number
from ..embeddings.names import image_names, names_digest, stamp_of
from ..embeddings.row_index import NOWHERE, Index, Rows
from .identity import identity_of
from .reuse import earlier_shards, known_rows, written_shard
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
        shards (Sequence[np.ndarray]): (m, D) float16 or float32, opened one
            by one when indexed, see :class:`.row_index.Rows`; rows of length 1
            in the order of the images, zero for unusable ones.
        usable (np.ndarray): (M,) bool.
        failures (list[tuple[str, str]]): Path and reason of every unusable
            image, in the order of the images.
        rate (float, optional): Images a second of those that were encoded
            now, by all processes together; None if there was none to encode.
        folder (str): Where the shards lie.
        nbytes (int): The folder's size on disk.
    """
    shards: Sequence[np.ndarray]
    usable: np.ndarray
    failures: list[tuple[str, str]]
    rate: float | None
    folder: Any = None
    nbytes: int = 0


def encode_images(paths, encoder, settings, store, team=None, root=None):
    """Embed images; what an earlier run has embedded is not done again.

    Memory does not grow with M, but for the paths and names.

    Args:
        paths (Sequence[str]): M >= 1 image files.
        encoder (Encoder): See :mod:`.encoders`.
        settings (EncodeSettings): None takes the class's defaults.
        store (ShardStore): Where the embeddings go.
        team (Alone, optional): The processes that share the work, see
            :mod:`dequity_mmdet3d.processes`; all of them call this, and
            get the same.
        root (str, optional): See :func:`.names.image_names`.

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
    identity = identity_of(encoder, batch_size, store.dtype)
    names = image_names(paths, root)
    team.agree(dict(identity, shard_size=store.shard_size, images=len(paths),
                    images_sha256=names_digest(names)))
    start = time.perf_counter()
    # process 0 alone looks after the folder, and before the others
    with contextlib.ExitStack() as stack:
        if team.rank == 0:
            shards = stack.enter_context(store.open(identity))
        team.gather(None)
        if team.rank != 0:
            shards = stack.enter_context(store.open(identity, False))
        known, number = earlier_shards(shards, team, store.say)
        row = known_rows(known, names, paths, team)
        missing = np.flatnonzero(row == NOWHERE)
        if len(missing) < len(paths) and store.say is not None:
            store.say(f'{len(paths) - len(missing)} of {len(paths)} images '
                      'were encoded before')
        # an image that is listed twice is read once
        todo = [*{names[i]: i for i in reversed(missing.tolist())}.values()]
        todo.sort()
        chunks = [todo[a:a + store.shard_size]
                  for a in range(0, len(todo), store.shard_size)]
        made = _encode_chunks(
            shards, [*enumerate(chunks, number)][team.rank::team.world],
            paths, names, encoder, settings, batch_size, store.shard_size,
            team)
        made = [name for some in team.gather(made) for name in some]
        new = Index(shards, {
            name: written_shard(shards, name, team)
            for name in sorted(made, key=file_number)})
        index = Index(shards, {
            f: r for i in (known, new)
            for f, r in zip(reversed(i.files), reversed(i.records))})
    seconds = time.perf_counter() - start
    row += len(new)  # the newest come first
    row[missing] = new.find([names[i] for i in missing])
    if (row == NOWHERE).any():
        raise OSError(f'{(row == NOWHERE).sum()} of {len(row)} images were '
                      'encoded by no process; start all of them with one '
                      'command, and repeat it')
    failures = index.reasons(row)
    usable = np.ones(len(paths), dtype=bool)
    usable[[i for i, _ in failures]] = False
    return Encoded(
        Rows(index, row, store.shard_size), usable,
        [(str(paths[i]), why) for i, why in failures],
        len(todo) / seconds if todo else None, shards.folder, shards.nbytes)


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


def _encode_chunks(shards, chunks, paths, names, encoder, settings,
                   batch_size, shard_size, team):
    """Encode and write ``chunks``, (number, places in paths); their names."""
    stamps = {}

    def batches():
        # in one stream, so that no thread waits at the end of a shard
        for number, chunk in chunks:
            # before its images are read: a later change must be noticed
            stamps[number] = [stamp_of(paths[i]) for i in chunk]
            first = 0
            # a full shard is cut in one way, whatever is left to do
            for size in batch_sizes(len(chunk), batch_size,
                                    len(chunk) < shard_size):
                yield [paths[i] for i in chunk[first:first + size]]
                first += size

    workers = settings.workers
    if workers is None:
        workers = default_workers(encoder, team)
    disable = None if settings.progress is None else not settings.progress
    made = []
    with tqdm(
            total=sum(len(chunk) for _, chunk in chunks),
            unit=' images',
            desc=encoder.name,
            disable=True if team.rank else disable) as bar, \
            contextlib.closing(run_batches(batches(), encoder,
                                           workers)) as results:
        for number, chunk in chunks:
            embeddings = np.zeros((len(chunk), encoder.dim), shards.dtype)
            reasons, row = [None] * len(chunk), 0
            while row < len(chunk):
                rows, bad = next(results)
                embeddings[row:row + len(rows)] = rows
                for i, why in bad:
                    reasons[row + i] = why
                row += len(rows)
                bar.update(len(rows))
            made.append(shards.write(
                number, [names[i] for i in chunk], stamps.pop(number),
                embeddings, reasons))
    return made
