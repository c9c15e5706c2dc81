"""The estimate of a large set, shared by processes."""
import os
import subprocess
import sys

import numpy as np
import pytest

from dequity_mmdet3d.likelihood.clustering.kernel_count import KernelCount
from dequity_mmdet3d.likelihood.clustering.large import assign, sums_of
from dequity_mmdet3d.likelihood.clustering.shares import share_bounds
from dequity_mmdet3d.likelihood.clustering.soft_count import SoftCount
from dequity_mmdet3d.likelihood.clustering.stored_rows import BLOCK
from dequity_mmdet3d.table import LikelihoodTable

from ..families import modes

SCRIPT = """
import sys
import numpy as np
from dequity_mmdet3d.likelihood import runner
from dequity_mmdet3d.likelihood.clustering import ClusterSettings, shares
from dequity_mmdet3d.likelihood.samples.sources import samples_from_embeddings
from dequity_mmdet3d.launchers import find_ranks
from dequity_mmdet3d.processes import connect

shares.BLOCK = 900  # so that each process has a share of a small set
done, do = [], shares._do
shares._do = lambda task, team: (done.append(task.shape), do(task, team))[1]
samples, x = samples_from_embeddings('e.npy')
with connect(find_ranks()) as team:
    runner.compute_likelihoods(
        samples, sys.argv[1] + '.parquet', embeddings=x,
        clustering=ClusterSettings(exact=1000), team=team)
    open(f'{sys.argv[1]}.{team.rank}', 'w').write(str(len(done)))
"""


@pytest.mark.skipif(os.name == 'nt', reason='torchrun needs POSIX')
def test_processes_make_the_same_table_as_one(tmp_path):
    pytest.importorskip('faiss', reason='faiss cannot be imported')
    pytest.importorskip('torch')
    np.save(tmp_path / 'e.npy', modes([1900, 700, 150, 8])[0])
    (tmp_path / 'run.py').write_text(SCRIPT)
    for how in ([], ['-m', 'torch.distributed.run', '--nproc-per-node', '2',
                     '--standalone']):
        done = subprocess.run(
            [sys.executable, *how, 'run.py', 'two' if how else 'one'],
            cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    one, two = (LikelihoodTable.load(tmp_path / f'{name}.parquet')
                  for name in ('one', 'two'))
    assert one.sha256 == two.sha256
    for kind in ('modes', 'rows'):
        with np.load(tmp_path / f'one.{kind}.npz') as a, np.load(
                tmp_path / f'two.{kind}.npz') as b:
            for name in a:
                if name not in ('about', 'of'):  # the time of day
                    np.testing.assert_array_equal(a[name], b[name])
    # all have looked at their share: cells, strays, sums and counts
    tasks = {(tmp_path / f'two.{rank}').read_text() for rank in range(2)}
    assert len(tasks) == 1 and int(tasks.pop()) >= 3
    assert not [p for p in tmp_path.iterdir() if p.suffix == '.tmp']


def test_a_process_without_a_share():
    rows, centres = np.empty((0, 3), 'f4'), np.eye(3, dtype='f4')
    labels, square = assign(rows, centres)
    assert len(labels) == len(square) == 0
    size, total, scatter = sums_of(rows, labels, centres, n=9)
    assert not size.any() and not total.any() and not scatter.any()
    counts = KernelCount(np.ones(3), centres, np.zeros(3), 1.0)
    assert SoftCount(counts, 1.0).log_share(rows).shape == (0, )


def test_shares_are_whole_blocks():
    assert share_bounds(10 * BLOCK + 3, 3) == [
        0, 3 * BLOCK, 7 * BLOCK, 10 * BLOCK + 3]
    assert share_bounds(5, 3) == [0, 0, 0, 5]
    assert share_bounds(BLOCK, 1) == [0, BLOCK]
