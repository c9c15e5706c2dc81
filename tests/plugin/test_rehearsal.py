"""What a training builds, built without it."""
from types import SimpleNamespace

import pytest

pytest.importorskip('mmdet3d', reason='MMDetection3D is not installed')

from dequity_mmdet3d.compare.arm_names import parse_arm
from dequity_mmdet3d.compare.arms import arm_config
from dequity_mmdet3d.compare.runs import make_run
from dequity_mmdet3d.config_files import read_config
from dequity_mmdet3d.plugin.rehearsal import build, checkpoints_of
from tests.helpers import ROOT

CONFIG = ROOT / 'configs/study_mini_kitti.py'


def test_a_run_is_built_as_its_training_would_be(tmp_path, study_data):
    run = make_run(tmp_path / 'run', 'equity', read_config(CONFIG), 0)
    path = tmp_path / 'config.py'
    path.write_text(run.config.pretty_text)
    found = SimpleNamespace(**build(path, tmp_path / 'work'))
    assert (found.samples, found.validation) == (12, 4)
    assert found.steps == 1500
    assert found.parameters > 1e5
    # AdamW keeps two numbers a parameter; one checkpoint stays, and a new
    # one is written before it goes
    assert 2 * 3 * 4 * found.parameters <= found.bytes < (
        2.1 * 3 * 4 * found.parameters)
    assert not run.folder.exists()


@pytest.mark.parametrize('arm', ['cbgs', 'sampling+cbgs'])
def test_balanced_classes(tmp_path, study_data, arm):
    config = arm_config(read_config(CONFIG), parse_arm(arm))
    run = make_run(tmp_path / 'run', arm, config, 0)
    path = tmp_path / 'config.py'
    path.write_text(run.config.pretty_text)
    # each class is drawn as often as all frames over the three classes
    assert 12 < build(path, tmp_path / 'work')['samples'] < 3 * 12


@pytest.mark.parametrize('hook, count', [
    (dict(by_epoch=False, interval=500, max_keep_ckpts=1), 2),
    (dict(by_epoch=False, interval=500), 3),
    (dict(interval=2), 4),  # of 8 epochs of 188 steps
    (dict(interval=100, max_keep_ckpts=3), 1)])
def test_checkpoints_at_once(hook, count):
    config = dict(default_hooks=dict(checkpoint=hook))
    assert checkpoints_of(config, 188, 1500) == count
