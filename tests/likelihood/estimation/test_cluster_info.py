"""The authors' tables: read by hand's values, and every contradiction."""
import hashlib
import os
import pickle

import numpy as np
import pytest

from dequity_mmdet3d.likelihood.estimation.cluster_info import (
    table_from_cluster_info,
)
from dequity_mmdet3d.likelihood.estimation.estimate import (
    likelihood_from_labels,
)
from dequity_mmdet3d.sample_ids import ids_fingerprint
from dequity_mmdet3d.table import LikelihoodTable


def entry(cluster, size, largest):
    return dict(
        cluster_id=cluster, cluster_size=size, largest_cluster_size=largest)


def as_theirs(labels, names=None, number=np.int64):
    """Noise is one cluster, and may be the largest."""
    labels = list(labels)
    names = names or [f'{i:06d}' for i in range(len(labels))]
    largest = max(map(labels.count, labels))
    return {
        name: entry(number(c), number(labels.count(c)), number(largest))
        for name, c in zip(names, labels)
    }


@pytest.fixture
def write(tmp_path):

    def write(data, protocol=4):
        path = tmp_path / 'kitti_training_cluster_info.pkl'
        path.write_bytes(pickle.dumps(data, protocol))
        return path

    return write


# three of noise, which is the largest, two of cluster 0, one of cluster 1
LABELS = [0, -1, -1, 1, 0, -1]


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize('number', [int, np.int64, np.int32, np.uint8])
def test_by_hand(write, protocol, number):
    labels = [5, 3, 5, 5, 3, 4]
    table = table_from_cluster_info(
        write(as_theirs(labels, number=number), protocol))
    assert table.sample_id.tolist() == ['0', '1', '2', '3', '4', '5']
    assert table.cluster_id.tolist() == labels
    assert table.cluster_size.tolist() == [3, 2, 3, 3, 2, 1]
    assert table.likelihood.tolist() == [1, 2 / 3, 1, 1, 2 / 3, 1 / 3]
    assert table.metadata['notes'] == []


@pytest.mark.parametrize('core', [b'numpy.core', b'numpy._core'])
def test_numbers_of_numpy_1_and_2(write, core):
    path = write(as_theirs(LABELS), 2)
    raw = path.read_bytes()
    mine = b'numpy._core' if b'numpy._core' in raw else b'numpy.core'
    path.write_bytes(raw.replace(mine, core))
    assert table_from_cluster_info(path).likelihood[0] == 1


@pytest.mark.parametrize('kind, noise, size, whole, cluster', [
    ('relative', 'single', [2, 1, 1, 1, 2, 1], 2, [0, -1, -1, 1, 0, -1]),
    ('share', 'single', [2, 1, 1, 1, 2, 1], 6, [0, -1, -1, 1, 0, -1]),
    ('relative', 'cluster', [2, 3, 3, 1, 2, 3], 3, [0, 2, 2, 1, 0, 2]),
    ('share', 'cluster', [2, 3, 3, 1, 2, 3], 6, [0, 2, 2, 1, 0, 2]),
])
def test_noise_and_kind(write, kind, noise, size, whole, cluster):
    table = table_from_cluster_info(write(as_theirs(LABELS)), kind, noise)
    assert table.likelihood.tolist() == [s / whole for s in size]
    assert table.cluster_size.tolist() == size
    assert table.cluster_id.tolist() == cluster
    assert table.metadata['kind'] == kind
    assert table.metadata['clustering']['noise'] == noise


@pytest.mark.parametrize('kind', ['relative', 'share'])
def test_agrees_with_this_packages_estimate(write, kind):
    labels = np.random.default_rng(0).integers(-1, 6, 200)
    table = table_from_cluster_info(write(as_theirs(labels)), kind)
    p, size = likelihood_from_labels(labels, kind)
    assert table.likelihood.tolist() == p.tolist()
    assert table.cluster_size.tolist() == size.tolist()


def test_nothing_but_noise(write):
    path = write(as_theirs([-1, -1]))
    assert table_from_cluster_info(path).likelihood.tolist() == [1, 1]
    table = table_from_cluster_info(path, noise='cluster')
    assert table.likelihood.tolist() == [1, 1]
    assert table.cluster_id.tolist() == [0, 0]


def test_provenance_survives_the_disk(write, tmp_path):
    path = write(as_theirs(LABELS))
    table_from_cluster_info(path).save(tmp_path / 't.parquet')
    meta = LikelihoodTable.load(tmp_path / 't.parquet').metadata
    assert len(meta.pop('date')) == 25
    assert set(meta.pop('versions')) == {'python', 'numpy'}
    assert meta.pop('package_version')
    assert meta == dict(
        source='cluster_info', dataset=None, split=None, id_type='sample_idx',
        encoder=None, format_version=1, seed=None, kind='relative', n=6,
        notes=[], ids_sha256=ids_fingerprint('012345'),
        clustering=dict(method="authors' table", noise='single'),
        cluster_info=dict(
            file='kitti_training_cluster_info.pkl',
            sha256=hashlib.sha256(path.read_bytes()).hexdigest()))


@pytest.mark.parametrize('names, ids, id_type', [
    (['000000', '000134'], ['0', '134'], 'sample_idx'),
    ([0, np.int64(134)], ['0', '134'], 'sample_idx'),
    # a token may happen to have no letter; its zeros stay
    (['00ab', '0012'], ['00ab', '0012'], 'token'),
    ([np.str_('a'), 'b'], ['a', 'b'], 'token'),
])
def test_ids_are_those_of_the_host(write, names, ids, id_type):
    table = table_from_cluster_info(write(as_theirs([0, 1], names)))
    assert table.sample_id.tolist() == ids
    assert table.metadata['id_type'] == id_type


