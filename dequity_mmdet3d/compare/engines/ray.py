"""The runs on whatever nodes and GPUs of a Ray cluster are free."""
from __future__ import annotations

import os
import socket

from dequity_mmdet3d.messages import counted, error_line

from . import MAX_RETRIES, Ended
from .jobs import RunStopped, ended, job_of, portable
from .node import GRACE, finish_here


def needs_of_run(nodes, gpus_per_run=None, jobs=1):
    """What a run asks of its node.

    Args:
        nodes (Sequence[Mapping]): Numbers of 'CPU' and 'GPU' of each node.
        gpus_per_run (int, optional): None: one where any node has one.
        jobs (int): Runs at once on a node without GPUs.

    Returns:
        tuple[int, int | float]: GPUs, and the CPUs that go with these on the
        node that has fewest; without GPUs a share of the smallest node's.

    Example:
        >>> needs_of_run([{'CPU': 64, 'GPU': 8}, {'CPU': 4}], 2)
        (2, 16)
    """
    gpus = gpus_per_run
    if gpus is None:
        gpus = int(any(node.get('GPU', 0) >= 1 for node in nodes))
    if gpus:
        shares = [node.get('CPU', 0) * gpus / node['GPU'] for node in nodes
                  if node.get('GPU', 0) >= gpus]
    else:
        shares = [node['CPU'] / jobs for node in nodes if node.get('CPU')]
    cpus = min(shares, default=1)
    return gpus, int(cpus) if cpus >= 1 else cpus


def check(options):
    """Raise ImportError if Ray is not there."""
    try:
        import ray  # noqa: F401
    except ImportError as e:
        raise ImportError(f'--engine ray needs Ray ({e}): pip install '
                          "'dequity_mmdet3d[ray]'") from e


def finish(runs, options):
    """Finish runs on a Ray cluster.

    Ray starts a run where there is room for it, in the order given, and
    again on another node when it loses one.

    Args:
        runs (Sequence[Run]): Prepared, in folders that all nodes share.
        options (Options): Of which ``address``, ``gpus_per_run`` and
            ``jobs`` count here.

    Yields:
        Ended: Each run, as it ends.

    Raises:
        OSError: If the cluster cannot be reached.
    """
    ray = _connect(options.address)
    try:
        nodes = [node['Resources'] for node in ray.nodes() if node['Alive']]
        gpus, cpus = needs_of_run(nodes, options.gpus_per_run, options.jobs)
        if max((n.get('GPU', 0) for n in nodes), default=0) < gpus:
            print(f'no node of the cluster has {counted(gpus, "GPU")}; the '
                  'runs wait for one that has', flush=True)
        environment = portable(os.environ)
        environment.setdefault(
            'OMP_NUM_THREADS', str(max(1, int(cpus / options.processes))))
        task = ray.remote(finish_here)
        pending = {
            task.options(
                name=run.name, num_cpus=cpus, num_gpus=gpus,
                max_retries=MAX_RETRIES, retry_exceptions=[RunStopped],
                scheduling_strategy='SPREAD').remote(
                    job_of(run, options, environment)): run for run in runs}
        try:
            while pending:
                for ref in ray.wait(list(pending), timeout=1)[0]:
                    yield _ended(ray, pending.pop(ref), ref)
        finally:
            for ref in pending:
                ray.cancel(ref)
            if pending:
                ray.wait(list(pending), num_returns=len(pending),
                         timeout=GRACE)
    finally:
        ray.shutdown()


def _ended(ray, run, ref):
    try:
        report = ray.get(ref)
    except ray.exceptions.RayError as e:
        # of a traceback from elsewhere, its last line
        said = str(e).strip().splitlines() or [error_line(e)]
        return Ended(run, error=f'{run.name}: Ray gave it up: {said[-1]}')
    return ended(run, report)


def _connect(address):
    import ray
    try:
        host, _, port = address.rpartition('/')[2].rpartition(':')
        if host:  # for which Ray itself waits for minutes
            socket.create_connection((host, int(port)), 10).close()
        ray.init(address=address, log_to_driver=False, logging_level='error')
    except (OSError, OverflowError, RuntimeError, ValueError) as e:
        raise OSError(
            f'no Ray cluster at {address} ({error_line(e)[:200]}); start one '
            'with ray start --head, add machines with ray start '
            '--address=HOST:6379, and give --address, or leave --engine out '
            'for this machine alone') from e
    return ray
