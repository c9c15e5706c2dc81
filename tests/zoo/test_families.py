"""Every family of detectors: the gradients that its weights must give."""
import pytest
import torch

from dequity_mmdet3d.plugin import DequityLoss
from dequity_mmdet3d.plugin.examination import Examination
from dequity_mmdet3d.weighting.attribution import compare_sizes, sizes_of

from . import (
    build,
    cpu_ops,
    fcaf3d_head,
    fcaf3d_predictions,
    load,
    make_batch,
    representatives,
    total_loss,
    zoo_configs,
)
from .checks import COUPLED, WEIGHTS, Checked, check, one_factor

pytestmark = [pytest.mark.slow, pytest.mark.zoo]

# A minute or more each on two cores: here it is only seen that every term of
# their losses is weighted; tools/zoo_coverage.py checks them as the others.
SLOW = ('mvfcos3d', 'imvoxelnet', 'fcos3d_r101', 'pgd_r101', 'imvotenet',
        'h3dnet', 'pv_rcnn', 'point-rcnn', 'head-dcn', 'mvxnet', 'smoke')


@pytest.mark.parametrize('family', representatives(), ids='-'.join)
def test_identities(family):
    name = representatives()[family]
    cfg = load(name)
    torch.manual_seed(0)
    checked = Checked(build(cfg), make_batch(cfg, 2))
    with cpu_ops():
        if any(word in name for word in SLOW):
            assert any(checked.examine().values())
            return
        found = check(checked, thorough=False)
        alone = checked.alone()
    assert found['zeros']
    if not set(family) & set(COUPLED):
        assert all(
            v < 1e-6 for k, v in alone.items() if one_factor(family, k))
        assert found['order'] < 1e-3
        assert found['features'] is None or found['features'] < 1e-4


@pytest.mark.parametrize(
    'name', [n for n in zoo_configs() if n.startswith('fcaf3d')])
def test_fcaf3d_at_its_head(name):
    """Lists of levels of samples; its network needs MinkowskiEngine."""
    cfg = load(name)
    head = fcaf3d_head(cfg)
    loss = DequityLoss()

    def step(b):
        samples = make_batch(cfg, 3)['data_samples'][:b]
        for sample, w in zip(samples, WEIGHTS):
            sample.set_metainfo(dict(dequity_weight=w))
        truths = [s.gt_instances_3d for s in samples]
        predictions = fcaf3d_predictions(cfg, [t.bboxes_3d for t in truths])
        names = ('center_preds', 'bbox_preds', 'cls_preds', 'points')
        sizes = sizes_of(dict(zip(names, predictions)))
        with cpu_ops():
            total_loss(
                head.loss_by_feat(*predictions, truths, batch_input_metas=[
                    s.metainfo for s in samples
                ])).backward()
        return sizes, [[[z.grad for z in level] for level in kind]
                       for kind in predictions[:3]]

    sizes, stock = step(3)
    loss.attach(head, Examination(layouts=dict(
        loss_by_feat=compare_sizes(step(2)[0], sizes, 3))))
    _, weighted = step(3)
    for got, want in zip(sum(weighted, []), sum(stock, [])):
        for i, weight in enumerate(WEIGHTS):
            assert torch.equal(got[i], want[i] * weight)
