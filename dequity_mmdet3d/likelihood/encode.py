"""From image files to embeddings.

Shape letters: M images (of all samples and cameras), B batch, D embedding
size.
"""
import os
import time
from dataclasses import dataclass
from typing import Optional

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from .vectors import unit_rows
from .images import ImageError, load_rgb


@dataclass(frozen=True)
class EncodeSettings:
    """How to run; nothing here changes the embeddings beyond float noise.

    Args:
        batch_size (int, optional): Images in one forward pass, >= 1. None
            takes 64 on a GPU and 8 on the CPU, where more gain nothing (two
            cores, EfficientNet-Lite0, KITTI: 32 images/s in batches of 8, 34
            in batches of 32).
        workers (int, optional): Processes that decode, >= 0. None takes one
            for each usable core, 8 at most.
        progress (bool, optional): Show a bar on standard error. None shows
            it on a terminal only.
    """
    batch_size: Optional[int] = None
    workers: Optional[int] = None
    progress: Optional[bool] = None

    def __post_init__(self):
        for name, low in (('batch_size', 1), ('workers', 0)):
            value = getattr(self, name)
            if value is None:
                continue
            if (isinstance(value, bool) or not isinstance(value, int)
                    or value < low):
                raise ValueError(f'{name} must be an integer of {low} or '
                                 f'more, but got {value!r}')


class UnreadableImages(ValueError):
    """Some images cannot be used.

    Args:
        failures (list[tuple[str, str]]): Path and reason.
        total (int): Number of images that were tried.
    """

    def __init__(self, failures, total):
        self.failures = failures
        shown = '; '.join(f'{path}: {why}' for path, why in failures[:5])
        more = '; ...' if len(failures) > 5 else ''
        super().__init__(
            f'{len(failures)} of {total} images cannot be used: {shown}{more}'
            ' (copy them anew, or take these samples out of the data set)')


class _Images(Dataset):
    """Items are (row, uint8 tensor or None, reason or None)."""

    def __init__(self, paths, preprocess):
        self.paths = paths
        self.preprocess = preprocess

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, row):
        try:
            image = load_rgb(self.paths[row], self.preprocess.size)
        except ImageError as e:
            # not raised: the loop wants to hear of every bad image
            return row, None, str(e)
        return row, self.preprocess(image), None


def _collate(items):
    good = [(row, pixels) for row, pixels, why in items if why is None]
    bad = [(row, why) for row, _, why in items if why is not None]
    rows = [row for row, _ in good]
    pixels = torch.stack([p for _, p in good]) if good else None
    return len(items), rows, pixels, bad


def usable_cores():
    """Cores that this process may use, which can be fewer than there are."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _batches(paths, encoder, settings):
    workers = settings.workers
    if workers is None:
        workers = min(8, usable_cores())
    on_gpu = encoder.device.type == 'cuda'
    batch_size = settings.batch_size or (64 if on_gpu else 8)
    # a worker without a batch of its own would only cost its start
    workers = min(workers, -(-len(paths) // batch_size))
    return DataLoader(
        _Images(paths, encoder.preprocess),
        batch_size=batch_size,
        num_workers=workers,
        collate_fn=_collate,
        pin_memory=on_gpu)


def encode_images(paths, encoder, settings=None):
    """Embed images.

    Args:
        paths (Sequence[str]): M image files.
        encoder (Encoder): See :mod:`.encoders`.
        settings (EncodeSettings, optional): Defaults to the class's.

    Returns:
        tuple[np.ndarray, float]: (M, D) float32 rows of length 1, whatever
        the number of workers; and the images a second, start included.

    Raises:
        UnreadableImages: If any image cannot be used, after all were tried.
        ValueError: If the device is too small for a batch.
    """
    settings = settings or EncodeSettings()
    embeddings = np.empty((len(paths), encoder.dim), dtype=np.float32)
    failures = []
    start = time.perf_counter()
    disable = None if settings.progress is None else not settings.progress
    with torch.inference_mode(), tqdm(
            total=len(paths), unit=' images', disable=disable,
            desc=encoder.name) as bar:
        for count, rows, pixels, bad in _guarded(paths, encoder, settings):
            failures += [(paths[row], why) for row, why in bad]
            # after a failure only the list of failures is still of use
            if rows and not failures:
                embeddings[rows] = _forward(encoder, pixels)
            bar.update(count)
    if failures:
        raise UnreadableImages(failures, len(paths))
    rate = len(paths) / (time.perf_counter() - start)
    return unit_rows(embeddings, paths), rate


def _guarded(paths, encoder, settings):
    try:
        yield from _batches(paths, encoder, settings)
    except RuntimeError as e:
        if 'DataLoader worker' not in str(e):
            raise
        raise OSError(
            'a process that decodes images was killed '
            f'({str(e).splitlines()[0]}), most likely for want of memory or '
            'of shared memory (/dev/shm, in a container --shm-size); use '
            'fewer --workers (0 needs none) or a smaller --batch-size') from e


def _forward(encoder, pixels):
    try:
        batch = pixels.to(encoder.device, non_blocking=True)
        return encoder.encode(batch).float().cpu().numpy()
    except torch.cuda.OutOfMemoryError as e:
        raise ValueError(
            f'a batch of {len(pixels)} images does not fit into the memory of '
            f'{encoder.device}; use a smaller --batch-size') from e
