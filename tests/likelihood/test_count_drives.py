"""Drives from the command to the table, and under --apply."""
import json

import numpy as np
import pytest

from dequity_mmdet3d.cli import error_line
from dequity_mmdet3d.commands.likelihoods import main
from dequity_mmdet3d.table import LikelihoodTable

pytest.importorskip('faiss', reason='faiss cannot be imported')


@pytest.fixture
def files(tmp_path):
    """Two clear groups: 40 drives of one frame, and one drive of 40."""
    rng = np.random.default_rng(0)
    x = np.repeat(np.eye(2, 8), 40, axis=0)
    x += 1e-3 * rng.standard_normal(x.shape)
    np.save(tmp_path / 'e.npy', x)
    rows = [f'{i},{min(i, 40)}' for i in range(80)]
    (tmp_path / 'g.csv').write_text('\n'.join(['id,group', *rows]))
    return tmp_path


def run(folder, out, *args):
    main(['--embeddings', str(folder / 'e.npy'), '--out', str(folder / out),
          *args])
    return LikelihoodTable.load(folder / out)


def test_one_drive_is_rare(files, capsys):
    frames = run(files, 'f.parquet', '--groups', str(files / 'g.csv'))
    assert 'within a drive' in capsys.readouterr().out
    np.testing.assert_allclose(frames.likelihood, 1)
    about = frames.metadata
    assert about['groups'] == dict(source='file g.csv', drives=41, largest=40)
    assert 'count' not in about['clustering']
    drives = run(files, 'd.parquet', '--groups', str(files / 'g.csv'),
                 '--count', 'drives')
    assert drives.metadata['clustering']['count'] == 'drives'
    assert drives.likelihood[:40].min() > .9
    # at most each frame half like the others: 2 drives of 42
    assert drives.likelihood[40:].max() < .1
    # what is looked at are still frames
    assert (drives.cluster_size == 40).all()
    again = run(files, 'a.parquet', '--apply', str(files / 'd.parquet'))
    np.testing.assert_allclose(again.likelihood, drives.likelihood, rtol=1e-6)


@pytest.mark.parametrize('args, says', [
    (('--count', 'drives'), 'give --groups auto'),
    (('--groups', 'nowhere.csv'), 'there is no file nowhere.csv'),
    (('--groups', 'auto'), 'they tell nothing'),
])
def test_nothing_is_written(files, args, says):
    with pytest.raises((ValueError, FileNotFoundError), match=says) as e:
        run(files, 't.parquet', *args)
    assert '\n' not in error_line(e.value)
    assert not list(files.glob('t.*'))


@pytest.mark.parametrize('args', [
    ('--count', 'drives', '--method', 'modes'),
    ('--count', 'drives', '--groups', 'none'),
    ('--groups', 'auto', '--apply', 'x.parquet'),
])
def test_wrong_arguments(files, args):
    with pytest.raises(SystemExit) as e:
        run(files, 't.parquet', *args)
    assert e.value.code == 2


def test_a_table_without_these_fields_reads(files):
    table = run(files, 't.parquet')
    old = {k: v for k, v in table.metadata.items()
           if k not in ('groups', 'near_duplicates')}
    LikelihoodTable(table.sample_id, table.likelihood, table.cluster_id,
                    table.cluster_size, old).save(files / 'old.parquet')
    read = LikelihoodTable.load(files / 'old.parquet')
    assert json.dumps(read.metadata, sort_keys=True) == json.dumps(
        old, sort_keys=True)
