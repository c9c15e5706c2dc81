"""Times the encoding of images against the usual loop, and checks it.

    python benchmarks/encoding.py [--encoder NAME] [--images 128] [--rounds 3]

The usual loop: Pillow decodes, open_clip's own transform with its crop
replaced by the same squash, two workers of a DataLoader, float32, batches of
32. Both run in turn in this process; a ratio is the median of the rounds'. The
bound is 1 / (f + d / C): f seconds for the bare forward pass of an image on
all C cores, d for the bare decode on one.

Images: copies of real KITTI and nuScenes frames from DEQUITY_SHARED_DATA or
../shared/data; where there are none, drawn PNG and JPEG of the same sizes. An
open_clip model or a ResNet gets random weights. Afterwards encoding_scale.py
runs with each of the ``--scale`` numbers of tiny images.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dequity_mmdet3d.machine import tune_for_cpu

tune_for_cpu(threads=True)
import numpy as np
import PIL
import torch
from machine import machine
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from dequity_mmdet3d.likelihood.embeddings.shards import ShardStore
from dequity_mmdet3d.likelihood.encoding.encode import (
    EncodeSettings,
    default_batch_size,
    encode_images,
)
from dequity_mmdet3d.likelihood.encoding.encoders import build_encoder
from dequity_mmdet3d.likelihood.encoding.encoders.classifiers import (
    is_classifier,
)
from dequity_mmdet3d.likelihood.encoding.encoders.precision import cpu_flags
from dequity_mmdet3d.likelihood.encoding.images import load_rgb
from dequity_mmdet3d.machine import usable_cores

ROOT = Path(__file__).resolve().parents[1]
SHAPES = dict(kitti=((1242, 375), 'png'), nuscenes=((1600, 900), 'jpg'))


def description():
    """One line on what the figures were measured on."""
    units = sorted({'avx2', 'avx512f', 'avx512_bf16', 'amx_bf16'}
                   & cpu_flags())
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else 'none'
    return (f'{machine(torch, PIL)} ({", ".join(units)}), {usable_cores()} '
            f'usable cores, GPU {gpu}')


def frames(kind, folder, count):
    """Copies of real frames, or drawn ones, as separate files."""
    size, suffix = SHAPES[kind]
    shared = Path(os.environ.get('DEQUITY_SHARED_DATA',
                                 ROOT.parent / 'shared' / 'data'))
    real = sorted((shared / 'kitti_images').glob('*.png')
                  if kind == 'kitti' else shared.glob('nuscenes/**/*.jpg'))
    folder = folder / kind
    folder.mkdir()
    if not real:
        rng = np.random.default_rng(0)
        for i in range(8):
            low = rng.integers(0, 256, (24, 64, 3), dtype=np.uint8)
            pixels = np.asarray(Image.fromarray(low).resize(size), np.int16)
            # noise, because smooth images decode in no time
            pixels = pixels + rng.integers(-6, 7, pixels.shape)
            real.append(folder / f'drawn{i}.{suffix}')
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(
                real[-1], **(dict(quality=90) if suffix == 'jpg' else {}))
    paths = [folder / f'{i:05d}.{suffix}' for i in range(count)]
    for i, path in enumerate(paths):
        shutil.copyfile(real[i % len(real)], path)
    return [str(path) for path in paths], len(real)


class Usual(Dataset):
    """One image at a time, as in the examples of open_clip."""

    def __init__(self, paths, size, resample):
        from torchvision import transforms
        self.paths = paths
        self.transform = transforms.Compose([
            transforms.Resize(size[::-1], transforms.InterpolationMode(
                resample)),
            lambda image: image.convert('RGB'),
            transforms.ToTensor(),
        ])

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        return self.transform(Image.open(self.paths[i]))


def usual_loop(paths, encoder):
    """(M, D) float32 embeddings and images a second."""
    start = time.perf_counter()
    loader = DataLoader(
        Usual(paths, encoder.preprocess.size, encoder.preprocess.resample),
        batch_size=32, num_workers=2)
    rows = []
    with torch.inference_mode():
        for batch in loader:
            # back to the pixels that this encoder normalises itself
            rows.append(encoder.encode(batch.mul_(255)))
    embeddings = torch.cat(rows).cpu().numpy()
    return embeddings, len(paths) / (time.perf_counter() - start)


def ours(paths, encoder):
    """(M, D) embeddings from the shards, and images a second."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        encoded = encode_images(
            paths, encoder, EncodeSettings(progress=False),
            ShardStore(folder))
        rate = len(paths) / (time.perf_counter() - start)
        return np.concatenate(encoded.shards).astype(np.float32), rate


