"""A disk that is full, at each write, and one that has no locks.

The disk is a small tmpfs in a folder of the test's own. Each writer meets it
with its old file there: one line is said, the old file stays, nothing else
does, and the same call goes on where there is room again.
"""
import errno
import gc
import os
import subprocess
import types
from pathlib import Path

import numpy as np
import pytest

from dequity_mmdet3d import locks
from dequity_mmdet3d.compare import run_folder
from dequity_mmdet3d.export.csv_file import write_csv
from dequity_mmdet3d.likelihood.clustering import ClusterSettings
from dequity_mmdet3d.likelihood.embeddings.cameras import View
from dequity_mmdet3d.likelihood.embeddings.shards import ShardStore
from dequity_mmdet3d.likelihood.embeddings.vectors import UnitVectors
from dequity_mmdet3d.likelihood.encoding.bad_images import write_bad_images
from dequity_mmdet3d.likelihood.encoding.embed import Embedded
from dequity_mmdet3d.likelihood.estimation.make_table import make_table
from dequity_mmdet3d.likelihood.estimation.overlap import Overlap
from dequity_mmdet3d.likelihood.runner import compute_likelihoods
from dequity_mmdet3d.likelihood.samples.sources import samples_from_embeddings
from dequity_mmdet3d.messages import error_line
from dequity_mmdet3d.object_table import ObjectTable
from dequity_mmdet3d.provenance import Provenance
from dequity_mmdet3d.table import LikelihoodTable
from dequity_mmdet3d.tag_file import write_tags
from dequity_mmdet3d.tags import Tags
from tests.likelihood.families import modes

pytest.importorskip('faiss', reason='faiss cannot be imported')

IDENTITY = dict(encoder='fake', dim=3)


@pytest.fixture(scope='module')
def made():
    x, _ = modes([30, 20], rank=4, dim=8)
    n = len(x)
    return make_table(Embedded(
        [f's{i}' for i in range(n)],
        [View('', UnitVectors(x), np.arange(n))],
        Provenance('embeddings', 'row')), ClusterSettings())


@pytest.fixture(scope='module')
def mounted(tmp_path_factory):
    folder = tmp_path_factory.mktemp('disk')
    try:
        done = subprocess.run(
            ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', str(folder)],
            capture_output=True, text=True)
    except OSError as e:
        pytest.skip(f'there is no mount here ({e})')
    if done.returncode:
        pytest.skip(f'no disk can be mounted here ({done.stderr.strip()})')
    yield folder
    subprocess.run(['umount', '-l', str(folder)], check=True)


@pytest.fixture
def disk(mounted):
    yield mounted
    for folder, _, files in os.walk(mounted, topdown=False):
        for name in files:
            os.unlink(Path(folder, name))
        if Path(folder) != mounted:
            os.rmdir(folder)


def fill(disk):
    """A file that takes all the room there is."""
    filler = disk / 'filler'
    with open(filler, 'wb', buffering=0) as f:
        with pytest.raises(OSError, match='No space left'):
            while True:
                f.write(bytes(4096))
    return filler


def content_of(disk):
    """Of all files but the filler; locks and folders do not count."""
    return {str(p.relative_to(disk)): p.read_bytes()
            for p in disk.rglob('*') if p.is_file()
            and p.name not in ('filler', '.lock')}


def table(disk, made):
    made.table.save(disk / 't.parquet')


def objects(disk, made):
    n = len(made.table)
    ObjectTable([f's{i}' for i in range(n)], np.zeros(n, int), ['Car'] * n,
                made.table.likelihood, np.full(n, -1), np.ones(n, int)).save(
        disk / 'o.parquet')


def modes_file(disk, made):
    made.fitted.save(disk / 't.modes.npz')


def rows(disk, made):
    made.rows.save(disk / 't.rows.npz')


def tags(disk, made):
    write_tags(disk / 't.tags.parquet', Tags('', ('a', 'b'), dict(
        sky=('sun', 'rain'))))


def bad_images(disk, made):
    write_bad_images(disk / 'bad.txt', [('a.png', 'cut')])


