#!/usr/bin/env python
"""The page at the size of nuScenes: how long, how large, how soon to see?

    python benchmarks/report_page.py IMAGES [--n 30000] [--map tsne]

takes the images of a folder again and again under new names until there are
N samples, with embeddings of 40 groups made for them, and opens the page in
Chromium, three times.
"""
import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'benchmarks')]

from machine import machine

from dequity_mmdet3d.cli import DefaultsHelp


def make(root, images, n):
    """Table, folder and embeddings of n samples."""
    from dequity_mmdet3d.likelihood.estimation.estimate import (
        likelihood_from_labels,
    )
    from dequity_mmdet3d.likelihood.samples.sources import samples_from_folder
    from dequity_mmdet3d.table import LikelihoodTable
    (root / 'images').mkdir()
    found = sorted(Path(images).resolve().iterdir())
    for i in range(n):
        file = found[i % len(found)]
        (root / f'images/{i:06d}{file.suffix}').symlink_to(file)
    rng = np.random.default_rng(0)
    labels = np.minimum(rng.geometric(0.12, n), 40) - 1
    labels = np.unique(labels, return_inverse=True)[1].reshape(-1)
    centres = rng.normal(size=(40, 512))
    vectors = centres[labels] + 0.7 * rng.normal(size=(n, 512))
    np.save(root / 'vectors.npy', vectors.astype(np.float32))
    ids = samples_from_folder(root / 'images').ids
    likelihood, size = likelihood_from_labels(labels)
    LikelihoodTable(ids, likelihood, labels, size, {}).save(
        root / 'table.parquet')


def look(page):
    """Seconds to the first paint, until all is drawn, and of answers."""
    from tests.report import browser
    chrome = browser.start()
    try:
        started = time.perf_counter()
        chrome.get(page.resolve().as_uri())
        drawn = time.perf_counter() - started
        paint = chrome.execute_script(
            'return performance.getEntriesByType("paint")[0].startTime')
        slider, choice = chrome.execute_async_script('''
            const done = arguments[0], now = () => performance.now();
            const begin = now(), s = document.getElementById('gamma');
            s.value = 3;
            s.dispatchEvent(new Event('input'));
            requestAnimationFrame(() => setTimeout(() => {
              const middle = now();
              document.getElementById('commoner').click();
              requestAnimationFrame(() => setTimeout(
                () => done([middle - begin, now() - middle])));
            }));''')
        errors = [e for e in chrome.get_log('browser')
                  if e['level'] == 'SEVERE']
        return paint / 1e3, drawn, slider / 1e3, choice / 1e3, len(errors)
    finally:
        chrome.quit()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n', 1)[0],
        formatter_class=DefaultsHelp)
    parser.add_argument('images', help='folder of images')
    parser.add_argument('--n', type=int, default=30_000, help='samples')
    parser.add_argument('--map', default='tsne', choices=('tsne', 'pca'))
    args = parser.parse_args()
    import plotly
    import sklearn
    print(machine(plotly, sklearn))
    from dequity_mmdet3d.commands import report
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make(root, args.images, args.n)
        started = time.perf_counter()
        report.main([
            str(root / 'table.parquet'), '--images', str(root / 'images'),
            '--embeddings', str(root / 'vectors.npy'), '--map', args.map,
            '--out', str(root / 'page')])
        print(f'made in {time.perf_counter() - started:.0f} s')
        page = root / 'page/index.html'
        print(f'{os.path.getsize(page) / 1e6:.1f} MB')
        for _ in range(3):
            paint, drawn, slider, choice, errors = look(page)
            print(f'first paint {paint:.2f} s, all drawn {drawn:.2f} s; '
                  f'answer to a slider {slider:.2f} s, to a choice '
                  f'{choice:.2f} s; {errors} errors')


if __name__ == '__main__':
    main()
