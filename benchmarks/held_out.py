"""Do corrupted images among clean ones come out rare? A test nobody tuned on.

    python benchmarks/held_out.py --bench ../shared/bench [--cache DIR]
        [--draws 2] [--estimates NAME ...] [--sheet FILE]

Clean images are those of the bench's sets without bad weather (CLEAN). Of
each draw 1, 2 or 5 % are replaced by their corrupted versions, all by one of
corruptions.py at one severity. Prints Markdown: the AUROC of p, corrupted
against clean (1 right, .5 chance, below: they come out common), by the default
of 0.1.0 and by today's; a cell is the mild, the clear and the strong severity,
each the mean over shares and draws. --estimates adds columns of today's
embedding by estimates of soft_parts.py, all of today's but one part. --sheet
draws the corruptions themselves.
"""
import sys
import zlib
from functools import partial
from pathlib import Path

import faiss
import numpy as np
import real_images
from corruptions import CORRUPTIONS, SEVERITIES, corrupt
from machine import machine
from PIL import Image
from rarest_images import DEFAULTS
from soft_parts import ESTIMATES

from dequity_mmdet3d.cli import positive, run_cli
from dequity_mmdet3d.likelihood.embeddings.vectors import unit_rows
from dequity_mmdet3d.likelihood.encoding.encoders import build_encoder
from dequity_mmdet3d.likelihood.encoding.images import load_rgb

# name: set of the bench, and its kinds that show no bad weather
CLEAN = {
    'highways': ('roads', ('highway', )),
    'roads': ('roads', ('dirt', 'forest', 'gravel', 'highway')),
    'drives': ('drives', ('kitti_0005', 'kitti_bridge', 'nuscenes_back')),
}
MOST = 600  # images of a draw
SHARES = (.01, .02, .05)  # of them that are corrupted
POOL = 30  # images of a set that may be


def plan(n, share, seed):
    """Which of a set's images a draw takes, and which of them are corrupted.

    Args:
        n (int): Images in the set. Its first ``POOL`` may be corrupted.
        share (float): Of the draw's images that are.
        seed (Sequence[int]): Of both choices.

    Returns:
        tuple[np.ndarray, np.ndarray]: Rows of clean images, and of
        corrupted; no row is in both.
    """
    rng, size = np.random.default_rng(seed), min(n, MOST)
    bad = rng.choice(min(POOL, n), max(1, round(share * size)), replace=False)
    good = np.setdiff1d(np.arange(n), bad)
    return rng.choice(good, size - len(bad), replace=False), bad


def auroc(low, high):
    """Chance that one of `low` is below one of `high`; equal counts half."""
    low, high = np.asarray(low)[:, None], np.asarray(high)[None]
    return float((low < high).mean() + (low == high).mean() / 2)


def score(clean, bad, method, draws, seed):
    """{share: [AUROC of every draw]} of one corruption at one severity.

    Args:
        clean (np.ndarray): (N, D) float32 embeddings of a set.
        bad (np.ndarray): (POOL, D) float32, its first images corrupted.
        method (Callable): From embeddings to likelihoods.
        draws (int): Of each share.
        seed (int): Of the draws.
    """
    found = {share: [] for share in SHARES}
    for k, share in enumerate(SHARES):
        for draw in range(draws):
            good, rows = plan(len(clean), share, [seed, k, draw])
            p = method(np.concatenate([clean[good], bad[rows]]))
            found[share].append(auroc(p[len(good):], p[:len(good)]))
    return found


def images_of(bench, name):
    """Paths of a clean set in a random order, which is always the same."""
    of, kinds = CLEAN[name]
    paths, labels = bench.images(of)
    rows = np.flatnonzero(np.isin(labels, kinds))
    rows = np.random.default_rng(zlib.crc32(name.encode())).permutation(rows)
    return of, rows, [paths[r] for r in rows]


def columns(estimates=()):
    """Title to (features, from embeddings to likelihoods)."""
    found = {title: (features, partial(real_images.estimate, method=method))
             for title, (features, method) in DEFAULTS.items()}
    return found | {name: (real_images.FEATURES[0], ESTIMATES[name])
                    for name in estimates}


