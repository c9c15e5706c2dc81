"""What the plugin mends in the host, seen to hold."""
import numpy as np
import pytest
import torch

from dequity_mmdet3d import plugin  # noqa: F401, mends the host


@pytest.mark.skipif(
    torch.cuda.is_available(), reason='spconv is left alone with CUDA')
def test_spconv_repeats_itself_on_several_threads():
    """Its threads race otherwise: 5 % from call to call on two cores."""
    spconv = pytest.importorskip('spconv.pytorch')
    rng = np.random.default_rng(0)
    voxels = np.unique(rng.integers(0, [2, 20, 100, 100], (20000, 4)), axis=0)
    torch.manual_seed(0)
    features = torch.randn(len(voxels), 16, requires_grad=True)
    net = spconv.SparseSequential(
        spconv.SubMConv3d(16, 16, 3, padding=1),
        spconv.SparseConv3d(16, 32, 3, 2, padding=1))

    def run():
        x = spconv.SparseConvTensor(features,
                                    torch.from_numpy(voxels).int(),
                                    [20, 100, 100], 2)
        out = net(x).features
        return [
            out, *torch.autograd.grad(out.square().sum(),
                                      [features, *net.parameters()])
        ]

    threads = torch.get_num_threads()
    first = run()
    for _ in range(3):
        for a, b in zip(first, run()):
            assert torch.equal(a, b)
    assert torch.get_num_threads() == threads


def test_numpy_long():
    assert np.arange(2, dtype=np.long).dtype == np.int64


def test_mending_twice_changes_nothing():
    from dequity_mmdet3d.plugin.compat import mend_host
    ops = pytest.importorskip('spconv.pytorch.ops')
    before = ops.indice_conv
    mend_host()
    assert ops.indice_conv is before


def test_log_history_loads_and_stays_restricted(tmp_path):
    from mmengine.logging import HistoryBuffer

    from dequity_mmdet3d.plugin.compat import _history_method
    torch.save(dict(loss=HistoryBuffer([1.0, 3.0], [1, 1])),
               tmp_path / 'a.pth')
    loaded = torch.load(tmp_path / 'a.pth', weights_only=True)['loss']
    assert loaded.mean() == 2 and loaded.statistics('max') == 3
    with pytest.raises(ValueError, match='does not hold'):
        _history_method(torch, 'load')
