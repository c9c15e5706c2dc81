"""What a training step costs with equity, against upstream's.

    python benchmarks/step_time.py [--steps 60] [--only PATTERN]

One model, one batch; the step (preprocessing, losses, backward pass, AdamW)
runs in turn with and without weights, and the figure is the ratio of the
medians. What DequityProbe measures, of one rare and one common sample, is
timed in turn with them; a run has it once in ``interval`` steps.
The models are the zoo's on smaller ranges (tests/zoo), so that a step is short
and an overhead shows. Also counted: how often a step reads a value back from
its device, which on a GPU is a wait; and what 1,000 steps of a small detector
leave in memory.
"""
import argparse
import gc
import resource
import statistics
import sys
import time
from fnmatch import fnmatch
from pathlib import Path

from dequity_mmdet3d.machine import tune_for_cpu

tune_for_cpu()
import torch
from machine import machine

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from dequity_mmdet3d.plugin import DequityLoss, DequityProbe
from dequity_mmdet3d.plugin.examine import examine
from dequity_mmdet3d.plugin.probe import loss_alone
from tests import zoo
from tests.plugin import toys

MODELS = ('pointpillars/pointpillars_hv_secfpn_8xb6-160e_kitti-3d-3class.py',
          'centerpoint/centerpoint_pillar02_second_secfpn_8xb4-cyclic-20e_'
          'nus-3d.py')
WEIGHTS = (0.6, 0.9)


def with_weights(batch):
    """The batch, whose samples carry weights now."""
    for sample, w in zip(batch['data_samples'], WEIGHTS):
        sample.set_metainfo(dict(dequity_weight=w))
    return batch


def compare_steps(name, steps):
    """Print the ratio for one model of the zoo."""
    cfg = zoo.load(name)
    torch.manual_seed(0)
    model = zoo.build(cfg)

    def make():
        return with_weights(zoo.make_batch(cfg, len(WEIGHTS)))

    optimizer = torch.optim.AdamW(model.parameters(), 1e-5)
    loss = DequityLoss()

    def step(batch):
        total = zoo.total_loss(zoo.train_step(model, batch))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()

    with zoo.cpu_ops():
        start = time.perf_counter()
        found = examine(loss, model, make())
        examined = time.perf_counter() - start
        times, reads, probed = {False: [], True: []}, {}, []
        for i in range(-2, 2 * steps):
            # each goes first as often as second
            equity = (i + i // 2) % 2 == 0
            batch = make()  # the step consumes it
            if equity:
                loss.attach(model, found)
            start = time.perf_counter()
            if i < 0:
                with zoo.Reads() as mode:
                    step(batch)
                reads[equity] = mode.count
            else:
                step(batch)
                times[equity].append(time.perf_counter() - start)
            loss.detach()
            if equity:
                batch = make()
                start = time.perf_counter()
                for row in range(len(WEIGHTS)):  # one rare, one common
                    loss_alone(model, batch, [row])
                probed += [time.perf_counter() - start] * (i >= 0)
    stock, weighted = (statistics.median(times[k]) for k in (False, True))
    print(f'{name}\n  step {weighted * 1e3:.0f} ms, stock '
          f'{stock * 1e3:.0f} ms: {weighted / stock:.4f} times ({steps} steps '
          f'each); reads from the device {reads[True]}, stock '
          f'{reads[False]}; examined once in {examined:.1f} s', flush=True)
    interval = DequityProbe().interval
    probe = statistics.median(probed)
    print(f'  DequityProbe measures in {probe * 1e3:.0f} ms, once in '
          f'{interval} steps: {1 + probe / stock / interval:.4f} times',
          flush=True)


def memory_of(steps):
    """Print what steps of a small detector with every head leave behind."""
    model = toys.build_toy(a=toys.Dense, b=toys.Queries, c=toys.Lists)
    loss = DequityLoss()
    batch = with_weights(toys.toy_batch(len(WEIGHTS)))
    loss.attach(model, examine(loss, model, batch))

    def state():
        gc.collect()
        return (len(gc.get_objects()),
                resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

    for i in range(steps + 10):
        if i == 10:
            objects, peak = state()
        toys.gradients(model, batch)
        loss.take_used()  # as the hook does
    more, higher = state()
    print(f'{steps} steps: {more - objects:+d} Python objects, '
          f'{(higher - peak) / 1024:+.1f} MiB of peak memory')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--steps', type=int, default=60)
    parser.add_argument('--only', default='*', help='pattern of the models')
    args = parser.parse_args()
    print(f'{machine(torch)}, {torch.get_num_threads()} threads', flush=True)
    memory_of(1000)
    for name in MODELS:
        if fnmatch(name, args.only):
            compare_steps(name, args.steps)


if __name__ == '__main__':
    main()
