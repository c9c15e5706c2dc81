"""Runs that would not start, and disks without room for them."""
from types import SimpleNamespace

import pytest

from dequity_mmdet3d.commands.compare import main
from dequity_mmdet3d.compare import rehearsal
from dequity_mmdet3d.compare.rehearsal import Rehearsal, rehearse
from tests.helpers import ROOT

CONFIG = ROOT / 'configs/study_mini_kitti.py'


@pytest.mark.slow
def test_what_is_not_there_is_said_and_nothing_is_written(
        tmp_path, study_data, capsys):
    with pytest.raises(OSError, match='equity: would not start: .*no.pkl'):
        main([str(CONFIG), '--arms', 'equity', '--seeds', '0', '1',
              '--dry-run', '--out', str(tmp_path / 'out'), '--cfg-options',
              'test_dataloader.dataset.ann_file=no.pkl',
              'val_dataloader.dataset.ann_file=no.pkl'])
    assert 'equity: FAILED' in capsys.readouterr().out
    assert not [*tmp_path.iterdir()]


def test_room_for_all_runs(tmp_path, monkeypatch):
    runs = [SimpleNamespace(arm=arm, result=lambda done=done: done)
            for arm, done in (('a', None), ('b', None), ('a', None),
                              ('b', dict(steps=1)))]
    monkeypatch.setattr(rehearsal, '_of_process', lambda run: Rehearsal(
        10, 5, 1500, 2_500_000, 10**9))
    monkeypatch.setattr(rehearsal.shutil, 'disk_usage',
                        lambda path: SimpleNamespace(free=2.5e9))
    said = []
    wrong = rehearse(runs, tmp_path / 'not/yet', said.append)
    assert said[0] == (
        'a: 2 runs of 1,500 steps on 10 samples, 5 to validate; 2.5 million '
        'parameters, checkpoints 1.00 GB a run')
    assert said[1].startswith('b: 1 run of')
    assert said[2].startswith('disk: 3.00 GB of checkpoints, 2.50 GB free')
    assert len(wrong) == 1 and 'max_keep_ckpts' in wrong[0]
