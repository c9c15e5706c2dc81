"""Start-up and memory of the encoding with very many images.

    python benchmarks/encoding_scale.py N

encodes N tiny images by an encoder that costs nothing, finds them again, and
encodes 100 new ones that stand anywhere among them. Each N in a process of
its own, because a peak of memory never falls.
"""
import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

from dequity_mmdet3d.machine import tune_for_cpu

tune_for_cpu(threads=True)
import numpy as np
import torch
from PIL import Image

from dequity_mmdet3d.likelihood.embeddings.shards import ShardStore
from dequity_mmdet3d.likelihood.encoding.encode import (
    EncodeSettings,
    encode_images,
)
from dequity_mmdet3d.likelihood.encoding.encoders.base import Squash


class NoCost:
    """Mean colours of tiny images: what is left is the machinery."""
    name = pretrained = 'no_cost'
    fingerprint, precision, dim = '0' * 64, 'float32', 12
    features = 'pooled'
    device = torch.device('cpu')

    def __init__(self):
        self.preprocess = Squash((8, 8))

    def encode(self, batch):
        x = batch.float().reshape(len(batch), 3, 2, 4, 2, 4)
        return x.mean(dim=(3, 5)).flatten(1)


def scale(count, encoder):
    """Encode images, find them again, and print what it took."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        rng = np.random.default_rng(0)
        tiny = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        paths = []
        for i in range(count):
            # a folder of a million entries is another question
            where = folder / 'images' / f'{i // 1000:04d}'
            paths.append(str(where / f'{i:07d}.png'))
            if i % 1000:
                # a file has 65,000 names at most
                os.link(paths[-(i % 1000) - 1], paths[-1])
            else:
                where.mkdir(parents=True)
                tiny.save(paths[-1])
        start, begun = time.perf_counter(), []
        forward = encoder.encode

        def encode(batch):
            if not begun:
                begun.append(time.perf_counter() - start)
            return forward(batch)

        encoder.encode = encode
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        encode_images(paths, encoder, EncodeSettings(progress=False),
                      ShardStore(folder / 'store'))
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        again = time.perf_counter()
        encode_images(paths, encoder, EncodeSettings(progress=False),
                      ShardStore(folder / 'store'))
        again = time.perf_counter() - again
        new = paths[::max(1, count // 100)][:100]
        new = [path.replace('.png', 'x.png') for path in new]
        for path in new:
            tiny.save(path)
        more, seen = time.perf_counter(), []
        encoder.encode = lambda batch: seen.append(len(batch)) or forward(
            batch)
        encode_images(sorted(paths + new), encoder,
                      EncodeSettings(progress=False),
                      ShardStore(folder / 'store'))
        more = time.perf_counter() - more
        print(f'{count} tiny images, an encoder of no cost: first batch after '
              f'{begun[0]:.1f} s, all after {seconds:.0f} s, found again in '
              f'{again:.1f} s, {sum(seen)} new ones encoded in {more:.1f} s; '
              f'peak memory {peak / 1024:.0f} MB, of which '
              f'{(peak - before) / 1024:.0f} MB since the paths were there',
              flush=True)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('count', type=int, metavar='N', help='images')
    scale(parser.parse_args().count, NoCost())
