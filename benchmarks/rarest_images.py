"""Sheets of the rarest and the most common images, old default and new.

    python benchmarks/rarest_images.py --bench ../shared/bench --out DIR
        [--images [NAME=]FOLDER ...] [--kinds FILE] [--draw 0] [--cache DIR]

One JPEG a set: the twenty rarest and the twenty most common images by the
default of 0.1.0 and by today's, each with its p and, where it is known, its
kind. Sets are those of --bench, see real_images.py (a draw of very unequal
kinds, where red names kinds that were drawn rarely; and all images), and any
folders of images. --kinds is a CSV file of the folders' kinds: an image's
name without its suffix, and its kind. Also prints, in Markdown, which kinds
stand on each sheet.

The images of --bench are other people's: keep their sheets to yourself.
"""
import argparse
import csv
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import real_images
from PIL import Image, ImageDraw, ImageFont

from dequity_mmdet3d.cli import run_cli
from dequity_mmdet3d.likelihood.choices import FEATURES, METHODS
from dequity_mmdet3d.likelihood.encoding.images import load_rgb
from dequity_mmdet3d.likelihood.samples.sources import samples_from_folder

# what an image is encoded by, and how its like are counted
DEFAULTS = {
    'default of 0.1.0': ('pooled', 'modes'),
    'default now': (FEATURES[0], METHODS[0]),
}
SHOWN = 20
WIDTH, GAP, LINE = 1280, 6, 14  # of a sheet, in pixels
WIDE = 2  # times as wide as high: five images in a row in place of ten
INK, RED = '#222222', '#c02020'


