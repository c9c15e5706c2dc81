"""What moved since an earlier table."""
import json

import numpy as np
import pytest

from dequity_mmdet3d.commands.likelihoods import main
from dequity_mmdet3d.likelihood.beside import modes_path
from dequity_mmdet3d.likelihood.estimation.modes_file import FittedModes
from dequity_mmdet3d.likelihood.estimation.update import change_of, kept_ids
from dequity_mmdet3d.table import LikelihoodTable

from ..families import modes


def table_of(names, p, clusters, **metadata):
    n = len(names)
    return LikelihoodTable([*names], np.array(p, float), np.array(clusters),
                           np.ones(n, int), metadata)


@pytest.mark.parametrize('before, now, ids, next_id', [
    # swapped
    ([0, 0, 1, 1], [1, 1, 0, 0], [1, 0], 5),
    # two of three is more than half of the three, two of four is not
    ([0, 0, 0, 1], [0, 0, 1, 1], [0, 5], 6),
    ([0, 0, 1, 1], [0, 0, 0, 0], [5], 6),
    # what grew keeps its id, what splits off gets another
    ([3, 3, 3, 3, 3], [0, 0, 0, 1, -1], [3, 5], 6),
    # none is no cluster
    ([-1, -1, -1], [0, 0, 0], [5], 6),
])
def test_a_cluster_stays_by_more_than_half(before, now, ids, next_id):
    found, free = kept_ids(np.array(before), np.array(now), len(ids), 5)
    assert (found.tolist(), free) == (ids, next_id)


def test_what_moved():
    before = table_of('abcde', [.1, .2, .3, .4, 1], [0, 0, 2, 2, -1],
                      update=dict(next_id=7))
    now = table_of('xdcba', [.9, .4, .5, .2, .1], [0, 1, 1, 0, 0])
    change = change_of(before, now)
    assert change.ids.tolist() == [0, 2] and change.next_id == 7
    assert (change.common, change.added, change.gone) == (4, 1, 1)
    # ranks of a, b, c, d: 1, 2, 3, 4 before, and 1, 2, 4, 3 now
    assert change.correlation == pytest.approx(1 - 6 * 2 / (4 * 15))
    assert change.moved == [('c', .3, .5)]
    assert change.lines(before) == [
        'update: 1 new, 1 gone, 4 in both, whose rank correlation with '
        'before is 0.800', '2 of 2 clusters keep their ids',
        'moved most: c (from 0.3 to 0.5)']
    # an id that was ever used is not used again
    other = table_of('abcdx', [.1] * 5, [0, 0, 1, 0, 2])
    change = change_of(before, other)
    assert change.ids.tolist() == [0, 7, 8] and change.next_id == 9
    assert change.vanished == [2]
    assert change.lines(before)[1] == (
        '1 of 3 clusters keeps its id; new: 7, 8; gone: 2')
    with pytest.raises(ValueError, match='of another data set'):
        change_of(before, table_of('yz', [1, 1], [0, 0]))


def test_new_frames_come_every_night(tmp_path, capsys):
    """A third mode overtakes the second one, and nobody is renamed."""
    pytest.importorskip('faiss', reason='faiss cannot be imported')
    x, mode = modes([600, 150, 900])
    order = np.concatenate([np.flatnonzero(mode < 2),
                            np.flatnonzero(mode == 2)])
    x, mode = x[order], mode[order]
    out = tmp_path / 't.parquet'
    tables = []
    for n, more in ((750, []), (1650, ['--update']), (1650, ['--update'])):
        np.save(tmp_path / 'e.npy', x[:n])
        assert not main(['--embeddings', str(tmp_path / 'e.npy'), '--out',
                         str(out), *more])
        tables.append(LikelihoodTable.load(out))
    said = capsys.readouterr().out
    assert 'update: 900 new, 0 gone, 750 in both' in said
    assert 'update: 0 new, 0 gone, 1650 in both, whose rank correlation ' + (
        'with before is 1.000') in said
    first, second, third = (
        [np.bincount(t.cluster_id[mode[:len(t)] == m]).argmax()
         for m in range(3) if len(t) > 750 or m < 2] for t in tables)
    assert first == [0, 1] and second == [0, 1, 2] == third
    assert tables[1].metadata['update']['next_id'] == 3
    # and so do samples that the table is applied to
    assert not main(['--embeddings', str(tmp_path / 'e.npy'), '--out',
                     str(tmp_path / 'v.parquet'), '--apply', str(out)])
    applied = LikelihoodTable.load(tmp_path / 'v.parquet')
    known = applied.cluster_id >= 0
    assert known.mean() > .9
    assert (applied.cluster_id == tables[-1].cluster_id)[known].all()


def test_a_table_that_cannot_be_updated(tmp_path):
    out = tmp_path / 't.parquet'
    np.save(tmp_path / 'e.npy', modes([40, 20])[0])
    run = ['--embeddings', str(tmp_path / 'e.npy'), '--out', str(out),
           '--update']
    with pytest.raises(FileNotFoundError, match='does not exist'):
        main(run)
    table_of('ab', [1, 1], [0, 0], applied=dict(split='train')).save(out)
    with pytest.raises(ValueError, match='made with --apply, which'):
        main(run)
    with pytest.raises(SystemExit):
        main([*run, '--apply', str(out)])


def test_ids_that_a_stranger_wrote(tmp_path):
    pytest.importorskip('faiss', reason='faiss cannot be imported')
    out = tmp_path / 't.parquet'
    np.save(tmp_path / 'e.npy', modes([400, 100])[0])
    main(['--embeddings', str(tmp_path / 'e.npy'), '--out', str(out)])
    path = modes_path(str(out))
    with np.load(path) as file:
        arrays = dict(file)
    assert json.loads(arrays['about'].tobytes())['views'] == ['']
    for ids in ([0, 0], [-1, 0], [0], [[0, 1]], [.5, 1]):
        np.savez(path, ids=np.array(ids), **arrays)
        with pytest.raises(ValueError, match="its 'ids' must be 2 different"):
            FittedModes.load(path)
