"""Heads of the host's projects/, which this package never saw.

With a clone of the host, MMDET3D=/absolute/path/to/mmdetection3d; two
minutes on one core.
"""
import sys

import pytest
import torch
from mmdet3d.registry import TASK_UTILS

from .checks import Checked, check
from .projects import PROJECTS, project, reason_not_here, stop_checkpointing

pytestmark = [pytest.mark.slow, pytest.mark.zoo, pytest.mark.skipif(
    reason_not_here() is not None, reason=str(reason_not_here()))]
LAYERS = 6  # of the decoders of DETR3D and PETR


def terms_of(name):
    """Loss terms that the project has: of its last layer, then d0.*, ..."""
    if name == 'BEVFusion':
        return {'loss_heatmap', 'layer_-1_loss_cls', 'layer_-1_loss_bbox'}
    return {f'{layer}{term}'
            for layer in ('', *(f'd{i}.' for i in range(LAYERS - 1)))
            for term in ('loss_cls', 'loss_bbox')}


@pytest.mark.parametrize('name', PROJECTS)
def test_identities(name):
    torch.manual_seed(0)
    with project(name, batch_size=3) as (model, batch):
        checked = Checked(model, batch)
        found = check(checked)
        stop_checkpointing(model)
        alone = checked.alone()
    print(f'\n{name}: {found}\nalone: {max(alone.values()):.1e}')
    assert set(found['terms']) == set(alone) == terms_of(name)
    assert all(found['terms'].values())
    assert found['ones'] and found['zeros']
    assert all(v < 1e-6 for v in alone.values())
    assert found['order'] < 1e-3
    assert found['features'] < 1e-4


def test_projects_leave_no_trace():
    """So that one project's assigner does not stand for another's."""
    before = dict(TASK_UTILS.module_dict), list(sys.path)
    for name in ('DETR3D', 'PETR'):
        with project(name, batch_size=1):
            assigner = TASK_UTILS.get('HungarianAssigner3D')
            assert assigner.__module__.split('.')[1] == name
    assert (TASK_UTILS.module_dict, sys.path) == before
    assert not any(m.split('.')[0] == 'projects' for m in sys.modules)
