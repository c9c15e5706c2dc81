"""Runs on a Ray cluster of two nodes, of which one is lost."""
import sys

import pytest

from dequity_mmdet3d.compare.engines import Options, ray

from .clusters import Trial, parent_of, processes_of


@pytest.mark.parametrize('nodes, gpus, jobs, needs', [
    ([{'CPU': 8.0}, {'CPU': 6.0}, {'memory': 1}], None, 1, (0, 6)),
    ([{'CPU': 8.0}, {'CPU': 6.0}], None, 4, (0, 1)),
    ([{'CPU': 1.0}], None, 2, (0, 0.5)),
    ([{'CPU': 2.0}, {'CPU': 64.0, 'GPU': 8.0}], None, 1, (1, 8)),
    ([{'CPU': 64.0, 'GPU': 8.0}, {'CPU': 12.0, 'GPU': 4.0}], 4, 1, (4, 12)),
    ([{'CPU': 64.0, 'GPU': 8.0}, {'CPU': 2.0, 'GPU': 1.0}], 4, 1, (4, 32)),
    ([{'CPU': 4.0}], 2, 1, (2, 1)),  # none of them: it waits for one
    ([], None, 1, (0, 1)),
])
def test_what_a_run_asks_for(nodes, gpus, jobs, needs):
    assert ray.needs_of_run(nodes, gpus, jobs) == needs


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, 'ray', None)
    with pytest.raises(ImportError, match=r"pip install 'dequity_mmdet3d\["):
        ray.check(Options())


@pytest.mark.parametrize('address', ['127.0.0.1:1', 'ray://127.0.0.1:1'])
def test_without_a_cluster(address, monkeypatch):
    """Said at once; Ray would wait for minutes."""
    monkeypatch.setitem(sys.modules, 'ray', sys)
    with pytest.raises(OSError, match=f'no Ray cluster at {address} .*refus'):
        next(ray.finish([], Options(address=address)))


@pytest.fixture
def cluster():
    pytest.importorskip('ray', reason='Ray is an extra')
    from ray.cluster_utils import Cluster
    cluster = Cluster(initialize_head=True, head_node_args=dict(
        num_cpus=1, include_dashboard=False))
    cluster.add_node(num_cpus=1)
    yield cluster
    cluster.shutdown()


@pytest.mark.slow
def test_interrupted_then_a_node_is_killed(cluster, mini_kitti, tmp_path):
    args = ('--engine', 'ray', '--address', cluster.address)
    trial = Trial(tmp_path, mini_kitti, args)
    trial.start()
    trial.interrupt()
    trial.start()
    node = next(iter(cluster.worker_nodes))
    raylet = node.all_processes['raylet'][0].process.pid
    lost, = (run for run in trial.runs for pid in processes_of(run)
             if parent_of(parent_of(pid)) == raylet)
    trial.lose(lost, lambda: cluster.remove_node(node, allow_graceful=False))
    trial.ends_well(lost)
