"""What a training step costs with equity, against upstream's.

    python benchmarks/step_time.py [--steps 60] [--only PATTERN]

One model, one batch; the step (preprocessing, losses, backward pass, AdamW)
runs in turn without weights, with weights whose losses show upstream's values
and with weights whose losses show weighted ones; the figures are the ratios
within a turn, their median and the middle half of them. What DequityProbe
measures, of one rare and one common sample, is timed in turn with them; a run
has it once in ``interval`` steps.
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
from contextlib import contextmanager, nullcontext
from fnmatch import fnmatch
from functools import partial
from itertools import cycle, islice, permutations
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


@contextmanager
def attached(model, loss, found):
    """Weights on while it lasts."""
    loss.attach(model, found)
    yield
    loss.detach()


def compare_steps(name, steps):
    """Print the ratios for one model of the zoo."""
    cfg = zoo.load(name)
    torch.manual_seed(0)
    model = zoo.build(cfg)

    def make():
        return with_weights(zoo.make_batch(cfg, len(WEIGHTS)))

    optimizer = torch.optim.AdamW(model.parameters(), 1e-5)

    def step(batch):
        total = zoo.total_loss(zoo.train_step(model, batch))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()

    with zoo.cpu_ops():
        arms = {"upstream's": nullcontext}
        for values in ('stock', 'weighted'):
            loss = DequityLoss(values=values)
            start = time.perf_counter()
            found = examine(loss, model, make())
            examined = time.perf_counter() - start
            arms[f"values='{values}'"] = partial(attached, model, loss, found)
        reads, times, probed = {}, {arm: [] for arm in arms}, []
        for arm, context in arms.items():  # and warm up
            batch = make()  # the step consumes it
            with context(), zoo.Reads() as mode:
                step(batch)
            reads[arm] = mode.count
        # each is first, second and last as often
        for order in islice(cycle(permutations(arms)), steps):
            for arm in order:
                batch = make()
                with arms[arm]():
                    start = time.perf_counter()
                    step(batch)
                    times[arm].append(time.perf_counter() - start)
            batch = make()
            start = time.perf_counter()
            for row in range(len(WEIGHTS)):  # one rare, one common
                loss_alone(model, batch, [row])
            probed.append(time.perf_counter() - start)
    print(f'{name}, {steps} steps each, examined once in {examined:.1f} s')
    for arm, seconds in times.items():
        low, middle, high = statistics.quantiles(
            [a / b for a, b in zip(seconds, times["upstream's"])], n=4)
        print(f'  {arm:17} {statistics.median(seconds) * 1e3:5.0f} ms, '
              f"{middle:.4f} times upstream's ({low:.3f} to {high:.3f}); "
              f'reads from the device {reads[arm]}')
    interval = DequityProbe().interval
    probe, stock = (statistics.median(x) for x in (
        probed, times["upstream's"]))
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