def extremes(p, count=SHOWN, seed=0):
    """The rarest samples and the most common ones.

    Args:
        p (np.ndarray): (N,) likelihoods.
        count (int): Of each; no more than half of all are taken.
        seed (int): Of the choice among equals.

    Returns:
        tuple[np.ndarray, np.ndarray]: Rows of the rarest, rarest first, and
        of the most common, most common first.

    Example:
        >>> extremes(np.array([.5, .1, .2, 1.]), 1)
        (array([1]), array([3]))
    """
    count = min(count, len(p) // 2)
    chance = np.random.default_rng(seed).random(len(p))
    order = np.lexsort((chance, p))
    return order[:count], order[::-1][:count]


def kinds_text(rows, kinds):
    """'snow 8 of 8, rain 2 of 15': most of them first."""
    there, every = Counter(kinds[rows]), Counter(kinds)
    return ', '.join(f'{kind} {n} of {every[kind]}'
                     for kind, n in there.most_common())


def sheet(blocks, paths):
    """Draw images in blocks under headings.

    Args:
        blocks (list[tuple[str, list[tuple[int, str, bool]]]]): Heading, and
            for each image its row, its caption, and whether that is red.
        paths (Sequence[str | Path]): Image files, by row.

    Returns:
        PIL.Image.Image: RGB, ``WIDTH`` wide.
    """
    rows = sorted({row for _, shown in blocks for row, _, _ in shown})
    size = {row: load_rgb(paths[row]).size for row in rows}
    aspect = np.median([w / h for w, h in size.values()])
    columns = 5 if aspect > WIDE else 10
    width = WIDTH // columns - GAP
    height = round(width / max(aspect, 1.2))
    lines = [-(-len(shown) // columns) for _, shown in blocks]
    page = Image.new('RGB', (WIDTH, sum(
        2 * LINE + n * (height + LINE + GAP) for n in lines)), 'white')
    pen, font = ImageDraw.Draw(page), ImageFont.load_default()
    top = 0
    for (heading, shown), n in zip(blocks, lines):
        pen.text((GAP, top + LINE // 2), heading, INK, font)
        top += 2 * LINE
        for k, (row, caption, red) in enumerate(shown):
            x = k % columns * (width + GAP) + GAP // 2
            y = top + k // columns * (height + LINE + GAP)
            image = load_rgb(paths[row])
            image.thumbnail((width, height), reducing_gap=2.0)
            page.paste(image, (x, y))
            pen.text((x, y + image.height + 1), caption[:width // 6],
                     RED if red else INK, font)
        top += n * (height + LINE + GAP)
    return page


def show(name, paths, vectors, out, kinds=None, rare=None):
    """Write the sheet of a set, and yield lines of Markdown about it.

    Args:
        name (str): Of the set; the sheet is NAME.jpg.
        paths (Sequence[str | Path]): N image files.
        vectors (dict[str, np.ndarray]): (N, D) float32 by ``FEATURES``.
        out (Path): Folder to write to.
        kinds (np.ndarray, optional): (N,) str.
        rare (np.ndarray, optional): (N,) bool, images whose kind is rare.
    """
    found, rare = [], np.zeros(len(paths), bool) if rare is None else rare
    for title, (features, method) in DEFAULTS.items():
        p = real_images.estimate(vectors[features], method)
        found.append((title, p / p.max()))
    blocks = []
    for end, what in enumerate(('rarest', 'most common')):
        for title, p in found:
            rows = extremes(p)[end]
            last = p[rows[-1]]
            equal = (f', the last out of {(p == last).sum()} with the same p'
                     if (p == last).sum() > 1 else '')
            blocks.append((
                f'{name}, {len(p)} images: {what} by the {title} (p, from '
                f'{p.min():.2f} to 1){equal}',
                [(r, f'{p[r]:.2f}' + (f' {kinds[r]}' if kinds is not None
                                      else ''), rare[r]) for r in rows]))
            if kinds is not None:
                yield (f'| {name} | {what} | {title} | '
                       f'{kinds_text(rows, kinds)} |')
    out.mkdir(parents=True, exist_ok=True)
    sheet(blocks, paths).save(out / f'{name}.jpg', quality=80, optimize=True)


def bench_sets(bench, draw, cache):
    """What :func:`show` takes for each sheet of the bench's."""
    sets = {f: real_images.RealSets(bench, f, cache)
            for f, _ in DEFAULTS.values()}
    any_set = next(iter(sets.values()))
    for name in any_set.FAMILIES:
        paths, kinds = any_set.bench.images(name)
        vectors = {f: s.embeddings(name) for f, s in sets.items()}
        rows, _, rare = any_set.draws(name)[draw]
        yield dict(name=f'{name}_draw_{draw}', paths=[paths[r] for r in rows],
                   vectors={f: v[rows] for f, v in vectors.items()},
                   kinds=kinds[rows], rare=rare)
        yield dict(name=f'{name}_all', paths=paths, vectors=vectors,
                   kinds=kinds)


def folder_set(text, kinds, cache):
    """What :func:`show` takes for the sheet of '[NAME=]FOLDER'."""
    name, _, folder = text.rpartition('=')
    paths = [Path(image) for image, in samples_from_folder(folder).images]
    name = name or Path(folder).resolve().name
    if kinds is not None:
        missing = sorted({path.stem for path in paths} - set(kinds))
        if missing:
            raise ValueError(f'--kinds must name the kind of every image of '
                             f'{folder}, but not that of {missing[0]} and '
                             f'{len(missing) - 1} others')
        kinds = np.array([kinds[path.stem] for path in paths])
    return dict(name=name, paths=paths, kinds=kinds, vectors={
        features: real_images.embeddings_of(paths, name, features, cache)
        for features, _ in DEFAULTS.values()})


def read_kinds(path):
    """{name without suffix: kind}: a CSV file's first and last columns."""
    with open(path, newline='', encoding='utf-8') as f:
        return {row[0]: row[-1] for row in csv.reader(f) if row}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--bench', metavar='PATH')
    parser.add_argument('--images', nargs='+', default=[],
                        metavar='[NAME=]FOLDER')
    parser.add_argument('--kinds', type=Path, metavar='FILE')
    parser.add_argument('--draw', type=int, default=0, metavar='N')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR')
    parser.add_argument('--cache', type=Path, metavar='DIR')
    args = parser.parse_args()
    if not args.bench and not args.images:
        parser.error('give --bench, --images or both')
    print('| set | images | by the | kinds |\n| --- | --- | --- | --- |')
    sets = bench_sets(args.bench, args.draw, args.cache) if args.bench else ()
    kinds = args.kinds and read_kinds(args.kinds)
    for some in (sets, (folder_set(t, kinds, args.cache)
                        for t in args.images)):
        for one in some:
            for line in show(out=args.out, **one):
                print(line, flush=True)


if __name__ == '__main__':
    sys.exit(run_cli(main))