def results(sets, draws, by):
    """Yield (set, corruption, severity, title, {share: [AUROC]}).

    Args:
        sets (dict): ``RealSets`` by features.
        draws (int): Of each share.
        by (dict): As of :func:`columns`.
    """
    for features, some in sets.items():
        encoder = build_encoder(features=features, precision='float32')
        for name in CLEAN:
            of, rows, paths = images_of(some.bench, name)
            clean = some.embeddings(of)[rows]
            pool = [load_rgb(path) for path in paths[:POOL]]
            for corruption in CORRUPTIONS:
                seed = zlib.crc32(f'{name}/{corruption}'.encode())
                for severity in range(len(SEVERITIES)):
                    bad = unit_rows(real_images.encode(encoder, (
                        corrupt(image, corruption, severity, [seed, i])
                        for i, image in enumerate(pool))))
                    for title, (seen, method) in by.items():
                        if seen == features:
                            yield name, corruption, severity, title, score(
                                clean, bad, method, draws, seed)


def table(found):
    """Lines of Markdown.

    Args:
        found (dict): By (set, corruption, severity, title):
            {share: [AUROC]}.
    """
    titles = dict.fromkeys(title for *_, title in found)
    columns = [(name, title) for name in CLEAN for title in titles]

    def mean(keep, share=None):
        return np.mean([
            value for key, by_share in found.items() if keep(*key)
            for s, values in by_share.items() if share in (None, s)
            for value in values])

    yield '| | ' + ' | '.join(map(', '.join, columns)) + ' |'
    yield '| --- ' * (len(columns) + 1) + '|'
    for corruption in CORRUPTIONS:
        cells = [' '.join(
            f'{mean(lambda *key: key == (n, corruption, s, t)):.2f}'
            for s in range(len(SEVERITIES))) for n, t in columns]
        yield f'| {corruption} | ' + ' | '.join(cells) + ' |'
    real = set(CORRUPTIONS) - {'none'}
    for text, shares in (('**mean of all**', (None, )),
                         (f'mean at {SHARES} corrupted', SHARES)):
        cells = [' '.join('{:.2f}'.format(mean(
            lambda n, c, s, t: (n, t) == column and c in real, share))
            for share in shares) for column in columns]
        yield f'| {text} | ' + ' | '.join(cells) + ' |'


def draw_sheet(bench, path):
    """One image of each set by every corruption, severities below it."""
    width, height = 150, 100
    page = Image.new('RGB', (width * len(CORRUPTIONS), height
                             * len(CLEAN) * len(SEVERITIES)), 'white')
    for row, name in enumerate(CLEAN):
        image = load_rgb(images_of(bench, name)[2][0])
        for column, corruption in enumerate(CORRUPTIONS):
            for severity in range(len(SEVERITIES)):
                bad = corrupt(image, corruption, severity).resize(
                    (width - 4, height - 4))
                page.paste(bad, (column * width, height * (
                    row * len(SEVERITIES) + severity)))
    page.save(path)


def main():
    parser = real_images.bench_parser(__doc__)
    parser.add_argument('--draws', type=positive, default=2, metavar='N',
                        help='of each share (default: 2)')
    parser.add_argument('--estimates', nargs='+', default=[],
                        choices=ESTIMATES, metavar='NAME')
    parser.add_argument('--sheet', type=Path, metavar='FILE')
    args = parser.parse_args()
    sets = {features: real_images.RealSets(args.bench, features, args.cache)
            for features, _ in DEFAULTS.values()}
    if args.sheet:
        draw_sheet(next(iter(sets.values())).bench, args.sheet)
        return
    print(machine(np, faiss) + '\n')
    found = {}
    for *key, by_share in results(sets, args.draws,
                                  columns(args.estimates)):
        found[tuple(key)] = by_share
        print(*key, by_share, file=sys.stderr, flush=True)
    print('\n'.join(table(found)))


if __name__ == '__main__':
    sys.exit(run_cli(main))