def near_duplicates(disk, made):
    Overlap(3, [('a', 'b', 0.01)]).save(disk / 'near.csv')


def csv_file(disk, made):
    write_csv(disk / 't.csv', made.table)


def comparison(disk, made):
    found = run_folder.Comparison(disk, {'a': 'a'}, (0, ))
    found.write()
    found.write_tables('a,b\n', '| a |\n')


def result(disk, made):
    run_folder.write_result(disk, dict(metrics={}, steps=1, seconds=1))


def trained(disk, made):
    (disk.parent / 'last_checkpoint').write_text('a.pth')
    (disk / 'last_checkpoint').unlink(missing_ok=True)
    (disk / 'last_checkpoint').symlink_to(disk.parent / 'last_checkpoint')
    run_folder.write_trained(disk, 1.0)


def shard(disk, made):
    with ShardStore(disk / 'e', shard_size=2).open(IDENTITY) as shards:
        shards.write(0, ['a', 'b'], ['1 2'] * 2, np.ones((2, 3)), [None] * 2)


WRITERS = (table, objects, modes_file, rows, tags, bad_images,
           near_duplicates, csv_file, comparison, result, trained, shard)


@pytest.mark.filterwarnings(
    # what complains of its file when it is collected, such as an archive
    'error::pytest.PytestUnraisableExceptionWarning')
@pytest.mark.parametrize('write', WRITERS, ids=lambda w: w.__name__)
def test_full(disk, made, write):
    write(disk, made)
    before = content_of(disk)
    assert before
    filler = fill(disk)
    with pytest.raises(OSError) as error:
        write(disk, made)
    line = error_line(error.value)
    assert os.strerror(errno.ENOSPC) in line and str(disk) in line
    assert '.tmp' not in line
    del error
    gc.collect()
    assert content_of(disk) == before
    filler.unlink()
    write(disk, made)
    assert content_of(disk).keys() == before.keys()


def likelihoods(folder):
    """A table with all that lies beside it, of embeddings that are given."""
    np.save(folder.parent / 'e.npy', modes([30, 20], rank=4, dim=8)[0])
    samples, embeddings = samples_from_embeddings(folder.parent / 'e.npy')
    compute_likelihoods(samples, folder / 't.parquet', embeddings=embeddings,
                        tags=Tags('', tuple(samples.ids), dict(
                            sky=('sun', ) * 25 + ('rain', ) * 25)))


@pytest.mark.filterwarnings(
    'error::pytest.PytestUnraisableExceptionWarning')
@pytest.mark.parametrize('pages', [0, 2, 6])
def test_a_set_on_a_disk_that_becomes_full(disk, pages):
    """After none, the first or some of its files."""
    likelihoods(disk)
    before = content_of(disk)
    filler = fill(disk)
    os.truncate(filler, filler.stat().st_size - 4096 * pages)
    with pytest.raises(OSError, match='No space left'):
        likelihoods(disk)
    gc.collect()
    assert content_of(disk) == before
    filler.unlink()
    likelihoods(disk)
    assert LikelihoodTable.load(disk / 't.parquet').metadata['n'] == 50


@pytest.mark.parametrize('number', ['ENOLCK', 'EOPNOTSUPP', 'ENOSYS'])
def test_a_disk_without_locks(tmp_path, made, monkeypatch, number):
    """As some network file systems are: everything is written all the same."""
    def none(*args):
        raise OSError(getattr(errno, number), os.strerror(
            getattr(errno, number)))

    monkeypatch.setattr(locks, 'fcntl', types.SimpleNamespace(
        flock=none, LOCK_EX=2, LOCK_NB=4))
    folder = tmp_path / 'new'
    folder.mkdir()
    for write in WRITERS:
        write(folder, made)
    likelihoods(folder)
    with locks.lock(folder / '.lock', 'busy') as held:
        assert held is None
    assert not list(folder.rglob('*.tmp'))
    assert LikelihoodTable.load(folder / 't.parquet').metadata['n'] == 50