def bare_forward(encoder):
    """Images a second of the network alone, on all cores."""
    width, height = encoder.preprocess.size
    size = 32 if encoder.device.type == 'cpu' else default_batch_size(encoder)
    batch = torch.zeros(
        size, 3, height, width, dtype=torch.uint8, device=encoder.device)
    with torch.inference_mode():
        encoder.encode(batch).cpu()
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < 3:
            encoder.encode(batch).cpu()
            count += size
    return count / (time.perf_counter() - start)


def bare_decode(paths, encoder):
    """Seconds to decode and resize one image on one core."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    start = time.perf_counter()
    for path in paths:
        encoder.preprocess(load_rgb(path, encoder.preprocess.size))
    seconds = (time.perf_counter() - start) / len(paths)
    torch.set_num_threads(threads)
    return seconds


def checkpoint(name, folder):
    """A file of random weights for an encoder that brings none."""
    torch.manual_seed(0)
    path = folder / f'{name}.pt'
    if is_classifier(name):
        import torchvision
        module = getattr(torchvision.models, name)()
    else:
        import logging

        import open_clip
        logging.disable(logging.ERROR)
        module = open_clip.create_model(name)
        logging.disable(logging.NOTSET)
    torch.save(module.state_dict(), path)
    return str(path)


def compare(name, args, folder, data):
    pretrained = None if name == 'efficientnet_lite0' else checkpoint(
        name, folder)
    fast = build_encoder(name, pretrained, args.device, args.precision)
    plain = build_encoder(name, pretrained, args.device, 'float32')
    cores = usable_cores()
    print(f'\n{name}, {fast.precision} on {fast.device}, batches of '
          f'{default_batch_size(fast)}')
    for kind, (paths, distinct) in data.items():
        mine, usual, forward, decode = [], [], [], []
        for _ in range(args.rounds):
            forward.append(bare_forward(fast))
            decode.append(bare_decode(paths[:48], fast))
            vectors, rate = ours(paths, fast)
            mine.append(rate)
            full, rate = usual_loop(paths, plain)
            usual.append(rate)
        # of every round by itself, as another process may come and go
        ratios = [m / u for m, u in zip(mine, usual)]
        bounds = [1 / (1 / f + d / cores) for f, d in zip(forward, decode)]
        shares = [m / bound for m, bound in zip(mine, bounds)]
        a, b, f, d = map(statistics.median, (mine, usual, forward, decode))
        cosine = (vectors * full).sum(1)[:distinct] / (
            np.linalg.norm(vectors, axis=1) *
            np.linalg.norm(full, axis=1))[:distinct]
        print(f'  {kind}: {a:.1f} images/s, usual loop {b:.1f}: '
              f'{statistics.median(ratios):.2f} times ({min(ratios):.2f} to '
              f'{max(ratios):.2f}); {statistics.median(shares):.0%} of the '
              f'bound {statistics.median(bounds):.1f} (bare forward {f:.1f} '
              f'images/s, bare decode {1e3 * d:.1f} ms)'
              f'; cosine with float32 and full decode: min '
              f'{cosine.min():.5f}, mean {cosine.mean():.5f}', flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--encoder', nargs='*', default=[
        'ViT-B-32', 'efficientnet_lite0', 'resnet101'])
    parser.add_argument('--images', type=int, default=128)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--device')
    parser.add_argument('--precision', default='auto')
    parser.add_argument('--scale', type=int, nargs='*',
                        default=[2000, 20000, 200000])
    args = parser.parse_args()
    print(description(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        data = {k: frames(k, folder, args.images) for k in SHAPES}
        for name in args.encoder:
            compare(name, args, folder, data)
    print(flush=True)
    for count in args.scale:  # each alone, because a peak never falls
        subprocess.run(
            [sys.executable, Path(__file__).with_name('encoding_scale.py'),
             str(count)], check=True)


if __name__ == '__main__':
    main()
