"""Checks of encoding and clustering on a GPU.

Shape letters: N samples, D embedding size, K clusters.
"""
from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch

from . import Check, Skip, demand

IMAGES, BATCH = 64, 8
# Least cosine to the CPU's float32 embedding. By their mantissas (8 bits of
# bfloat16, 11 of float16) single layers err by 0.4 and 0.05 %.
CLOSE = {'float32': 0.9999, 'float16': 0.999, 'bfloat16': 0.99}


def kernels(device: torch.device) -> str:
    """Matrix products and convolutions of each number type."""
    found = []
    for name, tolerance in (('float32', 1e-2), ('float16', 1e-2),
                            ('bfloat16', 5e-2)):
        dtype = getattr(torch, name)
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(8, 64, 32, 32, generator=generator)
        weight = torch.randn(64, 64, 3, 3, generator=generator) / 24
        # the same rounded numbers on both sides: only sums may differ
        x, weight = x.to(dtype), weight.to(dtype)
        expected = torch.conv2d(x.double(), weight.double(), padding=1)
        came = torch.conv2d(x.to(device), weight.to(device), padding=1)
        error = float((came.cpu().double() - expected).abs().max()
                      / expected.abs().max())
        demand(error < tolerance,
               f'a convolution in {name} is off by {error:.1e}, at most '
               f'{tolerance} was expected')
        found.append(f'{name} {error:.0e}')
    return 'largest relative error: ' + ', '.join(found)


def encoding(device: torch.device) -> str:
    """The encoder in each precision, by threads, against the CPU."""
    from ..likelihood.encoding.encoders.precision import pick_precision
    with tempfile.TemporaryDirectory() as folder:
        paths = _made_images(Path(folder))
        expected = _embed(paths, torch.device('cpu'), 'float32', workers=0)
        found = []
        for precision, least in CLOSE.items():
            came = _embed(paths, device, precision, workers=4)
            cosine = float((came * expected).sum(1).min())
            demand(cosine > least,
                   f'embeddings in {precision} have a cosine of {cosine:.5f} '
                   f'to those of the CPU, more than {least} was expected')
            found.append(f'{precision} {cosine:.5f}')
            again = _embed(paths, device, precision, workers=1)
            demand(np.array_equal(came, again),
                   f'embeddings in {precision} differ between four threads '
                   'and one')
    return (f'least cosine to the CPU: {", ".join(found)}; the same bits by '
            f'four threads and one; auto is {pick_precision(None, device)}')


def _embed(paths, device, precision, workers):
    from ..likelihood.choices import DEFAULT_ENCODER, FEATURES
    from ..likelihood.encoding.encoders import build_encoder
    from ..likelihood.encoding.threads import run_batches
    try:
        encoder = build_encoder(DEFAULT_ENCODER, None, str(device), precision,
                                FEATURES[0])
    except ImportError as e:
        raise Skip(str(e)) from e
    batches = [paths[i:i + BATCH] for i in range(0, len(paths), BATCH)]
    rows, failures = zip(*run_batches(batches, encoder, workers))
    demand(not any(failures), f'{failures} failed')
    return np.concatenate(rows).astype(np.float64)


def _made_images(folder):
    """Files of smooth noise, each of its own colour."""
    from PIL import Image
    rng = np.random.default_rng(0)
    paths = []
    for i in range(IMAGES):
        coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        paths.append(str(folder / f'{i}.png'))
        Image.fromarray(coarse).resize((320, 240), Image.BICUBIC).save(
            paths[-1])
    return paths


def out_of_memory(device: torch.device) -> str:
    """A batch that does not fit ends in one line."""
    if device.type != 'cuda':
        raise Skip('the memory of a GPU is meant')
    from types import SimpleNamespace

    from ..likelihood.encoding.threads import BatchEncoder

    def encode(batch):
        # beyond what any GPU has; freed at once, as it is never got
        return torch.empty(2**50, dtype=torch.uint8, device=batch.device)

    work = BatchEncoder(SimpleNamespace(device=device, encode=encode))
    try:
        work._forward(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))
    except ValueError as e:
        demand('--batch-size' in str(e), f'said only: {e}')
        return 'said in one line'
    raise ValueError('2^50 bytes were got')


def faiss_kmeans(device: torch.device) -> str:
    """k-means of faiss on the GPU, and its search, against the CPU's."""
    from ..likelihood.clustering.faiss_kmeans import import_faiss, kmeans
    faiss = import_faiss()
    if device.type == 'cuda' and not (
            hasattr(faiss, 'StandardGpuResources') and faiss.get_num_gpus()):
        raise Skip('this faiss is built for the CPU, or sees no GPU; '
                   'clustering runs on the CPU')
    rows = _mixture()[0].astype(np.float32)
    labels = kmeans(rows, 64)
    spread = _spread(rows, labels)
    plain = faiss.Kmeans(rows.shape[1], 64, niter=10, seed=0, gpu=False)
    plain.train(rows)
    squared, _ = plain.index.search(rows, 1)
    ratio = spread / float(squared.mean())
    demand(ratio < 1.05, f'the spread within its cells is {ratio:.3f} of '
           'that of the CPU, at most 1.05 was expected')
    return f'spread within cells {ratio:.3f} of that of the CPU'


def _spread(rows, labels):
    """Mean squared distance to the mean of one's cell."""
    total = 0.0
    for label in np.unique(labels):
        cell = rows[labels == label].astype(np.float64)
        total += ((cell - cell.mean(0))**2).sum()
    return total / len(rows)


def likelihoods(device: torch.device) -> str:
    """The whole estimate, where groups and their sizes are known."""
    from scipy.stats import spearmanr

    from ..likelihood.encoding.embed import embed_given
    from ..likelihood.estimation.make_table import make_table
    from ..likelihood.samples.sources import Samples
    from ..provenance import Provenance
    rows, sizes = _mixture()
    samples = Samples([str(i) for i in range(len(rows))], [],
                      Provenance('embeddings', 'row'))
    table = make_table(embed_given(samples, rows)).table
    rank = float(spearmanr(table.likelihood, sizes)[0])
    demand(rank > 0.95, f'likelihoods have a rank correlation of {rank:.3f} '
           'with the true sizes of groups, more than 0.95 was expected')
    return f'rank correlation {rank:.3f} with the true sizes of groups'


def _mixture():
    """(N, D) rows around six directions, and (N,) the size of each group."""
    rng = np.random.default_rng(0)
    count = np.array([1600, 700, 400, 200, 80, 20])
    centre = rng.normal(size=(len(count), 64))
    group = np.repeat(np.arange(len(count)), count)
    rows = centre[group] + 0.25 * rng.normal(size=(len(group), 64))
    return rows, count[group]


CHECKS = (
    Check('kernels', 'a convolution in float32, float16 and bfloat16 against '
          'float64 on the CPU', kernels),
    Check('encoding', 'the embedded encoder in each precision against float32 '
          'on the CPU; pinned copies, two batches on the device, threads',
          encoding),
    Check('memory', 'the message where a batch does not fit', out_of_memory),
    Check('faiss', 'k-means and search of faiss on the device against the '
          'CPU', faiss_kmeans),
    Check('likelihoods', 'the whole estimate on groups of known sizes',
          likelihoods),
)
