"""Batches of images to embeddings, one batch to a thread.

Every thread takes a whole batch: it decodes the images and, on the CPU, runs
the network with a single torch thread. So no core ever waits for another, and
nothing depends on how many there are: torch's kernels add up in another order
for another number of threads (EfficientNet-Lite0 in batches of 8, one against
two threads: 1e-7), but here they always have one.

Pillow and torch release Python's lock where the time goes, so that threads do
what processes would, without passing pixels between them.

Shape letters: B batch, H and W input size in pixels, D embedding size.
"""
from __future__ import annotations

import contextlib
import threading
import warnings
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from PIL import Image

from .encoders import Encoder
from .images import ImageError, load_rgb


class Stopped(Exception):
    """The run ends early; no batch needs to be finished."""


class BatchEncoder:
    """What a thread does with a batch.

    Args:
        encoder (Encoder): See :mod:`.encoders`.
    """

    def __init__(self, encoder: Encoder):
        self.encoder = encoder
        self.stop = threading.Event()
        self._on_gpu = encoder.device.type == 'cuda'
        # one batch under way, one to follow it at once: more would only
        # take the GPU's memory
        self._turn = threading.BoundedSemaphore(
            2) if self._on_gpu else contextlib.nullcontext()

    def __call__(
            self,
            paths: Sequence[str]) -> tuple[np.ndarray, list[tuple[int, str]]]:
        """Embed one batch.

        Args:
            paths (Sequence[str]): B images.

        Returns:
            tuple[np.ndarray, list[tuple[int, str]]]: (B, D) float32 rows of
            length 1, zero for what failed, and the failures' rows and
            reasons.
        """
        pixels, failures = self._decode(paths)
        if len(failures) == len(paths):
            return np.zeros((len(paths), self.encoder.dim),
                            np.float32), failures
        with torch.inference_mode(), self._turn:
            embeddings = self._forward(pixels)
        embeddings[[row for row, _ in failures]] = 0
        length = np.sqrt((embeddings**2).sum(axis=1, keepdims=True))
        bad = ~(np.isfinite(length) & (length > 0))[:, 0]
        known = {row for row, _ in failures}
        failures += [(int(row), 'its embedding has no direction: NaN, inf or '
                      'only zeros') for row in np.flatnonzero(bad)
                     if row not in known]
        length[bad] = 1
        embeddings[bad] = 0
        return (embeddings / length).astype(np.float32), sorted(failures)

    def _decode(self, paths):
        width, height = self.encoder.preprocess.size
        # a bad image stays a black one, so that the shape of the batch, and
        # with it the choice of kernels, does not depend on its neighbours
        pixels = torch.zeros(
            len(paths), height, width, 3, dtype=torch.uint8,
            pin_memory=self._on_gpu).permute(0, 3, 1, 2)
        failures = []
        for row, path in enumerate(paths):
            if self.stop.is_set():
                raise Stopped
            try:
                image = load_rgb(path, self.encoder.preprocess.size)
                pixels[row] = self.encoder.preprocess(image)
            except ImageError as e:
                failures.append((row, str(e)))
        return pixels, failures

    def _forward(self, pixels):
        """(B, 3, H, W) uint8 to (B, D) float64."""
        try:
            batch = pixels.to(self.encoder.device, non_blocking=True)
            return self.encoder.encode(batch).cpu().double().numpy()
        except torch.cuda.OutOfMemoryError as e:
            raise ValueError(
                f'a batch of {len(pixels)} images does not fit into the '
                f'memory of {self.encoder.device}; use a smaller '
                '--batch-size') from e


def run_batches(batches, encoder, workers):
    """Embed batches in order.

    Args:
        batches (Iterable[Sequence[str]]): Taken as threads become free.
        encoder (Encoder): See :mod:`.encoders`.
        workers (int): Threads, >= 0. With 0 the caller's thread does it all.

    Yields:
        tuple[np.ndarray, list[tuple[int, str]]]: As of
        :class:`BatchEncoder`, for each batch.
    """
    work = BatchEncoder(encoder)
    Image.preinit()  # its plugins, once and not in a race
    before = torch.get_num_threads()
    with warnings.catch_warnings():
        # what matters is refused; a damaged date in an image does not. Here
        # and not around each image, because threads share these settings.
        warnings.filterwarnings('ignore', module=r'PIL\.')
        try:
            if workers == 0:
                torch.set_num_threads(1)
                yield from map(work, batches)
            else:
                yield from _in_order(work, batches, workers)
        finally:
            torch.set_num_threads(before)


def _in_order(work, batches, workers):
    with ThreadPoolExecutor(
            workers, 'encode',
            # of each thread by itself
            initializer=lambda: torch.set_num_threads(1)) as threads:
        pending = deque()
        try:
            for batch in batches:
                pending.append(threads.submit(work, batch))
                # as many waiting as under way, so that no thread ever waits
                if len(pending) >= 2 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            # after an error or Ctrl-C; otherwise there is nothing to stop
            work.stop.set()
            for future in pending:
                future.cancel()
