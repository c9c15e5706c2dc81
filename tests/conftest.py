"""Data that several test modules use; each is made once a session."""
import os
import shutil
import signal
from pathlib import Path

import pytest

from dequity_mmdet3d.machine import tune_for_cpu
from tests.helpers import ROOT, run_tool, save_table

tune_for_cpu()
# A job that a shell started in the background ignores Ctrl-C, and so would
# the tools that the tests start and interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope='session')
def shared_data():
    """Folder of real frames, which the project does not carry."""
    folder = Path(
        os.environ.get('DEQUITY_SHARED_DATA', ROOT.parent / 'shared/data'))
    if not folder.is_dir():
        pytest.skip(f'real frames are not here ({folder}); name their folder '
                    'with DEQUITY_SHARED_DATA')
    return folder


@pytest.fixture(scope='session')
def mini_kitti(tmp_path_factory):
    """12 training and 4 validation frames, with info files and table.

    The training split is frames 4 to 15, so that the row of a frame is
    never its number.
    """
    pytest.importorskip('mmdet3d', reason='MMDetection3D is not installed')
    from dequity_mmdet3d.plugin.convert import convert_kitti
    root = tmp_path_factory.mktemp('mini_kitti')
    made = run_tool('make_mini_kitti.py', root, '--train', 12, '--val', 4)
    assert made.returncode == 0, made.stdout
    for split, frames in (('train', range(4, 16)), ('val', range(4))):
        (root / 'ImageSets' / f'{split}.txt').write_text(
            ''.join(f'{i:06d}\n' for i in frames))
    convert_kitti(root)
    save_table(
        root / 'kitti_likelihoods.parquet',
        {str(i): 1 / (i - 3)
         for i in range(4, 16)},
        dataset='kitti')
    return root


@pytest.fixture
def study_data(mini_kitti, monkeypatch):
    """What configs/study_mini_kitti.py reads, with both tables."""
    save_table(mini_kitti / 'kitti_likelihoods_val.parquet',
               {str(i): (1 + i) / 4 for i in range(4)}, dataset='kitti')
    monkeypatch.setenv('MINI_KITTI', f'{mini_kitti}/')


@pytest.fixture(scope='session')
def real_kitti(shared_data, tmp_path_factory):
    """The four real KITTI frames as training and as validation split."""
    pytest.importorskip('mmdet3d', reason='MMDetection3D is not installed')
    from dequity_mmdet3d.plugin.convert import convert_kitti
    root = tmp_path_factory.mktemp('real_kitti')
    shutil.copytree(
        shared_data / 'kitti/training',
        root / 'training',
        copy_function=shutil.copyfile)
    for folder in (root / 'training').rglob('*'):
        folder.chmod(0o755)
    (root / 'training').chmod(0o755)
    (root / 'ImageSets').mkdir()
    for split in ('train', 'val'):
        (root / 'ImageSets' / f'{split}.txt').write_text(
            '000000\n000001\n000002\n000134\n')
    (root / 'ImageSets/test.txt').write_text('')
    convert_kitti(root)
    return root
