"""3D segmentation: the identities that detectors are held to."""
import pytest
import torch

from dequity_mmdet3d.plugin import DequityLoss

from . import build, cpu_ops
from .checks import Checked, check
from .segmentors import (
    load_segmentor,
    reason_no_segmentor,
    segmentor_batch,
    segmentor_configs,
    segmentor_representatives,
    segmentor_terms,
)

pytestmark = [pytest.mark.slow, pytest.mark.zoo]


def test_every_segmentor_is_listed():
    names = segmentor_configs()
    assert len(names) == 29
    reasons = {n: reason_no_segmentor(n) for n in names}
    assert all(reasons[n] is None for n in names if n.startswith(
        ('pointnet2', 'dgcnn')))
    assert all(reasons[n] for n in names if n.startswith(
        ('minkunet', 'cylinder3d', 'spvcnn')))
    assert {head for _, _, head in segmentor_representatives()} == {
        'PointNet2Head', 'DGCNNHead', 'PAConvHead'}
    assert {n.split('/')[0] for n in names if segmentor_terms(n)} == {
        'paconv'}


@pytest.mark.parametrize('family', segmentor_representatives(), ids='-'.join)
def test_identities(family):
    cfg = load_segmentor(segmentor_representatives()[family])
    torch.manual_seed(0)
    checked = Checked(build(cfg), segmentor_batch(cfg, 2))
    terms = segmentor_terms(segmentor_representatives()[family])
    if terms:
        # beside it a regularisation of the parameters, of no sample
        with cpu_ops(), pytest.raises(ValueError, match='loss_regularize'):
            checked.examine()
        checked.loss = DequityLoss(terms=terms)
        with cpu_ops():
            assert checked.examine() == {
                'decode.loss_sem_seg': True,
                'regularize.loss_regularize': False}
        return
    with cpu_ops():
        found = check(checked)
        alone = checked.alone()
    assert all(found['terms'].values()) and found['terms']
    assert found['ones'] and found['zeros']
    assert found['order'] < max(1e-3, 10 * found['host_order'])
    assert all(v < 1e-6 for v in alone.values())
