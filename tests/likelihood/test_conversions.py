"""Tables without a look at an image, by the command."""
import numpy as np
import pytest

from dequity_mmdet3d.commands.likelihoods import main
from dequity_mmdet3d.likelihood.conversions import table_by_tags
from dequity_mmdet3d.likelihood.estimation.text_names import names_of
from dequity_mmdet3d.likelihood.samples.sources import samples_from_embeddings
from dequity_mmdet3d.table import LikelihoodTable
from dequity_mmdet3d.tag_file import read_tags, tags_beside

from .helpers import compute_likelihoods

pytest.importorskip('faiss', reason='faiss cannot be imported')


@pytest.fixture
def here(tmp_path):
    np.save(tmp_path / 'e.npy', np.eye(4))
    (tmp_path / 'tags.csv').write_text(
        'id,weather,road\n0,sun,city\n1,sun,city\n2,fog,city\n3,sun,rural\n'
        '4,sun,city\n')
    return tmp_path


def test_by_the_command(here):
    done = compute_likelihoods(
        '--embeddings', 'e.npy', '--method', 'tags', '--tags', 'tags.csv',
        '--by', 'weather', '--out', 't.parquet', cwd=here)
    assert (done.returncode, done.stderr) == (0, '')
    table = LikelihoodTable.load(here / 't.parquet')
    assert table.likelihood.tolist() == [1, 1, 1 / 3, 1]
    assert names_of(table.metadata) == ['sun', 'fog']
    lines = done.stdout.splitlines()
    assert lines[0] == '2 clusters of 4 samples; the largest holds 75.0%'
    assert 'rarest combinations: fog (1 sample, 0.333)' in done.stdout
    assert '1 row of tags.csv is of other samples' in done.stdout
    assert lines[-1] == 'likelihood table: t.parquet'
    args = ['--embeddings', str(here / 'e.npy'), '--apply',
            str(here / 't.parquet'), '--out', str(here / 'v.parquet'),
            '--tags', str(here / 'tags.csv')]
    with pytest.raises(ValueError, match='made by --method tags; give that'):
        main(args)
    assert not main([*args, '--method', 'tags'])
    assert LikelihoodTable.load(
        here / 'v.parquet').likelihood.tolist() == table.likelihood.tolist()
    (here / 't.tags.parquet').unlink()
    with pytest.raises(FileNotFoundError, match='t.tags.parquet, where the'):
        main([*args, '--method', 'tags'])


def test_another_method_is_compared(here):
    (here / 't.suspect_tags.csv').write_text('of an earlier table')
    done = compute_likelihoods(
        '--embeddings', 'e.npy', '--tags', 'tags.csv', '--out', 't.parquet',
        cwd=here)
    assert (done.returncode, done.stderr) == (0, '')
    assert 'tag weather: clusters tell' in done.stdout
    assert 'tag road: clusters tell' in done.stdout
    assert 'no tag looks wrong' in done.stdout
    assert not (here / 't.suspect_tags.csv').exists()
    table = LikelihoodTable.load(here / 't.parquet')
    assert set(table.metadata['tags']['agreement']) == {'weather', 'road'}
    # as beside the table, without a second naming
    (here / 'tags.csv').rename(here / 'moved.csv')
    done = compute_likelihoods(
        '--embeddings', 'e.npy', '--method', 'tags', '--tags', 'auto', '--by',
        'weather', '--out', 't.parquet', cwd=here)
    assert (done.returncode, done.stderr) == (0, '')
    assert 'tags of these samples: t.tags.parquet' in done.stdout
    (here / 'moved.csv').rename(here / 'tags.csv')
    compute_likelihoods('--embeddings', 'e.npy', '--out', 't.parquet',
                        cwd=here)
    assert not (here / 't.tags.parquet').exists()
    done = compute_likelihoods(
        '--embeddings', 'e.npy', '--tags', 'tags.csv', '--apply', 't.parquet',
        '--out', 'a.parquet', cwd=here)
    assert done.returncode == 0 and 'tag road: clusters' in done.stdout


def test_an_earlier_table_is_gone(here):
    samples, _ = samples_from_embeddings(here / 'e.npy')
    for name in ('t.modes.npz', 't.rows.npz', 't.suspect_tags.csv',
                 't.near_duplicates.csv', 't.bad_images.txt'):
        (here / name).write_bytes(b'')
    tags = read_tags(here / 'tags.csv')
    table_by_tags(samples, tags, here / 't.parquet', ['weather'])
    assert sorted(p.name for p in here.iterdir()) == [
        'e.npy', 't.parquet', 't.tags.parquet', 'tags.csv']
    # all tags, also those that the table is not made of
    assert tags_beside(here / 't.parquet').columns == {
        'weather': ('sun', 'sun', 'fog', 'sun'),
        'road': ('city', 'city', 'city', 'rural')}
    with pytest.raises(ValueError, match='give out'):
        table_by_tags(samples, tags)


@pytest.mark.parametrize('args, status, text', [
    (['--method', 'tags'], 2, '--method tags needs --tags auto'),
    (['--tags', 'tags.csv', '--by', 'street'], 1, "no tag 'street'"),
    (['--by', 'weather'], 2, '--by belongs to --tags'),
    (['--method', 'tags', '--tags', 'tags.csv', '--groups', 'auto'], 2,
     'leave out'),
    (['--method', 'tags', '--tags', 'tags.csv', '--encoder', 'ViT-B-32'], 2,
     'leave out --encoder'),
    (['--method', 'tags', '--tags', 'tags.csv', '--device', 'cpu'], 2,
     'leave out --device'),
    (['--method', 'tags', '--tags', 'tags.csv', '--by', 'street'], 1,
     "no tag 'street'"),
    (['--method', 'tags', '--tags', 'none.csv'], 1, 'does not exist'),
    (['--tags', 'auto'], 1, "neither the info file nor nuScenes'"),
    (['--tags', 'none', '--by', 'weather'], 2, '--by belongs'),
])
def test_wrong_arguments(here, args, status, text):
    done = compute_likelihoods('--embeddings', 'e.npy', '--out', 't.parquet',
                               *args, cwd=here)
    assert done.returncode == status and text in done.stderr
    assert not (here / 't.parquet').exists()