def part(labels, rows):
    data = as_theirs(labels)
    return {k: data[k] for k in [f'{i:06d}' for i in rows]}


def test_part_of_a_table(write):
    # sizes 4, 2 (noise) and 1; two samples of cluster 0 are elsewhere
    path = write(part([0, 0, 0, 0, -1, -1, 1], [0, 2, 4, 5, 6]))
    table = table_from_cluster_info(path)
    assert table.likelihood.tolist() == [1, 1, 1 / 4, 1 / 4, 1 / 4]
    note, = table.metadata['notes']
    assert note.startswith('1 of 3 clusters have more samples than the file '
                           'does, 2 in all')
    with pytest.raises(ValueError, match='a share needs the whole.*2 in all'):
        table_from_cluster_info(path, 'share')


@pytest.mark.parametrize('rows, noise, likelihood, note', [
    # the largest is cluster 0, or may have been noise
    ([4, 6], 'single', [1 / 4, 1 / 4], 'of 4 samples, is not in the file'),
    ([6], 'single', [1 / 4], 'these likelihoods are too low'),
    ([6], 'cluster', [1 / 4], 'of 4 samples, is not in the file'),
])
def test_part_without_the_largest(write, rows, noise, likelihood, note):
    path = write(part([0, 0, 0, 0, -1, -1, 1], rows))
    table = table_from_cluster_info(path, noise=noise)
    assert table.likelihood.tolist() == likelihood
    assert table.metadata['notes'][-1].endswith(note)
    with pytest.raises(ValueError, match='a share needs the whole'):
        table_from_cluster_info(path, 'share', noise)


def test_part_whose_largest_was_noise(write):
    # noise 4, cluster 0 of 2, cluster 1 of 1; one of noise is elsewhere
    path = write(part([-1, -1, -1, -1, 0, 0, 1], [0, 1, 2, 4, 5, 6]))
    table = table_from_cluster_info(path)
    assert table.likelihood.tolist() == [.5, .5, .5, 1, 1, .5]
    assert 'the largest other in the file, of 2' in table.metadata['notes'][1]


class Evil:

    def __reduce__(self):
        return os.mkdir, ('owned', )


def test_runs_no_code(write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(dict(as_theirs(LABELS), evil=Evil()))
    with pytest.raises(ValueError, match='refused: it asks for') as e:
        table_from_cluster_info(path)
    assert "the authors' notebook" in str(e.value)
    assert 'create_data' not in str(e.value)
    assert os.listdir(tmp_path) == [path.name]


def test_truncated_file(write):
    path = write(as_theirs(LABELS))
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match='is not a complete pickle'):
            table_from_cluster_info(path)


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='there is no table .*x.pkl'):
        table_from_cluster_info(tmp_path / 'x.pkl')


@pytest.mark.parametrize('options, text', [
    (dict(kind='mean'), "'relative', 'share'.*'mean'"),
    (dict(noise='nearest'), "'single', 'cluster'.*needs the embeddings"),
])
def test_unknown_options(write, options, text):
    with pytest.raises(ValueError, match=text):
        table_from_cluster_info(write(as_theirs(LABELS)), **options)


@pytest.mark.parametrize('data, text', [
    ({}, 'is an empty dict'),
    ([1], 'is a list'),
    (dict(metainfo={}, data_list=[]),
     "2 of 2 are not: 'metainfo', 'data_list'"),
    ({'a': entry(0, 1, 1), 'b': dict(cluster_id=0, cluster_size=1)},
     "1 of 2 are not: 'b'"),
    ({'a': entry(0, 1, 1.0)}, "whole numbers, but 1 are not, those of 'a'"),
    ({'a': entry(True, 1, 1)}, 'whole numbers'),
    ({'a': entry(0, np.float64(1), 1)}, 'whole numbers'),
    ({'a': entry(0, np.array(1), 1)}, 'whole numbers'),
    ({'a': entry(0, '1', 1)}, 'whole numbers'),
    ({'a': entry(0, None, 1)}, 'whole numbers'),
    ({'a': entry(0, 2**80, 2**80)}, 'whole numbers'),
    ({'a': entry(-2, 1, 1)}, "cluster_id must be -1 .*1 of 1 .*: 'a'"),
    ({'a': entry(0, 0, 1)}, 'cluster_size must be 1 or more'),
    ({'a': entry(0, 2, 1)}, 'at most largest_cluster_size, 1'),
    ({'a': entry(0, 1, 1), 'b': entry(1, 1, 2)},
     "one number for all, 1 as .* 1 of 2 samples break that: 'b'"),
    ({'a': entry(0, 1, 2), 'b': entry(0, 2, 2)},
     "the same throughout a cluster, but 1 of 2 .*: 'b'"),
    ({'a': entry(0, 1, 1), 'b': entry(0, 1, 1)},
     "more samples in the file than .* 2 of 2 .*: 'a', 'b'"),
    ({'000007': entry(0, 2, 2), 7: entry(0, 2, 2)},
     "1 appear more than once: '7'"),
    ({'': entry(0, 1, 1)}, 'must not be empty'),
    ({'\ud800': entry(0, 1, 1)}, 'valid UTF-8'),
    ({b'a': entry(0, 1, 1)}, "token or a frame number.*: b'a'"),
    ({True: entry(0, 1, 1)}, 'token or a frame number'),
    ({1.5: entry(0, 1, 1)}, 'token or a frame number'),
    ({None: entry(0, 1, 1)}, 'token or a frame number'),
])
def test_contradictions(write, data, text):
    path = write(data)
    with pytest.raises(ValueError, match=text) as e:
        table_from_cluster_info(path)
    message = str(e.value)
    assert message.startswith(f'{path}: ') and '\n' not in message
