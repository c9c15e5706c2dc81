"""Times a forward pass with the statistics of all stages against one without.

    python benchmarks/stage_cost.py [--encoder NAME ...] [--pairs 12]

Both encode the same batch in turn, in the CPU's default batch size and on one
thread, as every worker does (see `threads.py`). Prints the median of the
pairs' ratios and their range. An encoder that brings no weights gets random
ones.
"""
import argparse
import statistics
import tempfile
import time
from pathlib import Path

from dequity_mmdet3d.machine import tune_for_cpu

tune_for_cpu(threads=True)
import torch
from encoding import checkpoint, description

from dequity_mmdet3d.likelihood.choices import DEFAULT_ENCODER
from dequity_mmdet3d.likelihood.encoding.encode import default_batch_size
from dequity_mmdet3d.likelihood.encoding.encoders import build_encoder

SECONDS = 1.0  # a side of a pair, at least


def seconds(encoder, batch):
    """CPU seconds of a forward pass, over at least SECONDS."""
    count, start = 0, time.process_time()
    while count == 0 or time.process_time() - start < SECONDS:
        encoder.encode(batch)
        count += 1
    return (time.process_time() - start) / count


def ratios(name, pretrained, pairs, precision):
    """Batch size, and per pair: stages over pooled."""
    with_stages, plain = (
        build_encoder(name, pretrained, 'cpu', precision, features)
        for features in ('stages', 'pooled'))
    width, height = plain.preprocess.size
    torch.manual_seed(0)
    batch = torch.randint(0, 256, (default_batch_size(plain), 3, height,
                                   width), dtype=torch.uint8)
    batch = batch.contiguous(memory_format=torch.channels_last)
    found = []
    with torch.inference_mode():
        for encoder in (with_stages, plain):
            encoder.encode(batch)
        for i in range(pairs):
            # which comes first changes, as a CPU warms up
            order = (with_stages, plain)[::1 if i % 2 else -1]
            took = {id(e): seconds(e, batch) for e in order}
            found.append(took[id(with_stages)] / took[id(plain)])
    return len(batch), found


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--encoder', nargs='+', default=[
        DEFAULT_ENCODER, 'resnet50', 'ViT-B-32'])
    parser.add_argument('--pairs', type=int, default=12)
    parser.add_argument('--precision', default='float32')
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(description(), flush=True)
    for name in args.encoder:
        with tempfile.TemporaryDirectory() as folder:
            pretrained = None if name == DEFAULT_ENCODER else checkpoint(
                name, Path(folder))
            size, found = ratios(name, pretrained, args.pairs,
                                 args.precision)
        print(f'{name}, {args.precision}, batches of {size}: '
              f'{statistics.median(found):.3f} times ({min(found):.3f} to '
              f'{max(found):.3f}, {len(found)} pairs)', flush=True)


if __name__ == '__main__':
    main()
