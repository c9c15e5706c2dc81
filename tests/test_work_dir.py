"""From what a training goes on that was killed, or had no room."""
import os
import zipfile

import pytest

from dequity_mmdet3d.work_dir import mend_last_checkpoint


def test_a_training_killed_between_two_checkpoints(tmp_path):
    """Where the old one is removed before the new one is whole."""
    pointer, whole = tmp_path / 'last_checkpoint', tmp_path / 'iter_8.pth'
    assert mend_last_checkpoint(tmp_path) is None
    pointer.write_text('/of/another/machine/iter_4.pth')
    (tmp_path / 'iter_4.pth').write_text('old format')
    assert mend_last_checkpoint(tmp_path) == tmp_path / 'iter_4.pth'
    assert pointer.read_text() == str(tmp_path / 'iter_4.pth')
    (tmp_path / 'iter_4.pth').unlink()
    for step in (6, 8):
        with zipfile.ZipFile(tmp_path / f'iter_{step}.pth', 'w') as f:
            f.writestr('data', 'x' * 1000)
        os.utime(tmp_path / f'iter_{step}.pth', ns=(step, step))
    part = whole.read_bytes()[:-30]
    (tmp_path / 'iter_9.pth').write_bytes(part)
    assert mend_last_checkpoint(tmp_path) == whole
    assert pointer.read_text() == str(whole)
    pointer.write_text('')  # killed while it wrote that
    assert mend_last_checkpoint(tmp_path) == whole
    for path in tmp_path.glob('iter_[689].pth'):
        path.write_bytes(part)
    whole.unlink()
    assert mend_last_checkpoint(tmp_path) is None  # and begins anew
    assert not pointer.exists()


@pytest.mark.parametrize('elsewhere', ['s3://b/iter_2.pth', True])
def test_checkpoints_elsewhere_are_left_to_mmengine(tmp_path, elsewhere):
    if elsewhere is True:  # CheckpointHook's out_dir
        elsewhere = str(tmp_path / 'out/iter_2.pth')
        (tmp_path / 'out').mkdir()
        (tmp_path / 'out/iter_2.pth').write_bytes(b'x')
    (tmp_path / 'run').mkdir()
    pointer = tmp_path / 'run/last_checkpoint'
    pointer.write_text(elsewhere)
    mend_last_checkpoint(tmp_path / 'run')
    assert pointer.read_text() == elsewhere
    # the folder was copied, and has it itself
    (tmp_path / 'run/iter_2.pth').write_bytes(b'x')
    assert mend_last_checkpoint(tmp_path / 'run') == (
        tmp_path / 'run/iter_2.pth')
