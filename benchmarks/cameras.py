"""Which way to join several cameras finds rare samples best?

    python benchmarks/cameras.py MINI_KITTI [--n 3000] [--seeds 5]

Two kinds of samples whose likelihood is known. Real encoder, drawn frames:
mini KITTI (tools/make_mini_kitti.py MINI_KITTI), each image cut into three
parts as if by three cameras; the truth is the frequency of its weather and
road. Drawn embeddings: six cameras, each with a look of its own; samples of
a scene mode that all cameras see (`scene`), or that only one of them sees
while the others show the common mode (`one camera`).
"""
import argparse
import csv
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from dequity_mmdet3d.likelihood.choices import CAMERAS
from dequity_mmdet3d.likelihood.embeddings.cameras import View, views_of
from dequity_mmdet3d.likelihood.embeddings.shards import ShardStore
from dequity_mmdet3d.likelihood.encoding.embed import Embedded, embed_samples
from dequity_mmdet3d.likelihood.encoding.encoders import build_encoder
from dequity_mmdet3d.likelihood.estimation.make_table import make_table
from dequity_mmdet3d.likelihood.estimation.ranks import rank_correlation
from dequity_mmdet3d.likelihood.samples.sources import Samples
from dequity_mmdet3d.provenance import Provenance

PROVENANCE = Provenance('images', 'given')


def score(embedded, truth):
    return rank_correlation(truth, make_table(embedded).table.likelihood)


def frequency(mode):
    _, inverse, count = np.unique(
        mode, return_inverse=True, return_counts=True)
    return count[inverse] / count.max()


def mini_kitti(folder, work):
    """{policy: rho} for frames cut into three."""
    with open(Path(folder, 'modes.csv'), newline='') as f:
        rows = list(csv.DictReader(f))
    ids = [row['sample_id'] for row in rows]
    images = []
    for i in ids:
        with Image.open(Path(folder, f'training/image_2/{i}.png')) as image:
            width, height = image.size
            paths = []
            for c in range(3):
                part = image.crop(
                    (width * c // 3, 0, width * (c + 1) // 3, height))
                paths.append(str(Path(work, f'{i}_{c}.jpg')))
                part.convert('RGB').save(paths[-1], quality=95)
        images.append(tuple(paths))
    samples = Samples(ids, images, PROVENANCE)
    truth = frequency(np.array([row['mode'] for row in rows]))
    store, encoder = ShardStore(Path(work, 'e')), build_encoder()
    return {
        policy: score(embed_samples(samples, encoder, None, store,
                                    policy=policy), truth)
        for policy in CAMERAS
    }


def drawn(n, seed, everywhere, cameras=6, modes=20, rank=24, dim=512):
    """{policy: rho} for drawn embeddings."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, modes + 1)**1.2
    mode = rng.choice(modes, n, p=share / share.sum())
    seen = np.repeat(mode[:, None], cameras, axis=1)
    if not everywhere:
        only = rng.integers(cameras, size=n)
        seen[np.arange(cameras) != only[:, None]] = 0
    x = rng.standard_normal((modes, rank))[seen]
    x = x + 1.5 * rng.standard_normal((cameras, rank))
    x = x + 0.5 * rng.standard_normal(x.shape)
    x = (x @ rng.standard_normal((rank, dim))).reshape(-1, dim)
    sample, camera = np.divmod(np.arange(n * cameras), cameras)
    truth = frequency(mode)
    out = {}
    for policy in CAMERAS:
        views = views_of([x.astype(np.float32)], sample, camera,
                         np.ones(len(x), bool), list(range(cameras)), policy)
        views = [View(str(v.name), v.vectors, v.rows) for v in views]
        out[policy] = score(
            Embedded([str(i) for i in range(n)], views,
                     PROVENANCE, policy), truth)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('mini_kitti', help='folder of make_mini_kitti.py')
    parser.add_argument('--n', type=int, default=3000)
    parser.add_argument('--seeds', type=int, default=5)
    args = parser.parse_args()
    print('| rank correlation with the truth | ' + ' | '.join(CAMERAS) + ' |')
    print('| --- |' + ' --- |' * len(CAMERAS))

    def row(name, runs):
        cells = [f'{np.mean([r[policy] for r in runs]):.3f} '
                 f'({min(r[policy] for r in runs):.3f})' for policy in CAMERAS]
        print(f'| {name} | ' + ' | '.join(cells) + ' |', flush=True)

    with tempfile.TemporaryDirectory() as work:
        row('mini KITTI, three parts', [mini_kitti(args.mini_kitti, work)])
    for name, everywhere in (('scene', True), ('one camera', False)):
        row(f'drawn, {name}, mean (lowest)',
            [drawn(args.n, s, everywhere) for s in range(args.seeds)])


if __name__ == '__main__':
    main()
